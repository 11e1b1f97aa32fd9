import { Module, type DynamicModule, type Provider, type Type } from '@nestjs/common';

import { getClientToken } from './websockex.tokens.js';
import { ClientExplorer } from './discovery/client.explorer.js';
import { ClientOrchestrator } from './manager/client.orchestrator.js';
import { ClientRegistry } from './manager/client.registry.js';
import { EventHub } from './manager/event.hub.js';
import { TelemetryLogger } from './manager/telemetry.logger.js';
import { WebSockexManager } from './manager/websockex.manager.js';
import { SystemClock } from './runtime/clock/system.clock.js';
import { ConfigurationError } from './runtime/errors/client.errors.js';
import { WsTransport } from './runtime/transport/ws.transport.js';
import {
  CLIENT_LIST,
  ROOT_MARK,
  WEBSOCKEX_CLOCK,
  WEBSOCKEX_TRANSPORT,
} from './websockex.constants.js';
import { messages } from './websockex.messages.js';
import {
  ConfigurableModuleClass,
  type ASYNC_OPTIONS_TYPE,
  type OPTIONS_TYPE,
} from './websockex.module-definition.js';

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
  /** The module itself, and clients to start with the application. Global. */
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

  /** More clients, made by the injector of the module that imports this. */
  static forFeature(clients: readonly Type<object>[]): DynamicModule {
    return withClients({ module: WebSockexModule }, clients);
  }
}

function withCore(root: DynamicModule, clients: readonly Type<object>[] = []): DynamicModule {
  return withClients(
    {
      ...root,
      global: true,
      providers: [
        ...(root.providers ?? []),
        { provide: ROOT_MARK, useValue: true },
        { provide: WEBSOCKEX_TRANSPORT, useClass: WsTransport },
        { provide: WEBSOCKEX_CLOCK, useClass: SystemClock },
        ClientExplorer,
        TelemetryLogger,
        EventHub,
        ClientRegistry,
        ClientOrchestrator,
        WebSockexManager,
      ],
      exports: [ClientRegistry, WebSockexManager],
    },
    clients,
  );
}

function withClients(module: DynamicModule, clients: readonly Type<object>[]): DynamicModule {
  const handles = clients.filter((client) => typeof client === 'function').map(toHandleProvider);
  return {
    ...module,
    providers: [
      ...(module.providers ?? []),
      { provide: CLIENT_LIST, useValue: clients },
      ...handles,
    ],
    exports: [...(module.exports ?? []), ...handles],
  };
}

function toHandleProvider(client: Type<object>): Provider {
  return {
    provide: getClientToken(client),
    inject: [{ token: ClientRegistry, optional: true }],
    useFactory: (registry: ClientRegistry | undefined) => {
      if (registry === undefined) throw new ConfigurationError(messages.noRoot(client.name));
      return registry.declare(client).handle;
    },
  };
}
