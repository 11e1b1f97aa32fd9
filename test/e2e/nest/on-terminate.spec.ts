import { WebSockexManager, WebSockexModule } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, type NestApp } from '../../fixtures/nest/app.js';
import { crash, ending } from '../../fixtures/nest/ending-client.js';
import { mute } from '../../fixtures/nest/servers.js';
import { WsServer } from '../../fixtures/ws-server.js';

const bootWith = (client: new () => object): Promise<NestApp> =>
  boot({
    imports: [
      WebSockexModule.forRoot({
        clients: [client],
        shutdownTimeout: 200,
        defaults: { restart: 'temporary' },
      }),
    ],
  });

describe('@OnTerminate runs once, and handle.terminated gives the same reason', () => {
  it('after the session was closed by this side', async () => {
    await using server = await WsServer.listen();
    const Ending = ending(server.url());
    await using app = await bootWith(Ending);
    const handle = app.handle(Ending);
    await handle.connected();
    await handle.close(4000, 'bye');

    expect(await handle.terminated).toEqual({ by: 'local', code: 4000, message: 'bye' });
    expect(Ending.reasons).toEqual([await handle.terminated]);
  });

  it('after the policy gave up on a lost session', async () => {
    await using server = await WsServer.listen();
    const Ending = ending(server.url(), { reconnect: false });
    await using app = await bootWith(Ending);
    (await server.nextConnection()).close(4001, 'over');
    const reason = await app.handle(Ending).terminated;

    expect(reason).toEqual({ by: 'remote', code: 4001, message: 'over' });
    expect(Ending.reasons).toEqual([reason]);
  });

  it('after a crash', async () => {
    await using server = await WsServer.listen();
    const Ending = ending(server.url());
    await using app = await bootWith(Ending);
    (await server.nextConnection()).send('crash');

    expect(await app.handle(Ending).terminated).toEqual({ by: 'error', error: crash });
    expect(Ending.reasons).toEqual([{ by: 'error', error: crash }]);
  });

  it('after terminate() of a handler', async () => {
    await using server = await WsServer.listen();
    const Ending = ending(server.url());
    await using app = await bootWith(Ending);
    (await server.nextConnection()).send('terminate');
    const reason = await app.handle(Ending).terminated;

    expect(reason).toEqual({ by: 'local', code: 1000, message: 'enough' });
    expect(Ending.reasons).toEqual([reason]);
  });

  it('however often and however the client is ended at a time', async () => {
    await using server = await WsServer.listen();
    const Ending = ending(server.url());
    await using app = await bootWith(Ending);
    const handle = app.handle(Ending);
    const events: unknown[] = [];
    app.get(WebSockexManager).events$.subscribe(({ event }) => events.push(event));
    await handle.connected();
    const peer = await server.nextConnection();
    handle.cast('slow');
    peer.send('terminate');
    peer.close(4002);
    await Promise.all([handle.stop(), handle.close(), handle.stop(), app.close()]);
    await app.context.close();

    expect(Ending.reasons).toHaveLength(1);
    expect(Ending.reasons).toEqual([await handle.terminated]);
    expect(events.filter((event) => event === 'terminate')).toHaveLength(1);
  });

  it('when the application is closed, awaited by it', async () => {
    await using server = await WsServer.listen();
    const Ending = ending(server.url());
    const app = await bootWith(Ending);
    await app.handle(Ending).connected();
    await app.close();

    expect(Ending.reasons).toEqual([{ by: 'local', code: 1001, message: '' }]);
  });

  it('when the application is closed and has no time to wait for the peer', async () => {
    await using server = await mute();
    const Ending = ending(server.url());
    const app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [Ending], shutdownTimeout: 0 })],
    });
    await app.handle(Ending).connected();
    await app.close();

    expect(Ending.reasons).toEqual([{ by: 'local', code: 1001, message: '' }]);
    expect((await (await server.peer(1)).nextFrame('close')).closeCode).toBe(1001);
  });

  it('after the last of several sessions', async () => {
    await using server = await WsServer.listen();
    const Ending = ending(server.url(), {
      reconnect: { initialDelay: 0, maxDelay: 0, jitter: 'none' },
    });
    await using app = await bootWith(Ending);
    (await server.nextConnection()).drop();
    await server.nextConnection();
    await app.handle(Ending).connected();
    await app.handle(Ending).stop();

    expect(app.handle(Ending).session).toBe(2);
    expect(Ending.reasons).toHaveLength(1);
  });
});
