import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  type InjectionToken,
  Logger,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type Provider,
  type OnApplicationBootstrap,
  RequestMethod,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { ClientRegistry } from '../manager/client.registry.js';
import { Linker } from '../manager/linker.js';
import { Metering } from '../manager/metering.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { METERED_MARK, WEBSOCKEX_CLOCK } from '../websockex.constants.js';
import { ClientRecords } from './client.records.js';
import { ClientViews } from './client.views.js';
import { FrameTails } from './frame.tails.js';
import { InspectorActions } from './inspector.actions.js';
import { InspectorAudit } from './inspector.audit.js';
import { inspectorController } from './inspector.controller.js';
import {
  type InspectorSettings,
  PATH,
  toInspectorSettings,
  type WebSockexInspectorExtras,
  type WebSockexInspectorOptions,
} from './inspector.options.js';
import { InspectorPage } from './inspector.page.js';
import {
  INSPECTOR_CLOCK,
  INSPECTOR_LINKER,
  INSPECTOR_METERING,
  INSPECTOR_PAGE,
  INSPECTOR_REGISTRY,
  INSPECTOR_SETTINGS,
} from './inspector.tokens.js';
import { LiveStreams } from './live.streams.js';
import { Sampler } from './sampler.js';
import { enterBySlash } from './slash.js';
import { Supervision } from './supervision.view.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<WebSockexInspectorOptions>({
    optionsInjectionToken: 'websockex:inspector-options',
  })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createWebSockexInspectorOptions')
    // Each by name: what is named here is no option of a factory.
    .setExtras<WebSockexInspectorExtras>({ path: PATH, guards: undefined, imports: [] })
    .build();

/**
 * A page of the running application that shows its clients: what they do, what happened to them, their frames. It needs
 * an HTTP platform, Express or Fastify, and `WebSockexModule.forRoot()`.
 *
 * @example
 * @Module({
 *   imports: [
 *     WebSockexModule.forRoot({ clients: [FeedClient] }),
 *     WebSockexInspectorModule.forRoot({ guards: [AdminGuard] }),
 *   ],
 * })
 * export class AppModule {}
 *
 * @publicApi
 */
@Module({})
export class WebSockexInspectorModule
  extends ConfigurableModuleClass
  implements NestModule, OnApplicationBootstrap
{
  constructor(
    @Inject(INSPECTOR_SETTINGS) private readonly settings: InspectorSettings,
    private readonly host: HttpAdapterHost,
  ) {
    super();
  }

  /** The inspector, once in an application. */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return complete(super.forRoot(options), options);
  }

  /**
   * As {@link forRoot}, with options made by injection. `path`, `guards` and the modules that these need stand beside the
   * factory: they must be known before anything is injected.
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return complete(super.forRootAsync(options), options);
  }

  configure(consumer: MiddlewareConsumer): void {
    const { path } = this.settings;
    // At the root the path is a slash.
    if (this.host.httpAdapter.getType() !== 'fastify' || /^\/*$/.test(path)) return;
    consumer.apply(enterBySlash).forRoutes({ path, method: RequestMethod.GET });
  }

  onApplicationBootstrap(): void {
    if (!this.settings.isOpen) return;
    const logger = new Logger('WebSockexInspector');
    logger.warn('the inspector has no guards: whoever reaches the port of the application sees it');
  }
}

function complete(made: DynamicModule, extras: WebSockexInspectorExtras): DynamicModule {
  return {
    ...made,
    imports: [...(made.imports ?? []), ...(extras.imports ?? [])],
    controllers: [inspectorController(extras)],
    providers: [
      ...(made.providers ?? []),
      {
        provide: INSPECTOR_SETTINGS,
        inject: [MODULE_OPTIONS_TOKEN],
        useFactory: (options: WebSockexInspectorOptions) => toInspectorSettings(options, extras),
      },
      {
        provide: INSPECTOR_PAGE,
        // What is wrong with the options is told before a page that is not there.
        inject: [INSPECTOR_SETTINGS],
        useFactory: () => new URL('page/', import.meta.url),
      },
      ofMain(INSPECTOR_REGISTRY, ClientRegistry),
      ofMain(INSPECTOR_METERING, Metering),
      ofMain(INSPECTOR_LINKER, Linker),
      ofMain(INSPECTOR_CLOCK, WEBSOCKEX_CLOCK),
      { provide: METERED_MARK, useValue: true },
      InspectorPage,
      ClientRecords,
      Sampler,
      ClientViews,
      Supervision,
      LiveStreams,
      FrameTails,
      InspectorAudit,
      InspectorActions,
    ],
  };
}

/** What the main module provides to all. */
function ofMain(provide: string, token: InjectionToken): Provider {
  return {
    provide,
    inject: [{ token, optional: true }],
    useFactory: (given: unknown) => {
      if (given !== undefined) return given;
      throw new ConfigurationError(
        'WebSockexInspectorModule has no clients to show: import WebSockexModule.forRoot() in the root module, too.',
      );
    },
  };
}
