import { type DynamicModule, Module, type Provider, type Type } from '@nestjs/common';

import { provideMarker } from './discovery/class.marker.js';
import { provideClientList } from './discovery/client.list.js';
import type { GroupOptions } from './interfaces/group.interface.js';
import { ClientOrchestrator } from './manager/client.orchestrator.js';
import { ClientRegistry, type ListedGroup } from './manager/client.registry.js';
import { ConfigurationError } from './runtime/errors/client.errors.js';
import { WebSockexCoreModule } from './websockex-core.module.js';
import { LAZY_START, ROOT_MARK } from './websockex.constants.js';
import { messages } from './websockex.messages.js';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  type OPTIONS_TYPE,
} from './websockex.module-definition.js';
import { getClientToken } from './websockex.tokens.js';

/**
 * WebSocket clients for a Nest application. `forRoot` once, in the root module; `forFeature` in
 * any other that brings clients of its own. Both provide the handles; the classes themselves are
 * made by the injector of the module that imports them, and may inject whatever it sees.
 *
 * @example
 * @Module({ imports: [WebSockexModule.forRoot({ clients: [FeedClient] })] })
 * export class AppModule {}
 *
 * @publicApi
 */
@Module({})
export class WebSockexModule extends ConfigurableModuleClass {
  /**
   * The module itself, and clients to start with the application. Global. A module that
   * `LazyModuleLoader` loads takes {@link forFeature} in its place: `load()` rejects with a
   * `ConfigurationError`.
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return withCore(super.forRoot(options), options.clients);
  }

  /**
   * As {@link forRoot}, with options made by injection (`useFactory`, `useClass`, `useExisting`).
   * `clients` stand beside the factory: their handles must be known before anything is injected.
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return withCore(super.forRootAsync(options), options.clients);
  }

  /**
   * More clients, made by the injector of the module that imports this. They start with the
   * application, or, in a module that `LazyModuleLoader` loads later, when all of that is made; the
   * load waits for those that are required.
   *
   * @param options how they are supervised together: with them the clients are one group, started
   * in order and stopped in reverse; without, each is supervised alone
   */
  static forFeature(clients: readonly Type<object>[], options?: GroupOptions): DynamicModule {
    const handles = toProviders(clients, options && { clients, options });
    return {
      module: WebSockexModule,
      providers: [provideClientList(clients, options), provideLazyStart(clients), ...handles],
      exports: handles,
    };
  }
}

/** The module that lists the clients, and the core it brings, which provides their handles everywhere. */
function withCore(root: DynamicModule, clients: readonly Type<object>[] = []): DynamicModule {
  const { imports, providers } = root;
  return {
    module: WebSockexModule,
    imports: [WebSockexCoreModule.create({ imports, providers }, toProviders(clients))],
    providers: [{ provide: ROOT_MARK, useValue: true }, provideClientList(clients)],
    exports: [WebSockexCoreModule],
  };
}

/** Made with the module: at once at boot; after it, when the clients that are required are there. */
function provideLazyStart(clients: readonly Type<object>[]): Provider {
  return {
    provide: LAZY_START,
    inject: [{ token: ClientOrchestrator, optional: true }],
    // A test with useMocker() and without forRoot has a mock here.
    useFactory: (orchestrator: unknown) =>
      orchestrator instanceof ClientOrchestrator ? orchestrator.adopt(clients) : undefined,
  };
}

/** The handles, and what stands under the classes themselves. */
function toProviders(clients: readonly Type<object>[], group?: ListedGroup): Provider[] {
  // What is no class is refused at boot, with the name of the module that lists it.
  return clients
    .filter((client) => typeof client === 'function')
    .flatMap((client) => [toHandleProvider(client, group), provideMarker(client)]);
}

function toHandleProvider(client: Type<object>, group: ListedGroup | undefined): Provider {
  return {
    provide: getClientToken(client),
    inject: [
      { token: ClientRegistry, optional: true },
      { token: `${getClientToken(client)} (mock)`, optional: true },
    ],
    useFactory: (registry: ClientRegistry | undefined, mock: unknown) => {
      if (registry instanceof ClientRegistry) return registry.declare(client, group).handle;
      // Without forRoot a test with useMocker() has mocked the registry, and then the handle, too.
      if (registry !== undefined && mock !== undefined) return mock;
      throw new ConfigurationError(messages.noRoot(client.name));
    },
  };
}
