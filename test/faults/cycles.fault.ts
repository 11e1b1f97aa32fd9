import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';

import { AT_ONCE, mib, type Subject, subjects } from './subject.js';

const boot = subjects();

const MOST = 2 ** 20;

/** A server that remembers nothing of those that came and went. */
async function listen() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  let count = 0;
  server.on('connection', () => count++);
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => count,
    [Symbol.dispose]: () => server.close(),
  };
}

/** What a process is given to do, first to have everything loaded and compiled, and then to be measured. */
const ROWS = [
  {
    what: '6,000 clients that came and went',
    warmUp: 2_000,
    count: 6_000,
    start: () => Promise.resolve(),
    work: (subject: Subject, url: string, count: number) => subject.ask('cycle', [{ url }, count]),
    listeners: 0,
  },
  {
    what: '10,000 reconnects of one client',
    warmUp: 2_000,
    count: 10_000,
    start: async (subject: Subject, url: string) => {
      await subject.ask('start', { url, options: { reconnect: AT_ONCE } });
      await subject.ask('until', ['connects', 1]);
    },
    work: (subject: Subject, _url: string, count: number) => subject.ask('reconnects', count),
    // Its link; nothing is left of its waits.
    listeners: 1,
  },
];

describe.runIf(process.platform === 'linux')('The heap and the listeners', () => {
  it.concurrent.for(ROWS.map((row) => [row.what, row] as const))(
    'are as before after %s',
    async ([, row], { annotate }) => {
      using server = await listen();
      await using subject = await boot({ nodeArgs: ['--expose-gc'] });
      await row.start(subject, server.url);
      await row.work(subject, server.url, row.warmUp);
      const listeners = await subject.ask('listeners');
      const before = await subject.ask('memory');
      await row.work(subject, server.url, row.count);
      const after = await subject.ask('memory');

      const grown = after.heap - before.heap;
      await annotate(`heap grown by ${mib(grown)}, RSS by ${mib(after.rss - before.rss)}`);
      expect(grown).toBeLessThan(MOST);
      expect(await subject.ask('listeners')).toEqual(listeners);
      expect(listeners.abort).toBe(row.listeners);
      expect(server.connections()).toBe(row.warmUp + row.count + row.listeners);
      expect(subject.run.stderr).toBe('');
    },
  );
});
