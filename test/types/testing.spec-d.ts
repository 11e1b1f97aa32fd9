import { Test, type TestingModule } from '@nestjs/testing';
import {
  close,
  jsonRpc,
  OnCall,
  OnCast,
  OnSubscribe,
  type ChannelSource,
  type CloseDirective,
  type MessageError,
  type RpcCall,
  type SubscribeContext,
} from 'nestjs-websockex';
import {
  createTestClient,
  createTestNet,
  createTestServer,
  fakeHandle,
  type PlayedChannel,
  type ScriptedRequest,
  type TestedSource,
} from 'nestjs-websockex/testing';
import { expectTypeOf, test } from 'vitest';

class FeedClient {
  @OnCast() publish(text: string) {
    return text;
  }

  @OnCall() count() {
    return 1;
  }

  @OnCall() async upper(text: string) {
    return text.toUpperCase();
  }

  @OnCall() leave() {
    return close();
  }
}

test('a client alone gives what its methods return, as they return it', async () => {
  const client = await createTestClient(FeedClient);
  expectTypeOf(client.call('count')).toEqualTypeOf<number>();
  expectTypeOf(client.call('upper', 'a')).toEqualTypeOf<Promise<string>>();
  expectTypeOf(client.call('leave')).toEqualTypeOf<CloseDirective>();
  expectTypeOf(client.handle.call('count')).toEqualTypeOf<Promise<number>>();
  expectTypeOf(client.error).parameters.toEqualTypeOf<[MessageError]>();
  // @ts-expect-error: its argument is a string
  void client.call('upper', 1);
});

test('a client alone, and a fake handle, subscribe as the methods say', async () => {
  interface Trade {
    readonly price: number;
  }
  class ChannelClient {
    @OnSubscribe() trades(symbol: string, _context?: SubscribeContext): ChannelSource<Trade> {
      return { subscribe: symbol, match: () => true };
    }

    @OnSubscribe() async books(): Promise<ChannelSource<string>> {
      return { subscribe: '', match: () => true };
    }
  }
  const feed = fakeHandle(ChannelClient);
  expectTypeOf(feed.holdChannel('trades', 'BTC')).toEqualTypeOf<PlayedChannel<Trade>>();
  feed.holdChannel('books').send('a', 'b');
  // @ts-expect-error: its items are texts
  feed.holdChannel('books').send(1);
  // @ts-expect-error: it takes a symbol
  feed.holdChannel('trades');

  const client = await createTestClient(ChannelClient);
  const trades = client.subscribe('trades', ['BTC'], { session: 2 });
  expectTypeOf(trades).toEqualTypeOf<TestedSource<Trade>>();
  expectTypeOf(trades.match({ price: 1 }, 'an answer')).toEqualTypeOf<boolean>();
  expectTypeOf(client.subscribe('books', [])).toEqualTypeOf<Promise<TestedSource<string>>>();
  void client.gap({ from: { stream: 'a', seq: 1 }, to: { stream: 'a', seq: 3n } });
  // @ts-expect-error: its argument is a string
  client.subscribe('trades', [1]);
  // @ts-expect-error: no such channel
  client.subscribe('none', []);
});

test('a fake handle answers with what the method does', () => {
  const feed = fakeHandle(FeedClient);
  feed.answer('count', () => 2).answer('upper', async (text) => text);
  expectTypeOf(feed.call('upper', 'a')).toEqualTypeOf<Promise<string>>();
  // @ts-expect-error: it is a number
  feed.answer('count', () => 'two');
  // @ts-expect-error: no such method
  feed.answer('counts', () => 2);
});

test('a fake handle answers requests', () => {
  const feed = fakeHandle(FeedClient)
    .onRequest('time', 12)
    .onRequest({ op: 'order' }, ({ side }, id) => [side, id])
    .onRequest('eth_call', ({ method }: RpcCall) => method);
  expectTypeOf(feed.sentMessages).toEqualTypeOf<readonly unknown[]>();
  // @ts-expect-error: it is no pattern
  feed.onRequest(12, 'time');
  fakeHandle(FeedClient, { protocol: jsonRpc() });
  // @ts-expect-error: it is no protocol
  fakeHandle(FeedClient, { protocol: 'json' });
});

test('a net gives what the builder compiles to', async () => {
  const net = createTestNet();
  const module = await net.install(Test.createTestingModule({}).useMocker(() => ({})));
  expectTypeOf(module).toEqualTypeOf<TestingModule>();
  expectTypeOf(module.createNestApplication().getHttpServer).toBeFunction();

  interface Module extends TestingModule {
    readonly extra: string;
  }
  const builder = Test.createTestingModule({});
  const own = Object.assign(builder, { compile: async () => builder.compile() as Promise<Module> });
  expectTypeOf(await net.install(own)).toEqualTypeOf<Module>();
  // @ts-expect-error: it is compiled already
  await net.install(await builder.compile());
});

test('a server answers requests with values, and functions of what is known of them', async () => {
  const server = createTestNet().server(FeedClient, { protocol: jsonRpc() });
  server
    .onRequest('time', 12)
    .onRequest('nothing', undefined)
    .onRequest(['a', 'b'], new Error('no'))
    .onRequest({ op: 'order' }, ({ side }, id) => {
      expectTypeOf(side).toEqualTypeOf<unknown>();
      expectTypeOf(id).toEqualTypeOf<string | number>();
    })
    .onRequest('eth_call', ({ params }: RpcCall) => Promise.resolve(params))
    .onRequest(
      (message: { op: string }) => message.op === 'a',
      ([first]: string[]) => first,
    )
    .answers({ time: 12, eth_call: ({ params }) => params, none: null });
  // @ts-expect-error: it is no pattern
  server.onRequest(12, 'time');

  expectTypeOf(await server.expectMessage()).toEqualTypeOf<Record<string, unknown>>();
  expectTypeOf(await server.expectMessage<RpcCall>('a')).toEqualTypeOf<RpcCall>();
  const request = await server.peer.expectRequest<RpcCall>('a', { timeout: 1 });
  expectTypeOf(request).toEqualTypeOf<ScriptedRequest<RpcCall>>();
  expectTypeOf(request.message.method).toEqualTypeOf<string>();
  request.reply();
  request.fail('no');
  // @ts-expect-error: neither an error nor a text
  request.fail(7);
  const trades = await server.expectSubscribe('trades', 'BTC');
  expectTypeOf(trades.message).toBeUnknown();
  expectTypeOf(trades.confirm).parameters.toEqualTypeOf<[unknown?]>();
  await createTestServer({ protocol: jsonRpc(), tls: true });
});
