import { Test } from '@nestjs/testing';
import { getClientToken, MessageError, type ClientHandle } from 'nestjs-websockex';
import {
  createTestClient,
  createTestNet,
  fakeHandle,
  type TestNet,
} from 'nestjs-websockex/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { AppModule } from '../src/app.module.js';
import { Exchange } from '../src/exchange.js';
import { FeedClient } from '../src/feed.client.js';
import { History } from '../src/history.js';
import { Halts } from '../src/market.open.js';
import { exchange } from '../src/protocol.js';
import { Trader } from '../src/trader.js';

const trade = (seq: number, symbol = 'BTC', price = `${100 + seq}`) => ({
  type: 'trade',
  symbol,
  seq,
  price,
});

describe('The application on a net without ports', () => {
  let net: TestNet;
  let feed: ClientHandle<FeedClient>;
  let trader: Trader;
  let halts: Halts;
  let close: () => Promise<void>;
  const asked: unknown[] = [];

  beforeEach(async () => {
    net = createTestNet();
    asked.length = 0;
    const builder = Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(Exchange)
      .useValue({ url: () => 'wss://exchange.example' })
      .overrideProvider(History)
      .useValue({
        trades: async (symbol: string, after: number, before: number) => {
          asked.push([symbol, after, before]);
          return Array.from({ length: before - after - 1 }, (_, index) =>
            trade(after + 1 + index, symbol),
          );
        },
      });
    const app = await net.install(builder);
    app.useLogger(false);
    await app.init();
    feed = app.get(getClientToken(FeedClient));
    trader = app.get(Trader);
    halts = app.get(Halts);
    close = () => app.close();
    net.server(FeedClient).acceptAll();
    await feed.connected();
  });

  afterEach(async () => {
    await close();
    await net.dispose(); // fails on what a test left behind
  });

  /** The numbers of the trades of BTC, once the exchange has confirmed that it tells them. */
  const watch = async (): Promise<number[]> => {
    const seen: number[] = [];
    trader.trades('BTC').subscribe(({ seq }) => seen.push(seq));
    (await net.server(FeedClient).expectSubscribe('trades', 'BTC')).confirm('done');
    return seen;
  };

  it('asks once for what two watch, and unsubscribes when both have gone', async () => {
    const server = net.server(FeedClient);
    const [one, other] = [trader.trades('BTC').subscribe(), trader.trades('BTC').subscribe()];
    (await server.expectSubscribe('trades', 'BTC')).confirm('done');
    one.unsubscribe();
    other.unsubscribe();
    (await server.expectRequest({ op: 'unsubscribe', symbol: 'BTC' })).reply('done');
  });

  it('fills a gap from the history, in order', async () => {
    const seen = await watch();
    net.server(FeedClient).sendMessage(trade(1));
    net.server(FeedClient).sendMessage(trade(4));
    net.server(FeedClient).sendMessage(trade(5));
    await net.settle();
    expect(asked).toEqual([['BTC', 1, 4]]);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('misses nothing between two sessions', async () => {
    const seen = await watch();
    net.server(FeedClient).sendMessage(trade(1));
    await net.settle();
    net.server(FeedClient).peer.drop();
    await net.clock.advance('1s');
    (await net.server(FeedClient).expectSubscribe('trades', 'BTC')).confirm('done');
    net.server(FeedClient).sendMessage(trade(3));
    await net.settle();
    expect([feed.session, seen]).toEqual([2, [1, 2, 3]]);
  });

  it('buys at the last price, and hears a no', async () => {
    const server = net.server(FeedClient);
    server.sendMessage(trade(1));
    await net.settle();
    server.onRequest({ op: 'order' }, ({ price }) => ({ orderId: `at ${String(price)}` }));
    expect(await trader.buy('BTC')).toBe('at 101');
    server.onRequest({ op: 'order' }, new Error('no funds'));
    expect(await trader.buy('BTC')).toBeUndefined();
  });

  it('takes nothing of a symbol whose trading is halted, and lives on', async () => {
    halts.symbols.add('ETH');
    net.server(FeedClient).sendMessage(trade(1, 'ETH'));
    net.server(FeedClient).sendMessage(trade(1));
    await net.settle();
    expect(await feed.call('price', 'ETH')).toBeUndefined();
    expect(await feed.call('price', 'BTC')).toBe(101);
    expect(feed).toMatchObject({ status: 'open', session: 1 });
  });
});

describe('The class alone', () => {
  it('has its schema and its guard', async () => {
    const halts = new Halts();
    const client = await createTestClient(FeedClient, {
      providers: [
        { provide: Halts, useValue: halts },
        { provide: History, useValue: {} },
      ],
    });
    client.message(trade(1));
    expect(client.call('price', 'BTC')).toBe(101);
    expect(() => client.message(trade(2, 'BTC', 'none'))).toThrow(MessageError);
    halts.symbols.add('BTC');
    expect(() => client.message(trade(2))).toThrow(/was refused by MarketOpen/);
  });
});

describe('The service alone', () => {
  it('watches and buys through a fake handle', async () => {
    // The factory of its options is not asked.
    const feed = fakeHandle(FeedClient, { protocol: exchange });
    const module = await Test.createTestingModule({
      providers: [Trader, { provide: getClientToken(FeedClient), useValue: feed }],
    }).compile();
    const trader = module.get(Trader);
    const seen: number[] = [];
    trader.trades('BTC').subscribe(({ seq }) => seen.push(seq));
    feed.playItems('trades', ['BTC'], { type: 'trade', symbol: 'BTC', seq: 7, price: 101 });
    expect(seen).toEqual([7]);

    feed.answer('price', () => 101).onRequest({ op: 'order' }, { orderId: 'x' });
    expect(await trader.buy('BTC')).toBe('x');
    expect(feed.requests).toEqual([{ op: 'order', side: 'buy', symbol: 'BTC', price: 101 }]);
  });
});
