import {
  Body,
  ConflictException,
  Controller,
  Delete,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Post,
} from '@nestjs/common';
import { AlreadyStartedError, WebSockexManager, type ClientHandle } from 'nestjs-websockex';

import { SessionClient } from './session.client.js';

/** What is shown of a session. */
interface SessionView {
  readonly name: string;
  readonly status: string;
}

const nameOf = (user: string): string => `session:${user}`;

@Controller('sessions')
export class SessionsController {
  constructor(private readonly manager: WebSockexManager) {}

  /** Answers once the session's instance is made; the connection follows in the background. */
  @Post(':user')
  async start(@Param('user') user: string): Promise<SessionView> {
    try {
      return view(await this.manager.start(SessionClient, { name: nameOf(user), args: { user } }));
    } catch (error) {
      if (error instanceof AlreadyStartedError) throw new ConflictException(`${user} is here`);
      throw error;
    }
  }

  @Get()
  list(): SessionView[] {
    return this.manager.clients().map(view);
  }

  /** What is said before the session is open waits for it. */
  @Post(':user/say')
  @HttpCode(202)
  say(@Param('user') user: string, @Body() { text }: { text: string }): void {
    this.find(user).cast('say', text);
  }

  /** What was said is sent before the session is closed. */
  @Delete(':user')
  @HttpCode(204)
  async stop(@Param('user') user: string): Promise<void> {
    await this.manager.stop(this.find(user));
  }

  private find(user: string): ClientHandle {
    const session = this.manager.get(nameOf(user));
    if (session === undefined) throw new NotFoundException(`${user} is not here`);
    return session;
  }
}

function view({ name, status }: Pick<ClientHandle, 'name' | 'status'>): SessionView {
  return { name, status };
}
