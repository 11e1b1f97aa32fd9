import {
  Controller,
  forwardRef,
  Inject,
  Injectable,
  Module,
  Optional,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import {
  ClientHandle,
  ConfigurationError,
  getClientToken,
  InjectClient,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../fixtures/nest/app.js';
import { failure } from '../../fixtures/nest/net-app.js';

@WebSockexClient('ws://127.0.0.1:1', { startup: 'manual' })
class FeedClient {}

/** Listed by nobody. */
@WebSockexClient('ws://127.0.0.1:1')
class LostClient {}

/** The boot of a root module that lists FeedClient, with something more in it. */
const refused = async (more: ModuleMetadata): Promise<string> => {
  const root = WebSockexModule.forRoot({ clients: [FeedClient] });
  const error = await bootError(rootOf({ ...more, imports: [root, ...(more.imports ?? [])] }));
  expect(error).toBeInstanceOf(ConfigurationError);
  return error.message;
};

/** A service that asks for a token as its second parameter, and does something with it at once. */
const asking = (token: unknown, ...decorators: ParameterDecorator[]): Type<object> => {
  @Injectable()
  class Trader {
    constructor(_other: Other, feed: FeedClient) {
      feed.toString();
    }
  }
  Reflect.defineMetadata('design:paramtypes', [Other, token], Trader);
  for (const decorate of decorators) decorate(Trader, undefined, 1);
  return Trader;
};

@Injectable()
class Other {}

const rootOf = (metadata: ModuleMetadata): Type<object> => {
  @Module(metadata)
  class RootModule {}
  return RootModule;
};

const inFeature = (Trader: Type<object>): Type<object> => {
  @Module({ providers: [Other, Trader] })
  class TraderModule {}
  @Module({ imports: [TraderModule] })
  class OuterModule {}
  return OuterModule;
};

describe('a service that asks for a listed client class itself', () => {
  const written = 'Inject the handle: @InjectClient(FeedClient) feed: ClientHandle<FeedClient>.';
  const place = 'asks for FeedClient (parameter 2 of its constructor)';

  it('is told what to write, with its name and the parameter', async () => {
    const message = await refused({ providers: [Other, asking(FeedClient)] });

    expect(message).toContain(`Trader ${place}`);
    expect(message).toContain(written);
  });

  it('in another module, too', async () => {
    const message = await refused({ imports: [inFeature(asking(FeedClient))] });

    expect(message).toContain(`Trader ${place}`);
  });

  it('in a controller, by a field, as something optional, and by a forward reference', async () => {
    @Controller()
    class Page {
      @Inject(FeedClient) readonly feed: unknown;
    }
    const ahead = Inject(forwardRef(() => FeedClient));

    expect(await refused({ controllers: [Page] })).toContain(
      'Page asks for FeedClient (its field feed)',
    );
    expect(await refused({ providers: [Other, asking(FeedClient, Optional())] })).toContain(place);
    expect(await refused({ providers: [Other, asking(Object, ahead)] })).toContain(place);
  });

  it('in a factory', async () => {
    const provider = { provide: 'trader', inject: [FeedClient], useFactory: () => 1 };
    const message = await refused({ providers: [provider] });

    expect(message).toMatch(/^trader asks for FeedClient \(inject\[0\]\).*getClientToken/);
  });

  it('in another client, and in the factory of its options', async () => {
    @WebSockexClient('ws://127.0.0.1:1')
    class CopyClient {
      constructor(readonly feed: FeedClient) {}
    }
    @WebSockexClient({ inject: [FeedClient], useFactory: () => ({ url: 'ws://127.0.0.1:1' }) })
    class MadeClient {}
    const lists = (client: Type<object>) => ({ imports: [WebSockexModule.forFeature([client])] });

    expect(await refused(lists(CopyClient))).toMatch(/^CopyClient asks for FeedClient \(param/);
    expect(await refused(lists(MadeClient))).toMatch(/^the options of MadeClient asks? for/);
  });
});

describe('a client class that nobody lists', () => {
  it('is refused as what another client asks for', async () => {
    @WebSockexClient('ws://127.0.0.1:1')
    class CopyClient {
      constructor(readonly lost: LostClient) {}
    }
    const message = await refused({ imports: [WebSockexModule.forFeature([CopyClient])] });

    expect(message).toContain('CopyClient asks for LostClient (parameter 1 of its constructor)');
    expect(message).toContain('@InjectClient(LostClient) lost: ClientHandle<LostClient>');
  });

  it('may be optional, or a provider of its own', async () => {
    @Injectable()
    class Trader {
      constructor(@Optional() readonly lost?: LostClient) {}
    }
    const imports = [WebSockexModule.forRoot()];
    await using without = await boot({ imports, providers: [Trader] });
    expect(without.get(Trader).lost).toBeUndefined();

    await using app = await boot({ imports, providers: [Trader, LostClient] });
    expect(app.get(Trader).lost).toBeInstanceOf(LostClient);
  });
});

describe('a ClientHandle without @InjectClient', () => {
  it('is refused with the name of the class and the parameter', async () => {
    const message = await refused({ providers: [Other, asking(ClientHandle)] });

    expect(message).toBe(
      'Trader asks for a ClientHandle (parameter 2 of its constructor), and does not say of which ' +
        'client. Write @InjectClient(FeedClient) before it.',
    );
  });

  it('in another module, in a client, and in a factory', async () => {
    @WebSockexClient('ws://127.0.0.1:1')
    class CopyClient {
      constructor(readonly feed: ClientHandle) {}
    }
    const factory = { provide: 'trader', inject: [ClientHandle], useFactory: () => 1 };

    expect(await refused({ imports: [inFeature(asking(ClientHandle))] })).toMatch(/^Trader asks/);
    expect(await refused({ imports: [WebSockexModule.forFeature([CopyClient])] })).toMatch(
      /^CopyClient asks for a ClientHandle \(parameter 1/,
    );
    expect(await refused({ providers: [factory] })).toMatch(/^trader .*getClientToken\(FeedClient/);
  });

  it('in a class that is started at run time', async () => {
    @WebSockexClient('ws://127.0.0.1:1')
    class CopyClient {
      constructor(readonly feed: ClientHandle) {}
    }
    await using app = await boot({ imports: [WebSockexModule.forRoot()] });
    const error = await failure(app.get(WebSockexManager).start(CopyClient));

    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(/^CopyClient asks for a ClientHandle/);
  });
});

describe('the handle of a class that a module does not see', () => {
  it.each([
    [
      'in the root module',
      () => ({ providers: [Other, asking(Object, InjectClient(LostClient))] }),
    ],
    [
      'in another module',
      () => ({ imports: [inFeature(asking(Object, InjectClient('LostClient')))] }),
    ],
  ])('is refused by Nest, with the parameter and what to do, %s', async (_, more) => {
    for (const imports of [[], [WebSockexModule.forRoot({ clients: [FeedClient] })]]) {
      const { message } = await bootError({ imports: [...imports, rootOf(more())] });

      expect(message).toMatch(/the Trader \(Other, \?\).*index \[1\]/s);
      expect(message).toMatch(/LostClient \(list the class in WebSockexModule\.forRoot, or import/);
    }
  });

  it('is refused for a client, naming the module that lists it, where there is one', async () => {
    @WebSockexClient('ws://127.0.0.1:1')
    class CopyClient {
      constructor(@InjectClient(LostClient) readonly lost: ClientHandle<LostClient>) {}
    }
    @Module({ imports: [WebSockexModule.forFeature([CopyClient])] })
    class CopyModule {}
    @Module({ imports: [WebSockexModule.forFeature([LostClient])] })
    class LostModule {}

    expect(await refused({ imports: [CopyModule] })).toBe(
      'CopyClient asks for the handle of LostClient (parameter 1 of its constructor), and CopyModule ' +
        'does not see it. List the class: WebSockexModule.forRoot({ clients: [LostClient] }) in the ' +
        'root module, or WebSockexModule.forFeature([LostClient]) in CopyModule.',
    );
    expect(await refused({ imports: [CopyModule, LostModule] })).toMatch(
      /LostModule lists the class: have it export WebSockexModule, and import it in CopyModule\.$/,
    );
  });

  it('has one token by the class and by the name', () => {
    expect(getClientToken(LostClient)).toBe(getClientToken('LostClient'));
  });
});

describe('parameters that nothing says a type of', () => {
  /** What a compiler makes that emits no metadata. */
  const untyped = (...decorators: ParameterDecorator[]): Type<object> => {
    class BareClient {
      constructor(
        readonly one: unknown,
        readonly other: unknown,
      ) {}
    }
    for (const [index, decorate] of decorators.entries()) decorate(BareClient, undefined, index);
    WebSockexClient('ws://127.0.0.1:1', { startup: 'manual' })(BareClient);
    return BareClient;
  };

  it('are refused at boot and at run time, naming the setting of the compiler', async () => {
    const imports = [WebSockexModule.forFeature([untyped()])];
    expect(await refused({ imports })).toMatch(
      /^BareClient: nothing says what to inject for parameter 1 .*"emitDecoratorMetadata": true/,
    );
    const second = [WebSockexModule.forFeature([untyped(Inject('one'))])];
    expect(await refused({ imports: second })).toMatch(/for parameter 2 of its constructor/);

    await using app = await boot({ imports: [WebSockexModule.forRoot()] });
    const error = await failure(app.get(WebSockexManager).start(untyped()));
    expect(error.message).toMatch(/^BareClient: nothing says what to inject/);
  });

  it('are refused where the type was imported as a type, which leaves nothing of it', async () => {
    @WebSockexClient('ws://127.0.0.1:1')
    class BareClient {
      constructor(readonly one: object) {}
    }
    const clients = [BareClient];
    const error = await bootError({ imports: [WebSockexModule.forRoot({ clients })] });

    expect(error.message).toMatch(/dependencies of the BareClient \(\?\).*index \[0\]/s);
  });

  it('are fine where each is named, or optional', async () => {
    const client = untyped(Inject('one'), Optional());
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [client] })],
      providers: [{ provide: 'one', useValue: 1 }],
    });

    expect(app.handle(client).status).toBe('idle');
  });
});
