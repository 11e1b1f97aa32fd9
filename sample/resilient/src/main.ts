import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type ClientHandle, getClientToken } from 'nestjs-websockex';
import { filter, firstValueFrom, skip } from 'rxjs';

import { AppModule } from './app.module.js';
import { FeedClient } from './feed.client.js';
import { Network } from './network.js';

const logger = new Logger('main');
const app = await NestFactory.createApplicationContext(AppModule, {
  logger: ['log', 'warn', 'error'],
});
const { exchange, proxy } = app.get(Network);
const feed = app.get<ClientHandle<FeedClient>>(getClientToken(FeedClient));
const sent: Promise<void>[] = [];
let orders = 0;

/** The next frame: the feed is alive. */
const alive = (): Promise<unknown> =>
  firstValueFrom(feed.frames$.pipe(filter(({ data }) => data !== 'welcome')));

/** Does something to the connection, orders meanwhile, and waits until the feed is there again. */
async function overcome(what: string, act: () => void): Promise<void> {
  logger.log(`--- ${what}`);
  const since = Date.now();
  const lost = firstValueFrom(feed.status$.pipe(skip(1)));
  act();
  await lost;
  sent.push(feed.sendFrame(`order ${++orders}`));
  await feed.connected();
  // The next thing done to the connection must not meet the order on its way.
  do await alive();
  while (exchange.orders.length < orders);
  logger.log(`overcome after ${Date.now() - since} ms, in session ${feed.session}`);
}

await feed.connected();
await alive();

await overcome('the proxy resets the connection', () => proxy.drop());
await overcome('the cable is cut: nothing arrives any more, and nobody is told', () =>
  proxy.blackhole(),
);
await overcome('the proxy resets, then refuses with 503 and Retry-After: 1', () => {
  proxy.greetings.push('refuse');
  proxy.drop();
});
await overcome('the proxy resets, and the next answer trickles in, a byte each 40 ms', () => {
  proxy.greetings.push('trickle');
  proxy.drop();
});
await overcome('the proxy resets, and answers nothing to the next attempt', () => {
  proxy.greetings.push('ignore');
  proxy.drop();
});

logger.log('--- 50 orders at once, and the exchange allows 20 a second');
const since = Date.now();
sent.push(...Array.from({ length: 50 }, () => feed.sendFrame(`order ${++orders}`)));
const results = await Promise.allSettled(sent);
const refused = results.filter(({ status }) => status === 'rejected').length;
logger.log(
  `${results.length - refused} of ${orders} orders were sent, the last after ${Date.now() - since} ms`,
);

const ticks = await feed.call('seen');
await app.close();
const expected = Array.from({ length: orders }, (_, index) => `order ${index + 1}`);
const isRight = exchange.orders.join() === expected.join();
logger.log(
  `The exchange has ${exchange.orders.length} orders, ${isRight ? 'each once and in order' : 'and not the right ones'}`,
);
const areInOrder = ticks.every((tick, index) => index === 0 || tick > (ticks[index - 1] as number));
logger.log(
  `The client has seen ${ticks.length} ticks, ${areInOrder ? 'each once and in order' : 'and not in order'}`,
);
if (!isRight || !areInOrder || refused > 0) process.exitCode = 1;
