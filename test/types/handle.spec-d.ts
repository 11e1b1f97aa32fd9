import { close, OnCall, OnCast, OnFrame, reply } from 'nestjs-websockex';
import type {
  CallAnswer,
  ClientHandle,
  CloseDirective,
  CloseReason,
  ClientStatus,
  ConnectionInfo,
  DataFrame,
  MethodArgs,
  MethodName,
  TextFrame,
  UnknownClient,
  WebSockexEvent,
  WebSockexManager,
} from 'nestjs-websockex';
import type { Observable } from 'rxjs';
import { describe, expectTypeOf, test } from 'vitest';

class FeedClient {
  readonly book = new Map<string, number>();
  private secrets = 0;

  @OnCast() publish(text: string, urgent?: boolean) {
    return reply(urgent ? `!${text}` : text);
  }

  @OnCast() flush() {}

  @OnCast() many(...texts: string[]) {}

  @OnCall() position(symbol: string) {
    return this.book.get(symbol);
  }

  @OnCall() async later(ids: readonly number[]) {
    return { ids };
  }

  @OnCall() shut() {
    return close();
  }

  @OnCall() maybe(sure: boolean) {
    return sure ? close() : 'no';
  }

  @OnCall() async eventually(sure: boolean) {
    return sure ? reply('yes') : 5;
  }

  @OnCall() silent() {}

  @OnCall() private hidden() {
    return this.secrets;
  }

  @OnCall() protected guarded() {
    return 1;
  }

  @OnFrame('text') text(frame: TextFrame) {}
}

declare const feed: ClientHandle<FeedClient>;
declare const unknown: ClientHandle;
declare const manager: WebSockexManager;

describe('a handle of a class', () => {
  test('casts the methods of the class with their arguments', () => {
    feed.cast('publish', 'text');
    feed.cast('publish', 'text', true);
    feed.cast('flush');
    feed.cast('many', 'a', 'b', 'c');
    expectTypeOf(feed.cast('flush')).toEqualTypeOf<void>();

    // @ts-expect-error -- no such method
    feed.cast('publsh', 'text');
    // @ts-expect-error -- a field, no method
    feed.cast('book');
    // @ts-expect-error -- an argument is missing
    feed.cast('publish');
    // @ts-expect-error -- a wrong argument
    feed.cast('publish', 5);
    // @ts-expect-error -- one too many
    feed.cast('publish', 'text', true, 'more');
    // @ts-expect-error -- it takes none
    feed.cast('flush', 'text');
    // @ts-expect-error -- one of the rest is wrong
    feed.cast('many', 'a', 5);
  });

  test('calls them, and is answered with what they return, awaited', () => {
    expectTypeOf(feed.call('position', 'EUR')).toEqualTypeOf<Promise<number | undefined>>();
    expectTypeOf(feed.call('later', [1])).toEqualTypeOf<Promise<{ ids: readonly number[] }>>();
    expectTypeOf(feed.call('silent')).toEqualTypeOf<Promise<void>>();

    // @ts-expect-error -- no such method
    void feed.call('positon', 'EUR');
    // @ts-expect-error -- an argument is missing
    void feed.call('position');
    // @ts-expect-error -- a wrong argument
    void feed.call('later', ['a']);
  });

  test('is answered undefined where a directive is acted on', () => {
    expectTypeOf(feed.call('shut')).toEqualTypeOf<Promise<undefined>>();
    expectTypeOf(feed.call('maybe', true)).toEqualTypeOf<Promise<'no' | undefined>>();
    expectTypeOf(feed.call('eventually', true)).toEqualTypeOf<Promise<5 | undefined>>();
  });

  test('reaches no private or protected method', () => {
    // @ts-expect-error -- private
    void feed.call('hidden');
    // @ts-expect-error -- protected
    void feed.call('guarded');
    // @ts-expect-error -- private
    feed.cast('hidden');
  });

  test('has names, arguments and answers as types', () => {
    expectTypeOf<MethodName<FeedClient>>().toEqualTypeOf<
      | ('publish' | 'flush' | 'many' | 'position' | 'later')
      | ('shut' | 'maybe' | 'eventually' | 'silent' | 'text')
    >();
    expectTypeOf<MethodArgs<FeedClient, 'publish'>>().toEqualTypeOf<
      [text: string, urgent?: boolean | undefined]
    >();
    expectTypeOf<CallAnswer<FeedClient, 'position'>>().toEqualTypeOf<number | undefined>();
    expectTypeOf<ReturnType<FeedClient['shut']>>().toEqualTypeOf<CloseDirective>();
    expectTypeOf<CallAnswer<FeedClient, 'shut'>>().toEqualTypeOf<undefined>();
  });

  test('sends what can be sent', () => {
    expectTypeOf(feed.sendFrame('text')).toEqualTypeOf<Promise<void>>();
    void feed.sendFrame(Buffer.from('bytes'), { timeout: 5 });
    void feed.sendFrame([{ type: 'text', data: 'a' }, 'b', new Uint8Array(1)], {
      signal: AbortSignal.abort(),
    });

    // @ts-expect-error -- a number is no frame
    void feed.sendFrame(5);
    // @ts-expect-error -- an object is no frame
    void feed.sendFrame({ op: 'subscribe' });
    // @ts-expect-error -- one of several is none
    void feed.sendFrame(['a', 5]);
    // @ts-expect-error -- a typo
    void feed.sendFrame('text', { timout: 5 });
  });

  test('can be observed, iterated, started and ended', () => {
    expectTypeOf(feed.frames$).toEqualTypeOf<Observable<DataFrame>>();
    expectTypeOf(feed.status$).toEqualTypeOf<Observable<ClientStatus>>();
    expectTypeOf(feed.events$).toEqualTypeOf<Observable<WebSockexEvent>>();
    expectTypeOf(feed.connected({ timeout: 5 })).toEqualTypeOf<Promise<ConnectionInfo>>();
    expectTypeOf(feed.start()).toEqualTypeOf<Promise<ConnectionInfo>>();
    expectTypeOf(feed.reconnect()).toEqualTypeOf<Promise<ConnectionInfo>>();
    expectTypeOf(feed.rotate({ within: 1 })).toEqualTypeOf<Promise<ConnectionInfo>>();
    expectTypeOf(feed.rotate({ url: 'ws://x', code: 4000, reason: 'moved' })).toEqualTypeOf<
      Promise<ConnectionInfo>
    >();
    expectTypeOf(feed.stop()).toEqualTypeOf<Promise<CloseReason>>();
    expectTypeOf(feed.terminated).toEqualTypeOf<Promise<CloseReason>>();
    expectTypeOf(feed.close(1000, 'bye')).toEqualTypeOf<Promise<void>>();
    expectTypeOf(feed[Symbol.asyncIterator]().next()).resolves.toMatchTypeOf<{ value: unknown }>();
    expectTypeOf<ClientHandle<FeedClient>>().toExtend<AsyncIterable<DataFrame>>();

    // @ts-expect-error -- it is only read
    feed.name = 'other';
    // @ts-expect-error -- a code is a number
    void feed.close('bye');
  });
});

describe('a handle of an unknown class', () => {
  test('casts and calls any name, and knows nothing of the answer', () => {
    expectTypeOf<Parameters<typeof unknown.cast>>().toEqualTypeOf<
      [name: string, ...args: MethodArgs<UnknownClient, string>]
    >();
    unknown.cast('anything', 1, 'two', {});
    expectTypeOf(unknown.call('anything', 1)).toEqualTypeOf<Promise<unknown>>();
  });

  test('is what the manager gives, perhaps', () => {
    expectTypeOf(manager.get('feed')).toEqualTypeOf<ClientHandle | undefined>();
    expectTypeOf(manager.get(FeedClient)).toEqualTypeOf<ClientHandle<FeedClient> | undefined>();
    expectTypeOf(manager.clients()).toEqualTypeOf<ClientHandle[]>();
    expectTypeOf(manager.events$).toEqualTypeOf<Observable<WebSockexEvent>>();
  });
});
