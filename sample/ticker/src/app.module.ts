import { Module } from '@nestjs/common';
import { WebSockexModule } from 'nestjs-websockex';

import { PriceBoard } from './price.board.js';
import { FeedServer } from './server.js';
import { TickerClient } from './ticker.client.js';

@Module({
  imports: [WebSockexModule.forRoot({ clients: [TickerClient] })],
  providers: [FeedServer, PriceBoard],
})
export class AppModule {}
