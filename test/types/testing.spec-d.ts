import { Test, type TestingModule } from '@nestjs/testing';
import { close, OnCall, OnCast, type CloseDirective } from 'nestjs-websockex';
import { createTestClient, createTestNet, fakeHandle } from 'nestjs-websockex/testing';
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
  // @ts-expect-error: its argument is a string
  void client.call('upper', 1);
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
