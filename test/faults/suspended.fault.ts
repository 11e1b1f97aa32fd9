import { describe, expect, it } from 'vitest';

import { WsServer } from '../fixtures/ws-server.js';
import { lapse, type Subject, subjects } from './subject.js';

const boot = subjects();

/** A second and a half, instead of half a minute, and a peer is given up. */
const options = { heartbeat: { interval: 1000, timeout: 500 }, silenceTimeout: 3000 } as const;

/** How long the process is stopped, in seconds. */
const STOPPED = Number(process.env['STOPPED_SECONDS'] ?? 6);

const FAULTS = {
  [`is stopped for ${STOPPED} s by SIGSTOP`]: async ({ run }: Subject) => {
    run.kill('SIGSTOP');
    await lapse(STOPPED * 1000);
    run.kill('SIGCONT');
  },
  'stands still for 3 s': (subject: Subject) => subject.ask('stall', 3000),
  'has its clock set ahead by an hour': (subject: Subject) => subject.ask('jump', 3_600_000),
  'has its clock set back by an hour': (subject: Subject) => subject.ask('jump', -3_600_000),
};

describe('A session is kept', () => {
  it.concurrent.for(Object.entries(FAULTS))(
    'by a process that %s',
    async ([, fault], { annotate }) => {
      await using server = await WsServer.listen();
      await using subject = await boot();
      await subject.ask('start', { url: server.url(), options });
      const peer = await server.nextConnection();
      const feed = setInterval(() => peer.send('tick'), 500); // Real time: a feed, which is never silent for long
      await subject.ask('until', ['heartbeats', 1]);

      await fault(subject);
      const { heartbeats } = await subject.ask('tally');
      // Every deadline that came late has been judged by then.
      await subject.ask('until', ['heartbeats', heartbeats + 3]);
      clearInterval(feed);

      const after = await subject.ask('tally');
      await annotate(`sessions ${after.connects}, heartbeats answered ${after.heartbeats}`);
      expect(after).toMatchObject({ connects: 1, ends: [], statuses: ['open'] });
      expect(server.connectionCount).toBe(1);
      expect(subject.run.stderr).toBe('');
    },
  );
});
