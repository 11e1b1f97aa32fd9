import { createRequire } from 'node:module';

import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import {
  type DataFrame,
  json,
  jsonRpc,
  OnCall,
  OnCast,
  OnConnect,
  OnDisconnect,
  OnFrame,
  OnMessage,
  OnRequest,
  OnStart,
  OnTerminate,
  rpc,
  WebSockexModule,
} from 'nestjs-websockex';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';
import { boot, reaches } from '../../fixtures/nest/app.js';
import { SCOPE } from '../../fixtures/otel-metrics.js';
import { linksOf, OtelTraces } from '../../fixtures/otel-traces.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { clientAt } from '../../fixtures/scene.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';

/** Notes in which span each of its handlers runs, before and after it has waited. */
class Watching {
  static seen: Record<string, (string | undefined)[]> = {};

  static note(handler: string): void {
    const active = trace.getActiveSpan() as { readonly name?: string } | undefined;
    (Watching.seen[handler] ??= []).push(active?.name);
  }

  async #noted(handler: string): Promise<void> {
    Watching.note(handler);
    await Promise.resolve();
    Watching.note(handler);
  }

  @OnStart()
  start() {
    return this.#noted('start');
  }

  @OnConnect()
  connect() {
    return this.#noted('connect');
  }

  @OnFrame()
  frame(_: DataFrame) {
    return this.#noted('frame');
  }

  @OnCast()
  cast() {
    return this.#noted('cast');
  }

  @OnCall()
  async call() {
    await this.#noted('call');
    return 'answer';
  }

  @OnDisconnect()
  disconnect() {
    return this.#noted('disconnect');
  }

  @OnTerminate()
  terminate() {
    return this.#noted('terminate');
  }
}

const SLOWLY = { reconnect: { initialDelay: 1_000, maxDelay: 1_000, jitter: 'none' } } as const;
const CLASS = { 'websockex.client.class': 'Feed' };

interface Told {
  readonly type?: string;
  readonly id?: number;
  readonly trace?: string;
  readonly ask?: string;
}

const protocol = json<Told>({
  request: (message, id) => ({ ...message, id: id as number }),
  answer: ({ id, type }) =>
    id === undefined || type !== undefined ? undefined : { id, value: 'yes' },
  call: ({ id, ask }) =>
    id === undefined || ask === undefined ? undefined : { id, name: ask, value: ask },
  reply: (id) => ({ id: id as number }),
});
const traced = {
  ...protocol,
  traceparent: (message: Told) => {
    if (message.trace === 'throws') throw new Error('no secret');
    return message.trace;
  },
};

class Feed {
  static seen: (string | undefined)[] = [];

  @OnMessage('tick')
  async onTick() {
    Feed.seen.push((trace.getActiveSpan() as { name?: string } | undefined)?.name);
    await Promise.resolve();
    Feed.seen.push((trace.getActiveSpan() as { name?: string } | undefined)?.name);
  }

  @OnMessage('boom')
  boom() {
    throw new RangeError('a word of ours');
  }

  @OnRequest('time')
  time() {
    return 1;
  }

  @OnFrame('text', 'a frame that says much')
  frame(_: DataFrame) {}
}

describe('Handlers run', () => {
  const http = new HttpInstrumentation({ enabled: false, redactedQueryParams: ['token'] });

  beforeAll(() => {
    http.enable();
    // It takes hold of a module when that is required.
    createRequire(import.meta.url)('http');
  });

  afterAll(() => http.disable());

  it.each(['auto', 'ws'] as const)(
    'in nobody’s span, whoever boots, casts or calls, and whatever the HTTP instrumentation does (transport: %s)',
    async (transport) => {
      using otel = new OtelTraces();
      http.setTracerProvider(otel.provider);
      await using server = await RawServer.listen();
      Watching.seen = {};
      const client = clientAt(server.url('/v1?token=poison'), Watching, {
        transport,
        heartbeat: false,
      });
      const imports = [otel.module(), WebSockexModule.forRoot({ clients: [client] })];
      const app = await otel.within('the boot', () => boot({ imports }));
      const first = await server.nextPeer();
      // In the segment of the 101, which the client of HTTP reads.
      await first.open({ tail: encodeFrame(OPCODE.text, 'early') });
      const handle = app.handle(client);
      await handle.connected();
      await otel.within('a request', async () => {
        handle.cast('cast');
        await handle.call('call');
      });
      first.text('hello');
      await expect.poll(() => Watching.seen['frame']?.length).toBe(4);
      first.reset();
      await reaches(handle, 'backoff');
      await app[Symbol.asyncDispose]();
      const nowhere = [undefined, undefined];
      expect(Watching.seen).toEqual({
        start: nowhere,
        connect: nowhere,
        cast: nowhere,
        call: nowhere,
        frame: [...nowhere, ...nowhere],
        disconnect: nowhere,
        terminate: nowhere,
      });
      const [connect] = otel.named('websocket connect');
      expect(connect?.parentSpanContext).toBeUndefined();
      // By `ws` the request is one of HTTP, too, and has a span of that instrumentation.
      expect(otel.named('GET').filter(({ kind }) => kind === SpanKind.CLIENT)).toHaveLength(
        transport === 'ws' || process.env['TEST_TRANSPORT'] === 'ws' ? 1 : 0,
      );
      expect(JSON.stringify(otel.spans.map(({ attributes }) => attributes))).not.toContain(
        'poison',
      );
    },
  );

  it('in no span of the HTTP instrumentation, where a frame comes right behind the 101', async () => {
    using otel = new OtelTraces();
    http.setTracerProvider(otel.provider);
    const seen: unknown[] = [];
    class Bare {
      @OnFrame()
      frame() {
        seen.push(trace.getActiveSpan());
      }
    }
    await using server = await RawServer.listen();
    const client = clientAt(server.url(), Bare, { transport: 'ws' });
    const imports = [otel.module(), WebSockexModule.forRoot({ clients: [client] })];
    await using _app = await boot({ imports });
    const peer = await server.nextPeer();
    await peer.open({ tail: encodeFrame(OPCODE.text, 'early') });
    await expect.poll(() => seen).toEqual([undefined]);
  });
});

describe('The spans of clients', () => {
  it('are one for each attempt, linked to the one before, without the secrets of its URL', async () => {
    using otel = new OtelTraces();
    await using scene = await NetScene.boot(
      Feed,
      { ...SLOWLY, protocol },
      {
        imports: [otel.module()],
        url: 'wss://user:poison@feed.example/v1?token=poison&room=7',
      },
    );
    await scene.net.clock.advance(250);
    await scene.server.reject(503);
    await scene.net.clock.advance('1s');
    await scene.server.accept();
    await scene.handle.connected();
    const [first, second] = otel.named('websocket connect');
    expect(first).toMatchObject({
      kind: SpanKind.CLIENT,
      instrumentationScope: SCOPE,
      duration: [0, 250_000_000],
      status: { code: SpanStatusCode.ERROR },
      attributes: {
        ...CLASS,
        'server.address': 'feed.example',
        'server.port': 443,
        'http.response.status_code': 503,
        'error.type': '503',
      },
    });
    expect(first?.attributes['url.full']).toMatch(/^wss:\/\/.*feed\.example\/v1\?.*room=7/);
    expect(second).toMatchObject({ status: { code: SpanStatusCode.UNSET } });
    expect(second?.attributes).not.toHaveProperty(['error.type']);
    expect([first, second].map((span) => span && linksOf(span))).toEqual([
      [],
      [first?.spanContext().spanId],
    ]);
    expect(JSON.stringify([first?.attributes, second?.attributes])).not.toContain('poison');
  });

  it('are one for a session, where that is asked for, written at its end', async () => {
    using otel = new OtelTraces();
    const imports = [otel.module({ sessions: true })];
    await using scene = await NetScene.open(Feed, { ...SLOWLY, protocol }, { imports });
    await scene.net.clock.advance('10s');
    expect(otel.named('websocket session')).toEqual([]);
    scene.peer.close(1001);
    await scene.net.settle();
    const [session] = otel.named('websocket session');
    const [connect] = otel.named('websocket connect');
    expect(session).toMatchObject({
      kind: SpanKind.INTERNAL,
      duration: [10, 0],
      parentSpanContext: undefined,
      attributes: { ...CLASS, 'websockex.end': 'remote', 'websockex.close.code': 1001 },
    });
    expect(session && linksOf(session)).toEqual([connect?.spanContext().spanId]);
  });

  it('are none of messages and sessions by default', async () => {
    using otel = new OtelTraces();
    Feed.seen = [];
    await using scene = await NetScene.open(
      Feed,
      { ...SLOWLY, protocol },
      {
        imports: [otel.module()],
      },
    );
    await scene.feed('{"type":"tick"}');
    scene.peer.close(1001);
    await scene.net.settle();
    expect(otel.spans.map(({ name }) => name)).toEqual(['websocket connect']);
    expect(Feed.seen).toEqual([undefined, undefined]);
  });

  it('are a new root for each message, linked to its session and to who has sent it', async () => {
    using otel = new OtelTraces();
    Feed.seen = [];
    const imports = [otel.module({ messages: 'all' })];
    const options = { ...SLOWLY, protocol: traced };
    await using scene = await NetScene.open(Feed, options, { imports });
    const [traceId, spanId] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    await scene.feed(
      JSON.stringify({ type: 'tick', trace: `00-${traceId}-${spanId}-01` }),
      JSON.stringify({ type: 'tick', trace: 'nonsense' }),
      JSON.stringify({ type: 'tick', trace: 'throws' }),
      JSON.stringify({ type: 'tick', trace: `00-${'0'.repeat(32)}-${spanId}-01` }),
      JSON.stringify({ id: 7, ask: 'time' }),
      'a frame that says much',
      JSON.stringify({ type: 'boom' }),
    );
    const [connect] = otel.named('websocket connect');
    const connectId = connect?.spanContext().spanId;
    const ticks = otel.named('process tick');
    expect(ticks.map(linksOf)).toEqual([
      [connectId, spanId],
      [connectId],
      [connectId],
      [connectId],
    ]);
    expect(ticks[0]?.links[1]?.context).toMatchObject({ traceId, isRemote: true });
    expect(Feed.seen).toEqual(Array.from({ length: 8 }, () => 'process tick'));
    const all = otel.spans.filter(({ kind }) => kind === SpanKind.CONSUMER);
    expect(new Set(all.map(({ name }) => name))).toEqual(
      new Set(['process tick', 'process frame', 'process boom']),
    );
    expect(all.filter(({ parentSpanContext }) => parentSpanContext !== undefined)).toEqual([]);
    expect(new Set(all.map((span) => span.spanContext().traceId)).size).toBe(all.length);
    const [boom] = otel.named('process boom');
    expect(boom).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { ...CLASS, 'error.type': 'RangeError' },
    });
    expect(JSON.stringify([boom?.attributes, boom?.status, boom?.events])).not.toContain('word');
  });

  it('are those of the messages that are timed, where they are sampled', async () => {
    using otel = new OtelTraces();
    const imports = [otel.module({ messages: 'sampled' })];
    const text = '{"type":"none"}';
    class Plain {
      @OnMessage('none')
      none() {}
    }
    await using scene = await NetScene.open(Plain, { protocol: json() }, { imports });
    const frame = Buffer.from([0x81, text.length, ...Buffer.from(text)]);
    scene.peer.raw(Buffer.concat(Array.from({ length: 5_000 }, () => frame)));
    await scene.net.settle();
    // The first eight of the turn; a slow machine may need some turns, and so some more.
    expect(otel.named('process none').length).toSatisfy(
      (spans: number) => spans >= 8 && spans < 500,
    );
  });

  it('are one for a request, a child of the span in which it was asked', async () => {
    using otel = new OtelTraces();
    await using scene = await NetScene.open(
      Feed,
      { ...SLOWLY, protocol },
      {
        imports: [otel.module()],
      },
    );
    const outcomes = otel.within('the caller', (span) => {
      const asked = [{ type: 'ask' }, { type: 'ask' }].map((message) =>
        scene.handle.request(message, { timeout: 1_000 }),
      );
      span.end();
      return Promise.allSettled(asked);
    });
    await scene.net.clock.advance(500);
    await scene.feed('{"id":1}');
    await scene.net.clock.advance('1s');
    await outcomes;
    const [caller] = otel.named('the caller');
    const [answered, late] = otel.named('websocket request');
    expect(answered).toMatchObject({
      kind: SpanKind.CLIENT,
      duration: [0, 500_000_000],
      parentSpanContext: { spanId: caller?.spanContext().spanId },
      attributes: { ...CLASS, 'websockex.sent': true },
    });
    expect(late).toMatchObject({
      duration: [1, 0],
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'ERR_WEBSOCKEX_REQUEST_TIMEOUT', 'websockex.sent': true },
    });
  });

  it('name the methods of JSON-RPC that are listed', async () => {
    using otel = new OtelTraces();
    const imports = [otel.module({ rpcMethods: ['eth_call'] })];
    await using scene = await NetScene.open(Feed, { protocol: jsonRpc() }, { imports });
    const asked = Promise.all(['eth_call', 'poison'].map((one) => scene.handle.request(rpc(one))));
    await scene.net.settle();
    await scene.feed('{"jsonrpc":"2.0","id":1,"result":1}', '{"jsonrpc":"2.0","id":2,"result":2}');
    await asked;
    const [listed] = otel.named('eth_call');
    expect(listed?.attributes).toEqual({
      ...CLASS,
      'websockex.sent': true,
      'rpc.system.name': 'jsonrpc',
      'rpc.method': 'eth_call',
    });
    expect(otel.named('websocket request')).toHaveLength(1);
    expect(otel.spans.map(({ name }) => name)).not.toContain('poison');
  });
});
