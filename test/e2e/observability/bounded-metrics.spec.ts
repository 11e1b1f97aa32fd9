import {
  ConfigurationError,
  type DataFrame,
  jsonRpc,
  OnCast,
  OnFrame,
  rpc,
  WebSockexError,
  WebSockexManager,
} from 'nestjs-websockex';
import { WebSockexPrometheusModule } from 'nestjs-websockex/prometheus';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';
import { type Figure, figuresOf, OtelMetrics } from '../../fixtures/otel-metrics.js';

class Feed {
  static release: () => void = () => undefined;

  @OnFrame('text', 'wait')
  wait() {
    return new Promise<void>((resolve) => (Feed.release = resolve));
  }

  @OnFrame('text', 'boom')
  boom() {
    throw new RangeError('no word of ours');
  }

  @OnFrame('text', 'odd')
  odd() {
    // As what undoes prototypes leaves it.
    throw Object.assign(new Error('odd'), { constructor: undefined });
  }

  @OnFrame()
  frame(_: DataFrame) {}

  @OnCast()
  say(text: string) {
    return text;
  }
}

const CLASS = { 'websockex.client.class': 'Feed' };
const REST = { ...CLASS, 'otel.metric.overflow': true };
const AT_ONCE = { reconnect: { initialDelay: 0, maxDelay: 0, jitter: 'none' } } as const;

const total = (figures: readonly Figure[], key: 'value' | 'count'): number =>
  figures.reduce((sum, figure) => sum + (figure[key] ?? 0), 0);

describe('The series of a class', () => {
  it('are no more than so many, whichever codes a peer closes with', async () => {
    const otel = new OtelMetrics();
    const registry = new Registry();
    const imports = [otel.module(), WebSockexPrometheusModule.forRoot({ registry })];
    await using scene = await NetScene.open(Feed, AT_ONCE, { imports });
    for (let code = 4_000; code < 4_520; code++) {
      scene.peer.close(code);
      await scene.net.clock.advance(1);
      await scene.handle.connected();
    }
    const sessions = await otel.figures('websockex.session.duration');
    expect(sessions).toHaveLength(501);
    expect(sessions.filter(({ count }) => count === 1)).toHaveLength(500);
    expect(sessions.at(-1)).toMatchObject({ attributes: REST, count: 20 });
    const lines = (await registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('websockex_session_duration_seconds_count{'));
    expect(lines).toHaveLength(501);
    expect(lines.at(-1)).toBe(
      'websockex_session_duration_seconds_count{websockex_client_class="Feed",otel_metric_overflow="true"} 20',
    );
    // Those of other metrics have room of their own.
    await scene.feed('boom');
    expect(total(await otel.figures('websockex.restarts'), 'value')).toBe(1);
    expect(await otel.figures('websockex.restarts')).toEqual([
      { attributes: { ...CLASS, 'websockex.reason': 'RangeError' }, value: 1 },
    ]);
  });

  it('are no more than so many, whichever numbers a peer gives its errors', async () => {
    const otel = new OtelMetrics();
    const options = { protocol: jsonRpc() };
    await using scene = await NetScene.open(Feed, options, { imports: [otel.module()] });
    for (let id = 1; id <= 520; id++) {
      const outcome = scene.handle.request(rpc('ask')).catch(() => undefined);
      await scene.net.settle();
      const error = { code: id * 1.5, message: 'no' };
      await scene.feed(JSON.stringify({ jsonrpc: '2.0', id, error }));
      await outcome;
    }
    const calls = await otel.figures('rpc.client.call.duration');
    expect(calls).toHaveLength(501);
    expect(calls.at(-1)).toMatchObject({ attributes: REST, count: 20 });
  });

  it('are the same, and only grow, when clients come and go', async () => {
    const otel = new OtelMetrics();
    await using scene = await NetScene.open(Feed, AT_ONCE, { imports: [otel.module()] });
    const manager = scene.app.get(WebSockexManager);
    const url = 'wss://other.example';
    scene.net.server(url).acceptAll((peer) => peer.send('hello'));
    const shown = async () => {
      const all = await otel.collect();
      return [...all.values()].flatMap((metric) =>
        figuresOf(metric).map(
          ({ attributes }) => `${metric.descriptor.name} ${JSON.stringify(attributes)}`,
        ),
      );
    };
    const liveOne = async (index: number): Promise<void> => {
      const other = await manager.start(scene.client, { name: `other-${index}`, url });
      await other.connected();
      await scene.net.settle();
      const stopped = other.stop();
      await scene.net.settle();
      await stopped;
    };
    await liveOne(0);
    const series = await shown();
    let before = 0;
    for (let index = 1; index <= 300; index++) {
      await liveOne(index);
      if (index % 50 > 0) continue;
      const frames = total(await otel.figures('websockex.frames'), 'value');
      expect(frames).toBeGreaterThan(before);
      before = frames;
    }
    expect(await shown()).toEqual(series);
    // A text and a close frame came in of each, and a close frame went out.
    expect(before).toBe(301 * 3);
    expect(await otel.figures('websockex.clients')).toContainEqual({
      attributes: { ...CLASS, 'websockex.state': 'open' },
      value: 1,
    });
    expect(total(await otel.figures('websockex.clients'), 'value')).toBe(1);
    expect(total(await otel.figures('websockex.session.duration'), 'count')).toBe(301);
  });
});

describe('What is measured', () => {
  it('has the last frames of a client that is forgotten with its socket still open', async () => {
    const otel = new OtelMetrics();
    await using scene = await NetScene.open(Feed, {}, { imports: [otel.module()] });
    const url = 'wss://other.example';
    const server = scene.net.server(url);
    server.acceptAll();
    const starting = scene.app
      .get(WebSockexManager)
      .start(scene.client, { name: 'other', url, restart: 'temporary' });
    const other = await starting;
    await other.connected();
    const { peer } = server;
    peer.stall();
    peer.send('boom');
    await scene.net.settle();
    expect(other.status).toBe('terminated');
    const closeFrames = async (): Promise<unknown[]> =>
      (await otel.figures('websockex.frames'))
        .filter(({ attributes }) => attributes['websockex.frame.type'] === 'close')
        .map(({ attributes, value }) => [attributes['network.io.direction'], value]);
    expect(await closeFrames()).toEqual([['transmit', 1]]);
    peer.close(1011);
    await scene.net.settle();
    expect(await closeFrames()).toEqual([
      ['transmit', 1],
      ['receive', 1],
    ]);
    await scene.net.clock.advance('60s');
    expect(await closeFrames()).toEqual([
      ['transmit', 1],
      ['receive', 1],
    ]);
  });

  it('is no pause any more, of a client that has ended while it did not read', async () => {
    const otel = new OtelMetrics();
    const options = { mailbox: { highWaterMark: 2, lowWaterMark: 1 }, ...AT_ONCE };
    await using scene = await NetScene.open(Feed, options, { imports: [otel.module()] });
    await scene.feed('wait', 'a', 'b', 'c');
    await scene.net.clock.advance('2s');
    const terminated = scene.handle.stop();
    await scene.net.settle();
    await scene.net.clock.advance('60s');
    await terminated;
    const [paused] = await otel.figures('websockex.paused');
    await scene.net.clock.advance('60s');
    Feed.release();
    expect(await otel.figures('websockex.paused')).toEqual([paused]);
  });

  it.each([null, undefined, 5, 'word', []])(
    'does not change what a request fails with: %j',
    async (message) => {
      const otel = new OtelMetrics();
      const imports = [otel.module({ rpcMethods: ['ask'] })];
      const options = { protocol: jsonRpc() };
      await using plain = await NetScene.open(Feed, options);
      await using scene = await NetScene.open(Feed, options, { imports });
      const failure = (one: typeof scene): Promise<unknown> =>
        one.handle.request(message as never, { timeout: 0 }).catch((error: unknown) => error);
      const error = await failure(scene);
      expect(error).toEqual(await failure(plain));
      expect(error).toBeInstanceOf(WebSockexError);
      expect(total(await otel.figures('rpc.client.call.duration'), 'count')).toBe(1);
    },
  );

  it('is an error without a class, too', async () => {
    const otel = new OtelMetrics();
    await using scene = await NetScene.open(Feed, AT_ONCE, { imports: [otel.module()] });
    await scene.feed('odd');
    expect(await otel.figures('websockex.restarts')).toEqual([
      { attributes: { ...CLASS, 'websockex.reason': '_OTHER' }, value: 1 },
    ]);
  });

  it('is told to a provider that has been shut down, and that is no matter', async () => {
    const otel = new OtelMetrics();
    const scene = await NetScene.open(Feed, {}, { imports: [otel.module()] });
    await otel.provider.shutdown();
    await scene.feed('a');
    await scene.handle.sendFrame('b');
    await scene.close();
    await scene.net.dispose();
  });
});

describe('A registry of prom-client', () => {
  it('that an application has its metrics in is refused to another, which leaves it as it is', async () => {
    const registry = new Registry();
    const imports = [WebSockexPrometheusModule.forRoot({ registry })];
    await using scene = await NetScene.open(Feed, {}, { imports });
    const second = NetScene.open(Feed, {}, { imports });
    await expect(second).rejects.toThrow(ConfigurationError);
    await expect(second).rejects.toThrow(
      /WebSockexPrometheusModule: the registry has a metric websockex_clients already.*registry: new Registry/,
    );
    await scene.feed('a');
    expect(await registry.getSingleMetricAsString('websockex_frames_total')).toContain(
      'websockex_frame_type="text"} 1',
    );
    const prefixed = [WebSockexPrometheusModule.forRoot({ registry, prefix: 'other_' })];
    await using other = await NetScene.open(Feed, {}, { imports: prefixed });
    await other.feed('a', 'b');
    expect(await registry.getSingleMetricAsString('other_websockex_frames_total')).toContain(
      'websockex_frame_type="text"} 2',
    );
  });

  it('that is cleared may be had by another, which keeps its metrics when the first one ends', async () => {
    const registry = new Registry();
    const imports = [WebSockexPrometheusModule.forRoot({ registry })];
    const first = await NetScene.open(Feed, {}, { imports });
    const names = registry.getMetricsAsArray().map(({ name }) => name);
    registry.clear();
    await using second = await NetScene.open(Feed, {}, { imports });
    await first.close();
    await first.net.dispose();
    await second.feed('a');
    expect(registry.getMetricsAsArray().map(({ name }) => name)).toEqual(names);
    expect(await registry.metrics()).toContain('websockex_frame_type="text"} 1');
  });
});
