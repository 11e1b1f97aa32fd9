import { describe, expect, it } from 'vitest';

import { Gate } from '../fixtures/journal.js';
import { RawServer } from '../fixtures/raw-server.js';
import { WsServer } from '../fixtures/ws-server.js';
import { AT_ONCE, since, subjects, TIMED } from './subject.js';

const boot = subjects();

/** When a client of a healthy host must be open, in milliseconds, whatever other hosts do. */
const LIMIT = 200;
const HEALTHY = 9;

describe('Beside 600 clients of each', () => {
  it.concurrent.for([1, 4])(
    'of %i hosts that accept TCP and never answer, a client of another is open at once',
    TIMED,
    async (count, { annotate }) => {
      await using subject = await boot();
      await using dead = await listenAll(count);
      // None of them gives up before the test is over.
      const options = { connectTimeout: 120_000 };
      for (const host of dead.servers)
        await subject.ask('crowd', [{ url: host.url(), options }, 600]);
      for (const server of dead.servers) await (await server.peer(1)).request();

      await using server = await WsServer.listen();
      const took: number[] = [];
      for (let client = 0; client < HEALTHY; client++) {
        took.push(await subject.ask('opens', { url: server.url(), options }));
      }
      const sorted = took.toSorted((one, other) => one - other);
      const median = sorted[Math.floor(HEALTHY / 2)]!;

      await annotate(`open after ${median.toFixed(1)} ms, at most ${sorted.at(-1)!.toFixed(1)} ms`);
      // The machine has other work as well: one of them may have waited for that.
      expect(median).toBeLessThan(LIMIT);
      expect(server.connectionCount).toBe(HEALTHY);
      expect(subject.run.stderr).toBe('');
    },
  );
});

describe('A client with a bad token', () => {
  it.concurrent('keeps none of 999 others of its host from being open', async ({ annotate }) => {
    await using subject = await boot();
    let refusals = 0;
    const hangs = new Gate();
    await using server = await WsServer.listen({
      verifyClient: ({ req }, decide) => {
        if (req.url !== '/bad') decide(true);
        else if (refusals++ === 0) decide(false, 401);
        // Were the host in doubt, all others would wait for this one.
        else hangs.open();
      },
    });
    const reconnect = { ...AT_ONCE, slowDelay: 0 };
    const options = { connectTimeout: 120_000, reconnect };
    await subject.ask('start', { url: server.url('/bad'), options });
    await hangs.opened;
    const from = performance.now();
    await subject.ask('crowd', [{ url: server.url('/good') }, 999]);
    await subject.ask('until', ['connects', 999]);
    const took = since(from);

    const { statuses, ends } = await subject.ask('tally');
    await annotate(`999 open after ${took} ms; ${ends.length} refusals`);
    // A probe that hangs is waited for half a minute.
    expect(took).toBeLessThan(20_000);
    expect(statuses.filter((status) => status === 'open')).toHaveLength(999);
    expect(ends).toEqual([expect.stringContaining('401')]);
    expect(server.connectionCount).toBe(999);
    expect(subject.run.stderr).toBe('');
  });
});

async function listenAll(count: number) {
  const servers = await Promise.all(Array.from({ length: count }, () => RawServer.listen()));
  return {
    servers,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
