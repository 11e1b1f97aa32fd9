import { Controller, Get, Global, Header, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { WebSockexModule } from 'nestjs-websockex';
import { WebSockexInspectorModule } from 'nestjs-websockex/inspector';
import { WebSockexPrometheusModule } from 'nestjs-websockex/prometheus';
import { WebSockexHealthIndicator, WebSockexHealthModule } from 'nestjs-websockex/terminus';
import { register } from 'prom-client';

import { BooksClient, BusyClient, MatchingClient, QuietClient, SlowClient } from './clients.js';
import { Desk } from './desk.js';
import { Exchange } from './exchange.js';

/** The peer, which only this sample has. */
@Global()
@Module({ providers: [Exchange], exports: [Exchange] })
class ExchangeModule {}

@Controller()
class OperationsController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly clients: WebSockexHealthIndicator,
  ) {}

  @Get('metrics')
  @Header('content-type', register.contentType)
  metrics(): Promise<string> {
    return register.metrics();
  }

  /** Ready without the desk: what it watches comes and goes. */
  @Get('health')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.clients.check('clients', { required: [BusyClient] })]);
  }
}

@Module({
  imports: [
    ExchangeModule,
    WebSockexModule.forRoot({
      clients: [BusyClient, SlowClient, QuietClient],
      // Nothing is lost that anybody would miss.
      shutdownTimeout: 500,
    }),
    WebSockexModule.forFeature([MatchingClient, BooksClient], {
      strategy: 'one_for_all',
      maxRestarts: 1_000,
      within: 60_000,
    }),
    WebSockexInspectorModule.forRoot({
      // It listens on this machine alone. Yours has guards.
      guards: 'none',
      actions: ['reconnect', 'rotate', 'close', 'suspend', 'resume', 'send'],
    }),
    WebSockexPrometheusModule.forRoot(),
    TerminusModule,
    WebSockexHealthModule,
  ],
  controllers: [OperationsController],
  providers: [Desk],
})
export class AppModule {}
