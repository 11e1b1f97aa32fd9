import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getClientToken, type ClientHandle } from 'nestjs-websockex';
import { filter, firstValueFrom } from 'rxjs';

import { AppModule } from './app.module.js';
import { EchoClient } from './echo.client.js';

const logger = new Logger('main');
const app = await NestFactory.createApplicationContext(AppModule, {
  logger: ['log', 'warn', 'error'],
});
const echo = app.get<ClientHandle<EchoClient>>(getClientToken(EchoClient));

async function send(text: string): Promise<void> {
  logger.log(`Sending:  ${text}`);
  await echo.sendFrame(text);
}

await echo.connected({ timeout: 5_000 });
await send('Yo Homies!');
await send('This and That!');

// The handler's answer is echoed too: wait for it, then say goodbye.
const answered = firstValueFrom(echo.frames$.pipe(filter(({ data }) => data === 'Sure can!')));
await send('Can you please reply yourself?');
await answered;
await send('Close the things!');

// After a close of its own a client does not come back.
const reason = await echo.terminated;
await app.close();
if (reason.by !== 'local') process.exitCode = 1;
