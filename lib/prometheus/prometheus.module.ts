import { type DynamicModule, Module } from '@nestjs/common';
import type { Registry, RegistryContentType } from 'prom-client';

import { Metering } from '../manager/metering.js';
import type { ShownNames } from '../metrics/series.js';
import { toMetering } from '../metrics/to.metering.js';
import { METERED_MARK } from '../websockex.constants.js';
import { PrometheusMetrics } from './prometheus.metrics.js';

/**
 * What is told to Prometheus, and how.
 *
 * @publicApi
 */
export interface WebSockexPrometheusOptions {
  /**
   * Where the metrics are registered, until the application has ended. Two applications in one process need one each.
   *
   * @default the one of prom-client
   */
  readonly registry?: Registry<RegistryContentType>;
  /** Whether, and how, the names of clients are shown. Each makes time series of its own. @default false */
  readonly names?: ShownNames;
  /** The methods of JSON-RPC that `rpc_client_call_duration_seconds` tells apart, as `rpc_method`. @default none */
  readonly rpcMethods?: readonly string[];
  /** What stands before the name of each metric. @default '' */
  readonly prefix?: string;
}

/**
 * The metrics of all WebSocket clients of the application, in a registry of prom-client. Import it once, in the root
 * module, beside `WebSockexModule.forRoot()`. It serves no page: whatever serves the registry tells them.
 *
 * It tells the class of a client, and never a URL or what was in a frame.
 *
 * @example
 * @Module({
 *   imports: [
 *     WebSockexModule.forRoot({ clients: [FeedClient] }),
 *     WebSockexPrometheusModule.forRoot(),
 *   ],
 * })
 * export class AppModule {}
 *
 * @publicApi
 */
@Module({})
export class WebSockexPrometheusModule {
  static forRoot(options: WebSockexPrometheusOptions = {}): DynamicModule {
    const who = WebSockexPrometheusModule.name;
    return {
      module: WebSockexPrometheusModule,
      providers: [
        { provide: METERED_MARK, useValue: true },
        {
          provide: PrometheusMetrics,
          inject: [{ token: Metering, optional: true }],
          useFactory: (metering: unknown) =>
            new PrometheusMetrics(toMetering(metering, who), who, options),
        },
      ],
    };
  }
}
