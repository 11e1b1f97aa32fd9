import {
  NoHandlerError,
  NotConnectedError,
  OnSubscribe,
  SubscribeError,
  WebSockexClient,
  type ChannelSource,
  type ClientHandle,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { fakeHandle } from 'nestjs-websockex/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { NetScene } from '../../../fixtures/net-scene.js';

interface Trade {
  readonly type?: string;
  readonly symbol?: string;
  readonly price?: number;
  readonly why?: string;
}

@WebSockexClient('wss://feed.example')
class FeedClient {
  @OnSubscribe()
  trades(symbol: string): ChannelSource<Trade> {
    return {
      subscribe: { op: 'subscribe', symbol },
      match: (message: Trade) => message.type === 'trade' && message.symbol === symbol,
      ack: ({ type, why }: Trade) => type === 'ack' && (why === undefined || new Error(why)),
    };
  }
}

const trade = (price: number): Trade => ({ type: 'trade', symbol: 'BTC', price });

/** Subscribes, and notes what comes of it. */
function watch(feed: ClientHandle<FeedClient>): unknown[] {
  const told: unknown[] = [];
  feed.channel('trades', 'BTC').subscribe({
    next: ({ price }) => told.push(price),
    error: (error: Error) => told.push(error),
    complete: () => told.push('complete'),
  });
  return told;
}

const states = (feed: ClientHandle<FeedClient>) => feed.channels.map(({ state }) => state);

afterEach(() => {
  vi.useRealTimers();
});

describe('The channels of a fake handle', () => {
  it('are active while it is open, and have the items that are played', () => {
    const feed = fakeHandle(FeedClient);
    feed.become('backoff');
    const told = watch(feed);
    expect(states(feed)).toEqual(['pending']);
    expect(() => feed.playItems('trades', ['BTC'], trade(1))).toThrow(NotConnectedError);
    feed.become('open');
    expect(feed.channels).toEqual([
      { name: 'trades', args: ['BTC'], state: 'active', subscribers: 1 },
    ]);
    feed.playItems('trades', ['BTC'], trade(1), trade(2));
    feed.playItems('trades', ['ETH'], trade(3));
    for (const state of ['closing', 'open', 'idle', 'open'] as const) feed.become(state);
    feed.playItems('trades', ['BTC'], trade(4));
    feed.end();
    expect(told).toEqual([1, 2, 4, 'complete']);
    expect(feed.channels).toEqual([]);
    expect([feed.sent, watch(feed)]).toEqual([[], ['complete']]);
  });

  it('wait for the test where it holds them, and keep what comes before it confirms', () => {
    const feed = fakeHandle(FeedClient);
    const trades = feed.holdChannel('trades', 'BTC');
    const told = watch(feed);
    feed.channel('trades', 'ETH').subscribe();
    trades.send(trade(1));
    expect([states(feed), told]).toEqual([['pending', 'active'], []]);
    trades.confirm();
    trades.send(trade(2));
    expect([states(feed), told]).toEqual([
      ['active', 'active'],
      [1, 2],
    ]);
    feed.become('open');
    expect([feed.session, states(feed)]).toEqual([2, ['pending', 'active']]);
    feed.become('idle');
    feed.become('open');
    expect(states(feed)).toEqual(['pending', 'active']);
    trades.confirm();
    trades.send(trade(3));
    expect(told).toEqual([1, 2, 3]);
  });

  it('that are refused at first give all who subscribe the error, and may be subscribed to again', () => {
    const feed = fakeHandle(FeedClient);
    const trades = feed.holdChannel('trades', 'BTC');
    const told = [watch(feed), watch(feed)];
    const refusal = new Error('no such symbol');
    trades.refuse(refusal);
    const error = expect.objectContaining({
      name: 'SubscribeError',
      message: expect.stringContaining('trades("BTC"): the peer refuses it: no such') as string,
      cause: refusal,
    }) as unknown;
    expect([told, feed.channels]).toEqual([[[error], [error]], []]);
    const again = watch(feed);
    trades.confirm();
    trades.send(trade(1));
    expect(again).toEqual([1]);
  });

  it('that are refused in a later session have failed until they are confirmed, and nobody has to subscribe again', () => {
    const feed = fakeHandle(FeedClient);
    const events: WebSockexEvent[] = [];
    feed.events$.subscribe((event) => events.push(event));
    const trades = feed.holdChannel('trades', 'BTC');
    const told = watch(feed);
    trades.confirm();
    feed.become('open');
    trades.refuse('maintenance');
    const error = expect.any(SubscribeError) as Error;
    expect(feed.channels).toMatchObject([{ state: 'failed', error }]);
    expect(events).toMatchObject([
      { event: 'channel:failed', channel: 'trades', args: ['BTC'], error },
    ]);
    trades.refuse('still');
    expect(feed.channels).toMatchObject([{ state: 'failed', error: { message: /still/ } }]);
    trades.confirm();
    trades.send(trade(1));
    expect([states(feed), told]).toEqual([['active'], [1]]);
  });

  it('that have failed are tried again after a while, as on a real handle', async () => {
    vi.useFakeTimers();
    const feed = fakeHandle(FeedClient);
    const trades = feed.holdChannel('trades', 'BTC');
    watch(feed);
    trades.confirm();
    feed.become('open');
    trades.refuse('maintenance');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(states(feed)).toEqual(['pending']);
    feed.end();
  });

  it('about which the peer is silent cost the session, and the second time they have failed', async () => {
    const feed = fakeHandle(FeedClient);
    const trades = feed.holdChannel('trades', 'BTC');
    const told = watch(feed);
    trades.confirm();
    feed.become('open');
    const reconnected = new Promise((resolve) =>
      feed.status$.subscribe((s) => s === 'backoff' && resolve(s)),
    );
    trades.silence();
    await reconnected;
    expect([states(feed), told]).toEqual([['pending'], []]);
    feed.become('open');
    trades.silence();
    expect([feed.status, feed.session]).toEqual(['open', 3]);
    expect(feed.channels).toMatchObject([
      { state: 'failed', error: { message: expect.stringContaining('ackTimeout') as string } },
    ]);
    trades.confirm();
    trades.send(trade(1));
    expect([states(feed), told]).toEqual([['active'], [1]]);
  });

  it('say why they cannot do what the test wants', () => {
    const feed = fakeHandle(FeedClient);
    const trades = feed.holdChannel('trades', 'BTC');
    expect(() => trades.confirm()).toThrow(
      'FeedClient: trades("BTC") cannot be confirmed: nobody subscribes to it',
    );
    watch(feed);
    trades.confirm();
    expect(() => trades.refuse('no')).toThrow(/cannot be refused: it is active: become\('open'\)/);
    expect(() => trades.silence()).toThrow(/cannot be silent: it is active/);
    feed.become('backoff');
    for (const word of ['confirm', 'silence', 'send'] as const) {
      expect(() => trades[word](trade(1) as never), word).toThrow(NotConnectedError);
    }
    expect(() => feed.holdChannel('none' as 'trades', 'BTC')).toThrow(NoHandlerError);
    expect(() => feed.holdChannel('trades', Symbol('no') as never)).toThrow(/told apart/);
  });

  it('tell the test what a subscriber throws, and go on', () => {
    const feed = fakeHandle(FeedClient);
    const thrown = new Error('of the subscriber');
    feed.channel('trades', 'BTC').subscribe(() => {
      throw thrown;
    });
    const told = watch(feed);
    expect(() => feed.playItems('trades', ['BTC'], trade(1), trade(2))).toThrow(thrown);
    expect(told).toEqual([1, 2]);
  });

  it('wait while sys has suspended the client', async () => {
    const feed = fakeHandle(FeedClient);
    const told = watch(feed);
    await feed.sys.suspend();
    feed.playItems('trades', ['BTC'], trade(1));
    expect(told).toEqual([]);
    await feed.sys.resume();
    expect(told).toEqual([1]);
  });
});

/** What a test does with the peer of a channel. */
interface Stage extends AsyncDisposable {
  readonly feed: ClientHandle<FeedClient>;
  /** The peer has been asked, and says this. */
  confirms(): Promise<void>;
  refuses(why: string): Promise<void>;
  sends(price: number): Promise<void>;
  /** The session is lost, and another one is open. */
  reconnects(): Promise<void>;
}

function fakeStage(): Stage {
  const feed = fakeHandle(FeedClient);
  const trades = feed.holdChannel('trades', 'BTC');
  return {
    feed,
    confirms: async () => trades.confirm(),
    refuses: async (why) => trades.refuse(why),
    sends: async (price) => trades.send(trade(price)),
    reconnects: async () => {
      feed.become('backoff');
      feed.become('open');
    },
    [Symbol.asyncDispose]: async () => feed.end(),
  };
}

async function realStage(): Promise<Stage> {
  const scene = await NetScene.open(FeedClient);
  const { net, server, handle } = scene;
  const asked = () => server.expectSubscribe('trades', 'BTC');
  return {
    feed: handle,
    async confirms() {
      (await asked()).confirm({ type: 'ack' });
      await net.settle();
    },
    async refuses(why) {
      (await asked()).refuse({ type: 'ack', why });
      await net.settle();
    },
    async sends(price) {
      server.sendMessage(trade(price));
      await net.settle();
    },
    async reconnects() {
      server.peer.drop();
      await net.clock.advance('10s');
      await handle.connected();
    },
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

describe('A channel of a fake handle does as that of a real one:', () => {
  type Act = (stage: Stage, note: () => void) => Promise<void>;

  const acts: Record<string, Act> = {
    'it is confirmed': async (stage, note) => {
      note();
      await stage.confirms();
      note();
      await stage.sends(1);
    },
    'it is refused': (stage) => stage.refuses('no'),
    'it is refused and subscribed to again': async (stage, note) => {
      await stage.refuses('no');
      watch(stage.feed);
      note();
      await stage.confirms();
    },
    'items come before it is confirmed, and after a reconnect': async (stage, note) => {
      await stage.sends(1);
      note();
      await stage.confirms();
      await stage.reconnects();
      note();
      await stage.sends(2);
      await stage.confirms();
      await stage.sends(3);
    },
    'it is refused after a reconnect': async (stage, note) => {
      await stage.confirms();
      await stage.reconnects();
      await stage.refuses('full');
      note();
      await stage.sends(1);
    },
  };

  async function play(stage: Stage, act: Act): Promise<unknown[]> {
    await using one = stage;
    const story: unknown[] = [];
    const note = (): void => void story.push(one.feed.channels.map(({ state }) => state).join());
    const events: string[] = [];
    one.feed.events$.subscribe(({ event }) => event === 'channel:failed' && events.push(event));
    const told = watch(one.feed);
    await act(one, note);
    note();
    return [...story, ...told.map(String), ...events];
  }

  it.each(Object.keys(acts))('%s', async (name) => {
    const act = acts[name] as Act;
    expect(await play(fakeStage(), act)).toEqual(await play(await realStage(), act));
  });
});
