import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { ClientHandle, HandshakeError, InjectClient, NotConnectedError } from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';
import { boot, reaches } from '../../fixtures/nest/app.js';
import { starting } from '../../fixtures/nest/ending-client.js';
import { noting, rootOf } from '../../fixtures/nest/noting-client.js';
import { refusing } from '../../fixtures/nest/servers.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { WsServer } from '../../fixtures/ws-server.js';

describe('a client that starts in the background', () => {
  it('does not keep the boot waiting', async () => {
    await using server = await RawServer.listen();
    const Noting = noting(server.url(), {});
    await using app = await boot(rootOf(Noting));
    await server.peer(1);

    expect(app.handle(Noting).status).toBe('connecting');
  });

  it('starts before the hooks of the application run at bootstrap', async () => {
    await using server = await WsServer.listen();
    const Noting = noting(server.url(), {});
    @Injectable()
    class Service implements OnApplicationBootstrap {
      status = '';

      constructor(@InjectClient(Noting) private readonly handle: ClientHandle) {}

      async onApplicationBootstrap() {
        this.status = this.handle.status;
        await this.handle.connected();
      }
    }
    await using app = await boot({ ...rootOf(Noting), providers: [Service] });

    expect(app.get(Service).status).toBe('connecting');
    expect(app.handle(Noting).status).toBe('open');
  });

  it('is not harmed by a start that comes before there is an application', async () => {
    await using server = await WsServer.listen();
    const Noting = noting(server.url(), {});
    @Injectable()
    class Hasty {
      constructor(@InjectClient(Noting) handle: ClientHandle) {
        void handle.start();
      }
    }
    await using app = await boot({ ...rootOf(Noting), providers: [Hasty] });
    await app.handle(Noting).connected();

    expect(Noting.notes).toEqual(['connect']);
    expect(server.connectionCount).toBe(1);
  });

  it('has a failed first attempt go the way of a disconnect', async () => {
    await using server = await refusing(2);
    const Noting = noting(server.url(), {});
    await using app = await boot(rootOf(Noting));
    await app.handle(Noting).connected();

    expect(Noting.notes).toEqual(['disconnect', 'disconnect', 'connect']);
  });

  it('ends with a failed first attempt where handleInitialFailure is false', async () => {
    await using server = await refusing(1);
    const Noting = noting(server.url(), { handleInitialFailure: false });
    await using app = await boot(rootOf(Noting));
    const reason = await app.handle(Noting).terminated;

    expect(reason).toEqual({ by: 'error', error: expect.any(HandshakeError) });
    expect(Noting.notes).toEqual([]);
    await expect(app.handle(Noting).connected()).rejects.toThrow(NotConnectedError);
  });

  it('goes through callbacks for the later attempts where handleInitialFailure is false', async () => {
    await using server = await WsServer.listen();
    const Noting = noting(server.url(), { handleInitialFailure: false });
    await using app = await boot(rootOf(Noting));
    await app.handle(Noting).connected();
    (await server.nextConnection()).drop();
    await server.nextConnection();
    await app.handle(Noting).connected();

    expect(Noting.notes).toEqual(['connect', 'disconnect', 'connect']);
  });
});

describe('a client that is started by hand', () => {
  it('does nothing until then, and start() resolves once it is connected', async () => {
    await using server = await WsServer.listen();
    const Noting = noting(server.url(), { startup: 'manual' });
    await using app = await boot(rootOf(Noting));
    const handle = app.handle(Noting);
    expect([handle.status, server.connectionCount]).toEqual(['idle', 0]);
    const info = await handle.start();

    expect(info).toMatchObject({ session: 1, url: server.url() });
    expect(Noting.notes).toEqual(['connect']);
    expect(await handle.start()).toBe(info);
    expect(server.connectionCount).toBe(1);
  });

  it('can be asked for before there is an application, and starts with that', async () => {
    await using server = await WsServer.listen();
    const Noting = noting(server.url(), { startup: 'manual' });
    @Injectable()
    class Hasty {
      readonly started: Promise<unknown>;

      constructor(@InjectClient(Noting) handle: ClientHandle) {
        this.started = handle.start();
      }
    }
    await using app = await boot({ ...rootOf(Noting), providers: [Hasty] });

    expect(await app.get(Hasty).started).toMatchObject({ session: 1 });
    expect(Noting.notes).toEqual(['connect']);
  });

  it('is started once, however many ask for it at a time', async () => {
    await using server = await WsServer.listen();
    let starts = 0;
    const Starting = starting(server.url(), () => void starts++);
    await using app = await boot(rootOf(Starting));
    const handle = app.handle(Starting);
    const infos = await Promise.all([handle.start(), handle.start(), handle.connected()]);

    expect(new Set(infos).size).toBe(1);
    expect([starts, server.connectionCount]).toEqual([1, 1]);
  });

  it('goes on trying by default: start() resolves with the first session', async () => {
    await using server = await refusing(2);
    const Noting = noting(server.url(), { startup: 'manual' });
    await using app = await boot(rootOf(Noting));
    await app.handle(Noting).start();

    expect(Noting.notes).toEqual(['disconnect', 'disconnect', 'connect']);
  });

  it('rejects with the error of the connection where handleInitialFailure is false', async () => {
    await using server = await refusing(1);
    const Noting = noting(server.url(), { startup: 'manual', handleInitialFailure: false });
    await using app = await boot(rootOf(Noting));

    await expect(app.handle(Noting).start()).rejects.toBeInstanceOf(HandshakeError);
    expect(Noting.notes).toEqual([]);
    expect(app.handle(Noting).status).toBe('terminated');
    await expect(app.handle(Noting).start()).rejects.toBeInstanceOf(NotConnectedError);
  });

  it('rejects after startupTimeout, and the client is stopped', async () => {
    await using server = await RawServer.listen();
    const Noting = noting(server.url(), { startup: 'manual', startupTimeout: 3000 });
    const clock = new VirtualClock();
    await using app = await boot(rootOf(Noting), { clock });
    const handle = app.handle(Noting);
    const started = expect(handle.start()).rejects.toThrow(/not connected within 3000 ms of its/);
    await server.peer(1);
    await clock.advance(3000);
    await started;

    expect(await handle.terminated).toMatchObject({ by: 'local' });
    expect(await (await server.peer(1)).ended()).not.toBe('closed');
    expect(Noting.notes).toEqual([]);
  });

  it('ends idle with the application', async () => {
    await using server = await WsServer.listen();
    const Noting = noting(server.url(), { startup: 'manual' });
    const app = await boot(rootOf(Noting));
    const handle = app.handle(Noting);
    await app.close();

    expect(await handle.terminated).toEqual({ by: 'local', code: 1001, message: '' });
    await reaches(handle, 'terminated');
    await expect(handle.start()).rejects.toBeInstanceOf(NotConnectedError);
    expect([Noting.notes, server.connectionCount]).toEqual([[], 0]);
  });
});
