import { type DynamicModule, Module, type Provider } from '@nestjs/common';

import { INJECTION_CHECK, provideMarker } from './discovery/class.marker.js';
import { ClientExplorer } from './discovery/client.explorer.js';
import { injectionCheck } from './discovery/injection.checker.js';
import { AppStage } from './manager/app.stage.js';
import { ClientGroups } from './manager/client.groups.js';
import { ClientOrchestrator } from './manager/client.orchestrator.js';
import { ClientRegistry } from './manager/client.registry.js';
import { ClientStarter } from './manager/client.starter.js';
import { EventHub } from './manager/event.hub.js';
import { Linker } from './manager/linker.js';
import { Metering } from './manager/metering.js';
import { NameRegistrar } from './manager/name.registrar.js';
import { AppCloser } from './manager/process.signals.js';
import { RunnerFinder } from './manager/runner.finder.js';
import { TelemetryLogger } from './manager/telemetry.logger.js';
import { WebSockexManager } from './manager/websockex.manager.js';
import { ClientHandle } from './runtime/client/client-handle.js';
import { SystemClock } from './runtime/clock/system.clock.js';
import { AutoTransport } from './runtime/transport/auto.transport.js';
import { WEBSOCKEX_CLOCK, WEBSOCKEX_RANDOM, WEBSOCKEX_TRANSPORT } from './websockex.constants.js';

/**
 * What an application has once, whatever lists clients in it. It is global: its hooks run first at
 * boot and last at shutdown. The module that lists clients must not be: Nest makes every module
 * an importer of a global one, and nobody could tell whose injector makes the classes.
 */
@Module({})
export class WebSockexCoreModule {
  /** @param options the imports and providers of the options of `forRoot` */
  static create(options: Partial<DynamicModule>, handles: readonly Provider[]): DynamicModule {
    return {
      module: WebSockexCoreModule,
      global: true,
      imports: options.imports ?? [],
      providers: [
        ...(options.providers ?? []),
        ...handles,
        { provide: WEBSOCKEX_TRANSPORT, useFactory: () => new AutoTransport() },
        { provide: WEBSOCKEX_CLOCK, useClass: SystemClock },
        { provide: WEBSOCKEX_RANDOM, useFactory: () => Math.random },
        injectionCheck,
        provideMarker(ClientHandle),
        ClientExplorer,
        TelemetryLogger,
        AppStage,
        EventHub,
        AppCloser,
        ClientGroups,
        RunnerFinder,
        Metering,
        ClientRegistry,
        ClientStarter,
        Linker,
        NameRegistrar,
        ClientOrchestrator,
        WebSockexManager,
      ],
      exports: [
        INJECTION_CHECK,
        WEBSOCKEX_CLOCK,
        ClientHandle,
        ClientRegistry,
        ClientOrchestrator,
        Linker,
        Metering,
        WebSockexManager,
        ...handles,
      ],
    };
  }
}
