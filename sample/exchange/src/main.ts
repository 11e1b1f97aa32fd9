import { NestFactory } from '@nestjs/core';
import { type ClientHandle, getClientToken } from 'nestjs-websockex';
import { firstValueFrom, takeWhile, toArray } from 'rxjs';

import { AppModule } from './app.module.js';
import { FeedClient } from './feed.client.js';
import { Halts } from './market.open.js';
import { Trader } from './trader.js';

/** So many trades are watched: the drop is half-way. */
const LAST = 40;

const app = await NestFactory.createApplicationContext(AppModule, {
  logger: ['log', 'warn', 'error'],
});
const feed = app.get<ClientHandle<FeedClient>>(getClientToken(FeedClient));
const trader = app.get(Trader);
app.get(Halts).symbols.add('ETH');

const watch = (symbol: string) =>
  firstValueFrom(
    trader.trades(symbol).pipe(
      takeWhile(({ seq }) => seq < LAST, true),
      toArray(),
    ),
  );
const [btc, eth] = await Promise.all([watch('BTC'), watch('ETH')]);
const bought = await trader.buy('BTC');
const refused = await trader.buy('DOGE');
const halted = await feed.call('price', 'ETH');
await app.close();

// All that the exchange has had, but for the one whose price is none.
const isWhole = [btc, eth].every(
  (trades) =>
    trades.length === LAST - 1 &&
    trades.every(({ seq }, index) => index === 0 || seq > (trades[index - 1]?.seq ?? 0)),
);
console.log(
  `${btc.length} and ${eth.length} of ${LAST} trades in ${feed.session} sessions, ${isWhole ? 'each once and in order' : 'and not the right ones'}; bought: ${bought}, refused: ${refused === undefined}`,
);
const isRight =
  isWhole &&
  feed.session === 2 &&
  bought === 'order 1' &&
  refused === undefined &&
  halted === undefined;
if (!isRight) process.exitCode = 1;
