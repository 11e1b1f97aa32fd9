import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Program, type Run } from '../../fixtures/nest/child.js';
import type { GiveUpPlan } from '../../fixtures/nest/programs/give-up.js';
import { WsServer, type WsPeer } from '../../fixtures/ws-server.js';

let program: Program;

beforeAll(async () => {
  program = await Program.build('give-up');
}, 60_000);

afterAll(async () => {
  await program[Symbol.asyncDispose]();
});

/** Runs it, has the one client crash, and gives the peer of the other. */
async function play(server: WsServer, child: Run): Promise<WsPeer> {
  const peers = [await server.nextConnection(20_000), await server.nextConnection(20_000)];
  await child.tells('open');
  peers.find(({ request }) => request.url === '/crash')?.send('x');
  return peers.find(({ request }) => request.url === '/other') as WsPeer;
}

const run = (plan: GiveUpPlan): Run => program.run(plan);

/** What of the log tells that something is wrong. */
const failures = (child: Run): string[] =>
  child.told
    .map((one) => (one as { line?: string }).line)
    .filter((line): line is string => /^(warn|error|fatal) /.test(line ?? ''));

const CRASHED = 'error Crashing has crashed: let it crash';
const GAVE_UP = 'error the supervisor of Crashing gives up: more than 0 restarts within 300000 ms';
const SHUTS_DOWN = 'warn the application shuts down, because a supervisor gave up';

describe('A supervisor that gives up', { timeout: 40_000 }, () => {
  it("with 'shutdown' closes the application, and the process ends with 1", async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), onGiveUp: 'shutdown', hooks: true });
    const other = await play(server, child);

    expect(await child.ends(), child.stderr).toEqual({ code: 1, signal: null });
    expect(await other.closed()).toEqual({ code: 1001, reason: '' });
    expect(child.told.filter((one) => !('line' in (one as object)))).toEqual([
      { open: true },
      { before: 'SIGTERM' },
      { gone: { by: 'local', code: 1001, message: '' } },
      { after: 'SIGTERM' },
    ]);
    expect(failures(child)).toEqual([CRASHED, GAVE_UP, SHUTS_DOWN]);
  });

  it('also where a hook of the shutdown fails', async () => {
    await using server = await WsServer.listen();
    await using child = run({
      url: server.url(),
      onGiveUp: 'shutdown',
      hooks: true,
      failsToClose: true,
    });
    await play(server, child);
    expect(await child.ends(), child.stderr).toEqual({ code: 1, signal: null });
  });

  it("with 'shutdown' and nobody who listens for SIGTERM ends the process at once, with 1", async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), onGiveUp: 'shutdown' });
    await play(server, child);

    expect(await child.ends(), child.stderr).toEqual({ code: 1, signal: null });
    expect(failures(child)).toEqual([
      CRASHED,
      GAVE_UP,
      SHUTS_DOWN,
      expect.stringMatching(/enableShutdownHooks/),
    ]);
    expect(child.told).not.toContainEqual(expect.objectContaining({ after: expect.anything() }));
  });

  it.each([true, false])(
    "with 'shutdown' in a worker thread closes its application, and the process lives on (hooks: %s)",
    async (hooks) => {
      await using server = await WsServer.listen();
      await using child = run({ url: server.url(), onGiveUp: 'shutdown', place: 'worker', hooks });
      const other = await play(server, child);

      expect(await child.ends(), child.stderr).toEqual({ code: 0, signal: null });
      expect(await other.closed()).toEqual({ code: 1001, reason: '' });
      expect(child.told.filter((one) => !('line' in (one as object)))).toEqual([
        { open: true },
        { before: 'SIGTERM' },
        { gone: { by: 'local', code: 1001, message: '' } },
        { after: 'SIGTERM' },
        { ended: { code: 1 } },
      ]);
      expect(failures(child)).toEqual([CRASHED, GAVE_UP, SHUTS_DOWN]);
    },
  );

  it("with 'shutdown' in a worker thread ends its sessions where a hook fails", async () => {
    await using server = await WsServer.listen();
    const plan = { onGiveUp: 'shutdown', place: 'worker', failsToClose: true } as const;
    await using child = run({ url: server.url(), ...plan });
    const other = await play(server, child);

    expect(await child.ends(), child.stderr).toEqual({ code: 0, signal: null });
    expect(await other.closed()).toEqual({ code: 1001, reason: '' });
    expect(child.told).toContainEqual({ ended: { code: 1 } });
  });

  it("with 'shutdown' in a worker of a cluster ends that, and the primary lives on", async () => {
    await using server = await WsServer.listen();
    const plan = { onGiveUp: 'shutdown', place: 'cluster', hooks: true } as const;
    await using child = run({ url: server.url(), ...plan });
    const other = await play(server, child);

    expect(await child.ends(), child.stderr).toEqual({ code: 0, signal: null });
    expect(await other.closed()).toEqual({ code: 1001, reason: '' });
    expect(child.told.at(-1)).toEqual({ ended: { code: 1, signal: null } });
  });

  it.each([true, false])(
    "with 'shutdown' ends every session of two applications in one process (hooks: %s)",
    async (hooks) => {
      await using server = await WsServer.listen();
      const plan = { onGiveUp: 'shutdown', isSecond: true, hooks } as const;
      await using child = run({ url: server.url(), ...plan });
      const second = await server.nextConnection(20_000);
      const other = await play(server, child);

      expect(await child.ends(), child.stderr).toEqual({ code: 1, signal: null });
      for (const peer of [second, other]) {
        expect(await peer.closed()).toEqual({ code: 1001, reason: '' });
      }
    },
  );

  it("with 'log' leaves one line, and the application goes on until it is closed", async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), onGiveUp: 'log' });
    const other = await play(server, child);

    expect(await child.ends(), child.stderr).toEqual({ code: 0, signal: null });
    expect(await child.tells('gaveUp')).toEqual(['failed', 'open']);
    expect((await other.closed()).code).toBe(1001);
    expect(failures(child)).toEqual([
      CRASHED,
      `${GAVE_UP}. The application goes on without Crashing. Mend what crashes; set onGiveUp to ` +
        "'shutdown' or a function to act on it, or maxRestarts: Infinity to have it restarted for ever",
    ]);
  });

  it('with a function that fails logs what it failed with', async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), onGiveUp: 'throw' });
    await play(server, child);

    expect(await child.ends(), child.stderr).toEqual({ code: 0, signal: null });
    expect(failures(child)).toEqual([CRASHED, 'error Crashing: onGiveUp failed: cannot be told']);
  });
});
