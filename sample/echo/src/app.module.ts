import { Module } from '@nestjs/common';
import { WebSockexModule } from 'nestjs-websockex';

import { EchoClient } from './echo.client.js';
import { EchoServer } from './server.js';

@Module({
  imports: [WebSockexModule.forRoot({ clients: [EchoClient] })],
  providers: [EchoServer],
})
export class AppModule {}
