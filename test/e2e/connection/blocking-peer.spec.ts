import { once } from 'node:events';

import {
  OnCall,
  OnCast,
  OnConnect,
  OnFrame,
  OnInfo,
  reply,
  type ClientHandle,
  type HandlerResult,
} from 'nestjs-websockex';
import { from } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { clientAt } from '../../fixtures/scene.js';
import { WsServer } from '../../fixtures/ws-server.js';

const CHUNK = Buffer.alloc(256 * 1024);
const COUNT = 96; // 24 MiB: more than the buffers of any two sockets
const ALL = Array.from({ length: COUNT }, () => CHUNK);

/** Echoes each message, and reads the next only when its answer has been taken. */
async function blockingEcho(): Promise<WsServer> {
  const server = await WsServer.listen({ maxPayload: 0 });
  void server.nextConnection(60_000).then(({ socket }) => {
    socket.on('message', (data) => {
      socket.pause();
      socket.send(data, () => socket.resume());
    });
  });
  return server;
}

/** Sends all of it in every way that is no answer to the peer. */
class Speaker {
  /** Whether `@OnConnect` is to speak. */
  isEager = false;

  @OnConnect()
  connect(): HandlerResult {
    return this.isEager ? reply(...ALL) : undefined;
  }

  @OnCast()
  publish(): HandlerResult {
    return reply(...ALL);
  }

  @OnCast()
  stream(): HandlerResult {
    return from(ALL);
  }

  @OnCall()
  ask(): HandlerResult {
    return reply(...ALL);
  }

  @OnInfo()
  info(): HandlerResult {
    return reply(...ALL);
  }
}

class EagerSpeaker extends Speaker {
  override isEager = true;
}

type Speak = (handle: ClientHandle<Speaker>) => unknown;

describe('A peer that reads on when its answer was taken', { timeout: 60_000 }, () => {
  it.each<[string, Speak]>([
    ['sendFrame', (handle) => Promise.all(ALL.map((data) => handle.sendFrame(data)))],
    ['sendFrame, all at a time', (handle) => handle.sendFrame(ALL)],
    ['a cast', (handle) => handle.cast('publish')],
    ['a stream that a cast returned', (handle) => handle.cast('stream')],
    ['a call', (handle) => handle.call('ask')],
    ['an info', (handle) => handle.info('go')],
    ['@OnConnect', () => undefined],
  ])('gets all of it, and its answers are read: %s', async (how, speak) => {
    await using server = await blockingEcho();
    const type = how === '@OnConnect' ? EagerSpeaker : Speaker;
    const options = {
      mailbox: { maxBytes: 64 * 1024 },
      startup: 'manual',
      maxBuffered: Infinity,
    } as const;
    const client = clientAt<Speaker>(server.url(), type, options);
    await using app = await boot([client]);
    const handle = app.handle(client);
    const echoed = new Promise<void>((resolve) => {
      let left = COUNT;
      handle.frames$.subscribe(() => --left === 0 && resolve());
    });
    await handle.start();
    await Promise.all([speak(handle), echoed]);
    expect(handle.status).toBe('open');
  });
});

describe('A peer that does not take its answers', { timeout: 60_000 }, () => {
  it.each([
    ['pings', (socket: { ping(data: string): void }) => socket.ping('x'.repeat(125)), 1000],
    ['messages', (socket: { send(data: Buffer): void }) => socket.send(CHUNK), 3],
  ] as const)('is not read, whoever else sends: %s', async (_what, send, count) => {
    await using server = await WsServer.listen({ maxPayload: 0 });
    class Echo {
      @OnFrame()
      frame({ data }: { readonly data: string | Buffer }): HandlerResult {
        return data;
      }
    }
    const client = clientAt(server.url(), Echo, { mailbox: { maxBytes: 64 * 1024 } });
    await using app = await boot([client]);
    const handle = app.handle(client);
    await handle.connected();
    const { socket } = await server.nextConnection();
    socket.pause();
    const paused = new Promise<void>((resolve) => {
      handle.events$.subscribe(({ event }) => event === 'pause' && resolve());
    });
    // Behind what others send, which holds up nothing.
    const sent = handle.sendFrame(ALL);
    for (let n = 0; n < count; n++) send(socket);
    await paused;

    // It reads: everything goes on.
    const answered = once(socket, 'pong');
    const resumed = new Promise<void>((resolve) => {
      handle.events$.subscribe(({ event }) => event === 'resume' && resolve());
    });
    socket.resume();
    socket.ping();
    await Promise.all([sent, resumed, answered]);
    expect(handle.status).toBe('open');
  });
});
