import { Logger } from '@nestjs/common';
import { OnCast, OnStart, OnTerminate, WebSockexClient } from 'nestjs-websockex';

import { QuietServer } from './server.js';

/** Each client asks the server where it listens. */
const atServer = {
  inject: [QuietServer] as const,
  useFactory: (server: QuietServer) => ({ url: server.url }),
};

/** What all workers do: casts are jobs, and one of them is too much. A restart makes a new instance: `jobs` begins at 0 again. */
export abstract class Worker {
  protected readonly logger = new Logger(this.constructor.name);
  private jobs = 0;

  @OnStart()
  begin(): void {
    this.logger.log(`begins; jobs done: ${this.jobs}`);
  }

  @OnCast()
  work(job: string): void {
    if (job === 'bad') throw new Error('this job is too much');
    this.jobs++;
  }

  @OnTerminate()
  gone(): void {
    this.logger.log(`ends; jobs done: ${this.jobs}`);
  }
}

/** Two feeds that have nothing to do with each other. */
@WebSockexClient(atServer)
export class AcmeFeed extends Worker {}

@WebSockexClient(atServer)
export class GlobexFeed extends Worker {}

/** The two sides of one book: one that is new beside one that is old would not add up. */
@WebSockexClient(atServer)
export class Bids extends Worker {}

@WebSockexClient(atServer)
export class Asks extends Worker {}

/** Each stands on those before it. */
@WebSockexClient(atServer)
export class Login extends Worker {}

@WebSockexClient(atServer)
export class Account extends Worker {}

@WebSockexClient(atServer)
export class Audit extends Worker {}

/** It is given more bad jobs than its supervisor has patience. */
@WebSockexClient(atServer)
export class Overworked extends Worker {}
