import {
  DisconnectedError,
  Frame,
  json,
  jsonRpc,
  JsonRpcError,
  NotConnectedError,
  OnCall,
  RequestFailedError,
  RequestTimeoutError,
  rpc,
  WebSockexClient,
} from 'nestjs-websockex';
import { fakeHandle } from 'nestjs-websockex/testing';
import { pack, unpack } from 'msgpackr';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';

interface Order {
  readonly op?: string;
  readonly side?: string;
  readonly id?: string | number;
}

const exchange = json<Order>({
  name: 'op',
  request: (message, id) => ({ ...message, id }),
  answer: () => undefined,
});

@WebSockexClient('wss://feed.example', { protocol: exchange })
class FeedClient {
  @OnCall()
  price() {
    return 1;
  }
}

describe('A fake handle that is asked', () => {
  it('answers as the test says, whatever an answer of its protocol looks like', async () => {
    const feed = fakeHandle(FeedClient)
      .onRequest('time', 12)
      .onRequest({ op: 'order' }, ({ side }, id) => ({ orderId: `${String(side)} ${id}` }))
      .onRequest(
        (message: Order) => message.op === 'later',
        () => Promise.resolve('later'),
      );

    expect(await feed.request({ op: 'time' })).toBe(12);
    const schema = z.object({ orderId: z.string() });
    const order = await feed.request({ op: 'order', side: 'buy' }, { schema });
    expect(order).toEqual({ orderId: 'buy 2' });
    expect(await feed.request({ op: 'later' })).toBe('later');
    await expect(feed.request({ op: 'time' }, { schema })).rejects.toThrow(/is not valid/);
  });

  it('answers with an error that is given, returned or thrown', async () => {
    const feed = fakeHandle(FeedClient)
      .onRequest('given', new Error('no funds'))
      .onRequest('returned', () => new Error('no funds'))
      .onRequest('thrown', () => {
        throw new Error('no funds');
      })
      .onRequest('rpc', new JsonRpcError(-32_000, 'no funds'));

    for (const op of ['given', 'returned', 'thrown', 'rpc']) {
      const failed = feed.request({ op });
      await expect(failed, op).rejects.toThrow(RequestFailedError);
      await expect(failed, op).rejects.toThrow(/no funds/);
    }
    await expect(feed.request({ op: 'rpc' })).rejects.toMatchObject({ rpcCode: -32_000 });
  });

  it('says what to say, where nothing was said, or a pattern throws', async () => {
    const feed = fakeHandle(FeedClient);
    await expect(feed.request({ op: 'order' })).rejects.toThrow(
      /say what \{"op":"order"\} is answered with: onRequest\(…\)/,
    );
    feed.onRequest(() => {
      throw new Error('oh');
    }, 1);
    await expect(feed.request({ op: 'order' })).rejects.toThrow(/oh/);
    expect(() => feed.onRequest(/a/ as never, 1)).toThrow(/FeedClient: onRequest\(\): the pattern/);
  });

  it('has the last answer count, and answers what is said in the same tick', async () => {
    const feed = fakeHandle(FeedClient).onRequest('order', 1);
    const answer = feed.request({ op: 'order' });
    feed.onRequest('order', 2);
    expect(await answer).toBe(2);
  });

  it('records what was sent, as it was given and as the peer reads it', async () => {
    const feed = fakeHandle(FeedClient).onRequest('order', 'x');
    const order = { op: 'order' };
    void feed.send({ op: 'hello' });
    void feed.request(order);
    void feed.sendFrame([Frame.text('no JSON'), Frame.json({ op: 'bye' }), Frame.ping()]);

    expect(feed.requests).toEqual([order]);
    expect(feed.requests[0]).toBe(order);
    expect(feed.sentMessages).toEqual([{ op: 'hello' }, { op: 'order', id: 1 }, { op: 'bye' }]);
    expect(feed.sent).toHaveLength(5);
  });

  it('has a request wait, fail and time out as that of a real handle', async () => {
    const feed = fakeHandle(FeedClient).onRequest('order', () => new Promise(() => {}));
    const lost = feed.request({ op: 'order' });
    feed.become('backoff');
    await expect(lost).rejects.toThrow(DisconnectedError);
    await expect(feed.request({ op: 'order' })).rejects.toThrow(NotConnectedError);
    const kept = feed.request({ op: 'time' }, { whenDisconnected: 'queue' });
    feed.onRequest('time', 12);
    expect(feed.requests).toHaveLength(1);
    feed.become('open');
    expect(await kept).toBe(12);
    expect(feed.requests).toHaveLength(2);
    await expect(feed.request({ op: 'order' }, { timeout: 1 })).rejects.toThrow(
      RequestTimeoutError,
    );
    await expect(feed.request({ op: 'order' }, { signal: AbortSignal.abort('no') })).rejects.toBe(
      'no',
    );
  });

  it('shows nobody a frame for an answer, and tells no answer twice', async () => {
    const feed = fakeHandle(FeedClient);
    const frames = vi.fn();
    feed.frames$.subscribe(frames);
    const events: string[] = [];
    feed.events$.subscribe(({ event }) => events.push(event));
    let settle!: (value: unknown) => void;
    feed.onRequest('order', new Promise((resolve) => (settle = resolve)));
    const aborted = new AbortController();
    const given = feed.request({ op: 'order' }, { signal: aborted.signal });
    aborted.abort('no more');
    await expect(given).rejects.toBe('no more');
    settle('late');
    await feed.send({ op: 'bye' });
    expect(frames).not.toHaveBeenCalled();
    expect(events).toEqual(['frame:sent', 'frame:sent']);
  });

  it('goes on to answer when it begins anew', async () => {
    const feed = fakeHandle(FeedClient).onRequest('time', 12);
    feed.become('idle');
    feed.become('open');
    expect(await feed.request({ op: 'time' })).toBe(12);
  });

  it('plays messages, as its protocol writes them', () => {
    const feed = fakeHandle(FeedClient);
    const seen = vi.fn();
    feed.messages({ op: 'trade' }).subscribe(seen);
    feed.playMessage({ op: 'trade', price: 1 }, { op: 'book' }, { op: 'trade', price: 2 });
    expect(seen.mock.calls.flat()).toEqual([
      { op: 'trade', price: 1 },
      { op: 'trade', price: 2 },
    ]);
    feed.become('backoff');
    expect(() => feed.playMessage({ op: 'trade' })).toThrow(NotConnectedError);
  });

  it('has the requests of its protocol, JSON-RPC or a binary one, or none', async () => {
    class NodeClient {}
    WebSockexClient('wss://node.example', { protocol: jsonRpc() })(NodeClient);
    const node = fakeHandle(NodeClient).onRequest('eth_chainId', '0x1');
    expect(await node.request(rpc('eth_chainId'))).toBe('0x1');
    expect(node.sentMessages).toEqual([{ jsonrpc: '2.0', method: 'eth_chainId', id: 1 }]);

    class PackedClient {}
    const codec = {
      binary: true,
      encode: pack,
      decode: (data: string | Buffer) => unpack(data as Buffer) as Order,
    };
    WebSockexClient('wss://a.example', { protocol: { ...exchange, codec } })(PackedClient);
    const packed = fakeHandle(PackedClient).onRequest('time', 12);
    expect(await packed.request({ op: 'time' })).toBe(12);

    class OcppClient {}
    const ocpp = json<readonly unknown[]>({
      request: (message, id) => [2, String(id), ...message],
      answer: () => undefined,
      call: ([, id, name]) => ({ id: String(id), name: String(name), value: undefined }),
    });
    WebSockexClient('wss://a.example', { protocol: ocpp })(OcppClient);
    const station = fakeHandle(OcppClient).onRequest(
      'BootNotification',
      (message: string[]) => message,
    );
    expect(await station.request(['BootNotification', {}])).toEqual(['BootNotification', {}]);

    class MadeClient {}
    WebSockexClient({ useFactory: () => ({ url: 'wss://a.example', protocol: exchange }) })(
      MadeClient,
    );
    const made = fakeHandle(MadeClient, { protocol: exchange }).onRequest('time', 12);
    expect(await made.request({ op: 'time' })).toBe(12);

    class PlainClient {}
    WebSockexClient('wss://a.example')(PlainClient);
    const plain = fakeHandle(PlainClient);
    await expect(plain.request({ op: 'time' })).rejects.toThrow(/protocol\.request/);
  });
});
