import { Module } from '@nestjs/common';
import { WebSockexModule } from 'nestjs-websockex';

import { PriceClient } from './price.client.js';
import { Settings } from './settings.js';
import { Trader } from './trader.js';

@Module({
  imports: [WebSockexModule.forRoot({ clients: [PriceClient] })],
  providers: [Settings, Trader],
})
export class AppModule {}
