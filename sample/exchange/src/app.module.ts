import { Global, Module } from '@nestjs/common';
import { WebSockexModule } from 'nestjs-websockex';

import { Exchange } from './exchange.js';
import { FeedClient } from './feed.client.js';
import { History } from './history.js';
import { Halts } from './market.open.js';
import { Trader } from './trader.js';

/** The peer, which only this sample has. */
@Global()
@Module({ providers: [Exchange], exports: [Exchange] })
class ExchangeModule {}

@Module({
  imports: [ExchangeModule, WebSockexModule.forRoot({ clients: [FeedClient] })],
  providers: [History, Halts, Trader],
})
export class AppModule {}
