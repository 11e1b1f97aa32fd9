import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  getClientToken,
  WebSockexModule,
  type ChannelSource,
  type ClientHandle,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { expect, it, vi } from 'vitest';

import { block } from './pages.js';
import { run } from './snippet.runner.js';

/** An application with a client of a page, on a net without ports. */
async function serve<T extends object>(client: Type<T>) {
  const net = createTestNet();
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [client] })] }),
  );
  app.useLogger(false);
  await app.init();
  return {
    net,
    handle: app.get<ClientHandle<T>>(getClientToken(client)),
    server: net.server(client),
    [Symbol.asyncDispose]: async (): Promise<void> => {
      const closed = app.close();
      await net.clock.advance('60s');
      await closed;
      await net.dispose();
    },
  };
}

interface Trades {
  trades(symbol: string): ChannelSource<{ readonly price: number }>;
}

it('the client of a gateway gets its events, by name and with their data', async () => {
  const { FeedClient } = run(block('gateway-client')) as { FeedClient: Type<object> };
  await using scene = await serve(FeedClient);
  const { net, handle, server } = scene;
  server.acceptAll();
  await handle.connected();
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  server.sendJson({ event: 'trade', data: { price: '101' } });
  await net.settle();
  expect(log.mock.calls).toEqual([[101]]);
  log.mockRestore();
  await handle.send({ event: 'subscribe', data: { symbol: 'BTC' } });
  await server.expectJson({ event: 'subscribe', data: { symbol: 'BTC' } });
});

it('the client of graphql-transport-ws logs in, asks and subscribes', async () => {
  const { GraphqlClient } = run(block('graphql-client')) as { GraphqlClient: Type<Trades> };
  await using scene = await serve(GraphqlClient);
  const { net, handle, server } = scene;
  const peer = await server.accept();
  expect(peer.request.headers['sec-websocket-protocol']).toBe('graphql-transport-ws');
  await peer.expectJson({ type: 'connection_init', payload: { token: 'secret' } });
  peer.sendJson({ type: 'connection_ack' });
  await handle.connected();

  const asked = handle.request({ query: '{ time }' });
  const refused = handle.request({ query: '{ tim }' });
  await peer.expectJson({ id: '1', type: 'subscribe', payload: { query: '{ time }' } });
  await peer.expectJson({ id: '2', type: 'subscribe', payload: { query: '{ tim }' } });
  peer.sendJson({ id: '1', type: 'next', payload: { data: { time: 12 } } });
  peer.sendJson({ id: '1', type: 'complete' });
  peer.sendJson({ id: '2', type: 'error', payload: [{ message: 'no such field' }] });
  expect(await asked).toEqual({ data: { time: 12 } });
  await expect(refused).rejects.toThrow(/no such field/);

  const prices: number[] = [];
  const trades = handle.channel('trades', 'BTC').subscribe(({ price }) => prices.push(price));
  const { message } = await server.expectSubscribe('trades', 'BTC');
  expect(message).toMatchObject({ id: 'trades of BTC', payload: { variables: { symbol: 'BTC' } } });
  const payload = { data: { trade: { symbol: 'BTC', price: 101 } } };
  peer.sendJson({ id: 'trades of BTC', type: 'next', payload });
  peer.sendJson({ type: 'ping' });
  await peer.expectJson({ type: 'pong' });
  await net.settle();
  expect(prices).toEqual([101]);
  trades.unsubscribe();
  await peer.expectJson({ id: 'trades of BTC', type: 'complete' });
});

it('the client of an Ethereum node has new blocks, and is a provider for other libraries', async () => {
  interface Heads {
    heads(): ChannelSource<{ readonly number: number }>;
  }
  const { NodeClient } = run(block('ethereum-client')) as { NodeClient: Type<Heads> };
  await using scene = await serve(NodeClient);
  const { net, handle, server } = scene;
  server.acceptAll();
  server.onRequest('eth_unsubscribe', true).onRequest('eth_chainId', '0x1');
  const numbers: number[] = [];
  const watching = handle.channel('heads').subscribe(({ number }) => numbers.push(number));
  await handle.connected();
  const heads = await server.expectSubscribe('heads');
  heads.confirm('0xabc');
  const result = { number: '0x1a', hash: '0x2b' };
  const head = { method: 'eth_subscription', params: { subscription: '0xabc', result } };
  heads.send(head, {
    ...head,
    params: { subscription: 'of another', result: { ...result, number: '0x1b' } },
  });
  await net.settle();
  expect(numbers).toEqual([26]);
  watching.unsubscribe();
  await net.settle();
  expect(server.peer.transcript.join()).toContain('eth_unsubscribe');

  const { toProvider } = run(block('ethereum-bridge')) as {
    toProvider(node: object): { request(call: { method: string }): Promise<unknown> };
  };
  expect(await toProvider(handle).request({ method: 'eth_chainId' })).toBe('0x1');
});
