import { Global, Inject, Injectable, Module, type OnModuleInit, type Type } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { CapturingLogger, Test, type TestingModule } from '@nestjs/testing';
import {
  AlreadyStartedError,
  ConfigurationError,
  HandshakeError,
  InjectClient,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type ClientHandle,
  type GroupOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import {
  bootOnNet,
  compileOnNet,
  failure,
  SESSIONS,
  type NetApp,
} from '../../fixtures/nest/net-app.js';

/** A module that lists clients, to be loaded when it is wanted. */
function lazyModule(
  clients: readonly Type<object>[],
  { providers = [], group }: { providers?: object[]; group?: GroupOptions } = {},
): Type<object> {
  class LazyModule {}
  Module({
    imports: [WebSockexModule.forFeature(clients, group)],
    providers: [...(providers as [])],
  })(LazyModule);
  return LazyModule;
}

const load = (app: NetApp, module: Type<object>) =>
  app.module.get(LazyModuleLoader).load(() => module);

const handleOf = (app: NetApp, client: Type<object>): ClientHandle => app.manager.get(client)!;

/** A class of this name, with these options. */
function clientClass(options: Parameters<typeof WebSockexClient>[1]): Type<object> {
  @WebSockexClient(SESSIONS, options)
  class OwnClient {}
  return OwnClient;
}

describe('A module that is loaded after the boot', () => {
  it('starts its clients, whose classes it makes, and they end with the application', async () => {
    const greeting = { provide: 'greeting', useValue: 'hello' };
    const Background = clientClass({ name: 'background' });
    class GreetingClient extends Background {
      @Inject('greeting')
      readonly greeting!: string;
    }
    await using app = await bootOnNet();
    await load(app, lazyModule([GreetingClient], { providers: [greeting] }));
    const handle = handleOf(app, GreetingClient);
    await handle.connected();
    expect(await handle.sys.getState()).toMatchObject({ greeting: 'hello' });
    expect(app.names()).toEqual(['background']);
    await app.close();

    expect(await handle.terminated).toEqual({ by: 'local', code: 1001, message: '' });
    expect(handle.status).toBe('terminated');
  });

  it('gives its services the handles', async () => {
    const Background = clientClass({ name: 'background' });
    @Injectable()
    class Service {
      constructor(@InjectClient(Background) readonly handle: ClientHandle) {}
    }
    await using app = await bootOnNet();
    const moduleRef = await load(app, lazyModule([Background], { providers: [Service] }));

    expect(moduleRef.get(Service).handle).toBe(handleOf(app, Background));
    await moduleRef.get(Service).handle.connected();
  });

  it('is loaded when the clients that are required are there, in order of their group', async () => {
    const One = clientClass({ name: 'one', startup: 'required' });
    const Two = clientClass({ name: 'two', startup: 'required' });
    await using app = await bootOnNet();
    await load(app, lazyModule([One, Two], { group: { strategy: 'rest_for_one' } }));

    expect([One, Two].map((one) => handleOf(app, one).status)).toEqual(['open', 'open']);
    expect(app.names()).toEqual(['one', 'two']);
  });

  it('fails to load with the error of a required client, and leaves none of its clients', async () => {
    const Required = clientClass({ name: 'required', startup: 'required' });
    const Other = clientClass({ name: 'other' });
    await using app = await bootOnNet({ isOpen: false });
    app.sessions.rejectAll(403);
    const lazy = lazyModule([Other, Required], { group: {} });
    expect(await failure(load(app, lazy))).toBeInstanceOf(HandshakeError);
    expect(app.names()).toEqual([]);
    await app.net.settle();

    expect(app.net.clock.pending).toEqual([]);
  });

  it('leaves a client that is started by hand to whoever does', async () => {
    const Manual = clientClass({ name: 'manual', startup: 'manual' });
    await using app = await bootOnNet();
    await load(app, lazyModule([Manual]));
    expect(handleOf(app, Manual).status).toBe('idle');
    await handleOf(app, Manual).start();

    expect(handleOf(app, Manual).status).toBe('open');
  });

  it('starts nothing before all of it is made, nor when that fails', async () => {
    const gate = new Gate();
    const Background = clientClass({ name: 'background' });
    const slow = {
      provide: 'slow',
      useFactory: async () => {
        await gate.opened;
        throw new Error('no database');
      },
    };
    await using app = await bootOnNet();
    const loading = failure(load(app, lazyModule([Background], { providers: [slow] })));
    await app.net.settle();
    expect(app.sessions.attempts).toBe(0);
    gate.open();
    expect((await loading).message).toBe('no database');
    await app.net.settle();

    expect(app.sessions.attempts).toBe(0);
  });

  it.each([
    ['a class that is no client', () => class Plain {}, ConfigurationError],
    ['a name that is taken', () => clientClass({ name: 'listed' }), AlreadyStartedError],
  ])('is refused with %s', async (_, make, type) => {
    await using app = await bootOnNet({ clients: [clientClass({ name: 'listed' })] });

    expect(await failure(load(app, lazyModule([make()])))).toBeInstanceOf(type);
    expect(app.names()).toEqual(['listed']);
  });

  it('starts nothing when the application has been closed', async () => {
    const Background = clientClass({ name: 'background' });
    await using app = await bootOnNet();
    await app.close();
    await load(app, lazyModule([Background]));
    const handle = handleOf(app, Background);

    expect(await handle.terminated).toMatchObject({ by: 'local', code: 1001 });
    expect([handle.status, app.sessions.attempts]).toEqual(['terminated', 0]);
  });
});

describe('A forRoot', () => {
  const Background = clientClass({ name: 'background' });
  const Root = (): Type<object> => {
    class LazyRoot {}
    Module({ imports: [WebSockexModule.forRoot({ clients: [Background] })] })(LazyRoot);
    return LazyRoot;
  };
  const says = /forRoot\(\) .* LazyModuleLoader .* forRoot\(\) in the root module, .*forFeature/;

  it.each([true, false])(
    'is refused in a module that is loaded (after the boot: %s)',
    async (isAfterBoot) => {
      await using app = await bare(isAfterBoot);
      const error = await failure(app.get(LazyModuleLoader).load(Root));

      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(says);
    },
  );

  it('is refused there beside the one of the application, whose clients go on', async () => {
    const Listed = clientClass({ name: 'listed' });
    await using app = await bootOnNet({ clients: [Listed] });
    const error = await failure(load(app, Root()));

    expect(error.message).toMatch(says);
    await handleOf(app, Listed).connected();
    expect(app.names()).toEqual(['listed']);
  });

  it('is taken where the application is made, in a global module too', async () => {
    class GlobalRoot {}
    Module({ imports: [Root()] })(GlobalRoot);
    Global()(GlobalRoot);
    const module = await Test.createTestingModule({ imports: [GlobalRoot] }).compile();

    expect(module.get(WebSockexManager).clients()).toMatchObject([{ name: 'background' }]);
    await module.close();
  });

  /** An application without any client. */
  async function bare(isAfterBoot: boolean): Promise<TestingModule & AsyncDisposable> {
    const module = await Test.createTestingModule({}).setLogger(new CapturingLogger()).compile();
    if (isAfterBoot) await module.init();
    return Object.assign(module, { [Symbol.asyncDispose]: () => module.close() });
  }
});

describe('A module that is loaded', () => {
  it('before the boot starts its clients with the others', async () => {
    const Required = clientClass({ name: 'required', startup: 'required' });
    await using app = await compileOnNet();
    await load(app, lazyModule([Required]));
    expect(handleOf(app, Required).status).toBe('idle');
    await app.module.init();

    expect(handleOf(app, Required).status).toBe('open');
    expect(app.sessions.attempts).toBe(1);
  });

  it.each([true, false])('in a hook of the boot, too (awaited: %s)', async (isAwaited) => {
    const Required = clientClass({ name: 'required', startup: 'required' });
    const Lazy = lazyModule([Required]);
    @Injectable()
    class Loading implements OnModuleInit {
      loaded: Promise<unknown> | undefined;

      constructor(private readonly loader: LazyModuleLoader) {}

      async onModuleInit() {
        this.loaded = this.loader.load(() => Lazy);
        if (isAwaited) await this.loaded;
      }
    }
    await using app = await bootOnNet({ providers: [Loading] });
    await app.module.get(Loading).loaded;
    await handleOf(app, Required).connected();

    expect(app.sessions.attempts).toBe(1);
  });
});
