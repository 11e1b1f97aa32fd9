import type {
  ClientHandle,
  ClientOptions,
  ClientState,
  ClientStatistics,
  ClientSys,
  StatusReport,
} from 'nestjs-websockex';
import { describe, expectTypeOf, test } from 'vitest';

class FeedClient {
  readonly book = new Map<string, number>();
  last?: string;
  count = 0;
  private secret = 1;

  get twice() {
    return this.secret * 2;
  }

  text(): void {}
}

class NextClient {
  constructor(readonly injected: FeedClient) {}
}

abstract class Unfinished {}

declare const feed: ClientHandle<FeedClient>;
declare const unknown: ClientHandle;

describe('handle.sys', () => {
  test('is of the class', () => {
    expectTypeOf(feed.sys).toEqualTypeOf<ClientSys<FeedClient>>();

    // @ts-expect-error -- it is only read
    feed.sys = unknown.sys;
  });

  test('has the public fields of the class as its state, and no method', () => {
    expectTypeOf<keyof ClientState<FeedClient>>().toEqualTypeOf<
      'book' | 'last' | 'count' | 'twice'
    >();
    expectTypeOf(feed.sys.getState()).toEqualTypeOf<Promise<ClientState<FeedClient>>>();
    expectTypeOf<ClientState<FeedClient>['last']>().toEqualTypeOf<string | undefined>();
  });

  test('replaces the state by one of the same fields', () => {
    void feed.sys.replaceState((state) => ({ ...state, count: state.count + 1 }));
    expectTypeOf(feed.sys.replaceState((state) => state)).toEqualTypeOf<
      Promise<ClientState<FeedClient>>
    >();

    // @ts-expect-error -- a wrong type
    void feed.sys.replaceState((state) => ({ ...state, count: 'one' }));
    // @ts-expect-error -- a field is missing
    void feed.sys.replaceState(() => ({ count: 1 }));
    // @ts-expect-error -- a promise has no fields
    void feed.sys.replaceState(async (state) => state);
    // @ts-expect-error -- it returns nothing
    void feed.sys.replaceState(() => {});
    // @ts-expect-error -- private
    void feed.sys.replaceState(({ secret }) => secret);
  });

  test('takes any class for the next one', () => {
    expectTypeOf(feed.sys.changeCode(NextClient)).toEqualTypeOf<Promise<void>>();
    void feed.sys.changeCode(NextClient, { version: 2 });

    // @ts-expect-error -- an instance
    void feed.sys.changeCode(new NextClient(new FeedClient()));
    // @ts-expect-error -- nothing can be made of it
    void feed.sys.changeCode(Unfinished);
    // @ts-expect-error -- a name
    void feed.sys.changeCode('NextClient');
    // @ts-expect-error -- no class
    void feed.sys.changeCode();
  });

  test('tells and is told what it says', () => {
    expectTypeOf(feed.sys.trace(true)).toEqualTypeOf<Promise<void>>();
    expectTypeOf(feed.sys.getLog()).toEqualTypeOf<Promise<readonly string[]>>();
    expectTypeOf(feed.sys.getStatistics()).toEqualTypeOf<Promise<ClientStatistics | undefined>>();
    expectTypeOf(feed.sys.getStatus()).toEqualTypeOf<Promise<StatusReport>>();
    expectTypeOf(feed.sys.suspend()).toEqualTypeOf<Promise<void>>();
    expectTypeOf(feed.sys.resume()).toEqualTypeOf<Promise<void>>();
    void feed.sys.log(5);
    void feed.sys.log(true);
    void feed.sys.logToFile('trace.log');
    void feed.sys.logToFile(false);

    // @ts-expect-error -- it says on or off
    void feed.sys.trace();
    // @ts-expect-error -- no number
    void feed.sys.log('5');
    // @ts-expect-error -- where to?
    void feed.sys.logToFile(true);
  });

  test('may be used though the class is not known', () => {
    expectTypeOf(unknown.sys.getStatus()).toEqualTypeOf<Promise<StatusReport>>();
    void unknown.sys.changeCode(NextClient);
  });
});

describe('the option debug', () => {
  test('takes true, names, or an object', () => {
    expectTypeOf<true>().toExtend<ClientOptions['debug']>();
    expectTypeOf<['trace', 'log', 'statistics']>().toExtend<ClientOptions['debug']>();
    expectTypeOf<{ trace: true; log: 5; logToFile: 'a' }>().toExtend<ClientOptions['debug']>();
    expectTypeOf<['tracing']>().not.toExtend<ClientOptions['debug']>();
    expectTypeOf<['logToFile']>().not.toExtend<ClientOptions['debug']>();
  });
});
