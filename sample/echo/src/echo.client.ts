import { Logger } from '@nestjs/common';
import {
  close,
  OnConnect,
  OnDisconnect,
  OnFrame,
  reply,
  WebSockexClient,
  type CloseDirective,
  type ConnectionInfo,
  type DisconnectStatus,
  type ReplyDirective,
  type TextFrame,
} from 'nestjs-websockex';

import { EchoServer } from './server.js';

@WebSockexClient({
  inject: [EchoServer],
  useFactory: (server) => ({ url: server.url }),
})
export class EchoClient {
  private readonly logger = new Logger(EchoClient.name);

  @OnConnect()
  connected({ session }: ConnectionInfo): void {
    this.logger.log(`Connected! This is session ${session}.`);
  }

  @OnFrame('text', 'Can you please reply yourself?')
  answer({ data }: TextFrame): ReplyDirective {
    this.logger.log(`Received: ${data}`);
    this.logger.log('Sending:  Sure can!');
    return reply('Sure can!');
  }

  @OnFrame('text', 'Close the things!')
  finish({ data }: TextFrame): CloseDirective {
    this.logger.log(`Received: ${data}`);
    return close(1000, 'as you wish');
  }

  /** The last clause: whatever the two above do not match. */
  @OnFrame('text')
  text({ data }: TextFrame): void {
    this.logger.log(`Received: ${data}`);
  }

  @OnDisconnect()
  disconnected({ reason }: DisconnectStatus): void {
    this.logger.log(`Disconnected: ${JSON.stringify(reason)}`);
  }
}
