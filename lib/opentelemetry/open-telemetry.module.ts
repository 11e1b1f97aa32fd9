import { type DynamicModule, Module } from '@nestjs/common';
import type { MeterProvider, TracerProvider } from '@opentelemetry/api';

import { Metering } from '../manager/metering.js';
import { toMetering } from '../metrics/to.metering.js';
import type { ShownNames } from '../metrics/series.js';
import { METERED_MARK, TRACED_MARK } from '../websockex.constants.js';
import { OpenTelemetryMetrics } from './open-telemetry.metrics.js';
import { OpenTelemetryTraces, type TracedMessages } from './open-telemetry.traces.js';

/**
 * What is told to OpenTelemetry, and how.
 *
 * @publicApi
 */
export interface WebSockexOpenTelemetryOptions {
  /** Whether, and how, the names of clients are shown. Each makes time series of its own. @default false */
  readonly names?: ShownNames;
  /** The methods of JSON-RPC that `rpc.client.call.duration` tells apart, as `rpc.method`. @default none */
  readonly rpcMethods?: readonly string[];
  /** Who makes the instruments. @default the global one, as it is when the application boots */
  readonly meterProvider?: MeterProvider;
  /**
   * Whether the handlers of what a peer sends (`@OnMessage`, `@OnFrame`, `@OnRequest`) run in spans of their own, `process
   * <name>`: all of them, or, `sampled`, those whose time is taken, which are few of a fast feed. The sampler of the SDK
   * decides on top of that.
   *
   * @default 'none'
   */
  readonly messages?: TracedMessages;
  /** Whether a session has a span, written when it is over. @default false */
  readonly sessions?: boolean;
  /** Who makes the spans. @default the global one */
  readonly tracerProvider?: TracerProvider;
}

/**
 * The metrics and spans of all WebSocket clients of the application, as OpenTelemetry has them. Import it once, in the root module,
 * beside `WebSockexModule.forRoot()`. It brings no SDK: start yours before the application is made.
 *
 * Metrics tell the class of a client, and never a URL or what was in a frame. Handlers run in no span but their own: neither in
 * that in which the application has booted, nor in that of who casts or calls.
 *
 * @example
 * @Module({
 *   imports: [
 *     WebSockexModule.forRoot({ clients: [FeedClient] }),
 *     WebSockexOpenTelemetryModule.forRoot(),
 *   ],
 * })
 * export class AppModule {}
 *
 * @publicApi
 */
@Module({})
export class WebSockexOpenTelemetryModule {
  static forRoot(options: WebSockexOpenTelemetryOptions = {}): DynamicModule {
    const who = WebSockexOpenTelemetryModule.name;
    return {
      module: WebSockexOpenTelemetryModule,
      providers: [
        { provide: METERED_MARK, useValue: true },
        {
          provide: OpenTelemetryMetrics,
          inject: [{ token: Metering, optional: true }],
          useFactory: (metering: unknown) =>
            new OpenTelemetryMetrics(toMetering(metering, who), who, options),
        },
        { provide: TRACED_MARK, useValue: true },
        {
          provide: OpenTelemetryTraces,
          inject: [{ token: Metering, optional: true }],
          useFactory: (metering: unknown) =>
            new OpenTelemetryTraces(toMetering(metering, who), who, options),
        },
      ],
    };
  }
}
