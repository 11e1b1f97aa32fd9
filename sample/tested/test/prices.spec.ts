import { Test } from '@nestjs/testing';
import { Frame, getClientToken, reconnect, reply, type ClientHandle } from 'nestjs-websockex';
import {
  createTestClient,
  createTestNet,
  fakeHandle,
  type ScriptedPeer,
  type TestNet,
} from 'nestjs-websockex/testing';
import { matchers } from 'nestjs-websockex/testing/matchers';

import { AppModule } from '../src/app.module.js';
import { PriceClient } from '../src/price.client.js';
import { Trader } from '../src/trader.js';

expect.extend(matchers);

describe('The application on a net without ports', () => {
  let net: TestNet;
  let prices: ClientHandle<PriceClient>;
  let trader: Trader;
  let close: () => Promise<void>;

  beforeEach(async () => {
    net = createTestNet();
    const app = await net.install(Test.createTestingModule({ imports: [AppModule] }));
    app.useLogger(false);
    await app.init();
    prices = app.get(getClientToken(PriceClient));
    trader = app.get(Trader);
    close = () => app.close();
  });

  afterEach(async () => {
    await close();
    await net.dispose(); // fails on what a test left behind
  });

  /** A session in which the client has subscribed. */
  const accept = async (symbols = ['ACME']): Promise<ScriptedPeer> => {
    const peer = await net.server(PriceClient).accept();
    await peer.expectJson({ op: 'subscribe', symbols });
    return peer;
  };

  it('subscribes, takes ticks and buys', async () => {
    const peer = await accept();
    peer.sendJson({ symbol: 'ACME', price: 100 });
    await net.settle();

    expect(await trader.buy('ACME', 99)).toBe(false);
    expect(await trader.buy('ACME', 100)).toBe(true);
    await peer.expectJson({ op: 'buy', symbol: 'ACME', price: 100 });
  });

  it('waits out a refusal, for as long as the exchange asks', async () => {
    await net.server(PriceClient).reject(503, { 'Retry-After': '60' });
    await net.clock.advance('59s');
    expect(prices).toBeInState('backoff');
    await net.clock.advance('1s'); // a minute of virtual time: the test does not wait
    await accept();
  });

  it('gives up where it is not let in', async () => {
    await net.server(PriceClient).reject(403);
    expect(await prices.terminated).toMatchObject({ by: 'error', error: { status: 403 } });
  });

  it('comes back after a drop, and follows what it followed before', async () => {
    const peer = await accept();
    trader.follow('GLOBEX');
    await peer.expectJson({ op: 'subscribe', symbols: ['GLOBEX'] });
    peer.drop();
    await net.settle();
    expect(prices).toBeInState('backoff');
    expect(await trader.buy('ACME', 100)).toBe(false);

    await net.clock.advanceToNext(); // the delay, whatever it is
    await accept(['ACME', 'GLOBEX']);
    await prices.connected();
    expect(prices).toBeInState('open');
    expect(prices).toHaveReconnected(1);
  });

  it('comes back at once when the exchange restarts', async () => {
    const peer = await accept();
    peer.close(1012);
    await net.clock.advance(0);
    await accept();
  });

  it('crashes on a tick that is no JSON, and is restarted with fresh state', async () => {
    const peer = await accept();
    peer.sendJson({ symbol: 'ACME', price: 100 });
    peer.send('no JSON');
    await peer.expectClose(1011);

    await net.clock.advance(0); // the first restart is at once
    await accept();
    expect(prices).toBeInState('open');
    expect(await prices.call('price', 'ACME')).toBeUndefined();
  });
});

describe('The client alone', () => {
  it('answers with values to look at', async () => {
    const client = await createTestClient(PriceClient);

    expect(client.connect()).toEqual(reply(Frame.json({ op: 'subscribe', symbols: ['ACME'] })));
    expect(client.cast('watch', 'GLOBEX')).toEqual(
      reply(Frame.json({ op: 'subscribe', symbols: ['GLOBEX'] })),
    );
    client.frame('{"symbol":"ACME","price":101}');
    expect(client.call('price', 'ACME')).toBe(101);
    expect(() => client.frame('no JSON')).toThrow('JSON');
    expect(client.disconnect({ reason: { by: 'remote', code: 1012, message: '' } })).toEqual(
      reconnect({ delay: 0 }),
    );
  });
});

describe('The service alone', () => {
  const make = async () => {
    const prices = fakeHandle(PriceClient).answer('price', () => 100);
    const module = await Test.createTestingModule({
      providers: [Trader, { provide: getClientToken(PriceClient), useValue: prices }],
    }).compile();
    return { prices, trader: module.get(Trader) };
  };

  it('buys at the limit, and not above it', async () => {
    const { prices, trader } = await make();

    expect(await trader.buy('ACME', 99)).toBe(false);
    expect(await trader.buy('ACME', 100)).toBe(true);
    expect(prices.calls).toHaveLength(2);
    expect(prices).toHaveSent({ op: 'buy', symbol: 'ACME', price: 100 });
  });

  it('does not trade without a session', async () => {
    const { prices, trader } = await make();
    prices.become('backoff');

    expect(await trader.buy('ACME', 100)).toBe(false);
    expect(prices.calls).toEqual([]);
    trader.follow('GLOBEX');
    expect(prices.casts).toEqual([{ name: 'watch', args: ['GLOBEX'] }]);
  });
});
