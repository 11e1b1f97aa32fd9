import { Test } from '@nestjs/testing';
import {
  type ChannelSource,
  type ClientHandle,
  type Gap,
  getClientToken,
  json,
  jsonRpc,
  JsonRpcError,
  type MessageError,
  OnConnect,
  OnError,
  OnGap,
  OnMessage,
  OnRequest,
  OnSubscribe,
  type Protocol,
  ready,
  resync,
  type SubscribeContext,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { filter, firstValueFrom, retry } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';
import type { RawPeer } from '../../fixtures/raw-peer.js';
import { Scene } from '../../fixtures/scene.js';

interface M {
  readonly op?: unknown;
  readonly id?: number;
  readonly symbol?: string;
  readonly n?: unknown;
  readonly seq?: number;
  readonly epoch?: string;
  readonly ok?: unknown;
  readonly no?: string;
  readonly error?: Error;
  readonly bad?: boolean;
}
const make = (more: Partial<Protocol<M>> = {}): Protocol<M> =>
  json<M>({
    name: ({ op }) => op as string,
    request: (m, id) => ({ ...m, id: id as number }),
    answer: ({ id, ok, no, op }) =>
      id === undefined || op !== undefined
        ? undefined
        : no === undefined
          ? { id, value: ok }
          : { id, error: new Error(no) },
    ...more,
  });
const protocol = make();
const AT_ONCE = { reconnect: { initialDelay: 0, jitter: 'none' } } as const;
/** What a promise comes to, without waiting for it. */
function out(promise: Promise<unknown>): { value?: unknown; error?: Error } {
  const outcome: { value?: unknown; error?: Error } = {};
  promise.then(
    (value) => (outcome.value = value),
    (error: Error) => (outcome.error = error),
  );
  return outcome;
}
const asked = async (s: NetScene<object>): Promise<M> => (await s.peer.expectJson()) as M;
const feed = (s: NetScene<object>, ...all: unknown[]): Promise<void> =>
  s.feed(...all.map((one) => JSON.stringify(one)));
async function seconds(s: NetScene<object>, count: number): Promise<void> {
  for (let second = 0; second < count; second++) await s.net.clock.advance('1s');
}

class Feed {
  static seen: M[] = [];
  @OnSubscribe() trades(symbol: string): ChannelSource<M> {
    return {
      subscribe: { op: 'sub', symbol },
      unsubscribe: { op: 'unsub', symbol },
      match: (m: M) => m.op === 'trade' && m.symbol === symbol,
      ack: 'answer',
    };
  }
  @OnSubscribe() plain(symbol: string): ChannelSource<M> {
    return {
      subscribe: { op: 'sub', symbol },
      unsubscribe: { op: 'unsub', symbol },
      match: (m: M) => m.op === 'trade' && m.symbol === symbol,
    };
  }
  @OnSubscribe() all(): ChannelSource<M> {
    return { subscribe: { op: 'sub', symbol: '*' }, match: (m: M) => m.op === 'trade' };
  }
  @OnMessage('trade') trade(m: M) {
    Feed.seen.push(m);
  }
}
class Asking {
  static handle: ClientHandle | undefined;
  @OnConnect() async login() {
    await Asking.handle?.request({ op: 'login' }, { timeout: 5_000 });
  }
}
class Streams {
  static seen: string[] = [];
  static fill: (gap: Gap) => unknown;
  @OnMessage() m({ epoch = '', seq }: M) {
    Streams.seen.push(`${epoch}${seq}`);
  }
  @OnGap() async gap(gap: Gap) {
    return Streams.fill(gap) as Iterable<unknown>;
  }
}
const positions = json<M>({
  position: ({ seq, epoch }) =>
    seq === undefined ? undefined : { stream: 'a', seq, ...(epoch !== undefined && { epoch }) },
});

describe('what once went wrong', () => {
  it('a login asks before what waits for its session: a retry', async () => {
    Asking.handle = undefined;
    await using s = await NetScene.open(Asking, { protocol, ...AT_ONCE });
    out((Asking.handle = s.handle).request({ op: 'r' }, { retry: true }));
    await asked(s);
    s.peer.drop();
    await seconds(s, 1);
    expect(s.peer.transcript.join()).toContain('login');
  });

  it('a login asks before what waits for its session: as many as may be in flight', async () => {
    await using s = await NetScene.boot(Asking, { protocol });
    Asking.handle = s.handle;
    for (let n = 0; n < 256; n++) out(s.handle.request({ op: 'q' }, { whenDisconnected: 'queue' }));
    s.server.acceptAll();
    await seconds(s, 1);
    expect(s.peer.transcript.join()).toContain('login');
  });

  it('the login of a rotation asks in the new session', async () => {
    Asking.handle = undefined;
    await using s = await NetScene.open(Asking, { protocol, maxInFlight: 1, overlap: 5_000 });
    const old = s.peer;
    out((Asking.handle = s.handle).request({ op: 'first' }));
    await asked(s);
    void s.handle.rotate().catch(() => undefined);
    await s.net.settle();
    old.sendJson({ id: 1, ok: 1 });
    await s.net.settle();
    expect(old.transcript.join()).not.toContain('login');
  });

  it('a protocol.cancel that throws keeps no other request from its end', async () => {
    await using s = await NetScene.open(Feed, {
      protocol: make({
        cancel: () => {
          throw new Error('cancel');
        },
      }),
    });
    const [a, b] = [1, 2].map((n) => out(s.handle.request({ op: n }, { timeout: 1_000 })));
    await s.net.settle();
    const thrown = await s.net.clock.advance('1s').then(
      () => undefined,
      (e: Error) => e.message,
    );
    await s.net.clock.advance('60s');
    expect([thrown, a!.error?.name, b!.error?.name]).toEqual([
      undefined,
      'RequestTimeoutError',
      'RequestTimeoutError',
    ]);
  });

  it('nor one with the same signal', async () => {
    await using s = await NetScene.open(Feed, {
      protocol: make({
        cancel: () => {
          throw new Error('cancel');
        },
      }),
    });
    const ac = new AbortController();
    const [a, b] = [1, 2].map((n) => out(s.handle.request({ op: n }, { signal: ac.signal })));
    await s.net.settle();
    ac.abort(new Error('mine'));
    await s.net.settle();
    expect([a!.error?.message, b!.error?.message]).toEqual(['mine', 'mine']);
  });

  it('thousands that wait may end in one call', async () => {
    await using s = await NetScene.open(Feed, { protocol, maxInFlight: 1 });
    out(s.handle.request({ op: 'first' }));
    const bad = Array.from({ length: 6_000 }, () => out(s.handle.request({ op: 'bad', n: 1n })));
    await asked(s);
    const ends: unknown[] = [];
    s.handle.events$.subscribe((e) => {
      if (e.event === 'terminate') ends.push(e);
    });
    await feed(s, { id: 1, ok: 1 });
    expect(ends).toEqual([]);
    expect(bad.every((o) => o.error?.name === 'FrameEncodeError')).toBe(true);
  });

  it('channels that are silent together are left together', async () => {
    await using s = await NetScene.open(Feed, { protocol, ackTimeout: 1_000, ...AT_ONCE });
    for (let n = 0; n < 4; n++) {
      s.handle.channel('trades', `S${n}`).subscribe();
      await feed(s, { id: (await asked(s)).id, ok: true });
    }
    s.peer.drop();
    await seconds(s, 100);
    expect(s.handle.session).toBeLessThanOrEqual(3);
  });

  it('whoever comes back to a silent channel leaves no session', async () => {
    await using s = await NetScene.open(Feed, { protocol, ackTimeout: 1_000, ...AT_ONCE });
    s.handle
      .channel('trades', 'S')
      .pipe(retry({ delay: () => [0] }))
      .subscribe();
    await seconds(s, 60);
    expect(s.handle.session).toBeLessThanOrEqual(3);
  });

  it('a silent channel makes room for requests', async () => {
    await using s = await NetScene.open(Feed, {
      protocol,
      ackTimeout: 1_000,
      maxInFlight: 1,
      ...AT_ONCE,
    });
    s.handle.channel('trades', 'S').subscribe({ error: () => undefined });
    await seconds(s, 8);
    expect(s.handle.channels).toEqual([]);
    out(s.handle.request({ op: 'mine' }, { timeout: 10_000 }));
    await seconds(s, 9);
    expect(s.peer.transcript.join()).toContain('mine');
  });

  it('so does one that the peer is told again to end', async () => {
    await using s = await NetScene.open(Feed, { protocol, maxInFlight: 1 });
    const sub = s.handle.channel('trades', 'BTC').subscribe();
    await feed(s, { id: (await asked(s)).id, ok: 1 });
    sub.unsubscribe();
    await feed(s, { id: (await asked(s)).id, ok: 1 });
    await seconds(s, 2);
    await feed(s, { op: 'trade', symbol: 'BTC' });
    await asked(s);
    out(s.handle.request({ op: 'mine' }, { timeout: 60_000 }));
    await seconds(s, 59);
    expect(s.peer.transcript.join()).toContain('mine');
  });

  it('a shutdown waits for neither', async () => {
    await using s = await NetScene.open(Feed, { protocol, ackTimeout: 1_000, ...AT_ONCE });
    s.handle.channel('trades', 'S').subscribe({ error: () => undefined });
    await seconds(s, 8);
    let isClosed = false;
    void s.app.close().then(() => (isClosed = true));
    await seconds(s, 3);
    expect(isClosed).toBe(true);
  });

  it('a message at which protocol.answer throws harms no other of its frame', async () => {
    Feed.seen = [];
    await using s = await NetScene.open(Feed, {
      protocol: make({ split: (m) => (Array.isArray(m) ? (m as M[]) : [m]) }),
    });
    const r = out(s.handle.request({ op: 'q' }));
    await asked(s);
    await feed(s, [null, { op: 'trade', n: 1 }, { id: 1, ok: 'yes' }]);
    expect([Feed.seen, r]).toEqual([[{ op: 'trade', n: 1 }], { value: 'yes' }]);
  });

  it('an answer with an error that is none is no crash', async () => {
    await using s = await NetScene.open(Feed, {
      protocol: make({
        answer: ({ op, id, error }) =>
          op === undefined ? { id: id as number, error: error as Error } : undefined,
      }),
    });
    const events: string[] = [];
    s.handle.events$.subscribe((e) => events.push(e.event));
    out(s.handle.request({ op: 'q' }));
    await asked(s);
    await feed(s, { id: 1, error: null });
    expect(events).not.toContain('terminate');
  });

  it('an epoch may come back in another session', async () => {
    Streams.seen = [];
    Streams.fill = () => [];
    await using s = await NetScene.open(Streams, { protocol: positions, ...AT_ONCE });
    await feed(s, { seq: 1, epoch: 'A' }, { seq: 1, epoch: 'B' });
    for (const seq of [2, 3]) {
      s.peer.drop();
      await seconds(s, 1);
      await feed(s, { seq, epoch: 'A' });
    }
    expect([s.handle.session, Streams.seen]).toEqual([3, ['A1', 'B1', 'A2', 'A3']]);
  });

  it('a snapshot that is stale is not asked for again at once', async () => {
    let calls = 0;
    Streams.fill = ({ stream, from }) => (++calls > 500 ? [] : resync({ stream, seq: from.seq }));
    await using s = await NetScene.open(Streams, { protocol: positions });
    await feed(s, { seq: 1 }, { seq: 5 });
    expect(calls).toBeLessThan(5);
  });

  it('a snapshot of another stream is told', async () => {
    Streams.seen = [];
    Streams.fill = () => resync({ stream: 'OTHER', seq: 100 });
    await using s = await NetScene.open(Streams, { protocol: positions });
    const told: string[] = [];
    s.handle.events$.subscribe((e) => {
      if (e.event.startsWith('gap') || e.event === 'warning') told.push(e.event);
    });
    await feed(s, { seq: 1 }, { seq: 5 }, { seq: 6 });
    expect(told.length + Streams.seen.length).toBeGreaterThan(1);
  });

  it('a request is answered, whatever cannot be written', async () => {
    class R {
      @OnRequest('e') e() {
        throw new JsonRpcError(1, 'no', { n: 1n });
      }
      @OnRequest('f') f() {
        return () => 1;
      }
    }
    await using s = await NetScene.open(R, { protocol: jsonRpc() });
    await feed(s, { jsonrpc: '2.0', id: 1, method: 'e' }, { jsonrpc: '2.0', id: 2, method: 'f' });
    const answers = s.peer.transcript.filter((t) => t.startsWith('<-') && /result|error/.test(t));
    expect(answers).toHaveLength(2);
  });

  it('an item that another channel wants is not late', async () => {
    await using s = await NetScene.open(Feed, { protocol });
    s.handle.channel('all').subscribe();
    const one = s.handle.channel('plain', 'BTC').subscribe();
    for (let n = 0; n < 2; n++) await asked(s);
    one.unsubscribe();
    await asked(s);
    await seconds(s, 2);
    await feed(s, { op: 'trade', symbol: 'BTC' });
    expect(s.peer.transcript.filter((t) => t.includes('unsub'))).toHaveLength(1);
  });

  it('what was kept of a try that was refused is no item of the next', async () => {
    await using s = await NetScene.open(Feed, { protocol, ackTimeout: 100_000, ...AT_ONCE });
    const items: unknown[] = [];
    s.handle.channel('trades', 'BTC').subscribe((i) => items.push(i));
    await feed(s, { id: (await asked(s)).id, ok: 1 });
    s.peer.drop();
    await seconds(s, 1);
    const again = await asked(s);
    await feed(s, { op: 'trade', symbol: 'BTC' }, { id: again.id, no: 'not now' });
    await seconds(s, 20);
    await feed(s, { id: (await asked(s)).id, ok: 1 });
    expect(items).toEqual([]);
  });

  it('where a channel stands is where its last item was delivered', async () => {
    const contexts: SubscribeContext[] = [];
    class V {
      @OnSubscribe() v(context: SubscribeContext = { session: 0 }): ChannelSource<M> {
        contexts.push(context);
        return {
          subscribe: { op: 'sub' },
          match: (m: M) => m.op === 'item',
          item: (m: M) => {
            if (m.bad) throw new Error('bad');
            return m;
          },
        };
      }
    }
    await using s = await NetScene.open(V, {
      protocol: make({
        position: ({ seq }) => (seq === undefined ? undefined : { stream: 'a', seq }),
      }),
      ...AT_ONCE,
    });
    s.handle.channel('v').subscribe();
    await asked(s);
    await feed(s, { op: 'item', seq: 1 }, { op: 'item', seq: 2, bad: true });
    s.peer.drop();
    await seconds(s, 1);
    await asked(s);
    expect(contexts[1]).toEqual({ session: 2, after: { stream: 'a', seq: 1 } });
  });

  it('a request of the session before is not cancelled in the new one', async () => {
    await using s = await NetScene.open(Feed, {
      protocol: make({ cancel: (id) => ({ op: 'cancel', id: id as number }) }),
      overlap: 5_000,
    });
    const ac = new AbortController();
    out(s.handle.request({ op: 'a' }, { signal: ac.signal }));
    await asked(s);
    void s.handle.rotate().catch(() => undefined);
    await s.net.settle();
    await feed(s, { op: 'first' });
    expect(s.handle.session).toBe(2);
    ac.abort();
    await s.net.settle();
    expect(s.peer.transcript.join()).not.toContain('cancel');
  });

  it('a parser of the user’s may know other escapes', () => {
    const { codec } = json({ parse: (t) => JSON.parse(t.replaceAll('\\x5f', '_')) as object });
    expect(Object.hasOwn(codec.decode('{"\\x5f\\x5fproto\\x5f\\x5f":{}}'), '__proto__')).toBe(
      false,
    );
  });

  it('channels are subscribed to before what waits with a place', async () => {
    await using s = await NetScene.open(Feed, { protocol, maxInFlight: 2, ...AT_ONCE });
    s.handle.channel('trades', 'BTC').subscribe();
    await feed(s, { id: (await asked(s)).id, ok: 1 });
    s.peer.drop();
    await s.net.settle();
    const all = [1, 2, 3].map((n) =>
      s.handle.request({ op: `q${n}` }, { whenDisconnected: 'queue' }),
    );
    await seconds(s, 1);
    const order: unknown[] = [];
    for (let n = 0; n < 4; n++) {
      const { id, op } = await asked(s);
      order.push(op);
      await feed(s, { id, ok: op });
    }
    expect(order).toEqual(['sub', 'q1', 'q2', 'q3']);
    expect(await Promise.all(all)).toEqual(['q1', 'q2', 'q3']);
  });

  it('so are all of them, one after the other, where one place is all there is', async () => {
    await using s = await NetScene.open(Feed, { protocol, maxInFlight: 1, ...AT_ONCE });
    for (const symbol of ['A', 'B', 'C']) s.handle.channel('trades', symbol).subscribe();
    for (let n = 0; n < 3; n++) await feed(s, { id: (await asked(s)).id, ok: 1 });
    const again = out(s.handle.request({ op: 'again' }, { retry: true }));
    await asked(s);
    s.peer.drop();
    await s.net.settle();
    out(s.handle.send({ op: 'frame' }, { whenDisconnected: 'queue' }));
    out(s.handle.request({ op: 'kept' }, { whenDisconnected: 'queue' }));
    await seconds(s, 1);
    const order: unknown[] = [];
    for (let n = 0; n < 6; n++) {
      const { id, op, symbol } = await asked(s);
      order.push(symbol ?? op);
      // One is refused, which makes room as well.
      if (id !== undefined) await feed(s, symbol === 'B' ? { id, no: 'no' } : { id, ok: op });
    }
    expect(order.slice(0, 3)).toEqual(['A', 'B', 'C']);
    expect(new Set(order.slice(3))).toEqual(new Set(['again', 'frame', 'kept']));
    expect(again).toEqual({ value: 'again' });
  });

  it('a handler’s own request has its turn in a shutdown, too', async () => {
    class Doing {
      static handle: ClientHandle | undefined;
      static outcomes: unknown[] = [];
      @OnMessage('go') async go() {
        const answer = Doing.handle?.request({ op: 'mine' });
        Doing.outcomes.push(await answer?.catch((error: Error) => error.name));
      }
    }
    await using s = await NetScene.open(Doing, { protocol, maxInFlight: 1 });
    const first = out((Doing.handle = s.handle).request({ op: 'first' }));
    await asked(s);
    await feed(s, { op: 'go' });
    const others = out(s.handle.request({ op: 'other' }));
    const closed = s.app.close();
    await s.net.settle();
    await feed(s, { id: 1, ok: 1 });
    const mine = await asked(s);
    await feed(s, { id: mine.id, ok: 'done' });
    await seconds(s, 10);
    await closed;
    expect([first, mine.op, Doing.outcomes]).toEqual([{ value: 1 }, 'mine', ['done']]);
    expect(others.error?.name).toBe('ShuttingDownError');
  });

  it('an item that is never made is told, and left behind', async () => {
    let isHung = true;
    class Hanging {
      @OnSubscribe() items(): ChannelSource<unknown> {
        const validate = (value: unknown) =>
          isHung ? new Promise<never>(() => undefined) : Promise.resolve({ value });
        const item = { '~standard': { version: 1, vendor: 'mine', validate } } as const;
        return { subscribe: { op: 'sub' }, match: (m: M) => m.op === 'item', item };
      }
    }
    await using s = await NetScene.open(Hanging, {
      protocol,
      slowHandler: 1_000,
      handlerTimeout: 5_000,
      ...AT_ONCE,
    });
    const told: unknown[] = [];
    s.handle.events$.subscribe((event) => {
      if (event.event === 'handler:slow') told.push(event.method);
      if (event.event === 'terminate') told.push(event.reason.by);
    });
    const items: unknown[] = [];
    s.handle.channel('items').subscribe((item) => items.push(item));
    await asked(s);
    await feed(s, { op: 'item', n: 1 }, { op: 'item', n: 2 });
    await seconds(s, 2);
    expect(told).toEqual(['item of channel("items")']);
    isHung = false;
    await seconds(s, 8);
    expect(told.slice(1)).toEqual(['error']);
    await asked(s);
    await feed(s, { op: 'item', n: 3 });
    expect(items).toEqual([{ op: 'item', n: 3 }]);
  });

  it('who asks the peer before it subscribes holds up no message, but channels after it', async () => {
    class Careful {
      static handle: ClientHandle | undefined;
      static seen: unknown[] = [];
      @OnSubscribe() async first(): Promise<ChannelSource<M>> {
        const token = await Careful.handle?.request({ op: 'token' });
        return { subscribe: { op: 'first', ok: token }, match: () => false, ack: 'answer' };
      }
      @OnSubscribe() second(): ChannelSource<M> {
        return { subscribe: { op: 'second' }, match: () => false, ack: 'answer' };
      }
      @OnMessage('trade') trade({ n }: M) {
        Careful.seen.push(n);
      }
    }
    await using s = await NetScene.open(Careful, { protocol, maxInFlight: 1, ...AT_ONCE });
    Careful.handle = s.handle;
    s.handle.channel('first').subscribe();
    const { id } = await asked(s);
    await feed(s, { op: 'trade', n: 1 });
    expect(Careful.seen).toEqual([1]);
    await feed(s, { id, ok: 'T1' });
    await feed(s, { id: (await asked(s)).id, ok: 1 });
    s.handle.channel('second').subscribe();
    await feed(s, { id: (await asked(s)).id, ok: 1 });

    s.peer.drop();
    await s.net.settle();
    out(s.handle.request({ op: 'kept' }, { whenDisconnected: 'queue' }));
    await seconds(s, 1);
    const all: unknown[] = [];
    for (let n = 0; n < 4; n++) {
      const { id: of, op, ok } = await asked(s);
      all.push([op, ok]);
      await feed(s, { op: 'trade', n: 2 + n }, { id: of, ok: op === 'token' ? 'T2' : true });
    }
    expect(all).toEqual(
      expect.arrayContaining([
        ['token', undefined],
        ['first', 'T2'],
        ['second', undefined],
      ]),
    );
    const ops = (all as [string][]).map(([op]) => op);
    expect(ops.indexOf('first')).toBeLessThan(ops.indexOf('second'));
    expect(Careful.seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('an @OnSubscribe that never returns is told, and has its end', async () => {
    class Never {
      @OnSubscribe() async items(): Promise<ChannelSource<M>> {
        return new Promise(() => undefined);
      }
      @OnMessage('trade') trade(m: M) {
        Feed.seen.push(m);
      }
    }
    Feed.seen = [];
    await using s = await NetScene.open(Never, {
      protocol,
      slowHandler: 1_000,
      handlerTimeout: 5_000,
    });
    const told: unknown[] = [];
    s.handle.events$.subscribe((event) => {
      if (event.event === 'handler:slow') told.push(event.method);
    });
    s.handle.channel('items').subscribe({ error: (error: Error) => told.push(error.message) });
    await seconds(s, 2);
    await feed(s, { op: 'trade' });
    expect([told, Feed.seen]).toEqual([['items'], [{ op: 'trade' }]]);
    await seconds(s, 4);
    expect(told.slice(1)).toEqual([expect.stringMatching(/items did not return within 5000 ms/)]);
    expect(s.handle.channels).toEqual([]);
  });

  it('a function of a channel that is async is told, and is no yes', async () => {
    const later = async (): Promise<boolean> => true;
    class Async {
      @OnSubscribe() match(): ChannelSource<M> {
        return { subscribe: { op: 'sub' }, match: later as never };
      }
      @OnSubscribe() ack(): ChannelSource<M> {
        return { subscribe: { op: 'sub' }, match: () => false, ack: later as never };
      }
      @OnMessage(later as never) predicate() {}
      @OnError() bad({ message }: MessageError) {
        told.push(
          /"?(match|ack|predicate)"? (of a channel )?returned a promise/.exec(message)?.[1],
        );
      }
    }
    const told: unknown[] = [];
    await using s = await NetScene.open(Async, { protocol });
    const items: unknown[] = [];
    s.handle.channel('match').subscribe((item) => items.push(item));
    s.handle.channel('ack').subscribe((item) => items.push(item));
    for (let n = 0; n < 2; n++) await asked(s);
    await feed(s, { op: 'any' });
    expect([told, items]).toEqual([['match', 'ack', 'predicate'], []]);
    expect(s.handle.channels.map(({ state }) => state)).toEqual(['active', 'pending']);
  });

  it('what cannot be written ends no session, though it is to end a channel', async () => {
    class Unwritten {
      @OnSubscribe() items(how: 'answer' | 'none'): ChannelSource<M> {
        return {
          subscribe: { op: 'sub' },
          unsubscribe: { op: 'unsub', n: 1n },
          match: () => false,
          ...(how === 'answer' && { ack: how }),
        };
      }
    }
    await using s = await NetScene.open(Unwritten, { protocol, ...AT_ONCE });
    const errors: unknown[] = [];
    s.handle.events$.subscribe((event) => {
      if (event.event === 'error') errors.push((event.error as Error).name, event.where);
    });
    const all = (['answer', 'none'] as const).map((how) =>
      s.handle.channel('items', how).subscribe(),
    );
    await feed(s, { id: (await asked(s)).id, ok: 1 });
    await asked(s);
    for (const one of all) one.unsubscribe();
    await seconds(s, 20);
    const of = ['FrameEncodeError', '"unsubscribe" of channel("items")'];
    expect(errors).toEqual([...of, ...of]);
    expect([s.handle.session, s.handle.channels]).toEqual([1, []]);
    s.handle.channel('items', 'none').subscribe();
    expect((await asked(s)).op).toBe('sub');
  });

  it('what came before a channel was asked for does not confirm it', async () => {
    class Confirmed {
      static free: (() => void) | undefined;
      @OnSubscribe() items(): ChannelSource<M> {
        return { subscribe: { op: 'sub' }, match: () => false, ack: ({ op }: M) => op === 'yes' };
      }
      @OnMessage('hold') async hold() {
        await new Promise<void>((resolve) => (Confirmed.free = resolve));
      }
    }
    const rate = { limit: 1, per: 10_000, burst: 1 };
    await using s = await NetScene.open(Confirmed, { protocol, sendRate: rate });
    const states = (): unknown[] => s.handle.channels.map(({ state }) => state);
    const one = s.handle.channel('items').subscribe();
    await asked(s);
    await feed(s, { op: 'yes' });
    expect(states()).toEqual(['active']);
    one.unsubscribe();
    // It waits for its turn.
    s.handle.channel('items').subscribe();
    await feed(s, { op: 'yes' });
    expect(states()).toEqual(['pending']);
    // It leaves while what came before waits.
    await feed(s, { op: 'hold' }, { op: 'yes' });
    await seconds(s, 10);
    await asked(s);
    Confirmed.free?.();
    await s.net.settle();
    expect(states()).toEqual(['pending']);
    await feed(s, { op: 'yes' });
    expect(states()).toEqual(['active']);
  });

  it('who comes back to a channel of which too much had come begins anew', async () => {
    await using s = await NetScene.open(Feed, { protocol });
    const errors: Error[] = [];
    const items: unknown[] = [];
    const subscribe = (): void =>
      void s.handle.channel('trades', 'BTC').subscribe({
        next: ({ n }) => items.push(n),
        error: (error: Error) => {
          errors.push(error);
          subscribe();
        },
      });
    subscribe();
    const { id } = await asked(s);
    await feed(s, ...Array.from({ length: 1_025 }, () => ({ op: 'trade', symbol: 'BTC' })));
    expect(errors).toHaveLength(1);
    await feed(s, { id, ok: 1 });
    await feed(s, { id: (await asked(s)).id, ok: 1 });
    await feed(s, { id: (await asked(s)).id, ok: 1 }, { op: 'trade', symbol: 'BTC', n: 7 });
    expect([errors.length, items]).toEqual([1, [7]]);
  });

  it('few of the channels that were left are asked about what is nobody’s', async () => {
    let asks = 0;
    class Many {
      @OnSubscribe() items(n: number): ChannelSource<M> {
        const match = (m: M): boolean => {
          if (m.op === 'other') asks++;
          return m.op === 'item' && m.n === n;
        };
        return { subscribe: { op: 'sub', n }, unsubscribe: { op: 'unsub', n }, match };
      }
    }
    await using s = await NetScene.open(Many, { protocol });
    for (let n = 0; n < 500; n++) {
      s.handle.channel('items', n).subscribe().unsubscribe();
      for (let sent = 0; sent < 2; sent++) await asked(s);
    }
    await seconds(s, 2);
    await feed(s, { op: 'other' });
    expect(asks).toBe(100);
    // The last of them are known still, and told once.
    await feed(s, { op: 'item', n: 499 }, { op: 'item', n: 499 });
    expect(await asked(s)).toEqual({ op: 'unsub', n: 499 });
    await feed(s, { op: 'other' });
    expect(asks).toBe(199);
  });

  it('a snapshot that we have closed the session before is asked for again', async () => {
    class Snapshots {
      static give: (() => void) | undefined;
      static asked: (number | bigint)[] = [];
      static seen: unknown[] = [];
      @OnMessage() m({ n, seq }: M) {
        Snapshots.seen.push(n ?? seq);
      }
      @OnGap() async gap({ stream, from, to }: Gap) {
        Snapshots.asked.push(from.seq);
        await new Promise<void>((resolve) => (Snapshots.give = resolve));
        return resync({ stream, seq: to.seq }, [{ n: `to ${to.seq}` }]);
      }
    }
    await using s = await NetScene.open(Snapshots, { protocol: positions, ...AT_ONCE });
    await feed(s, { seq: 1 }, { seq: 10 });
    void s.handle.reconnect();
    Snapshots.give?.();
    await s.net.settle();
    await seconds(s, 1);
    await feed(s, { seq: 11 });
    Snapshots.give?.();
    await feed(s, { seq: 12 });
    expect(Snapshots.asked).toEqual([1, 1]);
    expect(Snapshots.seen).toEqual([1, 'to 11', 12]);
  });

  it('nothing is subscribed to in a session that is lost, though its end waits for its turn', async () => {
    const sessions: number[] = [];
    let done: (() => void) | undefined;
    class Paced {
      @OnSubscribe() plain(symbol: string, { session }: SubscribeContext): ChannelSource<M> {
        sessions.push(session);
        return { subscribe: { op: 'sub', symbol }, match: () => false };
      }
      @OnMessage('slow') async slow() {
        await new Promise<void>((resolve) => (done = resolve));
      }
    }
    const replay = { perSecond: 1 };
    await using s = await NetScene.open(Paced, { protocol, replay, ...AT_ONCE });
    for (const symbol of ['A', 'B', 'C']) s.handle.channel('plain', symbol).subscribe();
    await s.net.settle();
    s.peer.drop();
    await s.net.clock.advance('1ms');
    await feed(s, { op: 'slow' });
    s.peer.drop();
    await seconds(s, 5);
    done?.();
    await seconds(s, 5);
    expect(sessions).toEqual([1, 1, 1, 2, 3, 3, 3]);
  });

  it('what answers us asks nothing: the answers to the rest of its frame do not wait for one to it', async () => {
    class Answering {
      @OnRequest('both') both() {
        return 'yes';
      }
    }
    const batches = make({
      split: (m) => (Array.isArray(m) ? (m as M[]) : [m]),
      answer: ({ ok, symbol }) => {
        if (symbol === 'throws') throw new Error('no');
        return ok === undefined ? undefined : { id: 7, value: ok };
      },
      call: ({ id }) => (id === undefined ? undefined : { id, name: 'both', value: id }),
      reply: (id, result) => ({ id: id as number, ok: 'value' in result && result.value }),
      join: (all) => all as M,
    });
    await using s = await NetScene.open(Answering, { protocol: batches });
    await feed(s, [{ id: 1 }, { id: 2, ok: 1 }, { id: 3, symbol: 'throws' }]);
    expect(await asked(s)).toEqual([{ id: 1, ok: 'yes' }]);
  });

  it('channels are subscribed to first in a session with fewer places, too', async () => {
    let maxInFlight = 2;
    class Fewer extends Feed {}
    const useFactory = () => ({ url: 'wss://feed.example', protocol, maxInFlight, ...AT_ONCE });
    WebSockexClient({ useFactory })(Fewer);
    await using net = createTestNet();
    const app = await net.install(
      Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [Fewer] })] }),
    );
    app.useLogger(false);
    const server = net.server(Fewer);
    server.acceptAll();
    await app.init();
    const handle = app.get<ClientHandle<Fewer>>(getClientToken(Fewer));
    await handle.connected();
    const next = async (): Promise<M> => (await server.peer.expectJson()) as M;
    const answer = async ({ id }: M): Promise<void> => {
      server.peer.sendJson({ id, ok: 1 });
      await net.settle();
    };
    handle.channel('trades', 'BTC').subscribe();
    await answer(await next());
    server.peer.drop();
    await net.settle();
    for (const op of ['q1', 'q2']) out(handle.request({ op }, { whenDisconnected: 'queue' }));
    maxInFlight = 1;
    await net.clock.advance('1s');
    const order: unknown[] = [];
    for (let n = 0; n < 3; n++) {
      const request = await next();
      order.push(request.op);
      await answer(request);
    }
    expect(order).toEqual(['sub', 'q1', 'q2']);
    await app.close();
  });

  it('nor does what the old socket of a rotation gives back keep them waiting', async () => {
    class Rotated extends Feed {
      @OnConnect() rotated() {
        return ready();
      }
    }
    await using scene = await Scene.open(Rotated, {
      protocol,
      maxInFlight: 1,
      overlap: 60_000,
      sendHighWaterMark: Infinity,
      maxBuffered: Infinity,
    });
    const { handle, peer: old } = scene;
    const next = async (peer: RawPeer): Promise<M> =>
      JSON.parse((await peer.nextFrame('text')).payload.toString()) as M;
    const answer = async (peer: RawPeer): Promise<unknown> => {
      const { id, op } = await next(peer);
      peer.text(JSON.stringify({ id, ok: op }));
      return op;
    };
    handle.channel('trades', 'BTC').subscribe();
    await answer(old);
    const first = handle.request({ op: 'first' });
    await answer(old);
    await first;
    // More than the buffers of two sockets hold.
    old.pauseReading();
    for (let n = 0; n < 64; n++) out(handle.sendFrame('x'.repeat(256 * 1024)));
    const kept = handle.request({ op: 'kept' }, { whenDisconnected: 'queue' });
    const rotated = handle.rotate();
    const fresh = await scene.accept();
    await rotated;
    old.destroy();
    expect([await answer(fresh), await answer(fresh), await kept]).toEqual(['sub', 'kept', 'kept']);
  });

  it('an async function of a protocol is told, and its promise harms nobody', async () => {
    const fails = (async () => {
      throw new Error('later');
    }) as never;
    const told: string[] = [];
    class Told {
      @OnMessage('named') named() {}
      @OnRequest('asked') asked() {}
      @OnGap() gap() {}
      @OnError() bad({ message }: MessageError) {
        told.push(/(protocol\.\S+) returned a promise/.exec(message)?.[1] ?? message);
      }
    }
    const none = (): undefined => undefined;
    const quiet = make({ call: none, position: none });
    const wrong = ['name', 'answer', 'refuse', 'call', 'position', 'split'] as const;
    for (const name of wrong) {
      await using s = await NetScene.open(Told, { protocol: { ...quiet, [name]: fails } });
      await feed(s, { op: 'any' });
    }
    const { codec } = quiet;
    const decoding = { ...quiet, codec: { ...codec, decode: fails } };
    await using s = await NetScene.open(Told, { protocol: decoding });
    await feed(s, { op: 'any' });
    expect(told).toEqual([...wrong, 'codec.decode'].map((name) => `protocol.${name}`));
    for (const [name, changed] of [
      ['request', { ...quiet, request: fails }],
      ['codec.encode', { ...quiet, codec: { ...codec, encode: fails } }],
    ] as const) {
      await using sending = await NetScene.open(Told, { protocol: changed });
      await expect(sending.handle.request({ op: 'any' })).rejects.toThrow(
        `protocol.${name} returned a promise`,
      );
    }
  });

  it.each([{ retry: false }, { retry: true }])(
    'what the socket gives back of a request that has ended, or is sent anew, is not sent: %j',
    async ({ retry: again }) => {
      class Plain {}
      const all = { sendHighWaterMark: Infinity, maxBuffered: Infinity };
      await using scene = await Scene.open(Plain, { protocol, ...all, ...AT_ONCE });
      const { handle, peer: old } = scene;
      old.pauseReading();
      const flood = 'x'.repeat(256 * 1024);
      for (let n = 0; n < 64; n++) out(handle.sendFrame(flood));
      const outcome = out(
        handle.request({ op: 'kept' }, { whenDisconnected: 'queue', retry: again }),
      );
      const closing = firstValueFrom(handle.status$.pipe(filter((status) => status === 'closing')));
      old.close(1000);
      await closing;
      old.destroy();
      const fresh = await scene.accept();
      await handle.connected();
      await handle.send({ op: 'last' });
      const seen: unknown[] = [];
      while (seen.at(-1) !== 'last') {
        const { payload } = await fresh.nextFrame('text');
        seen.push((JSON.parse(payload.toString()) as M).op);
      }
      expect(seen).toEqual(again ? ['kept', 'last'] : ['last']);
      if (!again) expect(outcome.error).toMatchObject({ name: 'DisconnectedError', sent: true });
    },
  );

  it('a message that confirms a channel has its time, though it waits for the end of an overlap', async () => {
    class Overlapped {
      static items: unknown[] = [];
      @OnConnect() login() {
        return ready();
      }
      @OnSubscribe() items(): ChannelSource<M> {
        const ack = ({ op }: M): boolean => op === 'subscribed';
        return { subscribe: { op: 'sub' }, match: ({ op }: M) => op === 'item', ack };
      }
    }
    const options = { protocol, overlap: 15_000, ackTimeout: 10_000, ...AT_ONCE };
    await using s = await NetScene.open(Overlapped, options);
    const items: unknown[] = [];
    s.handle.channel('items').subscribe(({ n }) => items.push(n));
    await asked(s);
    await feed(s, { op: 'subscribed' }, { op: 'item', n: 1 });
    await s.handle.rotate();
    await asked(s);
    await feed(s, { op: 'subscribed' }, { op: 'item', n: 2 });
    await seconds(s, 30);
    expect([s.handle.session, items]).toEqual([2, [1, 2]]);
    expect(s.handle.channels).toMatchObject([{ state: 'active' }]);
    // Where it has never come, that is told as ever.
    void s.handle.rotate();
    await seconds(s, 24);
    expect(s.handle.session).toBe(3);
    await seconds(s, 2);
    expect(s.handle.session).toBe(4);
  });

  it('a bad message that a channel has kept is told as what it is', async () => {
    const told: unknown[] = [];
    class Kept {
      @OnSubscribe() items(how: 'item' | 'match'): ChannelSource<unknown> {
        const refuse = (): never => {
          throw new Error('bad');
        };
        return {
          subscribe: { op: 'sub' },
          match: how === 'item' ? ({ op }: M) => op === 'item' : (_: M, __: M) => refuse(),
          ack: 'answer',
          ...(how === 'item' && { item: refuse }),
        };
      }
      @OnError() bad({ value, data }: MessageError) {
        told.push(value, data);
      }
    }
    await using s = await NetScene.open(Kept, { protocol });
    for (const how of ['item', 'match'] as const) {
      s.handle.channel('items', how).subscribe();
      const { id } = await asked(s);
      await feed(s, { op: 'item', n: how }, { op: 'other' });
      told.length = 0;
      await feed(s, { id, ok: 1 });
      expect(told.slice(0, 2)).toEqual([{ op: 'item', n: how }, '']);
    }
  });

  it('what a handler could not finish, because its session was over, is missing', async () => {
    class Asks {
      static handle: ClientHandle | undefined;
      static asked: string[] = [];
      static seen: unknown[] = [];
      @OnMessage() async m({ seq, op }: M) {
        if (op === 'ask') await Asks.handle?.request({ op });
        Asks.seen.push(seq);
      }
      @OnGap() gap({ from, to }: Gap) {
        Asks.asked.push(`${from.seq}-${to.seq}`);
        return [{ seq: Number(from.seq) + 1 }];
      }
    }
    const both = make({
      position: ({ seq }) => (seq === undefined ? undefined : { stream: 'a', seq }),
    });
    await using s = await NetScene.open(Asks, { protocol: both, ...AT_ONCE });
    Asks.handle = s.handle;
    await feed(s, { seq: 1 }, { seq: 2, op: 'ask' });
    s.peer.drop();
    await seconds(s, 1);
    await feed(s, { seq: 3 });
    expect([Asks.asked, Asks.seen]).toEqual([['1-3'], [1, 2, 3]]);
  });
});
