import { once } from 'node:events';
import { WebSockexClient, WebSockexManager, WebSockexModule } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, reaches, type NestApp } from '../../fixtures/nest/app.js';
import { foreign, observing, ran, request } from '../../fixtures/nest/observing-client.js';
import { mute } from '../../fixtures/nest/servers.js';
import { WsServer } from '../../fixtures/ws-server.js';

const bootWith = (client: new () => object): Promise<NestApp> =>
  boot({ imports: [WebSockexModule.forRoot({ clients: [client], shutdownTimeout: 500 })] });

describe('no callback runs in the context of', () => {
  it('the request that started the client, nor does a reconnect', async () => {
    await using server = await WsServer.listen();
    const Observing = observing(server.url());
    await using app = await bootWith(Observing);
    const handle = app.handle(Observing);
    await request.run('the request', () => handle.start());
    const first = await server.nextConnection();
    first.send('a frame');
    first.socket.ping();
    await once(first.socket, 'pong');
    await handle.call('call');
    first.drop();
    const second = await server.nextConnection();
    await handle.connected();
    second.drop();
    await reaches(handle, 'backoff');
    await handle.stop();

    expect(foreign(Observing.contexts)).toEqual([]);
    expect(ran(Observing.contexts)).toEqual(
      new Set(
        'factory/start/before/before, later/connect/frame/ping/call/disconnect/terminate'.split(
          '/',
        ),
      ),
    );
  });

  it.each(['background', 'required', 'manual'] as const)(
    'the request that started a %s client at run time: not its factory either',
    async (startup) => {
      await using server = await WsServer.listen();
      const Observing = observing(server.url(), { startup });
      await using app = await boot({ imports: [WebSockexModule.forRoot()] });
      await request.run('the request', async () => {
        const handle = await app.get(WebSockexManager).start(Observing);
        if (startup === 'manual') await handle.start();
        await handle.connected();
        await handle.stop();
      });

      expect(Observing.contexts[0]).toBe('factory: none');
      expect(foreign(Observing.contexts)).toEqual([]);
    },
  );

  it('the one who casts, calls, gives an info or sends', async () => {
    await using server = await WsServer.listen();
    const Observing = observing(server.url(), { startup: 'background' });
    await using app = await bootWith(Observing);
    const handle = app.handle(Observing);
    request.run('early', () => {
      handle.cast('cast');
      handle.info('early');
    });
    await handle.connected();
    await request.run('late', async () => {
      handle.cast('cast');
      handle.info('late');
      await handle.call('call');
      await handle.sendFrame('sent');
    });
    (await server.nextConnection()).send('an answer');
    await reaches(handle, 'open');
    await handle.call('call');

    expect(foreign(Observing.contexts)).toEqual([]);
    expect(ran(Observing.contexts)).toContain('cast, later');
    expect(ran(Observing.contexts)).toContain('info');
  });

  it('the one who closes, connects again or stops', async () => {
    await using server = await WsServer.listen();
    const Observing = observing(server.url(), { startup: 'background' });
    await using app = await bootWith(Observing);
    const handle = app.handle(Observing);
    await handle.connected();
    await request.run('reconnecting', () => handle.reconnect());
    const peer = (await server.nextConnection(), await server.nextConnection());
    peer.send('a frame');
    await handle.call('call');
    await request.run('stopping', () => handle.stop());

    expect(foreign(Observing.contexts)).toEqual([]);
    expect(ran(Observing.contexts)).toContain('terminate');
    expect(handle.session).toBe(2);
  });

  it('the one who closes a session whose peer does not answer', async () => {
    await using server = await mute();
    // Real time: only a timer of Node carries the context of whoever set it.
    const Observing = observing(server.url(), { startup: 'background', closeTimeout: 20 });
    await using app = await bootWith(Observing);
    const handle = app.handle(Observing);
    await handle.connected();
    await request.run('reconnecting', () => handle.reconnect());
    await request.run('closing', () => handle.close());
    await handle.terminated;

    expect(foreign(Observing.contexts)).toEqual([]);
    expect(ran(Observing.contexts)).toContain('terminate');
  });

  it('the one who feeds a stream that a handler returned, and it fails', async () => {
    await using server = await WsServer.listen();
    const Observing = observing(server.url(), { startup: 'background', maxRestarts: 3 });
    await using app = await bootWith(Observing);
    const handle = app.handle(Observing);
    await handle.connected();
    request.run('feeding', () => Observing.stream.error(new Error('a broken stream')));
    await handle.terminated;

    expect(foreign(Observing.contexts)).toEqual([]);
    expect(ran(Observing.contexts)).toContain('terminate');
  });

  it('the one whose loop over the frames lets the socket go on', async () => {
    await using server = await WsServer.listen();
    const Observing = observing(server.url(), {
      startup: 'background',
      mailbox: { highWaterMark: 2, lowWaterMark: 1 },
    });
    await using app = await bootWith(Observing);
    const handle = app.handle(Observing);
    const frames = handle[Symbol.asyncIterator]();
    await handle.connected();
    const peer = await server.nextConnection();
    for (let i = 0; i < 50; i++) peer.send(`frame ${i}`);
    await request.run('looping', async () => {
      for (let i = 0; i < 50; i++) {
        await frames.next();
        await new Promise<void>((next) => setImmediate(next));
      }
    });
    await handle.call('call');

    expect(foreign(Observing.contexts)).toEqual([]);
    expect(Observing.contexts.filter((one) => one.startsWith('frame'))).toHaveLength(50);
  });
});

describe('the boot itself', () => {
  it('gives every callback the context it runs in', async () => {
    await using server = await WsServer.listen();
    const Observing = observing(server.url(), { startup: 'required' });
    await using app = await request.run('the boot', () => bootWith(Observing));
    const handle = app.handle(Observing);
    await request.run('the request', () => handle.call('call'));
    await handle.stop();

    expect(new Set(Observing.contexts.map((one) => one.split(': ')[1]))).toEqual(
      new Set(['the boot']),
    );
  });
});

it('no constructor runs in the context of the request that started a client at run time', async () => {
  await using server = await WsServer.listen();
  const contexts: unknown[] = [];
  class Constructed {
    constructor() {
      contexts.push(request.getStore());
    }
  }
  WebSockexClient(server.url())(Constructed);
  await using app = await boot({ imports: [WebSockexModule.forRoot({ clients: [] })] });
  await request.run('the request', () => app.get(WebSockexManager).start(Constructed));
  expect(contexts).toEqual([undefined]);
});
