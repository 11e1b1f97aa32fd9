import { NestFactory } from '@nestjs/core';
import { getClientToken, type ClientHandle } from 'nestjs-websockex';
import { filter, firstValueFrom } from 'rxjs';

import { AppModule } from './app.module.js';
import { openExchange } from './exchange.js';
import { PriceClient } from './price.client.js';
import { Trader } from './trader.js';

const exchange = await openExchange();
process.env['PRICES_URL'] = exchange.url;
const app = await NestFactory.createApplicationContext(AppModule, {
  logger: ['log', 'warn', 'error'],
});

const prices = app.get<ClientHandle<PriceClient>>(getClientToken(PriceClient));
const quoted = firstValueFrom(prices.frames$.pipe(filter(({ data }) => data.includes('GLOBEX'))));
const trader = app.get(Trader);
trader.follow('GLOBEX');
await quoted;
const bought = await trader.buy('GLOBEX', 101);
console.log(bought ? 'Bought.' : 'Not bought.');

await app.close();
exchange.close();
if (!bought) process.exitCode = 1;
