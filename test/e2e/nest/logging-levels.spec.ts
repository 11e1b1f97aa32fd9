import { ConsoleLogger, Logger } from '@nestjs/common';
import { CapturingLogger } from '@nestjs/testing';
import { OnFrame, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { afterEach, describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/nest/app.js';
import { WsServer } from '../../fixtures/ws-server.js';

const CONNECTED = [
  expect.stringMatching(/^LevelClient connects to /),
  expect.stringMatching(/^LevelClient is connected to /),
];

/** Boots a client with a logger, and waits until it is connected. */
async function connected(logger: ConsoleLogger): Promise<AsyncDisposable> {
  const server = await WsServer.listen();
  @WebSockexClient(server.url(), { startup: 'required' })
  class LevelClient {
    @OnFrame() any() {}
  }
  const app = await boot(
    { imports: [WebSockexModule.forRoot({ clients: [LevelClient] })] },
    { logger },
  );
  return {
    async [Symbol.asyncDispose]() {
      await app.close();
      await server.close();
    },
  };
}

/** Takes all there is, whatever levels it was given. */
class TakingAll extends ConsoleLogger {
  readonly lines: unknown[] = [];

  override log(message: unknown, ...rest: unknown[]): void {
    if (rest.at(-1) === 'WebSockex') this.lines.push(message);
  }

  override debug(message: unknown, ...rest: unknown[]): void {
    this.log(message, ...rest);
  }
}

afterEach(() => {
  Logger.detachBuffer();
  Logger.overrideLogger(false);
});

describe('a line of the log', () => {
  it('is for the logger of the application to drop, where it is one of its own', async () => {
    const logger = new TakingAll('app', { logLevels: ['error'] });
    await using _ = await connected(logger);
    expect(logger.lines).toEqual(CONNECTED);
  });

  it('is kept while the lines are kept for a logger to come', async () => {
    const later = new CapturingLogger();
    Logger.attachBuffer();
    await using _ = await connected(new ConsoleLogger('app', { logLevels: ['error'] }));
    Logger.overrideLogger(later);
    Logger.flush();
    const lines = later.entries.filter(({ context }) => context === 'WebSockex');
    expect(lines.map(({ message }) => message)).toEqual(CONNECTED);
  });
});
