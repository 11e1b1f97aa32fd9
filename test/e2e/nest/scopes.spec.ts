import {
  Inject,
  Injectable,
  Module,
  Optional,
  Scope,
  type Provider,
  type Type,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { ConfigurationError, OnCall, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../fixtures/nest/app.js';
import { WsServer } from '../../fixtures/ws-server.js';

@Injectable({ scope: Scope.REQUEST })
class PerRequest {
  readonly id = 1;
}

@Injectable()
class Middle {
  constructor(readonly inner: PerRequest) {}
}

@Injectable()
class Outer {
  constructor(readonly middle: Middle) {}
}

/** What a boot is refused with, in which the client asks for something request-scoped. */
const refusal = async (
  client: (url: string) => Type<object>,
  providers: Provider[] = [PerRequest, Middle, Outer],
): Promise<string> => {
  await using server = await WsServer.listen();
  const error = await bootError({
    imports: [WebSockexModule.forRoot({ clients: [client(server.url())] })],
    providers,
  });
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(server.connectionCount).toBe(0);
  return error.message;
};

describe('a client is refused that', () => {
  it('is request-scoped itself', async () => {
    const message = await refusal((url) => {
      @Injectable({ scope: Scope.REQUEST })
      @WebSockexClient(url)
      class ShortLivedClient {}
      return ShortLivedClient;
    });

    expect(message).toMatch(/^ShortLivedClient is request-scoped.*argument of a cast or call/);
  });

  it('depends on what is request-scoped', async () => {
    const message = await refusal((url) => {
      @WebSockexClient(url)
      class DirectClient {
        constructor(readonly one: PerRequest) {}
      }
      return DirectClient;
    });

    expect(message).toMatch(/^DirectClient depends on PerRequest, which is request-scoped/);
  });

  it('depends on what depends on it, however far away', async () => {
    const message = await refusal((url) => {
      @WebSockexClient(url)
      class TransitiveClient {
        constructor(readonly outer: Outer) {}
      }
      return TransitiveClient;
    });

    expect(message).toMatch(/^TransitiveClient depends on Outer, which is request-scoped \(or/);
  });

  it('has it injected into a property', async () => {
    const message = await refusal((url) => {
      @WebSockexClient(url)
      class PropertyClient {
        @Inject() readonly middle!: Middle;
      }
      return PropertyClient;
    });

    expect(message).toMatch(/^PropertyClient depends on Middle, which is request-scoped/);
  });

  it('inherits the wish for it', async () => {
    const message = await refusal((url) => {
      class Base {
        @Inject(PerRequest) readonly one!: PerRequest;
      }
      @WebSockexClient(url)
      class DerivedClient extends Base {}
      return DerivedClient;
    });

    expect(message).toMatch(/^DerivedClient depends on PerRequest/);
  });

  it('asks for it by a token, by an alias, or where it is optional', async () => {
    const alias: Provider[] = [PerRequest, { provide: 'alias', useExisting: PerRequest }];
    const symbol = Symbol('per request');
    const factory: Provider[] = [{ provide: symbol, scope: Scope.REQUEST, useFactory: () => 1 }];
    const asking = (token: string | symbol) => (url: string) => {
      @WebSockexClient(url)
      class TokenClient {
        constructor(@Optional() @Inject(token) readonly one: unknown) {}
      }
      return TokenClient;
    };

    expect(await refusal(asking('alias'), alias)).toMatch(/^TokenClient depends on alias,/);
    expect(await refusal(asking(symbol), factory)).toMatch(
      /^TokenClient depends on Symbol\(per request\),/,
    );
  });

  it('asks for the request', async () => {
    const message = await refusal((url) => {
      @WebSockexClient(url)
      class RequestClient {
        constructor(@Inject(REQUEST) readonly request: unknown) {}
      }
      return RequestClient;
    });

    expect(message).toMatch(/^RequestClient depends on REQUEST,/);
  });

  it('has it injected into the factory of its options', async () => {
    const message = await refusal((url) => {
      @WebSockexClient({ inject: [PerRequest], useFactory: () => ({ url }) })
      class FactoryClient {}
      return FactoryClient;
    });

    expect(message).toMatch(/^FactoryClient depends on PerRequest/);
  });
});

describe('a client is not refused for', () => {
  it('a dependency that another module has request-scoped under the same token', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class TokenClient {
      constructor(@Inject('db') readonly db: string) {}

      @OnCall()
      which() {
        return this.db;
      }
    }
    @Module({
      imports: [WebSockexModule.forFeature([TokenClient])],
      providers: [{ provide: 'db', useValue: 'static' }],
    })
    class ClientModule {}
    @Module({
      providers: [{ provide: 'db', scope: Scope.REQUEST, useFactory: () => 'per request' }],
    })
    class RequestModule {}
    await using app = await boot({
      imports: [WebSockexModule.forRoot(), ClientModule, RequestModule],
    });

    expect(await app.handle(TokenClient).call('which')).toBe('static');
  });

  it('a missing dependency that is optional', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class OptionalClient {
      constructor(@Optional() readonly one?: PerRequest) {}

      @OnCall()
      has() {
        return this.one !== undefined;
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [OptionalClient] })],
    });

    expect(await app.handle(OptionalClient).call('has')).toBe(false);
  });
});

describe('a request-scoped dependency', () => {
  it('that another module has static under the same token is refused all the same', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class TokenClient {
      constructor(@Inject('db') readonly db: string) {}
    }
    @Module({
      imports: [WebSockexModule.forFeature([TokenClient])],
      providers: [{ provide: 'db', scope: Scope.REQUEST, useFactory: () => 'per request' }],
    })
    class ClientModule {}
    @Module({ providers: [{ provide: 'db', useValue: 'static' }] })
    class StaticModule {}
    const error = await bootError({
      imports: [WebSockexModule.forRoot(), ClientModule, StaticModule],
    });

    expect(error.message).toMatch(/^TokenClient depends on db, which is request-scoped/);
    expect(server.connectionCount).toBe(0);
  });
});
