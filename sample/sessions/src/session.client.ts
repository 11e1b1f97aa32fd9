import { Logger } from '@nestjs/common';
import {
  BeforeConnect,
  OnCast,
  OnFrame,
  OnStart,
  reply,
  WebSockexClient,
  type ConnectRequest,
  type ReplyDirective,
  type TextFrame,
} from 'nestjs-websockex';

import { ChatServer } from './server.js';

/** What each session is started with. */
export interface SessionArgs {
  readonly user: string;
}

/** One user's connection. No module lists it: each session is started by `manager.start`. */
@WebSockexClient({
  inject: [ChatServer],
  useFactory: (server) => ({ url: server.url }),
})
export class SessionClient {
  private readonly logger = new Logger(SessionClient.name);
  private user = '';

  /** Given the `args` of the start, in every incarnation. */
  @OnStart()
  start({ user }: SessionArgs): void {
    this.user = user;
  }

  @BeforeConnect()
  sign(request: ConnectRequest): void {
    request.headers['x-user'] = this.user;
  }

  @OnFrame('text')
  text({ data }: TextFrame): void {
    this.logger.debug(`${this.user} is told: ${data}`);
  }

  @OnCast()
  say(text: string): ReplyDirective {
    return reply(text);
  }
}
