import {
  type ChannelSource,
  type ClientHandle,
  ConfigurationError,
  type DataFrame,
  DeadlockError,
  type Gap,
  json,
  jsonRpc,
  OnCodeChange,
  OnFrame,
  OnGap,
  OnMessage,
  OnSubscribe,
  rpc,
  WebSockexClient,
  WebSockexManager,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { WebSockexOpenTelemetryModule } from 'nestjs-websockex/opentelemetry';
import { afterEach, describe, expect, it } from 'vitest';

import { METRICS } from '../../../lib/metrics/metrics.table.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { figuresOf, OtelMetrics, SCOPE } from '../../fixtures/otel-metrics.js';

class Feed {
  static release: () => void = () => undefined;

  @OnFrame('text', 'boom')
  boom() {
    throw new RangeError('a word that is nobody else’s');
  }

  @OnFrame('text', 'wait')
  wait() {
    return new Promise<void>((resolve) => (Feed.release = resolve));
  }

  @OnFrame()
  frame(_: DataFrame) {}
}

/** How an instrument was made. */
interface Described {
  readonly type: string;
  readonly advice: { readonly explicitBucketBoundaries?: readonly number[] };
}

const CLASS = { 'websockex.client.class': 'Feed' };
const AT = { 'server.address': 'feed.example', 'server.port': 443 };
const SLOWLY = { reconnect: { initialDelay: 1_000, maxDelay: 1_000, jitter: 'none' } } as const;

const open = (otel: OtelMetrics, options: WebSockexClientOptions = {}): Promise<NetScene<Feed>> =>
  NetScene.open(Feed, options, { imports: [otel.module()] });

afterEach(() => {
  Feed.release();
});

describe('The metrics of clients, with the SDK of OpenTelemetry', () => {
  it.each(['auto', 'ws'] as const)(
    'tell what goes in and out, byte for byte (transport: %s)',
    async (transport) => {
      const otel = new OtelMetrics();
      await using scene = await open(otel, { transport });
      await scene.feed('a', 'ü', '€uro');
      scene.peer.sendBinary(Buffer.from([1, 2, 3]));
      scene.peer.ping('hey');
      await scene.net.settle();
      for (const size of [0, 125, 126, 65_535, 65_536, 70_000]) {
        await scene.handle.sendFrame(Buffer.alloc(size));
      }
      await scene.handle.sendFrame('häuser');
      scene.peer.close(1000, 'bye');
      await scene.net.settle();
      const all = await otel.collect();
      const way = (direction: string, type: string) => ({
        ...CLASS,
        'network.io.direction': direction,
        'websockex.frame.type': type,
      });
      const binary = 125 + 126 + 65_535 + 65_536 + 70_000;
      const expected = [
        ['receive', 'text', 3, 9],
        ['receive', 'binary', 1, 3],
        ['receive', 'ping', 1, 3],
        ['receive', 'close', 1, 5],
        ['transmit', 'text', 1, 7],
        ['transmit', 'binary', 6, binary],
        ['transmit', 'pong', 1, 3],
        ['transmit', 'close', 1, 5],
      ] as const;
      expect(figuresOf(all.get('websockex.frames'))).toEqual(
        expected.map(([direction, type, frames]) => ({
          attributes: way(direction, type),
          value: frames,
        })),
      );
      expect(figuresOf(all.get('websockex.io'))).toEqual(
        expected.map(([direction, type, , bytes]) => ({
          attributes: way(direction, type),
          value: bytes,
        })),
      );
    },
  );

  it('count a burst of short frames as they are, and go on over sessions', async () => {
    const otel = new OtelMetrics();
    await using scene = await open(otel, SLOWLY);
    for (let round = 0; round < 2; round++) {
      const texts = Array.from({ length: 500 }, (_, index) => 'x'.repeat(index % 120));
      scene.peer.raw(
        Buffer.concat(texts.map((text) => Buffer.from([0x81, text.length, ...Buffer.from(text)]))),
      );
      await scene.net.settle();
      scene.peer.drop();
      await scene.net.clock.advance('2s');
    }
    const of = { ...CLASS, 'network.io.direction': 'receive', 'websockex.frame.type': 'text' };
    const bytes = Array.from({ length: 500 }, (_, index) => index % 120).reduce((a, b) => a + b);
    expect(await otel.figures('websockex.frames')).toContainEqual({ attributes: of, value: 1_000 });
    expect(await otel.figures('websockex.io')).toContainEqual({ attributes: of, value: 2 * bytes });
  });

  it('tell the state of each client', async () => {
    const otel = new OtelMetrics();
    await using scene = await NetScene.boot(Feed, SLOWLY, { imports: [otel.module()] });
    const state = async (): Promise<unknown[]> =>
      (await otel.figures('websockex.clients'))
        .filter(({ value }) => value > 0)
        .map(({ attributes, value }) => [attributes['websockex.state'], value]);
    expect(await state()).toEqual([['connecting', 1]]);
    await scene.server.reject(503);
    await scene.net.settle();
    expect(await state()).toEqual([['backoff', 1]]);
    scene.server.acceptAll();
    await scene.net.clock.advance('2s');
    expect(await state()).toEqual([['open', 1]]);
    const stopped = scene.handle.stop();
    await scene.net.settle();
    await stopped;
    expect(await state()).toEqual([['terminated', 1]]);
  });

  it('tell of attempts: how long, where to, and what they have failed with', async () => {
    const otel = new OtelMetrics();
    await using scene = await NetScene.boot(Feed, SLOWLY, { imports: [otel.module()] });
    await scene.net.clock.advance(250);
    await scene.server.reject(503);
    await scene.net.clock.advance('1s');
    await scene.server.drop();
    await scene.net.clock.advance('1s');
    await scene.net.clock.advance(40);
    await scene.server.accept();
    await scene.handle.connected();
    expect(await otel.figures('websockex.connect.duration')).toEqual([
      {
        attributes: { ...CLASS, ...AT, 'error.type': '503', 'http.response.status_code': 503 },
        value: 0.25,
        count: 1,
      },
      { attributes: { ...CLASS, ...AT, 'error.type': 'ECONNRESET' }, value: 0, count: 1 },
      {
        attributes: { ...CLASS, ...AT, 'http.response.status_code': 101 },
        value: expect.closeTo(0.04, 9),
        count: 1,
      },
    ]);
  });

  it('tell of attempts that wait to be let in', async () => {
    const otel = new OtelMetrics();
    const root = { budget: { perSecond: 0.1 } };
    await using scene = await NetScene.boot(Feed, SLOWLY, { imports: [otel.module()], root });
    await scene.server.reject(503);
    await scene.net.clock.advance('5s');
    const attributes = { ...CLASS, 'server.address': 'feed.example' };
    expect(await otel.figures('websockex.connect.waiting')).toEqual([{ attributes, value: 1 }]);
    await scene.net.clock.advance('6s');
    expect(await otel.figures('websockex.connect.waiting')).toEqual([{ attributes, value: 0 }]);
    expect(await otel.figures('websockex.connect.wait')).toEqual([
      { attributes, value: 9, count: 2 },
    ]);
  });

  it.each<
    [string, number | undefined, (scene: NetScene<Feed>) => unknown, WebSockexClientOptions?]
  >([
    ['remote', 1001, ({ peer }) => peer.close(1001, 'going away')],
    ['remote', undefined, ({ peer }) => peer.close()],
    ['lost', 1006, ({ peer }) => peer.drop()],
    ['local', 4000, ({ handle }) => void handle.close(4000)],
    ['local', 1000, ({ handle }) => void handle.reconnect().catch(() => undefined)],
    ['local', 1002, ({ peer }) => peer.raw(Buffer.from([0xff, 0xff]))],
    ['crash', 1011, ({ peer }) => peer.send('boom')],
    [
      'rotated',
      1000,
      async ({ handle, server, net }) => {
        const rotated = handle.rotate();
        await net.settle();
        server.peer.send('hello');
        await net.settle();
        await rotated;
        await net.clock.advance('10s');
      },
    ],
    [
      'heartbeat',
      undefined,
      ({ peer, net }) => {
        peer.silence();
        return net.clock.advance('60s');
      },
      { heartbeat: {} },
    ],
    ['silence', undefined, ({ net }) => net.clock.advance('6s'), { silenceTimeout: 10_000 }],
  ])('tell that a session has ended: %s (%s)', async (end, code, deed, options = {}) => {
    const otel = new OtelMetrics();
    await using scene = await open(otel, { ...SLOWLY, restart: 'temporary', ...options });
    await scene.net.clock.advance('5s');
    await deed(scene);
    await scene.net.settle();
    const [first] = await otel.figures('websockex.session.duration');
    expect(first).toEqual({
      attributes: {
        ...CLASS,
        'websockex.end': end,
        ...(code !== undefined && { 'websockex.close.code': code }),
      },
      value: expect.toSatisfy((seconds: number) => seconds >= 5),
      count: 1,
    });
  });

  it('tell how long handlers take until what they return has settled, and what they fail with', async () => {
    const otel = new OtelMetrics();
    await using scene = await open(otel);
    await scene.feed('a', 'b', 'wait');
    await scene.net.clock.advance(300);
    Feed.release();
    await scene.feed('boom');
    const of = (handler: string) => ({ ...CLASS, 'websockex.handler': handler });
    const figures = await otel.figures('websockex.handler.duration');
    expect(figures.toSorted((a, b) => b.value - a.value)).toEqual([
      { attributes: of('wait'), value: 0.3, count: 1 },
      { attributes: of('frame'), value: 0, count: 2 },
      { attributes: { ...of('boom'), 'error.type': 'RangeError' }, value: 0, count: 1 },
    ]);
  });

  it('time all calls of a slow feed, and some of a fast one', async () => {
    const otel = new OtelMetrics();
    await using scene = await open(otel);
    const count = async (): Promise<number> => {
      const [one] = await otel.figures('websockex.handler.duration');
      return one?.count ?? 0;
    };
    for (let index = 0; index < 20; index++) await scene.feed('slow');
    expect(await count()).toBe(20);
    scene.peer.raw(Buffer.concat(Array.from({ length: 5_000 }, () => Buffer.from([0x81, 1, 97]))));
    await scene.net.settle();
    // The first eight of the turn; a slow machine may need some turns, and so some more.
    expect(await count()).toSatisfy((timed: number) => timed >= 20 + 8 && timed < 20 + 500);
  });

  it('go on timing the handlers of a feed whose change of code has failed', async () => {
    class Refusing {
      @OnCodeChange()
      upgrade() {
        throw new Error('no');
      }
    }
    WebSockexClient('wss://feed.example')(Refusing);
    const otel = new OtelMetrics();
    await using scene = await open(otel);
    const count = async (): Promise<number> => {
      const [one] = await otel.figures('websockex.handler.duration');
      return one?.count ?? 0;
    };
    scene.peer.raw(Buffer.concat(Array.from({ length: 5_000 }, () => Buffer.from([0x81, 1, 97]))));
    await scene.net.settle();
    await expect(scene.handle.sys.changeCode(Refusing as never)).rejects.toThrow('no');
    const before = await count();
    // A feed is left alone for ten milliseconds; so many turns of the event loop take longer.
    for (let turn = 0; turn < 20_000 && (await count()) === before; turn++)
      await scene.feed('slow');
    expect(await count()).toBeGreaterThan(before);
  });

  it('tell what waits, how long it has waited, and how long reading stood still for it', async () => {
    const otel = new OtelMetrics();
    await using scene = await open(otel, { mailbox: { highWaterMark: 2, lowWaterMark: 1 } });
    await scene.feed('wait', 'abc', 'defg', 'h');
    await scene.net.clock.advance('2s');
    const attributes = CLASS;
    expect(await otel.figures('websockex.mailbox.size')).toEqual([{ attributes, value: 3 }]);
    const [bytes] = await otel.figures('websockex.mailbox.bytes');
    expect(bytes).toEqual({ attributes, value: expect.toSatisfy((value: number) => value >= 8) });
    expect(await otel.figures('websockex.paused')).toEqual([{ attributes, value: 2 }]);
    Feed.release();
    await scene.net.settle();
    await scene.net.clock.advance('2s');
    expect(await otel.figures('websockex.mailbox.size')).toEqual([{ attributes, value: 0 }]);
    expect(await otel.figures('websockex.mailbox.bytes')).toEqual([{ attributes, value: 0 }]);
    expect(await otel.figures('websockex.mailbox.wait')).toEqual([
      { attributes, value: 2, count: 1 },
    ]);
    expect(await otel.figures('websockex.paused')).toEqual([{ attributes, value: 2 }]);
  });

  it('tell what waits to be sent, and what never will be', async () => {
    const otel = new OtelMetrics();
    await using scene = await open(otel, { ...SLOWLY, queue: { ttl: 5_000 } });
    scene.peer.stall();
    void scene.handle.sendFrame(Buffer.alloc(200_000)).catch(() => undefined);
    await scene.net.settle();
    const [buffered] = await otel.figures('websockex.send.buffered');
    expect(buffered?.value).toBeGreaterThan(100_000);
    scene.server.waitAgain();
    scene.peer.drop();
    await scene.net.settle();
    await scene.handle.sendFrame('a', { whenDisconnected: 'drop' });
    const queued = ['b', 'c'].map((text) =>
      scene.handle.sendFrame(text, { whenDisconnected: 'queue' }).catch(() => undefined),
    );
    await scene.net.settle();
    expect(await otel.figures('websockex.send.queued')).toEqual([{ attributes: CLASS, value: 2 }]);
    await scene.net.clock.advance('6s');
    await Promise.all(queued);
    expect(await otel.figures('websockex.send.queued')).toEqual([{ attributes: CLASS, value: 0 }]);
    const reason = (code: string) => ({ ...CLASS, 'websockex.reason': `ERR_WEBSOCKEX_${code}` });
    expect(await otel.figures('websockex.send.dropped')).toEqual([
      { attributes: reason('NOT_CONNECTED'), value: 1 },
      { attributes: reason('SEND_EXPIRED'), value: 2 },
    ]);
  });

  it('tell of round trips, and since when nothing has come', async () => {
    const otel = new OtelMetrics();
    await using scene = await open(otel, { heartbeat: { interval: 10_000, timeout: 5_000 } });
    await scene.net.clock.advance('60s');
    const [trips] = await otel.figures('websockex.heartbeat.rtt');
    expect(trips).toMatchObject({ attributes: CLASS, value: 0 });
    expect(trips?.count).toBeGreaterThan(4);
    await scene.feed('a');
    await scene.net.clock.advance(1_500);
    const [age] = await otel.figures('websockex.last_received.age');
    expect(age?.value).toBeLessThanOrEqual(1.5);
    expect(age?.attributes).toEqual(CLASS);
  });

  it('tell of restarts, and of those who are given up', async () => {
    const otel = new OtelMetrics();
    await using scene = await open(otel, { ...SLOWLY, maxRestarts: 1, within: 60_000 });
    scene.peer.send('boom');
    await scene.net.clock.advance('30s');
    expect(await otel.figures('websockex.restarts')).toEqual([
      { attributes: { ...CLASS, 'websockex.reason': 'RangeError' }, value: 1 },
    ]);
    scene.peer.send('boom');
    await scene.net.clock.advance('30s');
    expect(scene.handle.status).toBe('failed');
    expect(await otel.figures('websockex.giveups')).toEqual([
      { attributes: { ...CLASS, 'websockex.reason': 'ERR_WEBSOCKEX_RESTART_LIMIT' }, value: 1 },
    ]);
  });

  it('tell of bad messages, gaps, requests and channels', async () => {
    class Talker {
      @OnMessage('tick')
      tick() {}

      @OnGap()
      gap(_: Gap) {}

      @OnSubscribe()
      ticks(of: string): ChannelSource<unknown> {
        return { subscribe: { type: 'sub', of }, match: () => false };
      }
    }
    interface Told {
      readonly type?: string;
      readonly id?: number;
      readonly seq?: number;
      readonly no?: string;
    }
    const protocol = json<Told>({
      request: (message, id) => ({ ...message, id: id as number }),
      answer: ({ id, type, no }) => {
        if (id === undefined || type !== undefined) return undefined;
        return no === undefined ? { id, value: 'yes' } : { id, error: new Error(no) };
      },
      position: ({ seq }) => (seq === undefined ? undefined : { stream: 'ticks', seq }),
    });
    const otel = new OtelMetrics();
    await using scene = await NetScene.open(Talker, { protocol }, { imports: [otel.module()] });
    const attributes = { 'websockex.client.class': 'Talker' };
    await scene.feed('{', '{"type":"tick","seq":1}', '{"type":"tick","seq":5}');
    await scene.net.clock.advance('60s');
    const good = scene.handle.request({ type: 'ask' });
    const bad = scene.handle.request({ type: 'ask' });
    const late = scene.handle.request({ type: 'ask' }, { timeout: 2_000 });
    const outcomes = Promise.allSettled([good, bad, late]);
    const subscription = scene.handle.channel('ticks', 'BTC').subscribe();
    await scene.net.clock.advance(500);
    expect(await otel.figures('websockex.requests.pending')).toEqual([{ attributes, value: 3 }]);
    expect(await otel.figures('websockex.channels')).toEqual([{ attributes, value: 1 }]);
    await scene.feed('{"id":1}', '{"id":2,"no":"never"}');
    await scene.net.clock.advance('3s');
    subscription.unsubscribe();
    await outcomes;
    const reason = (code: string) => ({
      ...attributes,
      'websockex.reason': `ERR_WEBSOCKEX_${code}`,
    });
    const failed = (code: string) => ({ ...attributes, 'error.type': `ERR_WEBSOCKEX_${code}` });
    expect(await otel.figures('websockex.messages.rejected')).toEqual([
      { attributes: reason('MESSAGE_DECODE'), value: 1 },
    ]);
    expect(await otel.figures('websockex.gaps')).toEqual([{ attributes: reason('GAP'), value: 1 }]);
    expect(await otel.figures('websockex.request.duration')).toEqual([
      { attributes, value: 0.5, count: 1 },
      { attributes: failed('REQUEST_FAILED'), value: 0.5, count: 1 },
      { attributes: failed('REQUEST_TIMEOUT'), value: 2, count: 1 },
    ]);
    expect(await otel.figures('websockex.requests.pending')).toEqual([{ attributes, value: 0 }]);
    expect(await otel.figures('websockex.channels')).toEqual([{ attributes, value: 0 }]);
  });

  it('call requests of JSON-RPC what OpenTelemetry does, and tell the methods that are listed', async () => {
    const otel = new OtelMetrics();
    const imports = [otel.module({ rpcMethods: ['eth_call'] })];
    await using scene = await NetScene.open(Feed, { protocol: jsonRpc() }, { imports });
    const outcomes = Promise.allSettled([
      scene.handle.request(rpc('eth_call')),
      scene.handle.request(rpc('secret_method')),
    ]);
    await scene.net.clock.advance(250);
    await scene.feed(
      '{"jsonrpc":"2.0","id":1,"result":true}',
      '{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"what?"}}',
    );
    await outcomes;
    expect(await otel.figures('rpc.client.call.duration')).toEqual([
      { attributes: { ...CLASS, 'rpc.method': 'eth_call' }, value: 0.25, count: 1 },
      { attributes: { ...CLASS, 'error.type': '-32601' }, value: 0.25, count: 1 },
    ]);
    expect(await otel.figures('websockex.request.duration')).toEqual([]);
  });

  it('have the names, kinds, units and buckets of the table', async () => {
    const otel = new OtelMetrics();
    await using scene = await open(otel);
    await scene.feed('a');
    const all = await otel.collect();
    for (const [name, metric] of all) {
      // The SDK keeps more of it than it says.
      const descriptor = metric.descriptor as typeof metric.descriptor & Described;
      const { unit, kind, boundaries } = METRICS[name as keyof typeof METRICS];
      expect([descriptor.unit, descriptor.type]).toEqual([
        unit,
        {
          counter: 'OBSERVABLE_COUNTER',
          gauge: 'OBSERVABLE_GAUGE',
          updown: 'OBSERVABLE_UP_DOWN_COUNTER',
          histogram: 'HISTOGRAM',
        }[kind],
      ]);
      if (kind === 'histogram') {
        expect(descriptor.advice.explicitBucketBoundaries).toEqual(boundaries);
      }
    }
    expect(all.has('websockex.handler.duration')).toBe(true);
  });
});

describe('What the metrics show of a client', () => {
  const url = 'wss://user:poison1@feed.example/poison2?token=poison3';

  it('is its class, and neither its name nor its URL, nor words of errors or peers', async () => {
    const otel = new OtelMetrics();
    const options = { name: 'poison4', ...SLOWLY, maxRestarts: 0 };
    const imports = [otel.module()];
    await using scene = await NetScene.open(Feed, options, { imports, url });
    await scene.feed('poison5');
    scene.peer.close(4000, 'poison6');
    await scene.net.clock.advance('2s');
    await scene.handle.request({ poison7: 1 }).catch(() => undefined);
    await scene.handle.sendFrame('poison8').catch(() => undefined);
    await scene.feed('boom');
    await scene.net.clock.advance('2s');
    const shown = JSON.stringify([...(await otel.collect())]);
    expect(shown).toContain('"websockex.giveups"');
    expect(shown).not.toMatch(/poison|nobody else/);
  });

  it.each([
    [true, 'feed-1'],
    [(name: string) => name.replace(/-.*/, ''), 'feed'],
    [
      () => {
        throw new Error('a function of names');
      },
      '_OTHER',
    ],
  ])('is its name, too, where it is asked for: %s', async (names, shown) => {
    const otel = new OtelMetrics();
    await using scene = await NetScene.open(
      Feed,
      { name: 'feed-1' },
      { imports: [otel.module({ names })] },
    );
    await scene.feed('a');
    for (const metric of (await otel.collect()).values()) {
      for (const { attributes } of figuresOf(metric)) {
        expect(attributes).toMatchObject({ ...CLASS, 'websockex.client.name': shown });
      }
    }
  });

  it('stays in the sums when the application has forgotten it', async () => {
    const otel = new OtelMetrics();
    await using scene = await open(otel);
    const manager = scene.app.get(WebSockexManager);
    const starting = manager.start(scene.client, { name: 'other', url: 'wss://other.example' });
    scene.net.server('wss://other.example').acceptAll((peer) => peer.send('hello'));
    const other = await starting;
    await other.connected();
    await scene.net.settle();
    const clients = async () =>
      (await otel.figures('websockex.clients')).filter(({ value }) => value > 0);
    const frames = async () =>
      (await otel.figures('websockex.frames')).find(
        ({ attributes }) => attributes['websockex.frame.type'] === 'text',
      )?.value;
    expect([await frames(), (await clients())[0]?.value]).toEqual([1, 2]);
    const stopped = other.stop();
    await scene.net.settle();
    await stopped;
    await scene.net.settle();
    const attributes = { ...CLASS, 'websockex.state': 'open' };
    expect([await frames(), await clients()]).toEqual([1, [{ attributes, value: 1 }]]);
  });
});

describe('The module of OpenTelemetry', () => {
  it.each(['none', 'all'] as const)(
    'tells a handler of its deadlock all the same (messages: %s)',
    async (messages) => {
      const deadlocks: unknown[] = [];
      class Waiting {
        static handle: ClientHandle | undefined;

        @OnFrame()
        async frame({ data }: DataFrame) {
          await Promise.resolve();
          if (data !== 'ask') return;
          await Waiting.handle?.reconnect().catch((error: unknown) => deadlocks.push(error));
        }
      }
      const otel = new OtelMetrics();
      const imports = [otel.module({ messages })];
      await using scene = await NetScene.open(Waiting, {}, { imports });
      Waiting.handle = scene.handle;
      // So many calls have asked nothing of their client that the next is not tracked.
      await scene.feed(...Array.from({ length: 100 }, () => 'tick'));
      await scene.feed('ask');
      expect(deadlocks).toEqual([expect.any(DeadlockError)]);
    },
  );

  it('makes no call for a frame', async () => {
    let calls = 0;
    const counted: object = new Proxy(() => counted, {
      apply: () => (calls++, counted),
      get: () => counted,
    });
    const meterProvider = counted as never;
    const imports = [WebSockexOpenTelemetryModule.forRoot({ meterProvider })];
    await using scene = await NetScene.open(Feed, {}, { imports });
    await scene.feed('warm');
    calls = 0;
    for (let index = 0; index < 1_000; index++) scene.peer.send('tick');
    await scene.net.settle();
    await scene.handle.sendFrame('out');
    expect(calls).toBe(0);
  });

  it('tells what it has until the application has ended, and nothing after that', async () => {
    const otel = new OtelMetrics();
    const scene = await open(otel);
    await scene.feed('a');
    await scene.close();
    await scene.net.dispose();
    const all = await otel.collect();
    expect(figuresOf(all.get('websockex.session.duration'))).toMatchObject([
      { attributes: { ...CLASS, 'websockex.end': 'local' }, count: 1 },
    ]);
    expect(figuresOf(all.get('websockex.handler.duration'))).toMatchObject([{ count: 1 }]);
    expect(all.has('websockex.frames')).toBe(false);
  });

  it('tells all of it to who asks as the module that imports it ends', async () => {
    const otel = new OtelMetrics();
    const last: unknown[] = [];
    class TelemetryModule implements OnApplicationShutdown {
      async onApplicationShutdown() {
        const all = await otel.collect();
        last.push(figuresOf(all.get('websockex.session.duration')).map(({ count }) => count));
        last.push(figuresOf(all.get('websockex.frames'))[0]?.value);
      }
    }
    Module({ imports: [otel.module()] })(TelemetryModule);
    const scene = await NetScene.open(Feed, {}, { imports: [{ module: TelemetryModule }] });
    await scene.feed('a', 'b');
    await scene.close();
    await scene.net.dispose();
    expect(last).toEqual([[1], 2]);
  });

  it('says of whom it is, and of which version', async () => {
    const otel = new OtelMetrics();
    await using _scene = await open(otel);
    expect(await otel.scopes()).toMatchObject([SCOPE]);
  });

  it('is told that it has no clients to measure', async () => {
    const imports = [WebSockexOpenTelemetryModule.forRoot()];
    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow(
      /WebSockexOpenTelemetryModule has no clients to measure: import WebSockexModule\.forRoot\(\)/,
    );
  });

  it('is told that it comes too late, where LazyModuleLoader loads it', async () => {
    await using scene = await NetScene.open(Feed);
    const late = class {};
    Module({ imports: [WebSockexOpenTelemetryModule.forRoot()] })(late);
    const loading = scene.app.get(LazyModuleLoader).load(() => late);
    await expect(loading).rejects.toThrow(ConfigurationError);
  });
});
