import {
  type ChannelSource,
  type ClientHandle,
  type DataFrame,
  json,
  type MessageError,
  NoHandlerError,
  OnCast,
  OnError,
  OnGap,
  OnMessage,
  OnSubscribe,
  type SubscribeContext,
  SubscribeError,
  type WebSockexClientOptions,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { map, type Subscription, take } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { NetScene } from '../../fixtures/net-scene.js';

interface Told {
  readonly op?: string;
  readonly id?: number;
  readonly symbol?: string;
  readonly price?: unknown;
  readonly seq?: number;
  readonly after?: number;
  readonly ok?: unknown;
  readonly no?: string;
}

const protocol = json<Told>({
  name: 'op',
  request: (message, id) => ({ ...message, id: id as number }),
  answer: ({ id, ok, no, op }) => {
    if (id === undefined || op !== undefined) return undefined;
    return no === undefined ? { id, value: ok } : { id, error: new Error(no) };
  },
  position: ({ seq, symbol }) =>
    seq === undefined || symbol === undefined ? undefined : { stream: symbol, seq },
});

interface Trade {
  readonly op: 'trade';
  readonly symbol: string;
  readonly price: number;
}

/** Channels of every kind. */
class FeedClient {
  static contexts: SubscribeContext[] = [];
  static errors: MessageError[] = [];
  readonly seen: Told[] = [];

  /** Confirmed by the answer to a request. */
  @OnSubscribe()
  trades(symbol: string, context: SubscribeContext = { session: 0 }): ChannelSource<Trade> {
    FeedClient.contexts.push(context);
    if (symbol === 'NONE') throw new Error('there is no such symbol');
    return {
      subscribe: { op: 'sub', symbol },
      unsubscribe: { op: 'unsub', symbol },
      match: (message: Told) => message.op === 'trade' && message.symbol === symbol,
      ack: 'answer',
    };
  }

  /** Confirmed by nothing. */
  @OnSubscribe()
  plain(symbol: string, _size?: number): ChannelSource<unknown> {
    return {
      subscribe: { op: 'sub', symbol },
      unsubscribe: { op: 'unsub', symbol },
      match: (message: Told) => message.op === 'trade' && message.symbol === symbol,
      item: ({ price }: Told) => price,
    };
  }

  /** Confirmed by a message, and its items are checked. */
  @OnSubscribe()
  async checked(symbol: string): Promise<ChannelSource<{ price: number }>> {
    await Promise.resolve();
    return {
      subscribe: { op: 'sub', symbol },
      match: (message: Told) => message.op === 'trade' && message.symbol === symbol,
      item: z.object({ price: z.coerce.number() }),
      ack: ({ op, symbol: of, no }: Told) =>
        no === undefined ? op === 'subscribed' && of === symbol : new Error(no),
    };
  }

  /** Known by an id that the peer gives in its answer. */
  @OnSubscribe()
  logs(topic: string): ChannelSource<Told> {
    return {
      subscribe: { op: 'sub', symbol: topic },
      unsubscribe: (id: string) => ({ op: 'unsub', symbol: id }),
      match: (message: Told, id: string) => message.op === 'log' && message.symbol === id,
      ack: 'answer',
    };
  }

  @OnMessage('trade')
  trade(message: Told) {
    this.seen.push(message);
  }

  @OnError()
  bad(error: MessageError) {
    FeedClient.errors.push(error);
  }

  @OnCast()
  crash() {
    throw new Error('crash');
  }
}

type Scene = NetScene<FeedClient>;

/** What a subscriber has been told. */
interface Told$ {
  readonly items: unknown[];
  error?: unknown;
  isOver: boolean;
  readonly subscription: Subscription;
}

function watch(channel: ReturnType<ClientHandle<FeedClient>['channel']>): Told$ {
  const told: { items: unknown[]; error?: unknown; isOver: boolean } = { items: [], isOver: false };
  const subscription = channel.subscribe({
    next: (item) => told.items.push(item),
    error: (error: unknown) => (told.error = error),
    complete: () => (told.isOver = true),
  });
  return Object.assign(told, { subscription });
}

const asked = async ({ peer }: Scene): Promise<Told> => (await peer.expectJson()) as Told;
const feed = (scene: Scene, ...all: object[]): Promise<void> =>
  scene.feed(...all.map((one) => JSON.stringify(one)));
const trade = (symbol: string, price: unknown, seq?: number): object => ({
  op: 'trade',
  symbol,
  price,
  ...(seq !== undefined && { seq }),
});
/** Waits for the next message, which asks for something, and answers it. */
async function grant(scene: Scene, answer: object = { ok: true }): Promise<Told> {
  const message = await asked(scene);
  await feed(scene, { id: message.id, ...answer });
  return message;
}
/** Until the client has that session. */
async function untilSession(scene: Scene, session: number): Promise<void> {
  for (let step = 0; scene.handle.session < session && step < 500; step++) {
    await scene.net.clock.advance('10ms');
  }
  expect(scene.handle.session).toBe(session);
}

/** Nothing has been sent that is not expected. */
async function nothingMore(scene: Scene): Promise<void> {
  await scene.net.settle();
  await scene.handle.send({ op: 'mark' });
  expect(await asked(scene)).toEqual({ op: 'mark' });
}

const states = ({ handle }: Scene): string[] =>
  handle.channels.map(({ name, args, state, subscribers }) =>
    [name, ...args, state, subscribers].join(' '),
  );

function failures({ handle }: Scene): WebSockexEvent[] {
  const events: WebSockexEvent[] = [];
  handle.events$.subscribe((event) => {
    if (event.event === 'channel:failed') events.push(event);
  });
  return events;
}

describe('a channel', () => {
  it('is asked for once, by the first who subscribes, and ended by the last who leaves', async () => {
    FeedClient.contexts = [];
    await using scene = await NetScene.open(FeedClient, { protocol });
    const one = watch(scene.handle.channel('trades', 'BTC'));
    const other = watch(scene.handle.channel('trades', 'BTC'));
    expect(states(scene)).toEqual(['trades BTC pending 2']);
    expect(await grant(scene)).toEqual({ op: 'sub', symbol: 'BTC', id: 1 });
    expect(states(scene)).toEqual(['trades BTC active 2']);
    expect(FeedClient.contexts).toEqual([{ session: 1 }]);

    await feed(scene, trade('BTC', 1), trade('ETH', 2));
    one.subscription.unsubscribe();
    await feed(scene, trade('BTC', 3));
    expect(one.items).toEqual([trade('BTC', 1)]);
    expect(other.items).toEqual([trade('BTC', 1), trade('BTC', 3)]);
    // Handlers have them, too.
    expect(((await scene.handle.sys.getState()) as FeedClient).seen).toHaveLength(3);

    other.subscription.unsubscribe();
    expect(await grant(scene)).toEqual({ op: 'unsub', symbol: 'BTC', id: 2 });
    expect(states(scene)).toEqual([]);
    await nothingMore(scene);
  });

  it('is known by its arguments, whatever the order of their fields', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const channel = (args: object): ReturnType<ClientHandle<FeedClient>['channel']> =>
      scene.handle.channel('plain', args as never);
    watch(channel({ a: 1, b: [{ c: 2, d: undefined }] }));
    watch(channel({ b: [{ c: 2 }], a: 1 }));
    watch(channel({ a: 1, b: [{ c: '2' }] }));
    expect(scene.handle.channels.map(({ subscribers }) => subscribers)).toEqual([2, 1]);
    const cycle: { self?: object } = {};
    cycle.self = cycle;
    for (const bad of [() => 1, Symbol('s'), { deep: [() => 1] }, cycle]) {
      expect(() => channel(bad as never)).toThrow(/FeedClient: channel\("plain"\): among its/);
    }
    expect(() => scene.handle.channel('trade' as never)).toThrow(NoHandlerError);
  });

  it('is another one for each value that is another one; what could not be told apart is refused', async () => {
    // Nothing is sent: a codec may not know what tells two of them apart.
    await using scene = await NetScene.boot(FeedClient, { protocol });
    const channel = (...args: unknown[]): ReturnType<ClientHandle<FeedClient>['channel']> =>
      scene.handle.channel('plain', ...(args as [never]));
    const all = [[], [null], [undefined], ['null'], [1], ['1'], [1n], ['1n'], [true], [[]], [{}]];
    for (const args of [...all, [[null]], [[undefined]], ['a', 'b'], ['a,b'], [['a', 'b']]]) {
      watch(channel(...args));
    }
    expect(new Set(scene.handle.channels.map(({ subscribers }) => subscribers))).toEqual(
      new Set([1]),
    );
    expect(scene.handle.channels).toHaveLength(all.length + 5);
    class Query {
      readonly symbol = 'BTC';
    }
    const bad = [NaN, Infinity, new Map(), new Set([1]), new Date(0), new Query(), /a/];
    for (const one of [...bad, [new Map()], { deep: NaN }, Buffer.from('a')]) {
      expect(() => channel(one)).toThrow(
        /^FeedClient: channel\("plain"\): among its arguments is .*\. They may be texts, finite numbers/,
      );
    }
    expect(scene.handle.channels).toHaveLength(all.length + 5);
  });

  it('is asked for with the arguments that were given, whatever becomes of them', async () => {
    const seen: unknown[] = [];
    class QueryClient {
      @OnSubscribe()
      rows(query: { symbols: string[] }): ChannelSource<unknown> {
        seen.push(structuredClone(query), Object.isFrozen(query.symbols));
        return { subscribe: { op: 'sub' }, match: () => true };
      }
    }
    await using scene = await NetScene.open(QueryClient, {
      protocol,
      reconnect: { initialDelay: 0, jitter: 'none' },
    });
    const symbols = ['BTC'];
    const rows = scene.handle.channel('rows', { symbols });
    symbols.push('ETH');
    rows.subscribe();
    await scene.net.settle();
    scene.peer.drop();
    for (let step = 0; scene.handle.session < 2 && step < 500; step++) {
      await scene.net.clock.advance('10ms');
    }
    await scene.net.settle();
    expect(seen).toEqual([{ symbols: ['BTC'] }, true, { symbols: ['BTC'] }, true]);
    expect(scene.handle.channels[0]?.args).toEqual([{ symbols: ['BTC'] }]);
  });

  it('without an ack is active once it is sent; a subscriber that throws harms no other', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const errors: unknown[] = [];
    scene.handle.events$.subscribe((event) => {
      if (event.event === 'error') errors.push(event.where);
    });
    scene.handle.channel('plain', 'BTC').subscribe(() => {
      throw new Error('mine');
    });
    const piped = watch(
      scene.handle.channel('plain', 'BTC').pipe(
        map((price) => {
          if (price === 2) throw new Error('piped');
          return price;
        }),
      ),
    );
    const other = watch(scene.handle.channel('plain', 'BTC'));
    expect(await asked(scene)).toEqual({ op: 'sub', symbol: 'BTC' });
    await scene.net.settle();
    expect(states(scene)).toEqual(['plain BTC active 3']);
    await feed(scene, trade('BTC', 1), trade('BTC', 2), trade('BTC', 3));
    expect(other.items).toEqual([1, 2, 3]);
    expect(piped.items).toEqual([1]);
    expect((piped.error as Error).message).toBe('piped');
    expect(new Set(errors)).toEqual(new Set(['a subscriber of channel("plain")']));
  });

  it('keeps what comes before it is confirmed, and gives it in order', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    const { id } = await asked(scene);
    await feed(scene, trade('BTC', 1), trade('BTC', 2));
    expect(btc.items).toEqual([]);
    // In one chunk with the answer.
    await feed(scene, trade('BTC', 3), { id, ok: true }, trade('BTC', 4));
    expect(btc.items.map((item) => (item as Trade).price)).toEqual([1, 2, 3, 4]);
  });

  it('may be left by who gets an item: no other item, and nothing of them is a bad message', async () => {
    FeedClient.errors = [];
    await using scene = await NetScene.open(FeedClient, { protocol });
    const none = watch(scene.handle.channel('checked', 'BTC').pipe(take(1)));
    await asked(scene);
    const all = watch(scene.handle.channel('trades', 'ETH').pipe(take(2)));
    await feed(scene, trade('BTC', 1), trade('BTC', 2), { op: 'subscribed', symbol: 'BTC' });
    const { id } = await asked(scene);
    await feed(scene, trade('ETH', 1), trade('ETH', 2), trade('ETH', 3), { id, ok: true });
    expect([none.items, all.items]).toEqual([[{ price: 1 }], [trade('ETH', 1), trade('ETH', 2)]]);
    expect([none.isOver, all.isOver]).toEqual([true, true]);
    expect(await grant(scene)).toMatchObject({ op: 'unsub', symbol: 'ETH' });
    expect([FeedClient.errors, states(scene)]).toEqual([[], []]);
  });

  it('may be confirmed by a message, and checks its items, one after the other', async () => {
    FeedClient.errors = [];
    await using scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('checked', 'BTC'));
    await asked(scene);
    await feed(scene, { op: 'subscribed', symbol: 'ETH' }, trade('BTC', '1'));
    expect(states(scene)).toEqual(['checked BTC pending 1']);
    await feed(scene, { op: 'subscribed', symbol: 'BTC' }, trade('BTC', 'x'), trade('BTC', '3'));
    expect(btc.items).toEqual([{ price: 1 }, { price: 3 }]);
    expect(FeedClient.errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('a message for a channel is not valid: price'),
    ]);
  });

  it('may be known by what the peer has answered', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const logs = watch(scene.handle.channel('logs', 'a'));
    const { id } = await asked(scene);
    // The first items overtake the answer.
    await feed(scene, { op: 'log', symbol: '0x1', price: 1 }, { op: 'log', symbol: '0x2' });
    await feed(scene, { id, ok: '0x1' }, { op: 'log', symbol: '0x1', price: 2 });
    expect(logs.items).toEqual([
      { op: 'log', symbol: '0x1', price: 1 },
      { op: 'log', symbol: '0x1', price: 2 },
    ]);
    logs.subscription.unsubscribe();
    expect(await grant(scene)).toMatchObject({ op: 'unsub', symbol: '0x1' });
  });

  it('fails where more come than are kept before it is confirmed', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    const { id } = await asked(scene);
    await feed(scene, ...Array.from({ length: 1_024 }, (_, price) => trade('BTC', price)));
    expect(btc.error).toBeUndefined();
    await feed(scene, trade('BTC', 0));
    expect(btc.error).toBeInstanceOf(SubscribeError);
    // The peer is not left with it.
    await feed(scene, { id, ok: true });
    expect(await grant(scene)).toMatchObject({ op: 'unsub', symbol: 'BTC' });
    expect(states(scene)).toEqual([]);
  });

  it('completes when the client ends, and at once after that', async () => {
    const scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    await scene.close();
    expect([btc.isOver, btc.error]).toEqual([true, undefined]);
    expect(watch(scene.handle.channel('trades', 'BTC')).isOver).toBe(true);
    await scene.net.dispose();
  });
});

describe('a subscription that fails', () => {
  it('is an error for those who subscribe: refused, or its method throws', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    await grant(scene, { no: 'not for you' });
    expect(btc.error).toBeInstanceOf(SubscribeError);
    expect(btc.error).toMatchObject({
      channel: 'trades',
      args: ['BTC'],
      message: expect.stringContaining('the peer refuses it: ') as string,
    });
    expect(states(scene)).toEqual([]);

    const none = watch(scene.handle.channel('trades', 'NONE'));
    await scene.net.settle();
    expect((none.error as Error).message).toBe(
      'FeedClient: the channel trades("NONE"): its @OnSubscribe failed: there is no such symbol',
    );
    const checked = watch(scene.handle.channel('checked', 'BTC'));
    await asked(scene);
    await feed(scene, { no: 'never' });
    expect((checked.error as Error).message).toContain('the peer refuses it: never');
    expect(scene.handle.status).toBe('open');
    // Whoever subscribes again asks again.
    watch(scene.handle.channel('trades', 'BTC'));
    await grant(scene);
    expect(states(scene)).toEqual(['trades BTC active 1']);
  });

  it('in a later session is tried again, and told', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const events = failures(scene);
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    await grant(scene);
    scene.peer.drop();
    await scene.net.clock.advance('5s');
    await grant(scene, { no: 'later' });
    expect(states(scene)).toEqual(['trades BTC failed 1']);
    expect(events).toMatchObject([{ channel: 'trades', args: ['BTC'] }]);
    expect(events[0]).toHaveProperty('delay');
    await scene.net.clock.advance('1s');
    await grant(scene, { no: 'later' });
    await scene.net.clock.advance('2s');
    await grant(scene);
    await feed(scene, trade('BTC', 1));
    expect([btc.items.length, btc.error]).toEqual([1, undefined]);
    expect(states(scene)).toEqual(['trades BTC active 1']);
  });

  it('that nobody confirms leaves the session; the second time it has failed, and the session stays', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol, ackTimeout: 1_000 });
    const events = failures(scene);
    const eth = watch(scene.handle.channel('trades', 'ETH'));
    await grant(scene);
    scene.peer.drop();
    await untilSession(scene, 2);
    expect(await asked(scene)).toMatchObject({ op: 'sub', symbol: 'ETH' });
    // Nothing said: the session is left, and it is asked for anew.
    await untilSession(scene, 3);
    expect(await asked(scene)).toMatchObject({ op: 'sub', symbol: 'ETH' });
    await scene.net.clock.advance('5s');
    expect(scene.handle.session).toBe(3);
    expect(states(scene)).toEqual(['trades ETH failed 1']);
    expect(eth.error).toBeUndefined();
    expect(events).toHaveLength(1);
    expect(events[0]).not.toHaveProperty('delay');
    scene.peer.drop();
    await untilSession(scene, 4);
    await grant(scene);
    expect(states(scene)).toEqual(['trades ETH active 1']);
  });

  it('that nobody confirms counts anew once one was confirmed', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol, ackTimeout: 1_000 });
    watch(scene.handle.channel('trades', 'BTC'));
    await asked(scene);
    await untilSession(scene, 2);
    await grant(scene);
    scene.peer.drop();
    await untilSession(scene, 3);
    await asked(scene);
    await untilSession(scene, 4);
  });

  it('that nobody confirms may be confirmed after all', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol, ackTimeout: 1_000 });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    await untilSession(scene, 2);
    await scene.net.clock.advance('1s');
    expect(btc.error).toBeInstanceOf(SubscribeError);
    // Nobody wants it any more: the peer is not left with it.
    await scene.peer.expectJson();
    await feed(scene, { id: 2, ok: true });
    expect(await grant(scene)).toMatchObject({ op: 'unsub' });
    await nothingMore(scene);
  });

  it('in a later session because too much comes before it is confirmed is tried again', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    await grant(scene);
    const events = failures(scene);
    scene.peer.drop();
    await untilSession(scene, 2);
    const { id } = await asked(scene);
    await feed(scene, ...Array.from({ length: 1_025 }, (_, price) => trade('BTC', price)));
    await feed(scene, { id, ok: true });
    expect(await grant(scene)).toMatchObject({ op: 'unsub' });
    expect(events).toMatchObject([{ delay: expect.any(Number) as number }]);
    await scene.net.clock.advance('2s');
    await grant(scene);
    await feed(scene, trade('BTC', 7));
    expect(btc.items).toEqual([trade('BTC', 7)]);
  });

  it('that was never confirmed is an error the second time that nobody answers', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol, ackTimeout: 1_000 });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    await untilSession(scene, 2);
    expect(btc.error).toBeUndefined();
    await scene.net.clock.advance('6s');
    expect(scene.handle.session).toBe(2);
    expect((btc.error as Error).message).toContain('has not answered within 1000 ms (ackTimeout)');
  });

  it('as it is left leaves the session', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    await grant(scene);
    btc.subscription.unsubscribe();
    await grant(scene, { no: 'you are not subscribed' });
    await scene.net.clock.advance('5s');
    expect(scene.handle.session).toBe(2);
    await nothingMore(scene);
  });

  it('has its time from when it has left: before that it may wait for its turn', async () => {
    await using scene = await NetScene.open(FeedClient, {
      protocol,
      ackTimeout: 1_000,
      maxInFlight: 1,
    });
    watch(scene.handle.channel('trades', 'BTC'));
    watch(scene.handle.channel('trades', 'ETH'));
    const { id } = await asked(scene);
    await scene.net.clock.advance('999ms');
    await feed(scene, { id, ok: true });
    const eth = await asked(scene);
    await scene.net.clock.advance('999ms');
    await feed(scene, { id: eth.id, ok: true });
    expect(states(scene)).toEqual(['trades BTC active 1', 'trades ETH active 1']);
    expect(scene.handle.session).toBe(1);
  });

  it('leaves the session as well where nobody answers as it is left', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol, ackTimeout: 1_000 });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    await grant(scene);
    btc.subscription.unsubscribe();
    expect(await asked(scene)).toMatchObject({ op: 'unsub' });
    await untilSession(scene, 2);
    await nothingMore(scene);
  });

  it('is judged when what has arrived has been handled, and not while reading is paused', async () => {
    let open = (): void => undefined;
    class SlowClient extends FeedClient {
      @OnMessage('slow')
      slow() {
        return new Promise<void>((resolve) => (open = resolve));
      }
    }
    await using scene = await NetScene.open(SlowClient, { protocol, ackTimeout: 1_000 });
    const btc = watch(scene.handle.channel('checked', 'BTC'));
    await asked(scene);
    await feed(scene, { op: 'slow' }, { op: 'subscribed', symbol: 'BTC' });
    await scene.net.clock.advance('10s');
    expect(states(scene)).toEqual(['checked BTC pending 1']);
    open();
    await scene.net.settle();
    expect(states(scene)).toEqual(['checked BTC active 1']);
    expect([scene.handle.session, btc.error]).toEqual([1, undefined]);
  });
});

describe('over sessions', () => {
  it('a channel is asked for anew, in order, with where it stood', async () => {
    FeedClient.contexts = [];
    await using scene = await NetScene.open(FeedClient, { protocol });
    watch(scene.handle.channel('trades', 'BTC'));
    await grant(scene);
    const eth = watch(scene.handle.channel('trades', 'ETH'));
    await grant(scene);
    await feed(scene, trade('BTC', 1, 7), trade('ETH', 1));
    scene.peer.drop();
    await scene.net.clock.advance('5s');
    expect(states(scene)).toEqual(['trades BTC pending 1', 'trades ETH pending 1']);
    expect(FeedClient.contexts.slice(2)).toEqual([
      { session: 2, after: { stream: 'BTC', seq: 7 } },
      { session: 2 },
    ]);
    expect((await grant(scene)).symbol).toBe('BTC');
    expect((await grant(scene)).symbol).toBe('ETH');
    await feed(scene, trade('ETH', 2));
    expect(eth.items).toHaveLength(2);
  });

  it('one that nobody wanted at the end of a session has its place anew', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    await asked(scene);
    watch(scene.handle.channel('trades', 'ETH'));
    btc.subscription.unsubscribe();
    scene.peer.drop();
    await scene.net.settle();
    watch(scene.handle.channel('trades', 'BTC'));
    await untilSession(scene, 2);
    expect([(await grant(scene)).symbol, (await grant(scene)).symbol]).toEqual(['ETH', 'BTC']);
  });

  it('one that was subscribed to before there was any is asked for in the first', async () => {
    const scene = await NetScene.boot(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('plain', 'BTC'));
    const gone = watch(scene.handle.channel('plain', 'ETH'));
    gone.subscription.unsubscribe();
    scene.server.acceptAll();
    await scene.handle.connected();
    expect(await asked(scene)).toEqual({ op: 'sub', symbol: 'BTC' });
    await feed(scene, trade('BTC', 1));
    expect(btc.items).toEqual([1]);
    await nothingMore(scene);
    await scene[Symbol.asyncDispose]();
  });

  it('a crash leaves subscribers as they are; the new instance is asked', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    await grant(scene);
    scene.handle.cast('crash');
    await scene.net.clock.advance('5s');
    await grant(scene);
    await feed(scene, trade('BTC', 1));
    expect(btc.items).toHaveLength(1);
  });

  it('replays are paced, and go before what waits to be sent', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol, replay: { perSecond: 2 } });
    for (const symbol of ['A', 'B', 'C', 'D', 'E']) {
      watch(scene.handle.channel('plain', symbol));
      expect((await asked(scene)).symbol).toBe(symbol);
    }
    scene.peer.drop();
    await scene.net.settle();
    const queued = scene.handle.send({ op: 'queued' }, { whenDisconnected: 'queue' });
    await scene.net.clock.advance('499ms');
    await scene.net.clock.advance('1ms');
    while (scene.handle.session === 1) await scene.net.clock.advance('1ms');
    const at = scene.net.clock.now();
    const sent: [unknown, number][] = [];
    for (let index = 0; index < 6; index++) {
      const message = asked(scene);
      await scene.net.settle();
      await scene.net.clock.advance('1s');
      const { symbol, op } = await message;
      sent.push([symbol ?? op, 0]);
    }
    await queued;
    expect(sent.map(([what]) => what)).toEqual(['A', 'B', 'C', 'D', 'E', 'queued']);
    expect(scene.net.clock.now() - at).toBeGreaterThanOrEqual(2_000);
  });

  it('linger keeps a channel for those who come back soon', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol, linger: 1_000 });
    watch(scene.handle.channel('trades', 'BTC')).subscription.unsubscribe();
    await grant(scene);
    await scene.net.clock.advance('999ms');
    const again = watch(scene.handle.channel('trades', 'BTC'));
    await scene.net.clock.advance('5s');
    await nothingMore(scene);
    again.subscription.unsubscribe();
    await scene.net.clock.advance('1s');
    expect(await grant(scene)).toMatchObject({ op: 'unsub' });
  });

  it('the last who leaves before it is confirmed has it ended after that', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('trades', 'BTC'));
    const { id } = await asked(scene);
    btc.subscription.unsubscribe();
    await nothingMore(scene);
    await feed(scene, { id, ok: true });
    const unsub = await asked(scene);
    expect(unsub.op).toBe('unsub');
    // Who comes while it is ended has it begin anew, after that.
    const again = watch(scene.handle.channel('trades', 'BTC'));
    await nothingMore(scene);
    await feed(scene, { id: unsub.id, ok: true });
    expect(await grant(scene)).toMatchObject({ op: 'sub', symbol: 'BTC' });
    await feed(scene, trade('BTC', 1));
    expect([btc.items.length, again.items.length]).toEqual([0, 1]);
  });

  it('items of one that was left are late for a second; after that the peer is told again, once', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol });
    const btc = watch(scene.handle.channel('plain', 'BTC'));
    await asked(scene);
    btc.subscription.unsubscribe();
    expect(await asked(scene)).toMatchObject({ op: 'unsub' });
    await feed(scene, trade('BTC', 1));
    await nothingMore(scene);
    await scene.net.clock.advance('1s');
    await feed(scene, trade('BTC', 1), trade('BTC', 1));
    expect(await asked(scene)).toEqual({ op: 'unsub', symbol: 'BTC' });
    await nothingMore(scene);
    expect(btc.items).toEqual([]);
  });
});

describe('a rotation', () => {
  it('subscribes in the new session, and hears both while they overlap', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol, overlap: 1_000 });
    const logs = watch(scene.handle.channel('logs', 'a'));
    await grant(scene, { ok: '0x1' });
    const old = scene.peer;
    void scene.handle.rotate();
    await scene.net.settle();
    // A session that brings nothing takes over after five seconds.
    await untilSession(scene, 2);
    expect(scene.peer).not.toBe(old);
    old.send(JSON.stringify({ op: 'log', symbol: '0x1', price: 1 }));
    await scene.net.settle();
    await grant(scene, { ok: '0x2' });
    await feed(scene, { op: 'log', symbol: '0x2', price: 2 });
    old.send(JSON.stringify({ op: 'log', symbol: '0x1', price: 3 }));
    await scene.net.settle();
    expect(logs.items.map((item) => (item as Told).price)).toEqual([1, 3]);
    // Those of the new session come when the old one is over.
    await scene.net.clock.advance('5s');
    await feed(scene, { op: 'log', symbol: '0x2', price: 4 });
    expect(logs.items.map((item) => (item as Told).price)).toEqual([1, 3, 2, 4]);
  });

  class Watching extends FeedClient {
    @OnGap() gap() {}
  }
  const seqOf = ({ data }: DataFrame): unknown => (JSON.parse(String(data)) as Told).seq;
  it.each<[string, typeof FeedClient, WebSockexClientOptions, number[]]>([
    ['twice what both have brought', FeedClient, {}, [1, 2, 2, 3]],
    ['it once with `dedupe`', FeedClient, { dedupe: seqOf }, [1, 2, 3]],
    ['it once where an @OnGap watches positions', Watching, {}, [1, 2, 3]],
  ])('gives %s', async (_, type, options, seen) => {
    await using scene = await NetScene.open(type, { protocol, overlap: 1_000, ...options });
    const btc = watch(scene.handle.channel('plain', 'BTC'));
    await asked(scene);
    await feed(scene, trade('BTC', 1, 1));
    const old = scene.peer;
    void scene.handle.rotate();
    await untilSession(scene, 2);
    await asked(scene);
    old.send(JSON.stringify(trade('BTC', 2, 2)));
    await feed(scene, trade('BTC', 2, 2), trade('BTC', 3, 3));
    await scene.net.clock.advance('5s');
    expect(btc.items).toEqual(seen);
  });
});
