import { WebSockexManager, WebSockexModule } from 'nestjs-websockex';
import { lastValueFrom, toArray } from 'rxjs';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';
import { boot, reaches, type NestApp } from '../../fixtures/nest/app.js';
import { mute } from '../../fixtures/nest/servers.js';
import { FOR_EVER, working } from '../../fixtures/nest/working-client.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { timerSet } from '../../fixtures/timer-set.js';
import { WsServer } from '../../fixtures/ws-server.js';

const bootWith = (shutdownTimeout: number, ...clients: (new () => object)[]): Promise<NestApp> =>
  boot({ imports: [WebSockexModule.forRoot({ clients, shutdownTimeout })] });

/** How long a shutdown may take on the clock of a test. */
const SHORT = 5000;

const bootAt = (clock: VirtualClock, ...clients: (new () => object)[]): Promise<NestApp> =>
  boot({ imports: [WebSockexModule.forRoot({ clients, shutdownTimeout: SHORT })] }, { clock });

/** Closes the application, and lets the whole of its shutdownTimeout pass. */
async function closeLate(app: NestApp, clock: VirtualClock): Promise<void> {
  const closing = app.close();
  await timerSet(clock, SHORT);
  await clock.advance(SHORT);
  await closing;
}

describe('app.close()', () => {
  it('gives up clients that are connecting, in backoff and idle', async () => {
    await using silent = await RawServer.listen();
    const dead = await WsServer.listen();
    await dead.close();
    const Connecting = working(silent.url(), { name: 'connecting' });
    const Waiting = working(dead.url(), { name: 'waiting' });
    const Idle = working(dead.url(), { name: 'idle', startup: 'manual' });
    const app = await bootWith(FOR_EVER, Connecting, Waiting, Idle);
    const handles = [Connecting, Waiting, Idle].map((client) => app.handle(client));
    const peer = await silent.peer(1);
    await peer.request();
    await reaches(handles[1]!, 'backoff');
    expect(handles.map(({ status }) => status)).toEqual(['connecting', 'backoff', 'idle']);
    await app.close();

    expect(handles.map(({ status }) => status)).toEqual(handles.map(() => 'terminated'));
    for (const { terminated } of handles) {
      expect(await terminated).toEqual({ by: 'local', code: 1001, message: '' });
    }
    expect(['fin', 'reset']).toContain(await peer.ended());
    expect(silent.connectionCount).toBe(1);
  });

  it('closes open sessions with 1001 and waits for the answer of the peer', async () => {
    await using server = await RawServer.listen();
    const Working = working(server.url());
    const app = await bootWith(FOR_EVER, Working);
    const peer = await server.peer(1);
    await peer.open();
    await reaches(app.handle(Working), 'open');
    const closing = app.close();
    const frame = await peer.nextFrame('close');
    expect([frame.closeCode, frame.closeReason]).toEqual([1001, '']);
    expect(app.handle(Working).status).toBe('closing');
    await peer.settle();
    await closing;

    expect(app.handle(Working).status).toBe('terminated');
  });

  it('cuts a session whose peer does not answer, within shutdownTimeout', async () => {
    await using server = await RawServer.listen();
    const Working = working(server.url());
    const clock = new VirtualClock();
    const app = await bootAt(clock, Working);
    const peer = await server.peer(1);
    await peer.open();
    await reaches(app.handle(Working), 'open');
    await closeLate(app, clock);

    expect((await peer.nextFrame('close')).closeCode).toBe(1001);
    expect(['fin', 'reset']).toContain(await peer.ended());
  });

  it('cuts a session that was closing already, within shutdownTimeout', async () => {
    await using server = await RawServer.listen();
    const Working = working(server.url());
    const clock = new VirtualClock();
    const app = await bootAt(clock, Working);
    const peer = await server.peer(1);
    await peer.open();
    await reaches(app.handle(Working), 'open');
    const closed = app.handle(Working).close(4000);
    expect((await peer.nextFrame('close')).closeCode).toBe(4000);
    await closeLate(app, clock);
    await closed;

    expect(await app.handle(Working).terminated).toMatchObject({ by: 'local' });
    expect(['fin', 'reset']).toContain(await peer.ended());
  });

  it('takes one shutdownTimeout for all clients together', async () => {
    await using server = await mute();
    const clients = Array.from({ length: 20 }, (_, index) =>
      working(server.url(), { name: `client ${index}` }),
    );
    const clock = new VirtualClock();
    const app = await bootAt(clock, ...clients);
    await Promise.all(clients.map((client) => app.handle(client).connected()));
    await closeLate(app, clock);
    const peers = await Promise.all(clients.map((_, index) => server.peer(index + 1)));

    for (const peer of peers) expect((await peer.nextFrame('close')).closeCode).toBe(1001);
    expect(clients.map((client) => app.handle(client).status)).toEqual(
      clients.map(() => 'terminated'),
    );
  });

  it('completes what is observed, and refuses what is asked afterwards', async () => {
    await using server = await WsServer.listen();
    const Working = working(server.url());
    const app = await bootWith(FOR_EVER, Working);
    const handle = app.handle(Working);
    await handle.connected();
    const frames = lastValueFrom(handle.frames$.pipe(toArray()));
    const statuses = lastValueFrom(handle.status$.pipe(toArray()));
    const events = lastValueFrom(app.get(WebSockexManager).events$.pipe(toArray()));
    const loop = (async () => {
      const seen: unknown[] = [];
      for await (const frame of handle) seen.push(frame);
      return seen;
    })();
    await app.close();

    expect([await frames, await loop]).toEqual([[], []]);
    expect(await statuses).toEqual(['open', 'closing', 'terminated']);
    expect((await events).at(-1)?.event).toBe('terminate');
    const refused = { code: 'ERR_WEBSOCKEX_SHUTTING_DOWN', state: 'terminated' };
    await expect(handle.call('ask')).rejects.toMatchObject(refused);
    await expect(handle.sendFrame('x')).rejects.toMatchObject(refused);
    await expect(handle.connected()).rejects.toMatchObject(refused);
    await expect(handle.start()).rejects.toMatchObject(refused);
    await expect(handle.reconnect()).rejects.toMatchObject(refused);
  });

  it('may be called twice, and again when it is done', async () => {
    await using server = await WsServer.listen();
    const Working = working(server.url());
    const app = await bootWith(FOR_EVER, Working);
    await app.handle(Working).connected();
    await Promise.all([app.context.close(), app.context.close()]);
    await app.context.close();

    expect(await (await server.nextConnection()).closed()).toEqual({ code: 1001, reason: '' });
  });
});
