import { setTimeout } from 'node:timers/promises';

import { NestFactory } from '@nestjs/core';
import { getClientToken, type ClientHandle } from 'nestjs-websockex';

import { AppModule } from './app.module.js';
import { PriceBoard } from './price.board.js';
import { TickerClient } from './ticker.client.js';

const app = await NestFactory.createApplicationContext(AppModule, {
  logger: ['log', 'warn', 'error'],
});
app.enableShutdownHooks();

// Long enough for the feed to drop us, and for the client to come back.
await setTimeout(10_000);

const feed = app.get<ClientHandle<TickerClient>>(getClientToken(TickerClient));
const acme = await feed.call('price', 'ACME');
await app.close();

const { ticks, sessions, reconnects, cameBack } = app.get(PriceBoard).summary();
console.log(
  `Summary: ticks ${ticks}, sessions ${sessions}, reconnects ${reconnects}, last ACME ${acme}`,
);
if (!cameBack) process.exitCode = 1;
