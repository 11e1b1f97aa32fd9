import {
  json,
  jsonRpc,
  OnSubscribe,
  rpc,
  SubscribeError,
  type ChannelSource,
  type SubscribeContext,
} from 'nestjs-websockex';
import { createTestServer, fakeHandle } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { boot } from '../../../fixtures/boot.js';
import { NetScene } from '../../../fixtures/net-scene.js';
import { AT_ONCE, clientAt } from '../../../fixtures/scene.js';

interface Message {
  readonly op?: string;
  readonly type?: string;
  readonly symbol?: string;
  readonly price?: number;
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: string;
}

const exchange = json<Message>({
  request: (message, id) => ({ ...message, id: Number(id) }),
  answer: ({ id, error, result }) => {
    if (id === undefined) return undefined;
    return error === undefined ? { id, value: result } : { id, error: new Error(error) };
  },
});

class FeedClient {
  @OnSubscribe()
  trades(symbol: string): ChannelSource<Message> {
    return {
      subscribe: { op: 'subscribe', symbol },
      unsubscribe: { op: 'unsubscribe', symbol },
      match: (message: Message) => message.type === 'trade' && message.symbol === symbol,
      ack: 'answer',
    };
  }

  @OnSubscribe()
  book({ session }: SubscribeContext = { session: 0 }): ChannelSource<Message> {
    return {
      subscribe: { op: 'book', symbol: `session ${session}` },
      match: ({ type }: Message) => type === 'book',
      ack: ({ op, error }: Message) => (error === undefined ? op === 'booked' : new Error(error)),
    };
  }
}

const open = () => NetScene.open(FeedClient, { protocol: exchange });

describe('expectSubscribe()', () => {
  it('takes what the class says for a channel, and the test confirms it and gives items', async () => {
    await using scene = await open();
    const items: unknown[] = [];
    scene.handle.channel('trades', 'BTC').subscribe((item) => items.push(item));
    const trades = await scene.server.expectSubscribe('trades', 'BTC');
    expect(trades.message).toEqual({ op: 'subscribe', symbol: 'BTC', id: 1 });
    expect(scene.handle.channels).toMatchObject([{ state: 'pending' }]);
    trades.confirm();
    trades.send(
      { type: 'trade', symbol: 'BTC', price: 1 },
      { type: 'trade', symbol: 'BTC', price: 2 },
    );
    await scene.net.settle();
    expect(items).toMatchObject([{ price: 1 }, { price: 2 }]);
    expect(scene.handle.channels).toMatchObject([{ state: 'active' }]);
  });

  it('refuses it with an answer', async () => {
    await using scene = await open();
    const errors: unknown[] = [];
    scene.handle.channel('trades', 'BTC').subscribe({ error: (error) => errors.push(error) });
    (await scene.server.expectSubscribe('trades', 'BTC')).refuse('no such symbol');
    await scene.net.settle();
    expect(errors).toEqual([expect.any(SubscribeError)]);
    expect(String(errors[0])).toMatch(/no such symbol/);
  });

  it('confirms and refuses by messages, where the class waits for these; in each session anew', async () => {
    await using scene = await open();
    const errors: unknown[] = [];
    scene.handle.channel('book').subscribe({ error: (error) => errors.push(error) });
    const first = await scene.server.expectSubscribe('book');
    expect(() => first.refuse('no')).toThrow(/give the message that refuses/);
    first.confirm({ op: 'booked' });
    await scene.net.settle();
    expect(scene.handle.channels).toMatchObject([{ state: 'active' }]);
    scene.peer.drop();
    await scene.net.clock.advance('10s');
    const second = await scene.server.expectSubscribe('book');
    expect(second.message).toEqual({ op: 'book', symbol: 'session 2' });
    second.refuse({ error: 'full' });
    await scene.net.settle();
    expect(scene.handle.channels).toMatchObject([{ state: 'failed' }]);
    expect(errors).toEqual([]);
  });

  it('tells what has come in its place', async () => {
    await using scene = await open();
    scene.handle.channel('trades', 'BTC').subscribe();
    await expect(scene.server.expectSubscribe('trades', 'ETH')).rejects.toThrow(
      /expected a subscription to trades\("ETH"\), but the client subscribes to no such channel; got \{"op":"subscribe","symbol":"BTC","id":1\}/,
    );
    await scene.handle.send({ op: 'other' });
    await expect(scene.server.expectSubscribe('trades', 'BTC')).rejects.toThrow(
      /expected a subscription to trades\("BTC"\), by \{"op":"subscribe","symbol":"BTC"\}; got \{"op":"other"\}/,
    );
  });

  it('is for a server on a real port that knows its client, too', async () => {
    await using server = await createTestServer();
    server.acceptAll();
    const options = { protocol: exchange, reconnect: AT_ONCE };
    const client = clientAt(server.url(), FeedClient, options);
    await using app = await boot([client]);
    const handle = app.handle(client);
    handle.channel('book').subscribe();
    await expect(server.expectSubscribe('book')).rejects.toThrow(/server\.know\(handle\)/);
    expect(() => server.know(fakeHandle(client))).toThrow(/takes the handle of a client/);

    const items = new Promise((resolve) => handle.channel('trades', 'BTC').subscribe(resolve));
    const trades = await server.know(handle).expectSubscribe('trades', 'BTC');
    trades.confirm();
    const trade = { type: 'trade', symbol: 'BTC', price: 1 };
    trades.send(trade);
    expect(await items).toEqual(trade);
    server.waitAgain();
    await server.drop();
    await server.accept();
    const again = [
      await server.expectSubscribe('book'),
      await server.expectSubscribe('trades', 'BTC'),
    ];
    expect(again.map(({ message }) => message)).toMatchObject([{ op: 'book' }, { id: 2 }]);
  });

  it('is answered in the protocol of the client that a server on a real port is told of', async () => {
    await using server = await createTestServer();
    server.acceptAll();
    server.onRequest({ op: 'time' }, 12);
    const client = clientAt(server.url(), FeedClient, { protocol: exchange });
    await using app = await boot([client]);
    const handle = app.handle(client);
    await handle.connected();
    const before = handle.request({ op: 'time' });
    while (!server.peer.transcript.join().includes('time')) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    server.know(handle);
    expect([await before, await handle.request({ op: 'time' })]).toEqual([12, 12]);
  });

  it('knows JSON-RPC', async () => {
    class NodeClient {
      @OnSubscribe()
      heads(): ChannelSource<unknown> {
        return {
          subscribe: rpc('eth_subscribe', ['newHeads']),
          unsubscribe: (id: string) => rpc('eth_unsubscribe', [id]),
          match: ({ params }: { params?: { subscription: string } }, id: string) =>
            params?.subscription === id,
          item: ({ params }: { params: { result: unknown } }) => params.result,
          ack: 'answer',
        };
      }
    }
    await using scene = await NetScene.open(NodeClient, { protocol: jsonRpc() });
    const items: unknown[] = [];
    const subscription = scene.handle.channel('heads').subscribe((item) => items.push(item));
    const heads = await scene.server.expectSubscribe('heads');
    heads.confirm('0x1');
    heads.send(rpc('eth_subscription', { subscription: '0x1', result: 7 }));
    await scene.net.settle();
    expect(items).toEqual([7]);
    scene.server.onRequest('eth_unsubscribe', ({ params }) => (params as string[])[0] === '0x1');
    subscription.unsubscribe();
    await scene.net.settle();
    expect(scene.handle.channels).toEqual([]);
  });
});
