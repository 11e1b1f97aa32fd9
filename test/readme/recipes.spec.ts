import type { DynamicModule, Type, ValueProvider } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Frame,
  getClientToken,
  WebSockexModule,
  type ChannelSource,
  type ClientHandle,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { createTestNet, type ScriptedPeer, type ScriptedServer } from 'nestjs-websockex/testing';
import { matchers } from 'nestjs-websockex/testing/matchers';
import { expect, it } from 'vitest';

import { ConnectProxy } from '../fixtures/proxies.js';
import { selfSigned } from '../fixtures/tls.js';
import { WsServer } from '../fixtures/ws-server.js';
import { block } from './pages.js';
import { run } from './snippet.runner.js';

expect.extend(matchers);

/** A whole client of any name. */
type Any = Record<string, (...args: unknown[]) => unknown>;

/** An application with the client of a recipe, and what that is given, on a net without ports. */
async function cook(client: Type<object>, providers: readonly ValueProvider[] = []) {
  const net = createTestNet();
  const app = await net.install(
    Test.createTestingModule({
      imports: [...served(providers), WebSockexModule.forRoot({ clients: [client] })],
    }),
  );
  app.useLogger(false);
  await app.init();
  const handle = app.get<ClientHandle<Any>>(getClientToken(client));
  const events: WebSockexEvent[] = [];
  handle.events$.subscribe((event) => events.push(event));
  const server: ScriptedServer = net.server(client);
  return {
    net,
    handle,
    events,
    server,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      const closed = app.close();
      await net.clock.advance('60s');
      await closed;
      await net.dispose();
    },
  };
}

/** What the reader of a recipe has. */
function served(providers: readonly ValueProvider[]): DynamicModule[] {
  const names = providers.map(({ provide }) => provide);
  return [{ module: class Pantry {}, global: true, providers: [...providers], exports: names }];
}

it('the exchange is never sent more than it takes, is left before its 24 hours are over, and has each order once', async () => {
  const { ExchangeClient } = run(block('recipe-exchange')) as { ExchangeClient: Type<object> };
  await using kitchen = await cook(ExchangeClient);
  const { net, handle, server } = kitchen;
  const times: number[] = [];
  handle.events$.subscribe((event) => {
    if (event.event === 'frame:sent' && event.frame.type === 'text') times.push(net.clock.now());
  });
  const first = await server.accept();
  await handle.connected();
  const symbols = Array.from({ length: 20 }, (_, index) => `symbol-${index}@trade`);
  for (const symbol of symbols) handle.cast('subscribe', symbol);
  await net.clock.advance('5s');
  for (const symbol of symbols)
    await first.expectJson({ method: 'SUBSCRIBE', params: [symbol], id: expect.any(Number) });
  const trade = (t: number): string => JSON.stringify({ stream: symbols[0], data: { t } });
  const trades: unknown[] = [];
  handle.frames$.subscribe(({ data }) =>
    trades.push((JSON.parse(String(data)) as { data: { t: number } }).data.t),
  );
  first.send(trade(1));

  // A day has passed but for what is needed to make a new session, and there is none without a session.
  const statuses: string[] = [];
  handle.status$.subscribe((status) => statuses.push(status));
  await net.clock.advance('23h');
  const second = await server.accept();
  await second.expectJson({ method: 'SUBSCRIBE', params: symbols, id: expect.any(Number) });
  for (const peer of [first, second]) for (const t of [2, 3]) peer.send(trade(t));
  second.send(trade(4));
  await net.clock.advance('5s');
  expect([trades, statuses]).toEqual([[1, 2, 3, 4], ['open']]);
  expect(handle).toHaveLostFrames(0);
  await first.expectClose(1000);

  second.drop();
  await net.settle();
  const order = handle.sendFrame(Frame.json({ method: 'order.place', id: 'mine' }));
  await net.clock.advance('2s');
  const third = await server.accept();
  await third.expectJson({ method: 'SUBSCRIBE', params: symbols, id: expect.any(Number) });
  await third.expectJson({ method: 'order.place', id: 'mine' });
  await order;
  // The exchange counts in any second, what is sent first too.
  for (const at of times) {
    expect(times.filter((time) => time >= at && time < at + 1_000).length).toBeLessThanOrEqual(5);
  }
});

/** What a chat gateway says first, and wants to hear. */
async function hello(peer: ScriptedPeer): Promise<unknown> {
  peer.send(JSON.stringify({ op: 10, d: { heartbeat_interval: 41_250 } }));
  return await peer.expectJson();
}

it('the chat gateway is left when it asks for that, and its session resumed; heartbeats keep its pace', async () => {
  const { GatewayClient } = run(block('recipe-gateway')) as { GatewayClient: Type<object> };
  await using kitchen = await cook(GatewayClient);
  const { net, handle, server } = kitchen;
  const first = await server.accept();
  expect(await hello(first)).toMatchObject({ op: 2 });
  first.send(JSON.stringify({ op: 0, t: 'READY', s: 1, d: { session_id: 'abc' } }));
  await net.clock.advance(0);
  await first.expectJson({ op: 1, d: 1 });
  await handle.connected();
  first.send(JSON.stringify({ op: 0, t: 'MESSAGE_CREATE', s: 2, d: {} }));
  await net.clock.advance(41_250);
  await first.expectJson({ op: 1, d: 2 });

  first.send(JSON.stringify({ op: 7, d: null }));
  await first.expectClose(4000);
  await net.clock.advance('2s');
  const second = await server.accept();
  expect(await hello(second)).toMatchObject({ op: 6, d: { session_id: 'abc', seq: 2 } });
  second.send(JSON.stringify({ op: 0, t: 'RESUMED', s: 3, d: {} }));
  await net.clock.advance(0);
  await second.expectJson({ op: 1, d: 3 });

  // Away for too long: it says so, and the next session is a new one.
  second.drop();
  await net.clock.advance('2s');
  const third = await server.accept();
  expect(await hello(third)).toMatchObject({ op: 6 });
  third.send(JSON.stringify({ op: 9, d: false }));
  await net.clock.advance('10s');
  const fourth = await server.accept();
  expect(await hello(fourth)).toMatchObject({ op: 2 });
  expect(kitchen.events.filter(({ event }) => event === 'terminate')).toEqual([]);

  // What cannot be mended ends it.
  fourth.close(4004, 'authentication failed');
  await net.clock.advance('1s');
  expect(handle.status).toBe('failed');
});

it('a token that has expired is replaced, whether the peer closes or refuses', async () => {
  const { ApiClient, Tokens } = run(block('recipe-token')) as {
    ApiClient: Type<object>;
    Tokens: Type<object>;
  };
  let version = 1;
  const tokens = {
    current: () => Promise.resolve(`token ${version}`),
    forget: () => version++,
  };
  await using kitchen = await cook(ApiClient, [{ provide: Tokens, useValue: tokens }]);
  const { net, handle, server } = kitchen;
  const first = await server.accept();
  await handle.connected();
  expect(first.request.headers.authorization).toBe('Bearer token 1');
  first.close(4401, 'the token has expired');
  await net.clock.advance(1);
  const second = await server.accept();
  expect(second.request.headers.authorization).toBe('Bearer token 2');
  await handle.connected();

  second.drop();
  await net.clock.advance('2s');
  await server.reject(401);
  await net.clock.advance('5s');
  const third = await server.accept();
  expect(third.request.headers.authorization).toBe('Bearer token 3');
  await handle.connected();
});

it('the corporate proxy leads out, with a password and a certificate of its own', async () => {
  const { OutsideClient, Deployment } = run(block('recipe-proxy')) as {
    OutsideClient: Type<object>;
    Deployment: Type<object>;
  };
  const pair = selfSigned('feed.test');
  await using server = await WsServer.listen({ tls: pair });
  await using proxy = await ConnectProxy.listen({ credentials: 'me:secret' });
  const deployment = {
    feed: `wss://feed.test:${server.port}/v1`,
    proxy: proxy.url('me:secret'),
    authority: pair.cert,
  };
  const app = await Test.createTestingModule({
    imports: [
      ...served([{ provide: Deployment, useValue: deployment }]),
      WebSockexModule.forRoot({ clients: [OutsideClient], defaults: { heartbeat: false } }),
    ],
  }).compile();
  app.useLogger(false);
  await app.init();
  try {
    await app.get<ClientHandle>(getClientToken(OutsideClient)).connected();
    expect(proxy.asked).toEqual([`feed.test:${server.port}`]);
  } finally {
    await app.close();
  }
});

it('Binance has each stream asked for once, in every session, and no faster than it allows', async () => {
  const { BinanceClient } = run(block('recipe-binance')) as { BinanceClient: Type<object> };
  await using kitchen = await cook(BinanceClient);
  const { net, handle, server } = kitchen;
  server.acceptAll();
  await handle.connected();
  const prices: number[] = [];
  const feed = handle as unknown as ClientHandle<{
    trades(symbol: string): ChannelSource<{ readonly price: number }>;
  }>;
  const watch = (symbol: string) =>
    feed.channel('trades', symbol).subscribe(({ price }) => prices.push(price));
  const symbols = Array.from({ length: 10 }, (_, index) => `SYMBOL${index}`);
  const [first, ...others] = symbols.map(watch);
  const twice = watch('SYMBOL0');
  server.onRequest({ method: 'SUBSCRIBE' }, () => null);
  const times: number[] = [];
  handle.events$.subscribe((event) => {
    if (event.event === 'frame:sent' && event.frame.type === 'text') times.push(net.clock.now());
  });
  await net.clock.advance('5s');
  expect(handle.channels.map(({ state }) => state)).toEqual(symbols.map(() => 'active'));
  server.sendMessage({ stream: 'symbol1@trade', data: { s: 'SYMBOL1', t: 1, p: '101.5' } });
  await net.settle();
  expect(prices).toEqual([101.5]);

  // Nobody else wants these; the one that two want stays.
  for (const subscription of others) subscription.unsubscribe();
  first?.unsubscribe();
  await net.clock.advance('5s');
  await server.expectMessage({ method: 'UNSUBSCRIBE', params: ['symbol1@trade'] });
  expect(handle.channels).toMatchObject([{ args: ['SYMBOL0'], subscribers: 1 }]);
  for (const at of times) {
    expect(times.filter((time) => time >= at && time < at + 1_000).length).toBeLessThanOrEqual(5);
  }

  server.peer.drop();
  await net.clock.advance('5s');
  expect(handle.channels).toMatchObject([{ args: ['SYMBOL0'], state: 'active' }]);
  twice.unsubscribe();
});

it('Home Assistant lets in who has its token, and tells of states under the id of the request', async () => {
  const { HomeClient, HomeToken } = run(block('recipe-home')) as {
    HomeClient: Type<object>;
    HomeToken: Type<object>;
  };
  const token = { token: 'long-lived' };
  await using kitchen = await cook(HomeClient, [{ provide: HomeToken, useValue: token }]);
  const { net, handle, server } = kitchen;
  const first = await server.accept();
  first.sendJson({ type: 'auth_required', ha_version: '2026.11.0' });
  await first.expectJson({ type: 'auth', access_token: 'long-lived' });
  first.sendJson({ type: 'auth_ok', ha_version: '2026.11.0' });
  await handle.connected();

  const states: unknown[] = [];
  const home = handle as unknown as ClientHandle<{ states(): ChannelSource<unknown> }>;
  const watching = home.channel('states').subscribe((change) => states.push(change));
  const asked = await server.expectMessage<{ id: number }>({ type: 'subscribe_events' });
  server.sendJson({ id: asked.id, type: 'result', success: true, result: null });
  const data = { entity_id: 'light.kitchen', new_state: { state: 'on' } };
  server.sendJson({ id: asked.id, type: 'event', event: { data } });
  server.sendJson({ id: asked.id + 1, type: 'event', event: { data: 'of somebody else' } });
  await net.settle();
  expect(states).toEqual([data]);

  const lit = handle.request({ type: 'call_service', domain: 'light', service: 'turn_on' });
  const call = await server.expectMessage<{ id: number }>({ type: 'call_service' });
  expect(call.id).toBeGreaterThan(asked.id);
  server.sendJson({ id: call.id, type: 'result', success: false, error: { message: 'Not found' } });
  await expect(lit).rejects.toThrow(/Not found/);
  watching.unsubscribe();
  await server.expectMessage({ type: 'unsubscribe_events', subscription: asked.id });

  // A token that is no good ends it.
  first.drop();
  await net.clock.advance('5s');
  const second = await server.accept();
  second.sendJson({ type: 'auth_required' });
  await second.expectMessage({ type: 'auth' });
  second.sendJson({ type: 'auth_invalid', message: 'Invalid password' });
  await net.clock.advance('1s');
  expect(handle.status).toBe('failed');
});

it('a charging station says who it is, has one request in flight, and answers those of its central system', async () => {
  const { StationClient } = run(block('recipe-ocpp')) as { StationClient: Type<object> };
  await using kitchen = await cook(StationClient);
  const { net, handle, server } = kitchen;
  const first = await server.accept();
  expect(first.request.headers['sec-websocket-protocol']).toBe('ocpp1.6');
  (await first.expectRequest('BootNotification')).reply({ status: 'Pending' });
  await net.clock.advance('5s');
  const second = await server.accept();
  (await second.expectRequest('BootNotification')).reply({ status: 'Accepted', interval: 300 });
  await handle.connected();

  const started = handle.request(['StartTransaction', { connectorId: 1 }]);
  const stopped = handle.request(['StopTransaction', { transactionId: 1 }]);
  const start = await second.expectRequest('StartTransaction');
  await net.settle();
  expect(second.transcript.join()).not.toContain('StopTransaction');
  start.reply({ transactionId: 1 });
  const stop = await second.expectRequest('StopTransaction');
  second.sendJson([4, stop.id, 'GenericError', 'no such transaction', {}]);
  expect(await started).toEqual({ transactionId: 1 });
  await expect(stopped).rejects.toThrow(/GenericError: no such transaction/);

  const answers: unknown[] = [];
  for (const ask of [
    ['Reset', { type: 'Soft' }],
    ['Reset', { type: 'Warm' }],
    ['UnlockConnector', {}],
  ]) {
    second.sendJson([2, `c${answers.length}`, ...ask]);
    answers.push(await second.expectJson());
  }
  expect(answers).toEqual([
    [3, 'c0', { status: 'Accepted' }],
    [4, 'c1', 'TypeConstraintViolation', '', {}],
    [4, 'c2', 'NotImplemented', '', {}],
  ]);
});
