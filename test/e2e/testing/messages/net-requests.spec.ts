import {
  DisconnectedError,
  json,
  jsonRpc,
  JsonRpcError,
  OnConnect,
  OnMessage,
  RequestFailedError,
  rpc,
  type Protocol,
} from 'nestjs-websockex';
import { createTestServer, ExpectationError, type ScriptedRequest } from 'nestjs-websockex/testing';
import { pack, unpack } from 'msgpackr';
import { describe, expect, it, vi } from 'vitest';

import { boot } from '../../../fixtures/boot.js';
import { clientAt } from '../../../fixtures/scene.js';
import { NetScene } from '../../../fixtures/net-scene.js';

interface Order {
  readonly op?: string;
  readonly type?: string;
  readonly id?: string | number;
  readonly side?: string;
  readonly result?: unknown;
  readonly error?: string;
}

/** As any feed has it: its answers are `{ id, result }`, or `{ id, error }`. */
const exchange = json<Order>({
  request: (message, id) => ({ ...message, id }),
  answer: ({ id, error, result }) => {
    if (id === undefined) return undefined;
    return error === undefined ? { id, value: result } : { id, error: new Error(error) };
  },
});

class FeedClient {
  readonly seen: unknown[] = [];

  @OnMessage()
  any(message: unknown) {
    this.seen.push(message);
  }
}

const open = (protocol: Protocol = exchange) =>
  NetScene.open(FeedClient, { protocol, reconnect: false });

describe('onRequest() of a server', () => {
  it('answers by name, by shape and by predicate, with a value or what a function makes, now or later', async () => {
    await using scene = await open();
    const { handle, server } = scene;
    server
      .onRequest('time', 12)
      .onRequest({ op: 'order' }, ({ side }, id) => ({ orderId: `${String(side)} ${id}` }))
      .onRequest(
        (message: Order) => message.op?.startsWith('slow') === true,
        async () => {
          await Promise.resolve();
          return 'later';
        },
      );

    expect(await handle.request({ type: 'time' })).toBe(12);
    expect(await handle.request({ op: 'order', side: 'buy' })).toEqual({ orderId: 'buy 2' });
    expect(await handle.request({ op: 'slow one' })).toBe('later');
  });

  it('answers with an error that is given, returned or thrown, or that a promise rejects with', async () => {
    await using scene = await open();
    const { handle, server } = scene;
    server
      .onRequest({ op: 'given' }, new Error('no such symbol'))
      .onRequest({ op: 'returned' }, () => new Error('no such symbol'))
      .onRequest({ op: 'rejected' }, () => Promise.reject(new Error('no such symbol')))
      .onRequest({ op: 'thrown' }, () => {
        throw new Error('no such symbol');
      });

    for (const op of ['given', 'returned', 'rejected', 'thrown']) {
      const failed = handle.request({ op });
      await expect(failed, op).rejects.toThrow(RequestFailedError);
      await expect(failed, op).rejects.toThrow(/no such symbol/);
    }
  });

  it('has the last answer that fits count, and those of a peer before those of its server', async () => {
    await using scene = await open();
    const { handle, server, peer } = scene;
    server.onRequest({ op: 'order' }, 'set-up').onRequest({ op: 'order', side: 'buy' }, 'buy');
    expect(await handle.request({ op: 'order', side: 'buy' })).toBe('buy');
    expect(await handle.request({ op: 'order', side: 'sell' })).toBe('set-up');
    peer.onRequest({ op: 'order' }, 'of the peer');
    server.onRequest({ op: 'order' }, 'of the server');
    expect(await handle.request({ op: 'order', side: 'buy' })).toBe('of the peer');
  });

  it('is said before there is a session, holds over sessions, and answers what waits', async () => {
    await using scene = await NetScene.boot(FeedClient, { protocol: exchange });
    const { handle, net, server } = scene;
    server.acceptAll();
    server.onRequest({ op: 'order' }, () => 'x');
    await handle.connected();
    expect(await handle.request({ op: 'order' })).toBe('x');

    await server.drop();
    const again = handle.connected();
    await net.clock.advance('1m');
    await again;
    expect(await handle.request({ op: 'order' })).toBe('x');

    const waiting = handle.request({ op: 'cancel' });
    await net.settle();
    server.onRequest({ op: 'cancel' }, 'done');
    expect(await waiting).toBe('done');
  });

  it('knows its client where the server is asked for by URL', async () => {
    await using scene = await NetScene.boot(
      FeedClient,
      { protocol: exchange },
      { url: 'wss://feed.example/v1' },
    );
    scene.net
      .server('wss://feed.example/v1')
      .onRequest({ op: 'order' }, { orderId: 'x' })
      .acceptAll();
    await scene.handle.connected();
    expect(await scene.handle.request({ op: 'order', side: 'buy' })).toEqual({ orderId: 'x' });
  });

  it('leaves what it answers to no expectation, and all else to them', async () => {
    await using scene = await open();
    const { handle, server } = scene;
    const answer = vi.fn((message: Order) => message.op);
    server.onRequest({ op: 'order' }, answer);
    await handle.request({ op: 'order' });
    await handle.send({ op: 'order', side: 'no request: it has no id' });
    await handle.sendFrame('no JSON');

    expect(await server.expectMessage({ op: 'order' })).not.toHaveProperty('id');
    expect(await server.expectText()).toBe('no JSON');
    expect(answer.mock.calls).toEqual([[{ op: 'order', id: 1 }, 1]]);
    expect(server.peer.transcript).toContain('-> text "{\\"id\\":1,\\"result\\":\\"order\\"}"');
  });

  it('has names in a table with answers()', async () => {
    await using scene = await open();
    scene.server.answers({ time: 12, echo: ({ side }) => side, bad: new Error('no') });

    expect(await scene.handle.request({ type: 'time' })).toBe(12);
    expect(await scene.handle.request({ type: 'echo', side: 'buy' })).toBe('buy');
    await expect(scene.handle.request({ type: 'bad' })).rejects.toThrow(/no/);
  });

  it('answers a request that a handler makes while the session begins', async () => {
    class LoginClient {
      who: unknown;

      @OnConnect()
      async login() {
        this.who = await scene.handle.request({ op: 'login' });
      }
    }
    await using scene = await NetScene.boot(LoginClient, { protocol: exchange });
    scene.server.onRequest({ op: 'login' }, 'me').acceptAll();
    await scene.handle.connected();
    expect(await scene.handle.sys.getState()).toMatchObject({ who: 'me' });
  });

  it('refuses what is no pattern', async () => {
    await using scene = await open();
    expect(() => scene.server.onRequest(/order/ as never, 1)).toThrow(
      /onRequest\(\): the pattern is .*; it must be a name, a list of names, a predicate/,
    );
  });

  it('ends the session where a predicate throws, and tells who expects something', async () => {
    await using scene = await open();
    scene.server.onRequest(() => {
      throw new Error('oh');
    }, 1);
    await expect(scene.handle.request({ op: 'a' })).rejects.toThrow(DisconnectedError);
    await expect(scene.server.expectMessage()).rejects.toThrow(
      /the pattern of an onRequest\(\) threw at \{"op":"a","id":1\}: oh/,
    );
  });
});

describe('The protocol that a peer answers by', () => {
  const odd: Protocol = json<never>({
    request: (message, id) => ({ head: { ref: `r${id}` }, body: message }) as never,
    answer: ({ ref, ok, no }: { ref?: string; ok?: unknown; no?: { why: string } }) => {
      if (ref === undefined) return undefined;
      const id = Number(ref.slice(1));
      return no === undefined ? { id, value: ok } : { id, error: new Error(no.why) };
    },
  });

  it('says by reply how an answer looks, where it is none of { id, result }', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol: odd, reconnect: false });
    const { handle, net, client } = scene;
    net
      .server(client, {
        protocol: {
          ...odd,
          call: (message) => {
            const { head, body } = message as { head: { ref: string }; body: { op: string } };
            return { id: head.ref, name: body.op, value: body };
          },
          reply: (ref, result) =>
            'error' in result
              ? { ref, no: { why: (result.error as Error).message } }
              : { ref, ok: result.value },
        },
      })
      .onRequest('price', ({ body }) => ({ of: (body as Order).side }))
      .onRequest('order', new Error('closed'));

    expect(await handle.request({ op: 'price', side: 'buy' })).toEqual({ of: 'buy' });
    await expect(handle.request({ op: 'order' })).rejects.toThrow(/closed/);
  });

  it('is asked for, where nothing says how an answer looks', async () => {
    await using scene = await open({
      ...odd,
      request: (message, id) => ({ ...(message as object), id }),
    });
    scene.server.onRequest({ op: 'price' }, 1);
    await expect(scene.handle.request({ op: 'price' })).rejects.toThrow(DisconnectedError);
    const failed = scene.server.expectMessage();
    await expect(failed).rejects.toThrow(ExpectationError);
    await expect(failed).rejects.toThrow(
      /does not take \{ id, result \} for one\. Say it by protocol\.reply: net\.server\(…, \{ protocol:/,
    );
  });

  it('is asked for when the net is disposed of, where no expectation was told', async () => {
    const unknown = {
      ...odd,
      request: (message: unknown, id: string | number) => ({ ...(message as object), id }),
    };
    const scene = await open(unknown);
    scene.server.onRequest({ op: 'price' }, 1);
    await expect(scene.handle.request({ op: 'price' })).rejects.toThrow(DisconnectedError);
    await scene.close();
    await expect(scene.net.dispose()).rejects.toThrow(/Say it by protocol\.reply/);

    await using server = await createTestServer({ protocol: unknown });
    server.onRequest({ op: 'price' }, 1).acceptAll();
    const client = clientAt(server.url(), FeedClient, { protocol: unknown });
    await using app = await boot([client]);
    await app.handle(client).connected();
    await expect(app.handle(client).request({ op: 'price' })).rejects.toThrow(DisconnectedError);
    await expect(server.dispose()).rejects.toThrow(/Say it by protocol\.reply/);
    await server.expectMessage().catch(() => undefined);
  });

  it.each<[string, (message: Order, id: string | number) => Order]>([
    ['changes what it is given', (message, id) => Object.assign(message, { id })],
    ['writes it as text', (message, id) => ({ ...message, id: String(id) })],
  ])('finds the id where request %s', async (_, request) => {
    await using scene = await open(
      json({
        request,
        answer: ({ id, result }) => ({ id: Number(id), value: result }),
      }),
    );
    scene.server.onRequest({ op: 'order' }, (message: Order, id) => [message.id, id]);
    const [inMessage, given] = (await scene.handle.request({ op: 'order' })) as unknown[];
    expect(String(inMessage)).toBe('1');
    expect(given).toBe(inMessage);
  });

  it('may be JSON-RPC', async () => {
    await using scene = await NetScene.open(FeedClient, { protocol: jsonRpc(), reconnect: false });
    const { handle, server, net } = scene;
    server
      .answers({ eth_chainId: '0x1', eth_call: ({ params }) => params, nothing: undefined })
      .onRequest('eth_sign', new JsonRpcError(-32_601, 'not here', { since: 1 }))
      .onRequest('eth_send', () => {
        throw new Error('no funds');
      });
    expect(await handle.request(rpc('eth_chainId'))).toBe('0x1');
    expect(await handle.request(rpc('eth_call', [1]))).toEqual([1]);
    expect(await handle.request(rpc('nothing'))).toBeNull();
    await expect(handle.request(rpc('eth_sign'))).rejects.toMatchObject({
      rpcCode: -32_601,
      reason: 'not here',
      data: { since: 1 },
    });
    await expect(handle.request(rpc('eth_send'))).rejects.toMatchObject({
      rpcCode: -32_000,
      reason: 'no funds',
    });
    await handle.send(rpc('eth_chainId'));
    await server.expectMessage('eth_chainId');
    server.sendMessage(rpc('eth_subscription', { result: 1 }));
    await net.settle();
    expect(await handle.sys.getState()).toMatchObject({ seen: [{ params: { result: 1 } }] });
  });

  it('may be a list, where both ends ask alike', async () => {
    type Ocpp = readonly [number, string, ...unknown[]];
    const ocpp: Protocol = json<Ocpp>({
      name: ([kind, , action]) => (kind === 2 ? String(action) : undefined),
      request: (message, id) => [2, String(id), ...(message as readonly unknown[])],
      answer: ([kind, id, value]) => (kind === 3 ? { id: Number(id), value } : undefined),
      call: ([kind, id, name, value]) =>
        kind === 2 ? { id, name: String(name), value } : undefined,
      reply: (id, result) =>
        'value' in result ? [3, String(id), result.value] : [4, String(id), 'InternalError'],
    });
    await using scene = await open(ocpp);
    scene.server.onRequest(
      'BootNotification',
      ([, , , { model }]: [2, string, string, Order & { model: string }]) => ({
        status: `Accepted ${model}`,
      }),
    );
    const answer = await scene.handle.request(['BootNotification', { model: 'M' }]);
    expect(answer).toEqual({ status: 'Accepted M' });
  });

  it('is said to a server on a real port, which does not know its clients', async () => {
    await using server = await createTestServer({ protocol: exchange });
    server.onRequest({ op: 'order' }, 'x').acceptAll();
    const client = clientAt(server.url(), FeedClient, { protocol: exchange });
    await using app = await boot([client]);
    const handle = app.handle(client);
    await handle.connected();
    expect(await handle.request({ op: 'order' })).toBe('x');
  });

  it('may be binary', async () => {
    const packed: Protocol = {
      ...exchange,
      codec: { binary: true, encode: pack, decode: (data) => unpack(data as Buffer) as Order },
    };
    await using scene = await open(packed);
    const { handle, net, server } = scene;
    server.onRequest({ op: 'order' }, { orderId: 1.5 });
    expect(await handle.request({ op: 'order' })).toEqual({ orderId: 1.5 });
    await handle.send({ op: 'bye' });
    await server.expectMessage({ op: 'bye' });
    server.sendMessage({ type: 'trade', price: 1 });
    await net.settle();
    expect(await handle.sys.getState()).toMatchObject({ seen: [{ type: 'trade', price: 1 }] });
  });
});

describe('expectRequest() and expectMessage()', () => {
  it('give the request that comes next, for the test to answer', async () => {
    await using scene = await open();
    const { handle, server } = scene;
    const [bought, sold] = [
      handle.request({ op: 'order', side: 'buy' }),
      handle.request({ op: 'order', side: 'sell' }),
    ];
    const buy: ScriptedRequest<Order> = await server.expectRequest<Order>({ op: 'order' });
    const sell = await server.peer.expectRequest({
      id: expect.any(Number) as number,
      side: 'sell',
    });
    expect(buy.message).toEqual({ op: 'order', side: 'buy', id: 1 });
    expect(sell.id).toBe(2);
    sell.fail('the market is closed');
    buy.reply({ orderId: 'x' });
    expect(await bought).toEqual({ orderId: 'x' });
    await expect(sold).rejects.toThrow(/the market is closed/);

    const refused = handle.request({ op: 'order' });
    (await server.expectRequest()).fail(new JsonRpcError(-32_000, 'no funds'));
    await expect(refused).rejects.toThrow(/no funds \(-32000\)/);
  });

  it('tell what has come in its place', async () => {
    await using scene = await open();
    const { handle, server } = scene;
    void handle.request({ op: 'order' });
    await expect(server.expectRequest('time')).rejects.toThrow(
      /expected a request "time", got \{"op":"order","id":1\}/,
    );
    await handle.send({ op: 'order' });
    await expect(server.expectRequest({ op: 'order' })).rejects.toThrow(
      /expected a request, got a message that is none: \{"op":"order"\}/,
    );
    await handle.sendFrame('no JSON');
    await expect(server.expectMessage()).rejects.toThrow(
      /expected a message, got a frame that is none: .*JSON/,
    );
    await handle.send({ op: 'order', side: 'buy' });
    await expect(server.expectMessage((message: Order) => message.side === 'sell')).rejects.toThrow(
      /expected a message that the predicate takes, got \{"op":"order","side":"buy"\}/,
    );
    await expect(server.expectMessage(7 as never)).rejects.toThrow(
      /expectMessage\(\): the pattern is 7; it must be a name/,
    );
    await expect(server.expectMessage('time', { timeout: 1 })).rejects.toThrow(/within 1 ms/);
  });
});
