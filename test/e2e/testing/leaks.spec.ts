import { Test } from '@nestjs/testing';
import {
  getClientToken,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
  type WebSockexEvent,
} from 'nestjs-websockex';
import {
  createTestNet,
  createTestServer,
  ExpectationError,
  LeakError,
  type TestNet,
} from 'nestjs-websockex/testing';
import { filter, firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';

@WebSockexClient('ws://orders.example/v1', { startup: 'manual' })
class OrdersClient {}

async function boot(net: TestNet) {
  const app = await net.install(
    Test.createTestingModule({
      imports: [
        WebSockexModule.forRoot({
          clients: [FeedClient, OrdersClient],
          defaults: { heartbeat: false },
        }),
      ],
    }),
  );
  app.useLogger(false);
  await app.init();
  const orders = app.get<ClientHandle<OrdersClient>>(getClientToken(OrdersClient));
  return { app, orders, server: net.server(FeedClient) };
}

type Booted = Awaited<ReturnType<typeof boot>>;

async function leaks(net: TestNet): Promise<readonly string[]> {
  const error: unknown = await net.dispose().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) return [];
  expect(error).toBeInstanceOf(LeakError);
  for (const leak of (error as LeakError).leaks)
    expect((error as LeakError).message).toContain(leak);
  return (error as LeakError).leaks;
}

const CONNECTION = 'FeedClient: its connection to wss://feed.example/v1?token=*** is open';

describe('A net that is disposed of', () => {
  it.each<[string, (booted: Booted, net: TestNet) => Promise<unknown>, string[]]>([
    [
      'an open client',
      ({ server }) => server.accept(),
      ['FeedClient: it was left running (open)', CONNECTION],
    ],
    [
      'a client in backoff',
      ({ server }) => server.reject(503, { 'Retry-After': '60' }),
      ['FeedClient: it was left running (backoff)', 'FeedClient: its timer of 60000 ms is pending'],
    ],
    [
      'a client that connects',
      ({ server }) => server.ignore(),
      [
        'FeedClient: it was left running (connecting)',
        CONNECTION,
        'FeedClient: its timer of 10000 ms is pending',
      ],
    ],
    [
      'a client that closes',
      async ({ app, server }) => {
        (await server.accept()).silence();
        void app.get<ClientHandle<FeedClient>>(getClientToken(FeedClient)).close();
      },
      [
        'FeedClient: it was left running (closing)',
        CONNECTION,
        'FeedClient: its timer of 5000 ms is pending',
      ],
    ],
    [
      'a second client, and a timer of the test',
      async ({ app, orders }, net) => {
        net.server(FeedClient).acceptAll();
        net.server(OrdersClient).acceptAll();
        await orders.start();
        await app.get<ClientHandle<FeedClient>>(getClientToken(FeedClient)).stop();
        net.clock.setTimer(7, () => undefined);
      },
      [
        'OrdersClient: it was left running (open)',
        'OrdersClient: its connection to ws://orders.example/v1 is open',
        'a timer of 7 ms is pending',
      ],
    ],
  ])('names %s', async (_, play, named) => {
    const net = createTestNet();
    const booted = await boot(net);
    await play(booted, net);

    expect(await leaks(net)).toEqual(named);
    const closed = booted.app.close();
    await net.clock.advance('10s');
    await closed;
  });

  it('has nothing to name after the application is closed', async () => {
    const net = createTestNet();
    const { app, server } = await boot(net);
    await server.accept();
    await app.close();
    expect(await leaks(net)).toEqual([]);
  });

  it('needs no clients at all', async () => {
    const net = createTestNet();
    const app = await net.install(Test.createTestingModule({}));
    await app.init();
    expect(await leaks(net)).toEqual([]);
    await app.close();
  });
});

function isDisconnected(
  event: WebSockexEvent,
): event is WebSockexEvent & { event: 'disconnected' } {
  return event.event === 'disconnected';
}

describe('What waits on a net that is disposed of', () => {
  it.each<[string, (net: TestNet) => Promise<unknown>]>([
    ['an attempt that is to be accepted', (net) => net.server(FeedClient).accept()],
    ['one that is to be refused', (net) => net.server(FeedClient).reject(503)],
    ['one that is to be left alone', (net) => net.server(FeedClient).ignore()],
    ['one that is to be dropped', (net) => net.server(FeedClient).drop()],
    ['a first session', (net) => net.server('ws://nobody.example').expectText()],
  ])('is told so, before and after: %s', async (_, wait) => {
    const net = createTestNet();
    const before = wait(net);
    await net.dispose();
    await expect(before).rejects.toThrow(
      /: the net was disposed of, and an expectation waits for what will not come\. Await/,
    );
    await expect(wait(net)).rejects.toBeInstanceOf(ExpectationError);
  });

  it('is told what went over the connection, and still has what had come', async () => {
    const net = createTestNet();
    const { app, server } = await boot(net);
    const peer = await server.accept();
    await net.settle();
    await app.close();
    await net.settle();
    const next = async () => (await peer.next()).type;
    expect([await next(), await next()]).toEqual(['text', 'close']);
    expect(await next()).toBe('end');
    const more = peer.next();
    await net.dispose();
    await expect(more).rejects.toThrow(/disposed of[^]*<- text "{[^]*<- end$/);
  });

  it('is told by a real server, too', async () => {
    const server = await createTestServer();
    const accepted = server.accept();
    await server.dispose();
    await expect(accepted).rejects.toThrow('the test server: it was disposed of');
  });

  it('keeps the process alive no longer', async () => {
    const net = createTestNet();
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const accepted = net.server(FeedClient).accept({ timeout: 600_000 });
    expect(timers()).toBe(before + 1);
    await net.dispose();
    await expect(accepted).rejects.toThrow(ExpectationError);
    expect(timers()).toBe(before);
  });

  it('a client that dials later is refused', async () => {
    const net = createTestNet();
    const { app, orders } = await boot(net);
    expect(await leaks(net)).not.toEqual([]);
    const ended = firstValueFrom(orders.events$.pipe(filter(isDisconnected)));
    void orders.start();
    expect(String((await ended).error)).toContain('the net has been disposed of');
    await app.close();
  });
});
