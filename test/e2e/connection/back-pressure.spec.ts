import { once } from 'node:events';
import type { Socket } from 'node:net';

import { OnFrame, type ClientHandle, type DataFrame, type HandlerResult } from 'nestjs-websockex';
import { filter, firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Gate, Recorder } from '../../fixtures/journal.js';
import { AT_ONCE, clientAt, Scene } from '../../fixtures/scene.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';
import { WsServer, type WsPeer } from '../../fixtures/ws-server.js';

const CHUNK = 'x'.repeat(64 * 1024);
const COUNT = 1024; // 64 MiB: more than the buffers of any two sockets
const MUCH = 16 * 1024 * 1024;

/** Waits until a number does not change any more, and gives it. */
async function settled(read: () => number): Promise<number> {
  let last = -1;
  for (let still = 0; still < 50;) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = read();
    still = now === last ? still + 1 : 0;
    last = now;
  }
  return last;
}

/** Sends 64 MiB of numbered frames until the client reads no more; gives how many bytes are held back. */
async function flood(peer: WsPeer, handle: ClientHandle<object>): Promise<number> {
  const paused = firstValueFrom(handle.events$.pipe(filter(({ event }) => event === 'pause')));
  for (let n = 0; n < COUNT; n++) peer.socket.send(`${n} ${CHUNK}`);
  await paused;
  return settled(() => peer.socket.bufferedAmount);
}

/** Waits until the client has read everything: its pong answers what was sent last. */
async function drained(peer: WsPeer): Promise<void> {
  const answered = once(peer.socket, 'pong');
  peer.socket.ping();
  await answered;
  expect(peer.socket.bufferedAmount).toBe(0);
}

describe('A handler that falls behind', { timeout: 30_000 }, () => {
  it('pauses the socket until it has caught up; nothing is lost', async () => {
    await using server = await WsServer.listen();
    const gate = new Gate();
    const numbers: string[] = [];
    class Slow {
      @OnFrame('text')
      async frame(frame: DataFrame): Promise<HandlerResult> {
        await gate.opened;
        numbers.push(String(frame.data).split(' ')[0] ?? '');
        return numbers.length === COUNT ? 'all' : undefined;
      }
    }
    const client = clientAt(server.url(), Slow, { mailbox: { highWaterMark: 16 } });
    await using app = await boot([client]);
    const handle = app.handle(client);
    const flow: string[] = [];
    handle.events$.subscribe(({ event }) => {
      if (event === 'pause' || event === 'resume') flow.push(event);
    });
    const peer = await server.nextConnection();
    expect(await flood(peer, handle)).toBeGreaterThan(MUCH);
    expect(flow).toEqual(['pause']);
    expect(numbers).toEqual([]);

    // It still speaks, although it does not listen.
    await handle.sendFrame('busy');
    expect(await peer.nextMessage()).toBe('busy');

    gate.open();
    expect(await peer.nextMessage()).toBe('all');
    expect(numbers).toEqual(Array.from({ length: COUNT }, (_, n) => `${n}`));
    expect(flow.length % 2).toBe(0);
    for (const [index, event] of flow.entries()) {
      expect(event).toBe(index % 2 === 0 ? 'pause' : 'resume');
    }
  });

  it('pauses the socket by bytes where frames are few and large', async () => {
    await using server = await WsServer.listen();
    const gate = new Gate();
    class Slow {
      @OnFrame()
      async frame(): Promise<void> {
        await gate.opened;
      }
    }
    const client = clientAt(server.url(), Slow, { mailbox: { maxBytes: 1024 * 1024 } });
    await using app = await boot([client]);
    const peer = await server.nextConnection();
    expect(await flood(peer, app.handle(client))).toBeGreaterThan(MUCH);
    gate.open();
    await drained(peer);
  });

  it('pauses at highWaterMark, and resumes at lowWaterMark', async () => {
    const gates = Array.from({ length: 10 }, () => new Gate());
    let begun = 0;
    class Slow extends Recorder {
      override async frame(frame: DataFrame): Promise<HandlerResult> {
        void super.frame(frame);
        await gates[begun++]?.opened;
      }
    }
    const mailbox = { highWaterMark: 5, lowWaterMark: 2 };
    await using scene = await Scene.open(Slow, { mailbox });
    scene.handle.events$.subscribe(({ event }) => {
      if (event === 'pause' || event === 'resume') scene.journal.note(event);
    });
    // One is being handled, five wait.
    for (let n = 0; n < 6; n++) scene.peer.text(`${n}`);
    await scene.journal.until('pause');
    for (const gate of gates) gate.open();
    await scene.journal.until('text 5');
    // The fourth is taken out and being handled: two wait.
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'text 0',
      'pause',
      'text 1',
      'text 2',
      'text 3',
      'resume',
      'text 4',
      'text 5',
    ]);
  });
});

describe('A peer that pings and does not read', { timeout: 30_000 }, () => {
  it('does not fill the memory with pongs: it is held back, or cut', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.pauseReading();
    const ping = encodeFrame(OPCODE.ping, 'p'.repeat(125));
    const chunk = Buffer.concat(Array.from({ length: 512 }, () => ping));
    const { socket } = scene.peer as unknown as { socket: Socket };
    let taken = 0;
    const write = (): void => {
      if (taken < COUNT && socket.writable) socket.write(chunk, () => (taken++, write()));
    };
    write();
    const isHeldBack = (await settled(() => taken)) < COUNT;
    expect([isHeldBack, scene.handle.status]).not.toEqual([false, 'open']);
  });
});

describe('A loop over the handle that falls behind', { timeout: 30_000 }, () => {
  it('pauses the socket, and leaving it lets the socket go on', async () => {
    await using server = await WsServer.listen();
    class Plain {}
    const client = clientAt(server.url(), Plain, { mailbox: { highWaterMark: 16 } });
    await using app = await boot([client]);
    const handle = app.handle(client);
    const frames = handle[Symbol.asyncIterator]();
    const peer = await server.nextConnection();
    expect(await flood(peer, handle)).toBeGreaterThan(MUCH);

    for await (const frame of { [Symbol.asyncIterator]: () => frames }) {
      expect(String(frame.data).split(' ')[0]).toBe('0');
      break;
    }
    await drained(peer);
  });

  it('gets everything in order, however slow it is', async () => {
    await using server = await WsServer.listen();
    class Plain {}
    const client = clientAt(server.url(), Plain, { mailbox: { highWaterMark: 4 } });
    await using app = await boot([client]);
    const handle = app.handle(client);
    const numbers: string[] = [];
    const looped = (async () => {
      for await (const { data } of handle) {
        numbers.push(String(data));
        await new Promise((resolve) => setImmediate(resolve));
        if (data === '999') return;
      }
    })();
    const peer = await server.nextConnection();
    for (let n = 0; n < 1000; n++) peer.socket.send(`${n}`);
    await looped;
    expect(numbers).toEqual(Array.from({ length: 1000 }, (_, n) => `${n}`));
  });

  it('holds the next session back as well', async () => {
    const mailbox = { highWaterMark: 2, lowWaterMark: 1 };
    await using scene = await Scene.open(Recorder, { mailbox, reconnect: AT_ONCE });
    const frames = scene.handle[Symbol.asyncIterator]();
    const paused = new Promise<void>((resolve) => {
      scene.handle.events$.subscribe(({ event }) => event === 'pause' && resolve());
    });
    for (const data of ['a', 'b']) scene.peer.text(data);
    await paused;
    scene.peer.reset();
    const second = await scene.accept();
    await scene.journal.until('connect 2');
    second.text('c');
    second.ping('read?');
    for (let turns = 0; turns < 50; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(scene.journal.lines).not.toContain('text c');
    const got: unknown[] = [];
    while (got.length < 3) got.push((await frames.next()).value?.data);
    expect(got).toEqual(['a', 'b', 'c']);
    expect((await second.nextFrame()).name).toBe('pong');
  });
});
