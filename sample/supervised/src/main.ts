import { Logger, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getClientToken, RestartLimitError, type ClientHandle } from 'nestjs-websockex';
import { WebSockexManager } from 'nestjs-websockex';
import { filter, firstValueFrom, map, take, toArray } from 'rxjs';

import { AppModule } from './app.module.js';
import { Account, Bids, GlobexFeed, Overworked, type Worker } from './worker.clients.js';

const logger = new Logger('main');
const app = await NestFactory.createApplicationContext(AppModule, {
  logger: ['log', 'warn', 'error'],
});
const manager = app.get(WebSockexManager);
const handleOf = (client: Type<Worker>): ClientHandle<Worker> => app.get(getClientToken(client));

async function allConnected(clients: readonly ClientHandle[]): Promise<void> {
  await Promise.all(clients.map((client) => client.connected({ timeout: 5_000 })));
}

/** Has a client crash; gives the names of those who are restarted, once they are back. */
async function crash(client: Type<Worker>, expected: number): Promise<string> {
  const restarted = firstValueFrom(
    manager.events$.pipe(
      filter(({ event }) => event === 'restart'),
      map((event) => event.client),
      take(expected),
      toArray(),
    ),
  );
  handleOf(client).cast('work', 'bad');
  const names = await restarted;
  await allConnected(manager.clients().filter(({ name }) => names.includes(name)));
  return names.join(', ');
}

await allConnected(manager.clients());
handleOf(GlobexFeed).cast('work', 'easy');

logger.log('--- one_for_one: GlobexFeed crashes, and is restarted alone');
const one = await crash(GlobexFeed, 1);
logger.log('--- one_for_all: Bids crashes, and Asks is restarted with it');
const all = await crash(Bids, 2);
logger.log('--- rest_for_one: Account crashes; Audit, which stands on it, is restarted with it');
const rest = await crash(Account, 2);

logger.log('--- a group that gives up: Overworked may be restarted twice, and crashes three times');
await crash(Overworked, 1);
await crash(Overworked, 1);
handleOf(Overworked).cast('work', 'bad');
const reason = await handleOf(Overworked).terminated;

logger.log('--- the others go on until the application closes');
await app.close();

logger.log(`Restarted: ${one} | ${all} | ${rest}`);
const hasGivenUp = reason.by === 'error' && reason.error instanceof RestartLimitError;
const isRight = one === 'GlobexFeed' && all === 'Bids, Asks' && rest === 'Account, Audit';
if (!isRight || !hasGivenUp) process.exitCode = 1;
