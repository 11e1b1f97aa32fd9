// An hour of backoff on a net without ports, every attempt refused, next to as many refused attempts of `ws` alone
// over memory: what this library and its test kit add. The first hour runs code that is cold. Build first:
// npm run build.
//
//   node bench/backoff.mjs [--hours 20]
import 'reflect-metadata';

import { createServer } from 'node:http';
import { duplexPair } from 'node:stream';
import { parseArgs } from 'node:util';

import { Test } from '@nestjs/testing';
import { getClientToken, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import WebSocket from 'ws';

const { values } = parseArgs({ options: { hours: { type: 'string', default: '20' } } });
const hours = Number(values.hours);

/** The milliseconds of one hour, and its attempts. */
async function backOff() {
  class RefusedClient {}
  WebSockexClient('wss://bench.example/')(RefusedClient);
  const net = createTestNet();
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [RefusedClient] })] }),
  );
  app.useLogger(false);
  net.server(RefusedClient).rejectAll(503);
  await app.init();
  const began = performance.now();
  await net.clock.advance('1h');
  const took = performance.now() - began;
  const { attempts } = net.server(RefusedClient);
  await app.get(getClientToken(RefusedClient)).stop();
  await app.close();
  await net.dispose();
  return { took, attempts };
}

/** The milliseconds of as many attempts of `ws` alone. */
async function refuse(attempts) {
  const server = createServer().on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
  });
  const began = performance.now();
  for (let attempt = 0; attempt < attempts; attempt++) {
    const [near, far] = duplexPair();
    server.emit('connection', far);
    const socket = new WebSocket('wss://bench.example/', { createConnection: () => near });
    socket.on('error', () => undefined);
    await new Promise((resolve) => {
      socket.on('close', resolve);
    });
  }
  return performance.now() - began;
}

const first = await backOff();
const warm = [];
const bare = [];
for (let hour = 1; hour < hours; hour++) {
  warm.push((await backOff()).took);
  bare.push(await refuse(first.attempts));
}
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
console.log(`an hour of backoff, ${first.attempts} attempts, ${hours} times`);
console.log(`  the first     ${first.took.toFixed(0)} ms`);
console.log(`  the others    ${median(warm).toFixed(0)} ms`);
console.log(`  ws alone      ${median(bare).toFixed(0)} ms`);
console.log(`  others / ws   ${(median(warm) / median(bare)).toFixed(1)}`);
