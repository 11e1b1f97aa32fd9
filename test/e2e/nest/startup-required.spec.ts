import { ConnectionError, HandshakeError } from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../fixtures/nest/app.js';
import { noting, rootOf } from '../../fixtures/nest/noting-client.js';
import { refusing } from '../../fixtures/nest/servers.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { WsServer } from '../../fixtures/ws-server.js';

describe('a client that is required', () => {
  it('has the boot wait for its first @OnConnect', async () => {
    await using server = await WsServer.listen();
    const Noting = noting(server.url(), { startup: 'required' });
    await using app = await boot(rootOf(Noting));

    expect(Noting.notes).toEqual(['connect']);
    expect(app.handle(Noting).status).toBe('open');
  });

  it('fails the boot with the error of its connection, and no callback runs', async () => {
    await using server = await refusing(1);
    const Noting = noting(server.url(), { startup: 'required' });
    const error = await bootError(rootOf(Noting));

    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ client: 'NotingClient', status: 503 });
    expect(Noting.notes).toEqual([]);
    expect(server.connectionCount).toBe(1);
  });

  it('goes on trying where handleInitialFailure is true, and the boot waits', async () => {
    await using server = await refusing(2);
    const Noting = noting(server.url(), { startup: 'required', handleInitialFailure: true });
    await using app = await boot(rootOf(Noting));

    expect(Noting.notes).toEqual(['disconnect', 'disconnect', 'connect']);
    expect(app.handle(Noting).session).toBe(1);
  });

  it('fails the boot with the last error when its policy gives up', async () => {
    await using server = await refusing(9);
    const Noting = noting(server.url(), {
      startup: 'required',
      handleInitialFailure: true,
      reconnect: { initialDelay: 0, maxDelay: 0, maxAttempts: 2 },
    });
    const error = await bootError(rootOf(Noting));

    expect(error).toBeInstanceOf(HandshakeError);
    expect(Noting.notes).toEqual(['disconnect', 'disconnect', 'disconnect']);
    expect(server.connectionCount).toBe(3);
  });

  it('fails the boot when it is not there within startupTimeout, saying why', async () => {
    await using quiet = await RawServer.listen();
    await using refuser = await refusing(1e9);
    const Quiet = noting(quiet.url(), { startup: 'required', startupTimeout: 3000 });
    const Refused = noting(refuser.url(), {
      startup: 'required',
      startupTimeout: 4000,
      handleInitialFailure: true,
    });
    const clock = new VirtualClock();
    const failing = bootError(rootOf(Quiet), { clock });
    await quiet.peer(1);
    await clock.advance(3000);
    const error = await failing;
    const failingToo = bootError(rootOf(Refused), { clock });
    while (Refused.notes.length === 0) await clock.advance(0);
    await clock.advance(4000);
    const refused = await failingToo;

    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toBe('NotingClient: was not connected within 3000 ms of its start');
    expect(refused.message).toMatch(/within 4000 ms of its start; the last attempt: .*503/);
    expect(refused.cause).toBeInstanceOf(HandshakeError);
    expect(await (await quiet.peer(1)).ended()).not.toBe('closed');
  });

  it('takes the others down with it: they are closed, and the boot fails', async () => {
    await using bad = await RawServer.listen();
    await using good = await WsServer.listen();
    const Good = noting(good.url(), { startup: 'required', name: 'good' });
    const Bad = noting(bad.url(), { startup: 'required', name: 'bad' });
    const booting = bootError(rootOf(Good, Bad));
    const peer = await good.nextConnection();
    (await bad.peer(1)).reset();

    expect(await booting).toMatchObject({ client: 'bad', systemCode: 'ECONNRESET' });
    expect((await peer.closed()).code).toBe(1001);
  });
});
