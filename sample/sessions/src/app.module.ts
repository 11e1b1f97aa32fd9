import { Module } from '@nestjs/common';
import { WebSockexModule } from 'nestjs-websockex';

import { ChatServer } from './server.js';
import { SessionsController } from './sessions.controller.js';

@Module({
  imports: [WebSockexModule.forRoot({ maxConcurrentConnects: 50 })],
  controllers: [SessionsController],
  providers: [ChatServer],
})
export class AppModule {}
