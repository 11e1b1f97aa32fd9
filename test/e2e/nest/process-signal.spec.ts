import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program, type Run } from '../../fixtures/nest/child.js';
import type { ShutdownPlan } from '../../fixtures/nest/programs/shutdown.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { WsServer } from '../../fixtures/ws-server.js';

let program: Program;

beforeAll(async () => {
  program = await Program.build('shutdown');
}, 60_000);

afterAll(async () => {
  await program[Symbol.asyncDispose]();
});

const run = (plan: ShutdownPlan): Run => program.run({ signals: true, ...plan });

/** No timer of the client is shorter than the test: one that is waited for fails it. */
const patient = {
  connectTimeout: 120_000,
  closeTimeout: 120_000,
  startupTimeout: 120_000,
  reconnect: { initialDelay: 120_000, maxDelay: 120_000 },
} as const;

/** Nest ends the process by the very signal, once the hooks have run. */
const bySignal = (signal: NodeJS.Signals) => ({ code: null, signal });

describe('a signal with enableShutdownHooks ends the process', { timeout: 40_000 }, () => {
  it('while a client is open: the peer sees 1001, @OnTerminate runs, then the hooks', async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), options: patient });
    const peer = await server.nextConnection(20_000);
    await child.tells('open');
    child.kill('SIGTERM');

    expect(await child.ends(), child.stderr).toEqual(bySignal('SIGTERM'));
    expect(await peer.closed()).toEqual({ code: 1001, reason: '' });
    expect(child.told.slice(-2)).toEqual([
      { terminated: true },
      { shutdown: 'SIGTERM', status: 'terminated' },
    ]);
    expect(child.told).toContainEqual({ gone: true, casts: 0 });
  });

  it('while a client is in backoff', async () => {
    await using server = await WsServer.listen();
    const url = server.url();
    await server.close();
    await using child = run({ url, options: patient });
    await child.tells('backoff');
    child.kill('SIGTERM');

    expect(await child.ends(), child.stderr).toEqual(bySignal('SIGTERM'));
    expect(child.told.at(-1)).toEqual({ shutdown: 'SIGTERM', status: 'terminated' });
  });

  it('while a client is connecting', async () => {
    await using server = await RawServer.listen();
    await using child = run({ url: server.url(), options: patient });
    await child.tells('booted');
    child.kill('SIGINT');

    expect(await child.ends(), child.stderr).toEqual(bySignal('SIGINT'));
    expect(child.told.at(-1)).toEqual({ shutdown: 'SIGINT', status: 'terminated' });
  });

  it('while a peer ignores the close, within shutdownTimeout', async () => {
    await using server = await RawServer.listen();
    await using child = run({ url: server.url(), options: patient, shutdownTimeout: 200 });
    const peer = await server.peer(1, 20_000);
    await peer.open();
    await child.tells('open');
    child.kill('SIGTERM');

    expect(await child.ends(), child.stderr).toEqual(bySignal('SIGTERM'));
    expect((await peer.nextFrame('close')).closeCode).toBe(1001);
  });
});

describe('a signal during the boot ends the process', { timeout: 40_000 }, () => {
  it('while a required client is waited for that does not connect', async () => {
    await using server = await RawServer.listen();
    await using child = run({ url: server.url(), options: { ...patient, startup: 'required' } });
    const peer = await server.peer(1, 20_000);
    await peer.request();
    child.kill('SIGTERM');

    expect(await child.ends(), child.stderr).toEqual(bySignal('SIGTERM'));
    expect(['fin', 'reset']).toContain(await peer.ended());
    // The boot has not failed: it was not waited for any longer.
    expect(child.told).toContainEqual({ booted: 'terminated' });
    expect(child.told).toContainEqual({ shutdown: 'SIGTERM', status: 'terminated' });
  });

  it('while a required client is waited for that is in backoff', async () => {
    await using server = await RawServer.listen({
      onPeer: async (peer) => {
        await peer.request();
        peer.refuse(503);
        peer.fin();
      },
    });
    const options = { ...patient, startup: 'required', handleInitialFailure: true } as const;
    await using child = run({ url: server.url(), options });
    await (await server.peer(1, 20_000)).ended();
    child.kill('SIGTERM');

    expect(await child.ends(), child.stderr).toEqual(bySignal('SIGTERM'));
    expect(child.told).toContainEqual({ shutdown: 'SIGTERM', status: 'terminated' });
  });

  it('without enableShutdownHooks as ever', async () => {
    await using server = await RawServer.listen();
    await using child = run({
      url: server.url(),
      options: { ...patient, startup: 'required' },
      signals: false,
    });
    await (await server.peer(1, 20_000)).request();
    child.kill('SIGTERM');

    expect(await child.ends()).toEqual(bySignal('SIGTERM'));
    expect(child.told).toEqual([{ compiled: true }]);
  });
});

describe('a process whose boot has failed', { timeout: 40_000 }, () => {
  const failing = (plan: ShutdownPlan): Run => run({ ...plan, signals: false });

  it('ends by itself when a required client was refused: no socket or timer is left', async () => {
    await using server = await RawServer.listen({
      onPeer: async (peer) => {
        await peer.request();
        peer.refuse(503);
      },
    });
    await using child = failing({
      url: server.url(),
      options: { ...patient, startup: 'required' },
    });

    expect(await child.ends(), child.stderr).toEqual({ code: 0, signal: null });
    expect(await child.tells('failed')).toMatch(/^HandshakeError: ProgramClient: .*503/);
    expect([await child.tells('status'), await child.tells('left')]).toEqual(['terminated', []]);
  });

  it('ends by itself when a required client was not there in time', async () => {
    await using server = await RawServer.listen();
    await using child = failing({
      url: server.url(),
      options: { ...patient, startup: 'required', startupTimeout: 100 },
    });

    expect(await child.ends(), child.stderr).toEqual({ code: 0, signal: null });
    expect(await child.tells('failed')).toMatch(/not connected within 100 ms of its start/);
    expect([await child.tells('status'), await child.tells('left')]).toEqual(['terminated', []]);
  });

  it('ends by itself when an option was wrong', async () => {
    await using child = failing({ url: 'ws://127.0.0.1:9', options: { typo: 1 } as object });

    expect(await child.ends(), child.stderr).toEqual({ code: 0, signal: null });
    expect(await child.tells('failed')).toMatch(/^ConfigurationError: ProgramClient: unknown/);
    expect([await child.tells('status'), await child.tells('left')]).toEqual(['idle', []]);
  });
});
