import { Module } from '@nestjs/common';
import { WebSockexModule } from 'nestjs-websockex';

import { BrowserClient } from './browser.client.js';
import { Chromium } from './chromium.js';
import { Pages } from './pages.js';

@Module({
  imports: [WebSockexModule.forRoot({ clients: [BrowserClient] })],
  providers: [Chromium, Pages],
})
export class AppModule {}
