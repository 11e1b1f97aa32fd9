import { Module } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';

import { WebSockexHealthIndicator } from './websockex.health.js';

/**
 * Provides the {@link WebSockexHealthIndicator}. Import it beside `TerminusModule`, which brings `HealthCheckService`;
 * `WebSockexModule.forRoot()` stands in the application as ever.
 *
 * @example
 * @Module({ imports: [TerminusModule, WebSockexHealthModule], controllers: [HealthController] })
 * export class HealthModule {}
 *
 * @publicApi
 */
@Module({
  // That of terminus keeps nothing of ours: another TerminusModule would bring its own shutdown hooks.
  providers: [HealthIndicatorService, WebSockexHealthIndicator],
  exports: [WebSockexHealthIndicator],
})
export class WebSockexHealthModule {}
