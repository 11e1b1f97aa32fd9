import { parseArgs } from 'node:util';
import { setTimeout as wait } from 'node:timers/promises';

import { NestFactory } from '@nestjs/core';
import { WebSockexManager } from 'nestjs-websockex';

import { AppModule } from './app.module.js';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '3000' },
    // Runs until it is stopped, where nobody says for how long.
    seconds: { type: 'string' },
  },
});

// What goes wrong is on the page.
const app = await NestFactory.create(AppModule, { logger: ['fatal'] });
app.enableShutdownHooks();
await app.listen(Number(values.port), '127.0.0.1');
const url = await app.getUrl();
console.log(`The inspector: ${url}/websockex\nMetrics: ${url}/metrics\nHealth: ${url}/health`);

if (values.seconds !== undefined) {
  await wait(Number(values.seconds) * 1_000);
  const clients = app.get(WebSockexManager).clients();
  const page = await fetch(`${url}/websockex`);
  const seen = (await (await fetch(`${url}/websockex/api/clients?limit=1`)).json()) as {
    readonly total: number;
  };
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const frames = /^websockex_frames_total\{.*\} (\d+)/m.exec(metrics)?.[1];
  const health = (await (await fetch(`${url}/health`)).json()) as { readonly status: string };
  await app.close();
  console.log(
    `${seen.total} of ${clients.length} clients on the page (${page.status}), frames counted: ${frames !== undefined}, health: ${health.status}`,
  );
  const isRight = page.ok && seen.total === clients.length && frames !== undefined;
  if (!isRight) process.exitCode = 1;
}
