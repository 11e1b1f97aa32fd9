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

const run = (plan: ShutdownPlan): Run => program.run(plan);

/** No timer of the client is shorter than the test: one that is left keeps the process. */
const patient = {
  restart: 'temporary',
  connectTimeout: 120_000,
  closeTimeout: 120_000,
  callTimeout: 120_000,
  reconnect: { initialDelay: 120_000, maxDelay: 120_000 },
} as const;

/** Has it close the application, and gives what it told of that once it has ended by itself. */
const closes = async (child: Run): Promise<unknown> => {
  child.go();
  const exit = await child.ends();
  expect(exit, child.stderr).toEqual({ code: 0, signal: null });
  return child.tells('left');
};

describe('a process ends by itself after app.close()', { timeout: 40_000 }, () => {
  it('while its client is idle', async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), options: { ...patient, startup: 'manual' } });
    await child.tells('idle');

    expect(await closes(child)).toEqual([]);
    expect(server.connectionCount).toBe(0);
  });

  it('while its client is connecting', async () => {
    await using server = await RawServer.listen();
    await using child = run({ url: server.url(), options: patient });
    await child.tells('connecting');
    const peer = await server.peer(1, 20_000);
    await peer.request();

    expect(await closes(child)).toEqual([]);
    expect(['fin', 'reset']).toContain(await peer.ended());
  });

  it('while it waits for a start', async () => {
    await using server = await RawServer.listen();
    await using child = run({
      url: server.url(),
      options: { ...patient, startup: 'manual', startupTimeout: 120_000 },
      act: 'start',
    });
    await child.tells('idle');

    expect(await closes(child)).toEqual([]);
  });

  it('while its client is open, and the peer sees 1001', async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), options: patient });
    const peer = await server.nextConnection(20_000);
    await child.tells('open');

    expect(await closes(child)).toEqual([]);
    expect(await peer.closed()).toEqual({ code: 1001, reason: '' });
    expect(child.told).toContainEqual({ gone: true, casts: 0 });
  });

  it('while its client is closing and the peer ignores it', async () => {
    await using server = await RawServer.listen();
    await using child = run({
      url: server.url(),
      options: patient,
      shutdownTimeout: 200,
      act: 'close',
    });
    const peer = await server.peer(1, 20_000);
    await peer.open();
    await child.tells('open');

    expect(await closes(child)).toEqual([]);
    expect((await peer.nextFrame('close')).payload).toEqual(Buffer.alloc(0));
  });

  it('while the peer ignores the close of the shutdown', async () => {
    await using server = await RawServer.listen();
    await using child = run({ url: server.url(), options: patient, shutdownTimeout: 200 });
    const peer = await server.peer(1, 20_000);
    await peer.open();
    await child.tells('open');

    expect(await closes(child)).toEqual([]);
    expect((await peer.nextFrame('close')).closeCode).toBe(1001);
  });

  it('while its client is in backoff', async () => {
    await using server = await WsServer.listen();
    const url = server.url();
    await server.close();
    await using child = run({ url, options: patient });
    await child.tells('backoff');

    expect(await closes(child)).toEqual([]);
    await expect(child.tells('gone')).rejects.toThrow(/ended without "gone"/);
  });

  it('while a handler hangs', async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), options: patient, shutdownTimeout: 400 });
    const peer = await server.nextConnection(20_000);
    peer.send('hang');
    await child.tells('hangs');

    expect(await closes(child)).toEqual([]);
    expect((await peer.closed()).code).toBe(1001);
  });

  it('while a call hangs that somebody waits for', async () => {
    await using server = await WsServer.listen();
    await using child = run({
      url: server.url(),
      options: patient,
      shutdownTimeout: 200,
      act: 'call',
    });
    await child.tells('open');

    expect(await closes(child)).toEqual([]);
    expect(await child.tells('refused')).toBe('ERR_WEBSOCKEX_SHUTTING_DOWN');
  });

  it('while a handler drains what waits, which is done first', async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), options: patient, act: 'cast' });
    const peer = await server.nextConnection(20_000);
    await child.tells('open');

    expect(await closes(child)).toEqual([]);
    expect(await child.tells('casts')).toBe(5);
    expect((await peer.closed()).code).toBe(1001);
  });

  it('while a stream of a handler goes on', async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), options: patient, act: 'stream' });
    const peer = await server.nextConnection(20_000);
    expect(await peer.nextMessage()).toBe('item 0');

    expect(await closes(child)).toEqual([]);
    expect((await peer.closed()).code).toBe(1001);
  });

  it('while a loop goes over its frames, which ends', async () => {
    await using server = await WsServer.listen();
    await using child = run({ url: server.url(), options: patient, act: 'iterate' });
    await child.tells('open');

    expect(await closes(child)).toEqual([]);
    expect(await child.tells('iterated')).toBe(true);
  });

  it('while somebody waits for a connection', async () => {
    await using server = await RawServer.listen();
    await using child = run({ url: server.url(), options: patient, act: 'wait' });
    await child.tells('connecting');

    child.go();
    expect(await child.ends()).toEqual({ code: 0, signal: null });
  });

  it('after its client has crashed and the peer leaves the socket open', async () => {
    await using server = await RawServer.listen();
    await using child = run({ url: server.url(), options: patient });
    const peer = await server.peer(1, 20_000);
    await peer.open();
    peer.text('throw');
    await child.tells('terminated');

    expect(await closes(child)).toEqual([]);
    expect((await peer.nextFrame('close')).closeCode).toBe(1011);
  });
});
