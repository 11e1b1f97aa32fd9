import { type DynamicModule, Module } from '@nestjs/common';
import type { MeterProvider } from '@opentelemetry/api';

import { Metering } from '../manager/metering.js';
import { toMetering } from '../metrics/to.metering.js';
import type { ShownNames } from '../metrics/series.js';
import { METERED_MARK } from '../websockex.constants.js';
import { OpenTelemetryMetrics } from './open-telemetry.metrics.js';

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
}

/**
 * The metrics of all WebSocket clients of the application, as OpenTelemetry has them. Import it once, in the root module,
 * beside `WebSockexModule.forRoot()`. It brings no SDK: start yours before the application is made.
 *
 * It tells the class of a client, and never a URL or what was in a frame.
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
      ],
    };
  }
}
