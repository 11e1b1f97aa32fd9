import { OnCast, OnStart, type StartArgs } from 'nestjs-websockex';
import { describe, expectTypeOf, test } from 'vitest';

interface Args {
  readonly userId: number;
}

describe('@OnStart', () => {
  test('refuses a method whose args nobody could give', () => {
    class _HiddenClient {
      // @ts-expect-error -- nobody sees a private method
      @OnStart() private start(_args: Args) {}
    }
    class _ProtectedClient {
      // @ts-expect-error -- nor a protected one
      @OnStart() protected begin(_args: Args) {}
    }
    class _TwoArgsClient {
      // @ts-expect-error -- nothing comes after the args
      @OnStart() start(_args: Args, _more: string) {}
    }
  });

  test('refuses a method that another one hides', () => {
    class _CastClient {
      // @ts-expect-error -- the args would have to be a symbol
      @OnStart() begin(_args: Args) {}
      @OnCast() start(_symbol: string) {}
    }
    class _OnStartClient {
      // @ts-expect-error -- the args would have to be a symbol
      @OnStart() begin(_args: Args) {}
      @OnCast() onStart(_symbol: string) {}
    }
    class _BothClient {
      // @ts-expect-error -- start comes before onStart
      @OnStart() onStart(_args: Args) {}
      @OnCast() start() {}
    }
    class _SameClient {
      @OnStart() begin(_args: Args) {}
      @OnCast() start(_args: Args) {}
    }
  });

  test('takes what tells its args, and what takes none', () => {
    class AnyClient {
      @OnStart() start(_args: unknown) {}
    }
    class _PrivateClient {
      @OnStart() private begin() {}
    }
    const key = Symbol('key');
    class _SymbolClient {
      @OnStart() [key](_args: Args) {}
    }
    abstract class BaseClient<T> {
      @OnStart() start(_args: T) {}
    }
    class InheritingClient extends BaseClient<Args> {}
    class OtherNameBaseClient<T extends Args> {
      @OnStart() begin(_args: T) {}
    }
    class OtherNameClient extends OtherNameBaseClient<Args> {}
    expectTypeOf<StartArgs<AnyClient>>().toBeUnknown();
    expectTypeOf<StartArgs<InheritingClient>>().toEqualTypeOf<Args>();
    expectTypeOf<StartArgs<OtherNameClient>>().toEqualTypeOf<Args | undefined>();
  });
});
