import 'reflect-metadata';
import { afterAll, beforeAll, expect } from 'vitest';

import { AutoTransport } from '../lib/runtime/transport/auto.transport.js';
import type { Transport } from '../lib/runtime/transport/transport.port.js';

interface Choosing extends Transport {
  readonly ws: Transport;
}

// The suite runs with each of the transports that ship.
if (process.env['TEST_TRANSPORT'] === 'ws') {
  const { prototype } = AutoTransport as unknown as { prototype: Choosing };
  prototype.open = function open(request, events) {
    return this.ws.open(request, events);
  };
}

// Taken before a test can put fake timers in its place.
const nextTurn = setImmediate;

// The machine may have a proxy: the tests talk to servers of their own.
for (const name of ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy']) {
  delete process.env[name];
  delete process.env[name.toUpperCase()];
}

const reached: unknown[] = [];
const note = (error: unknown): void => {
  reached.push(error);
};

// No error of ours may reach the process: the file in which one does fails, by name, and not only the run.
beforeAll(() => {
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
});

afterAll(async () => {
  // Node tells of a rejection after the microtasks of the turn in which it was left alone.
  await new Promise<void>((resolve) => nextTurn(() => nextTurn(resolve)));
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
  expect(reached, 'errors that reached the process').toEqual([]);
});
