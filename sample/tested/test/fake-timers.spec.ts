import { Test } from '@nestjs/testing';
import { getClientToken, type ClientHandle } from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';

import { AppModule } from '../src/app.module.js';
import { PriceClient } from '../src/price.client.js';

interface FakeTimers {
  useFakeTimers(): unknown;
  useRealTimers(): unknown;
}

// Vitest's `vi` is a global here; Jest has `jest` in `import.meta` of an ES module.
const runner =
  (import.meta as { jest?: FakeTimers }).jest ?? (globalThis as { vi?: FakeTimers }).vi;

describe('The fake timers of the runner', () => {
  beforeEach(() => {
    runner?.useFakeTimers();
  });

  afterEach(() => {
    runner?.useRealTimers();
  });

  it('do not disturb the net: it has a clock of its own', async () => {
    const began = Date.now();
    const net = createTestNet();
    const app = await net.install(Test.createTestingModule({ imports: [AppModule] }));
    app.useLogger(false);
    await app.init();
    const prices = app.get<ClientHandle<PriceClient>>(getClientToken(PriceClient));
    const server = net.server(PriceClient);

    await server.reject(503, { 'Retry-After': '3600' });
    await net.clock.advance('1h');
    const peer = await server.accept();
    await peer.expectJson({ op: 'subscribe', symbols: ['ACME'] });
    peer.sendJson({ symbol: 'ACME', price: 100 });
    await net.settle();
    expect(await prices.call('price', 'ACME')).toBe(100);

    peer.drop();
    await net.clock.advanceToNext();
    const next = await server.accept();
    await next.expectJson();
    next.send('no JSON');
    await next.expectClose(1011);
    await app.close();
    await net.dispose();
    expect(Date.now()).toBe(began); // the runner's clock stood all the while
  });
});
