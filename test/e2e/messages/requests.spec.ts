import {
  BackpressureError,
  DisconnectedError,
  json,
  jsonRpc,
  JsonRpcError,
  NotConnectedError,
  OnConnect,
  OnError,
  OnFrame,
  OnMessage,
  RequestFailedError,
  RequestTimeoutError,
  rpc,
  type ClientHandle,
  type Dialogue,
  type ConnectionInfo,
  type MessageError,
  type WebSockexError,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { NetScene } from '../../fixtures/net-scene.js';

interface Asked {
  readonly id?: number;
  readonly op?: string;
  readonly result?: unknown;
  readonly error?: string;
}

const protocol = json<Asked>({
  name: 'op',
  request: (message, id) => ({ ...message, id: id as number }),
  answer: ({ id, error, result, ...rest }) => {
    if (id === undefined && error === undefined) return undefined;
    if ('op' in rest) return undefined;
    if (id === undefined) return { error: new Error(error) };
    return error === undefined ? { id, value: result } : { id, error: new Error(error) };
  },
  cancel: (id) => ({ op: 'cancel', id: id as number }),
});

class AskingClient {
  readonly seen: unknown[] = [];

  @OnFrame()
  frame({ data }: { data: string | Buffer }) {
    this.seen.push(String(data));
  }
}

const AT_ONCE = { reconnect: { initialDelay: 0, jitter: 'none' } } as const;

/** What a promise comes to, without waiting for it. */
function outcomeOf(promise: Promise<unknown>): { value?: unknown; error?: unknown } {
  const outcome: { value?: unknown; error?: unknown } = {};
  promise.then(
    (value) => (outcome.value = value),
    (error: unknown) => (outcome.error = error),
  );
  return outcome;
}

/** The next request that the peer gets. */
const asked = async ({ peer }: NetScene<object>): Promise<Asked> =>
  (await peer.expectJson()) as Asked;

const answer = async (scene: NetScene<object>, ...messages: Asked[]): Promise<void> =>
  scene.feed(...messages.map((message) => JSON.stringify(message)));

describe('a request', () => {
  it('resolves with the value of its answer, in whatever order answers come', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol });
    const one = scene.handle.request({ op: 'one' });
    const other = scene.handle.request({ op: 'other' });
    const [first, second] = [await asked(scene), await asked(scene)];
    expect([first.op, second.op]).toEqual(['one', 'other']);
    await answer(scene, { id: second.id, result: 2 }, { id: first.id, result: 1 });
    expect(await Promise.all([one, other])).toEqual([1, 2]);
    // Answers are no frames for a handler.
    expect(((await scene.handle.sys.getState()) as AskingClient).seen).toEqual([]);
  });

  it('has an id that no other had, over sessions and incarnations', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol, ...AT_ONCE });
    const ids: unknown[] = [];
    for (let session = 0; session < 3; session++) {
      scene.handle.request({ op: 'a' }).catch(() => undefined);
      ids.push((await asked(scene)).id);
      scene.peer.drop();
      await scene.net.clock.advance('1s');
      await scene.handle.connected();
    }
    expect(ids).toEqual([1, 2, 3]);
  });

  it('rejects with the error of the peer, as RequestFailedError', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol });
    const failed = outcomeOf(scene.handle.request({ op: 'a' }));
    await answer(scene, { id: (await asked(scene)).id, error: 'no money' });
    expect(failed.error).toBeInstanceOf(RequestFailedError);
    expect(failed.error).toMatchObject({
      code: 'ERR_WEBSOCKEX_REQUEST_FAILED',
      message: 'AskingClient: the peer answered a request with an error: no money',
      sent: true,
      cause: { message: 'no money' },
    });
  });

  it('is typed, and checked, by a schema', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol });
    const schema = z.object({ price: z.coerce.number() });
    const good = scene.handle.request({ op: 'a' }, { schema });
    const bad = outcomeOf(scene.handle.request({ op: 'a' }, { schema }));
    await answer(scene, { id: 1, result: { price: '1.5' } }, { id: 2, result: {} });
    const { price } = await good;
    expect(price).toBe(1.5);
    expect(bad.error).toMatchObject({
      code: 'ERR_WEBSOCKEX_MESSAGE_INVALID',
      sent: true,
      issues: [{ path: ['price'] }],
    });
  });

  it('ends in time, or with its signal, though the schema of the answer is never done', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol });
    const schema = z.object({}).refine(() => new Promise<boolean>(() => undefined));
    const aborts = new AbortController();
    const { signal } = aborts;
    const late = outcomeOf(scene.handle.request({ op: 'a' }, { schema, timeout: 1_000 }));
    const aborted = outcomeOf(scene.handle.request({ op: 'a' }, { schema, signal }));
    await scene.net.clock.advance(400);
    await answer(scene, { id: 1, result: {} }, { id: 2, result: {} });
    aborts.abort(new Error('never mind'));
    await scene.net.clock.advance(599);
    expect([late.error, aborted.error]).toMatchObject([undefined, { message: 'never mind' }]);
    await scene.net.clock.advance(1);
    expect(late.error).toMatchObject({
      code: 'ERR_WEBSOCKEX_REQUEST_TIMEOUT',
      message:
        'AskingClient: the schema of an answer was not done with it within 1000 ms. Give it more time, or ask whether it was done',
      sent: true,
    });
  });

  it('times out from the call, tells the peer, and a late answer is told and harms nobody', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol });
    const events: WebSockexEvent[] = [];
    scene.handle.events$.subscribe((event) => events.push(event));
    const by = outcomeOf(scene.handle.request({ op: 'a' }));
    const mine = outcomeOf(scene.handle.request({ op: 'b' }, { timeout: 1_000 }));
    await asked(scene);
    await asked(scene);
    await scene.net.clock.advance('1s');
    expect(mine.error).toBeInstanceOf(RequestTimeoutError);
    expect(mine.error).toMatchObject({ timeout: 1_000, sent: true });
    expect(await asked(scene)).toEqual({ op: 'cancel', id: 2 });
    await scene.net.clock.advance('28s');
    expect(by).toEqual({});
    await scene.net.clock.advance('1s');
    expect(by.error).toMatchObject({ timeout: 30_000, sent: true });
    await answer(scene, { id: 2, result: 'late' });
    expect(events.filter(({ event }) => event === 'answer:unmatched')).toMatchObject([{ id: 2 }]);
  });

  it('is given up by a signal, and the peer is told', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol });
    const controller = new AbortController();
    const given = outcomeOf(scene.handle.request({ op: 'a' }, { signal: controller.signal }));
    await asked(scene);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await asked(scene)).toEqual({ op: 'cancel', id: 1 });
    expect(given.error).toBe(reason);
    await expect(
      scene.handle.request({ op: 'a' }, { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    expect(
      scene.peer.transcript.filter((line) => line.includes(String.raw`\"op\":\"a\"`)),
    ).toHaveLength(1);
  });

  it('ends with its session, at once, whether or not a handler keeps the mailbox busy', async () => {
    const outcomes: unknown[] = [];
    class BusyClient {
      @OnMessage('ask')
      async ask() {
        await handle.request({ op: 'a' }).catch((error: unknown) => outcomes.push(error));
      }
    }
    await using scene = await NetScene.open(BusyClient, { protocol, ...AT_ONCE });
    const handle: ClientHandle = scene.handle;
    await scene.feed('{"op":"ask"}');
    await asked(scene);
    scene.peer.drop();
    await scene.net.settle();
    expect(outcomes).toEqual([expect.any(DisconnectedError)]);
    expect(outcomes[0]).toMatchObject({ session: 1, sent: true });
    await scene.net.clock.advance('1s');
    expect(scene.handle.session).toBe(2);
  });

  it.each([
    ['the peer closes', (scene: NetScene<object>) => scene.peer.close(1000)],
    ['we close', (scene: NetScene<object>) => void scene.handle.close()],
    [
      'the client is stopped by force',
      (scene: NetScene<object>) => void scene.handle.reconnect({ force: true }),
    ],
  ])('ends when %s', async (_, leave) => {
    await using scene = await NetScene.open(AskingClient, { protocol, ...AT_ONCE });
    const lost = outcomeOf(scene.handle.request({ op: 'a' }));
    await asked(scene);
    leave(scene);
    await scene.net.settle();
    expect(lost.error).toBeInstanceOf(DisconnectedError);
  });

  it('without a session is refused, and not sent', async () => {
    await using scene = await NetScene.boot(AskingClient, { protocol });
    await expect(scene.handle.request({ op: 'a' })).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_NOT_CONNECTED',
      sent: false,
    });
  });

  it('without a session waits for one, where it is to', async () => {
    await using scene = await NetScene.boot(AskingClient, { protocol });
    const kept = scene.handle.request({ op: 'kept' }, { whenDisconnected: 'queue' });
    const given = outcomeOf(
      scene.handle.request({ op: 'late' }, { whenDisconnected: 'queue', timeout: 100 }),
    );
    await scene.net.clock.advance('100ms');
    expect(given.error).toMatchObject({ code: 'ERR_WEBSOCKEX_REQUEST_TIMEOUT', sent: false });
    scene.server.acceptAll();
    await scene.handle.connected();
    expect(await asked(scene)).toEqual({ op: 'kept', id: 1 });
    await answer(scene, { id: 1, result: 'there' });
    expect(await kept).toBe('there');
    expect(scene.peer.transcript.join()).not.toContain('late');
  });

  it('with retry is sent again under a new id, in order, before those that came after it', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol, ...AT_ONCE });
    const options = { retry: true };
    const all = [1, 2, 3].map((n) => scene.handle.request({ op: `r${n}` }, options));
    const lost = outcomeOf(scene.handle.request({ op: 'once' }));
    for (let n = 0; n < 4; n++) await asked(scene);
    scene.peer.drop();
    await scene.net.clock.advance('1s');
    await scene.handle.connected();
    expect(lost.error).toBeInstanceOf(DisconnectedError);
    const again = [await asked(scene), await asked(scene), await asked(scene)];
    expect(again.map(({ op, id }) => [op, id])).toEqual([
      ['r1', 5],
      ['r2', 6],
      ['r3', 7],
    ]);
    await answer(scene, ...again.map(({ id, op }) => ({ id: id as number, result: op })));
    expect(await Promise.all(all)).toEqual(['r1', 'r2', 'r3']);
  });

  it('with retry has its time from the call, and says that it may have been done', async () => {
    await using scene = await NetScene.open(AskingClient, {
      protocol,
      reconnect: { initialDelay: 60_000, jitter: 'none' },
    });
    const late = outcomeOf(scene.handle.request({ op: 'a' }, { retry: true, timeout: 5_000 }));
    await asked(scene);
    scene.peer.drop();
    await scene.net.clock.advance('5s');
    expect(late.error).toMatchObject({ code: 'ERR_WEBSOCKEX_REQUEST_TIMEOUT', sent: true });
  });

  it('over maxInFlight waits for its turn, and has its time from the call', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol, maxInFlight: 1 });
    const outcomes = [1, 2, 3].map((n) => outcomeOf(scene.handle.request({ op: `r${n}` })));
    const short = outcomeOf(scene.handle.request({ op: 'short' }, { timeout: 1_000 }));
    expect((await asked(scene)).op).toBe('r1');
    await scene.net.clock.advance('1s');
    expect(short.error).toMatchObject({ code: 'ERR_WEBSOCKEX_REQUEST_TIMEOUT', sent: false });
    expect(scene.peer.transcript.join()).not.toContain('r2');
    await answer(scene, { id: 1, result: 1 });
    expect((await asked(scene)).op).toBe('r2');
    await answer(scene, { id: 2, error: 'no' });
    expect((await asked(scene)).op).toBe('r3');
    scene.peer.drop();
    await scene.net.settle();
    expect(outcomes.map(({ value, error }) => value ?? (error as Error).name)).toEqual([
      1,
      'RequestFailedError',
      'DisconnectedError',
    ]);
  });

  it('that has no place is not sent when the session is lost', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol, maxInFlight: 1, ...AT_ONCE });
    const sent = outcomeOf(scene.handle.request({ op: 'sent' }));
    const waiting = outcomeOf(scene.handle.request({ op: 'waiting' }));
    const kept = scene.handle.request({ op: 'kept' }, { whenDisconnected: 'queue' });
    const again = scene.handle.request({ op: 'again' }, { retry: true });
    await asked(scene);
    scene.peer.drop();
    await scene.net.settle();
    expect(sent.error).toMatchObject({ name: 'DisconnectedError', sent: true });
    expect(waiting.error).toBeInstanceOf(NotConnectedError);
    expect(waiting.error).toMatchObject({ sent: false });
    await scene.net.clock.advance('1s');
    await scene.handle.connected();
    for (const op of ['kept', 'again']) {
      const next = await asked(scene);
      expect(next.op).toBe(op);
      await answer(scene, { id: next.id, result: op });
    }
    expect(await Promise.all([kept, again])).toEqual(['kept', 'again']);
  });

  it('ends with the client, and is refused after it', async () => {
    await using scene = await NetScene.open(AskingClient, {
      protocol,
      reconnect: { initialDelay: 60_000, jitter: 'none' },
    });
    const waits = outcomeOf(scene.handle.request({ op: 'a' }, { retry: true, timeout: Infinity }));
    await asked(scene);
    scene.peer.drop();
    await scene.net.settle();
    expect(waits).toEqual({});
    void scene.handle.stop();
    await scene.handle.terminated;
    expect(waits.error).toMatchObject({ code: 'ERR_WEBSOCKEX_NOT_CONNECTED', sent: true });
    await expect(scene.handle.request({ op: 'a' })).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_NOT_CONNECTED',
      sent: false,
    });
  });

  it('is refused where the protocol has none, and for options that cannot be', async () => {
    await using plain = await NetScene.open(AskingClient);
    await expect(plain.handle.request({})).rejects.toThrow(
      /^AskingClient: request\(\): its protocol does not say how a request is written.*jsonRpc\(\)$/,
    );
    await using scene = await NetScene.open(AskingClient, { protocol });
    for (const options of [
      { retry: 1 },
      { timeout: -1 },
      { schema: {} },
      { whenDisconnected: 'drop' },
      { whenDisconnected: 'latest' },
      { key: 7 },
    ]) {
      await expect(scene.handle.request({}, options as never)).rejects.toMatchObject({
        code: 'ERR_WEBSOCKEX_CONFIGURATION',
        message: expect.stringMatching(/^AskingClient: request\(\): /) as unknown,
      });
    }
    expect(scene.peer.transcript.join()).not.toContain('id');
  });
});

describe('a handler', () => {
  it('may wait for a request of its own client, while the marks pause nothing', async () => {
    const seen: unknown[] = [];
    class AskedClient {
      @OnMessage('ask')
      async ask() {
        seen.push(await handle.request({ op: 'inner' }));
      }

      @OnMessage('n')
      number() {
        seen.push('n');
      }
    }
    await using scene = await NetScene.open(AskedClient, {
      protocol,
      mailbox: { highWaterMark: 2, lowWaterMark: 1 },
    });
    const handle = scene.handle as unknown as ClientHandle;
    await scene.feed('{"op":"ask"}', '{"op":"n"}', '{"op":"n"}', '{"op":"n"}', '{"op":"n"}');
    await answer(scene, { id: (await asked(scene)).id, result: 'answer' });
    expect(seen).toEqual(['answer', 'n', 'n', 'n', 'n']);
  });

  it('that waits while mailbox.maxBytes of frames wait is told so; a caller outside is not', async () => {
    const outcomes: unknown[] = [];
    class FullClient {
      @OnMessage('ask')
      async ask() {
        await handle.request({ op: 'inner' }).catch((error: unknown) => outcomes.push(error));
      }

      @OnMessage('n')
      number() {}
    }
    await using scene = await NetScene.open(FullClient, { protocol, mailbox: { maxBytes: 1_000 } });
    const handle = scene.handle as unknown as ClientHandle;
    const outside = outcomeOf(handle.request({ op: 'outside' }));
    await asked(scene);
    await scene.feed('{"op":"ask"}', JSON.stringify({ op: 'n', pad: 'x'.repeat(2_000) }));
    await scene.net.settle();
    expect(outcomes).toEqual([expect.any(BackpressureError)]);
    expect(outcomes[0]).toMatchObject({ sent: true });
    expect(outside).toEqual({});
    await answer(scene, { id: 1, result: 1 });
    expect(outside).toEqual({ value: 1 });
  });

  it('that waits for an answer when its session ends is no crash: that is the fault of the network', async () => {
    class LosingClient {
      @OnMessage('ask')
      async ask() {
        await handle.request({ op: 'inner' });
      }
    }
    await using scene = await NetScene.open(LosingClient, { protocol, ...AT_ONCE });
    const handle = scene.handle as unknown as ClientHandle;
    const events: string[] = [];
    handle.events$.subscribe(({ event }) => events.push(event));
    await scene.feed('{"op":"ask"}');
    await asked(scene);
    scene.peer.drop();
    await scene.net.clock.advance('1s');
    await handle.connected();
    expect(handle.session).toBe(2);
    expect(events).not.toContain('terminate');
  });

  it('may be the login: @OnConnect asks in the session that it makes ready', async () => {
    class LoginClient {
      @OnConnect()
      async login(_info: ConnectionInfo, _dialogue: Dialogue) {
        if ((await handle().request({ op: 'login' })) !== 'welcome') throw new Error('no');
      }
    }
    await using scene = await NetScene.boot(LoginClient, { protocol });
    const handle = (): ClientHandle => scene.handle;
    scene.server.acceptAll();
    const connected = scene.handle.connected();
    await scene.net.settle();
    const outside = await scene.handle.request({ op: 'early' }).catch((error: unknown) => error);
    expect(outside).toMatchObject({ state: 'not ready', sent: false });
    await answer(scene, { id: (await asked(scene)).id, result: 'welcome' });
    await connected;
  });
});

describe('a rotation', () => {
  const options = { protocol, overlap: 1_000 };

  it('leaves a request with the session that sent it, as long as that is read', async () => {
    await using scene = await NetScene.open(AskingClient, options);
    const old = scene.peer;
    const good = scene.handle.request({ op: 'good' });
    const late = outcomeOf(scene.handle.request({ op: 'late' }));
    await asked(scene);
    await asked(scene);
    void scene.handle.rotate();
    await scene.net.settle();
    const fresh = scene.peer;
    expect(fresh).not.toBe(old);
    await scene.feed('{"op":"first"}');
    expect(scene.handle.session).toBe(2);
    const other = scene.handle.request({ op: 'other' });
    expect(await fresh.expectJson()).toEqual({ op: 'other', id: 3 });
    old.sendJson({ id: 1, result: 'of the old one' });
    fresh.sendJson({ id: 3, result: 'of the new one' });
    await scene.net.settle();
    expect(await Promise.all([good, other])).toEqual(['of the old one', 'of the new one']);
    expect(late).toEqual({});
    await scene.net.clock.advance('2s');
    expect(late.error).toMatchObject({ name: 'DisconnectedError', session: 1, sent: true });
    expect(scene.handle.status).toBe('open');
  });

  it('may ask in the login of the new session, which ends with that where it fails', async () => {
    const outcomes: unknown[] = [];
    class LoginClient {
      @OnConnect()
      async login({ session }: ConnectionInfo) {
        if (session === 1) return;
        const answered = handle.request({ op: 'login' });
        answered.catch((error: Error) => outcomes.push(error.name));
        outcomes.push(await answered);
      }
    }
    await using scene = await NetScene.open(LoginClient, options);
    const handle = scene.handle as unknown as ClientHandle;
    const old = scene.peer;
    const rotated = scene.handle.rotate();
    await scene.net.settle();
    const first = scene.peer;
    expect(await first.expectJson()).toEqual({ op: 'login', id: 1 });
    first.drop();
    await scene.net.settle();
    expect(outcomes).toEqual(['DisconnectedError']);
    expect(scene.handle.session).toBe(1);
    // It is tried again, after a delay.
    await scene.net.clock.advance('10s');
    const second = scene.peer;
    expect(second).not.toBe(first);
    expect(await second.expectJson()).toEqual({ op: 'login', id: 2 });
    second.sendJson({ id: 2, result: 'welcome' });
    await scene.net.settle();
    second.sendJson({ op: 'first' });
    await rotated;
    expect(outcomes).toEqual(['DisconnectedError', 'welcome']);
    expect(old.isOpen).toBe(true);
  });
});

describe('answers', () => {
  it('are settled once, though they come twice, and are told where nobody waits', async () => {
    const split = (value: unknown): Asked[] => (Array.isArray(value) ? value : [value]) as Asked[];
    await using scene = await NetScene.open(AskingClient, { protocol: { ...protocol, split } });
    const unmatched: unknown[] = [];
    scene.handle.events$.subscribe((event) => {
      if (event.event === 'answer:unmatched') unmatched.push(event.id);
    });
    const once = scene.handle.request({ op: 'a' });
    await asked(scene);
    await scene.feed(
      '[{"id":1,"result":"first"},{"id":1,"result":"second"},{"id":99,"result":"?"}]',
      '{"id":1,"result":"third"}',
    );
    expect(await once).toBe('first');
    expect(unmatched).toEqual([99, 1]);
  });

  it('with an error of no request go to @OnError, and settle nothing', async () => {
    const told: MessageError[] = [];
    class ToldClient {
      @OnError()
      bad(error: MessageError) {
        told.push(error);
      }
    }
    await using scene = await NetScene.open(ToldClient, { protocol });
    const asks = outcomeOf(scene.handle.request({ op: 'a' }));
    await asked(scene);
    await scene.feed('{"error":"slow down"}');
    expect(told).toMatchObject([
      { value: { error: 'slow down' }, cause: { message: 'slow down' } },
    ]);
    expect(asks).toEqual({});
  });

  it('that cannot be read are bad messages, with ids that are objects too', async () => {
    const told: MessageError[] = [];
    class ToldClient {
      @OnError()
      bad(error: MessageError) {
        told.push(error);
      }

      @OnMessage()
      any() {}
    }
    await using scene = await NetScene.open(ToldClient, { protocol: jsonRpc() });
    const asks = outcomeOf(scene.handle.request(rpc('a')));
    await asked(scene);
    await scene.feed('{', '{"id":{"x":1},"result":1}', '{"id":[1],"result":1}', 'null');
    expect(told.map(({ code }) => code)).toEqual(['ERR_WEBSOCKEX_MESSAGE_DECODE']);
    expect(asks).toEqual({});
    await scene.feed('{"id":1,"result":null}');
    expect(asks).toEqual({ value: null });
  });
});

describe('100,000 requests', () => {
  const COUNT = 100_000;
  const IN_FLIGHT = 10_000;

  /** How often each has ended, by what with. */
  function ask({ handle }: NetScene<object>): {
    counts: Map<string, number>;
    all: Promise<unknown>;
  } {
    const counts = new Map<string, number>();
    const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
    const requests = Array.from({ length: COUNT }, () =>
      handle.request({ op: 'a' }).then(
        () => count('answered'),
        ({ code, sent }: WebSockexError) => count(`${code}, sent: ${sent}`),
      ),
    );
    return { counts, all: Promise.all(requests) };
  }

  it('have one timer, and all end when their session is lost', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol, maxInFlight: IN_FLIGHT });
    const { clock } = scene.net;
    const timers = clock.pending.length;
    const { counts, all } = ask(scene);
    await scene.net.settle();
    expect(clock.pending).toHaveLength(timers + 1);
    expect(counts.size).toBe(0);
    scene.peer.drop();
    await all;
    expect(counts).toEqual(
      new Map([
        ['ERR_WEBSOCKEX_DISCONNECTED, sent: true', IN_FLIGHT],
        ['ERR_WEBSOCKEX_NOT_CONNECTED, sent: false', COUNT - IN_FLIGHT],
      ]),
    );
    // None of them is sent in the next session.
    await clock.advance('1m');
    expect(scene.server.peers).toHaveLength(2);
    expect(scene.peer.transcript).toEqual([]);
  });

  it('end by the same timer when their time is up', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol, maxInFlight: IN_FLIGHT });
    const { counts, all } = ask(scene);
    await scene.net.settle();
    await scene.net.clock.advance('30s');
    await all;
    expect(counts).toEqual(
      new Map([
        ['ERR_WEBSOCKEX_REQUEST_TIMEOUT, sent: true', IN_FLIGHT],
        ['ERR_WEBSOCKEX_REQUEST_TIMEOUT, sent: false', COUNT - IN_FLIGHT],
      ]),
    );
  });
});

describe('jsonRpc()', () => {
  it('asks, notifies, and reads errors and batches', async () => {
    const seen: unknown[] = [];
    class NodeClient {
      @OnMessage('eth_subscription')
      head({ params }: { params: unknown }) {
        seen.push(params);
      }
    }
    await using scene = await NetScene.open(NodeClient, { protocol: jsonRpc() });
    const block = scene.handle.request(rpc('eth_blockNumber', []));
    const wrong = outcomeOf(scene.handle.request(rpc('eth_nothing')));
    await scene.handle.send(rpc('initialized'));
    await scene.peer.expectJson({ jsonrpc: '2.0', method: 'eth_blockNumber', params: [], id: 1 });
    await scene.peer.expectJson({ jsonrpc: '2.0', method: 'eth_nothing', id: 2 });
    await scene.peer.expectJson({ jsonrpc: '2.0', method: 'initialized' });
    await scene.feed(
      JSON.stringify([
        { jsonrpc: '2.0', id: 1, result: '0x1' },
        { jsonrpc: '2.0', method: 'eth_subscription', params: { result: 1 } },
        { jsonrpc: '2.0', id: 2, error: { code: -32601, message: 'not found', data: [7] } },
      ]),
    );
    expect(await block).toBe('0x1');
    expect(seen).toEqual([{ result: 1 }]);
    expect(wrong.error).toBeInstanceOf(JsonRpcError);
    expect(wrong.error).toMatchObject({
      message: 'NodeClient: the peer answered a request with an error: not found (-32601)',
      rpcCode: -32601,
      data: [7],
      client: 'NodeClient',
    });
  });

  it('refuses what is no call', async () => {
    await using scene = await NetScene.open(AskingClient, { protocol: jsonRpc() });
    await expect(scene.handle.request({ op: 'a' })).rejects.toThrow(/is no call of JSON-RPC/);
    expect(() => rpc(7 as never)).toThrow('rpc(): the method is 7; it must be a string');
  });
});
