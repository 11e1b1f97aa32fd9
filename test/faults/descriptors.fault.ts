import { describe, expect, it } from 'vitest';

import { WsServer } from '../fixtures/ws-server.js';
import { subjects } from './subject.js';

const boot = subjects();

/** What it may have open. */
const FILES = 200;

const reconnect = { initialDelay: 200, maxDelay: 200, jitter: 'none' } as const;

// What a shell's ulimit does elsewhere is another matter.
describe.runIf(process.platform === 'linux')('A process without a file descriptor left', () => {
  it.concurrent.for(['127.0.0.1', 'localhost'])(
    'tries again to reach %s, and is there when it has some',
    async (host, { annotate }) => {
      await using server = await WsServer.listen();
      await using subject = await boot({ openFiles: FILES });
      const hoarded = await subject.ask('hoard', 0);
      const url = server.url().replace('127.0.0.1', host);
      await subject.ask('start', { url, options: { reconnect, socket: { family: 4 } } });
      await subject.ask('until', ['disconnects', 3]);
      const { ends } = await subject.ask('tally');
      expect(server.connectionCount).toBe(0);
      await subject.ask('free');
      await subject.ask('until', ['connects', 1]);

      await annotate(`${hoarded} of ${FILES} taken: ${ends[0]}`);
      expect(ends[0]).toMatch(host === 'localhost' ? /EMFILE|EAI_|ENOTFOUND/ : /EMFILE/);
      expect(subject.run.stderr).toBe('');
    },
  );

  it.concurrent('brings all sessions back that it had before', async ({ annotate }) => {
    await using server = await WsServer.listen();
    await using subject = await boot({ openFiles: FILES });
    const start = { url: server.url(), options: { reconnect } };
    const peers = [];
    for (let client = 0; client < 10; client++) {
      await subject.ask('start', start);
      peers.push(await server.nextConnection());
    }
    await subject.ask('until', ['connects', 10]);
    for (const peer of peers) peer.drop();
    await subject.ask('until', ['disconnects', 10]);
    await subject.ask('hoard', 2);
    // Two have room, and the others not.
    await subject.ask('ended', 'EMFILE');
    await subject.ask('until', ['connects', 12]);
    await subject.ask('free');
    await subject.ask('until', ['connects', 20]);

    const { ends, statuses, disconnects } = await subject.ask('tally');
    await annotate(`${disconnects - 10} attempts without a descriptor`);
    expect(ends.some((end) => end.includes('EMFILE'))).toBe(true);
    expect(statuses).toEqual(Array.from({ length: 10 }, () => 'open'));
    expect(subject.run.stderr).toBe('');
  });
});
