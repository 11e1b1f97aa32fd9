import { type DataFrame, OnFrame, WebSockexManager } from 'nestjs-websockex';
import { WebSockexPrometheusModule } from 'nestjs-websockex/prometheus';
import { AggregatorRegistry, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';
import { OtelMetrics } from '../../fixtures/otel-metrics.js';

class Feed {
  @OnFrame('text', 'hang')
  hang() {
    return new Promise<void>(() => undefined);
  }

  @OnFrame()
  frame(_: DataFrame) {}
}

const CLASS = { 'websockex.client.class': 'Feed' };
const SLOWLY = { reconnect: { initialDelay: 1_000, maxDelay: 1_000, jitter: 'none' } } as const;

describe('Attempts', () => {
  it('wait no more where the limiter fails, and are none that were let in', async () => {
    const otel = new OtelMetrics();
    const limiter = {
      enter: async () => {
        await Promise.resolve();
        throw new Error('a limiter');
      },
    };
    const root = { budget: { limiter } };
    await using scene = await NetScene.boot(Feed, SLOWLY, { imports: [otel.module()], root });
    await scene.net.settle();
    expect(scene.handle.status).toBe('backoff');
    const waiting = await otel.figures('websockex.connect.waiting');
    expect(waiting.filter(({ value }) => value > 0)).toEqual([]);
    expect(await otel.figures('websockex.connect.wait')).toEqual([]);
  });

  it('that are given up while they wait, or before they have led anywhere, are not counted', async () => {
    const otel = new OtelMetrics();
    const root = { budget: { perSecond: 0.1 } };
    await using scene = await NetScene.boot(Feed, SLOWLY, { imports: [otel.module()], root });
    await scene.server.reject(503);
    await scene.net.clock.advance('5s');
    const stopped = scene.handle.stop();
    await scene.net.settle();
    await stopped;
    const attributes = { ...CLASS, 'server.address': 'feed.example' };
    expect(await otel.figures('websockex.connect.wait')).toMatchObject([{ attributes, count: 1 }]);
    const waiting = await otel.figures('websockex.connect.waiting');
    expect(waiting.filter(({ value }) => value > 0)).toEqual([]);

    await using other = await NetScene.boot(Feed, SLOWLY, { imports: [otel.module()] });
    await other.net.settle();
    expect(other.handle.status).toBe('connecting');
    const over = other.handle.stop();
    await other.net.settle();
    await over;
    expect(await otel.figures('websockex.connect.duration')).toMatchObject([
      { attributes: { 'error.type': '503' }, count: 1 },
    ]);
  });

  it.each([
    ['wss://[2001:db8::1]/x?token=y', '2001:db8::1', 443],
    ['ws://feed.example/x', 'feed.example', 80],
    ['ws://feed.example:8080', 'feed.example', 8080],
  ])('go to an address and a port: %s', async (url, address, port) => {
    const otel = new OtelMetrics();
    await using scene = await NetScene.open(Feed, SLOWLY, { imports: [otel.module()], url });
    expect(scene.handle.status).toBe('open');
    const at = { 'server.address': address, 'server.port': port };
    expect(await otel.figures('websockex.connect.duration')).toMatchObject([
      { attributes: { ...CLASS, ...at, 'http.response.status_code': 101 }, count: 1 },
    ]);
  });
});

describe('Sessions', () => {
  it('are lost where the peer takes nothing any more', async () => {
    const otel = new OtelMetrics();
    const options = { ...SLOWLY, sendTimeout: 5_000 };
    await using scene = await NetScene.open(Feed, options, { imports: [otel.module()] });
    scene.peer.stall();
    const sent = scene.handle.sendFrame(Buffer.alloc(2_000_000)).catch(() => undefined);
    await scene.net.clock.advance('6s');
    await sent;
    const [session] = await otel.figures('websockex.session.duration');
    expect(session).toMatchObject({ attributes: { ...CLASS, 'websockex.end': 'lost' }, count: 1 });
  });

  it('tell the age of the oldest last frame of their class, and none when they are over', async () => {
    const otel = new OtelMetrics();
    const registry = new Registry();
    const imports = [otel.module(), WebSockexPrometheusModule.forRoot({ registry })];
    await using scene = await NetScene.open(Feed, SLOWLY, { imports });
    const url = 'wss://other.example';
    scene.net.server(url).acceptAll();
    const manager = scene.app.get(WebSockexManager);
    const other = await manager.start(scene.client, { name: 'other', url, heartbeat: false });
    await other.connected();
    await scene.net.clock.advance('10s');
    await scene.feed('a');
    await scene.net.clock.advance('2s');
    const age = async (): Promise<unknown[]> =>
      (await otel.figures('websockex.last_received.age')).map(({ value }) => value);
    expect(await age()).toEqual([12]);
    // Of two processes it is the oldest, too, where all else is a sum.
    const one = await registry.getMetricsAsJSON();
    const both = AggregatorRegistry.aggregate([one, structuredClone(one)]);
    const text = await both.metrics();
    expect(text).toContain('websockex_last_received_age_seconds{websockex_client_class="Feed"} 12');
    expect(text).toContain(
      'websockex_clients{websockex_client_class="Feed",websockex_state="open"} 4',
    );
    const stopped = Promise.all([other.stop(), scene.handle.stop()]);
    await scene.net.settle();
    await stopped;
    expect(await age()).toEqual([0]);
  });

  it('are over where the application does not wait for their end', async () => {
    const otel = new OtelMetrics();
    const root = { shutdownTimeout: 1_000 };
    await using scene = await NetScene.open(Feed, SLOWLY, { imports: [otel.module()], root });
    await scene.feed('hang');
    const closed = scene.app.close();
    await scene.net.clock.advance('5s');
    await closed;
    expect(await otel.figures('websockex.session.duration')).toMatchObject([
      { attributes: { ...CLASS, 'websockex.end': 'local' }, count: 1 },
    ]);
  });

  it('are one each where the client stops while one of two is let go of', async () => {
    const otel = new OtelMetrics();
    await using scene = await NetScene.open(Feed, SLOWLY, { imports: [otel.module()] });
    const rotated = scene.handle.rotate();
    await scene.net.settle();
    scene.peer.send('hello');
    await scene.net.settle();
    await rotated;
    const stopped = scene.handle.stop();
    await scene.net.clock.advance('30s');
    await stopped;
    const sessions = await otel.figures('websockex.session.duration');
    expect(sessions.map(({ attributes, count }) => [attributes['websockex.end'], count])).toEqual([
      ['rotated', 1],
      ['local', 1],
    ]);
  });

  it('that end while somebody who reads them is behind pause no more', async () => {
    const otel = new OtelMetrics();
    const options = { ...SLOWLY, mailbox: { highWaterMark: 2, lowWaterMark: 1 } };
    await using scene = await NetScene.open(Feed, options, { imports: [otel.module()] });
    const frames = scene.handle[Symbol.asyncIterator]();
    await scene.feed('a', 'b', 'c', 'd');
    await scene.net.clock.advance('2s');
    const stopped = scene.handle.stop();
    await scene.net.clock.advance('60s');
    await stopped;
    const paused = await otel.figures('websockex.paused');
    expect(paused[0]?.value).toBeGreaterThanOrEqual(2);
    await scene.net.clock.advance('60s');
    expect(await otel.figures('websockex.paused')).toEqual(paused);
    await frames.return?.();
  });

  it('are silent since they were opened, where nothing has come, and no more when they are lost', async () => {
    const otel = new OtelMetrics();
    await using scene = await NetScene.open(Feed, SLOWLY, { imports: [otel.module()] });
    const age = async (): Promise<unknown[]> =>
      (await otel.figures('websockex.last_received.age')).map(({ value }) => value);
    await scene.net.clock.advance('3s');
    expect(await age()).toEqual([3]);
    await scene.feed('a');
    await scene.net.clock.advance('4s');
    expect(await age()).toEqual([4]);
    scene.server.waitAgain();
    scene.peer.drop();
    await scene.net.clock.advance('5s');
    expect(await age()).toEqual([0]);
    scene.server.acceptAll();
    await scene.handle.connected();
    await scene.net.clock.advance('2s');
    expect(await age()).toEqual([2]);
  });

  it('that are as long as a bucket is wide are in it', async () => {
    const registry = new Registry();
    const imports = [WebSockexPrometheusModule.forRoot({ registry })];
    await using scene = await NetScene.open(Feed, SLOWLY, { imports });
    await scene.net.clock.advance('10s');
    scene.peer.close(1001);
    await scene.net.settle();
    const text = await registry.metrics();
    const buckets = [
      ...text.matchAll(/^websockex_session_duration_seconds_bucket\{le="(\d+)".* (\d)$/gm),
    ];
    expect(buckets.slice(0, 3).map(([, le, count]) => [le, count])).toEqual([
      ['1', '0'],
      ['10', '1'],
      ['60', '1'],
    ]);
  });
});
