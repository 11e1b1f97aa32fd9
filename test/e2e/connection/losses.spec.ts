import {
  NotConnectedError,
  OnFrame,
  type HandlerResult,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { reaches } from '../../fixtures/nest/app.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';

const LOST = ['connect 1', 'disconnect #1 remote 1006', 'terminate remote 1006'];
const HOW = ['fin', 'reset'] as const;

/** Notes and replies once the gate is open. */
class Slow extends Recorder {
  @OnFrame('text', 'wait')
  async wait(): Promise<HandlerResult> {
    this.journal.note('waiting');
    await this.journal.gate.opened;
    return 'waited';
  }
}

describe.each(HOW)('A connection that ends by a %s without a close frame', (how) => {
  it('is told as 1006', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer[how]();
    expect(await scene.handle.terminated).toEqual({ by: 'remote', code: 1006, message: '' });
    expect(scene.journal.lines).toEqual(LOST);
    expect(scene.peer.transcript.filter((line) => line.startsWith('<- close'))).toEqual([]);
  });

  it('is told the same in the middle of a frame', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.ping('before');
    scene.peer.write(encodeFrame(OPCODE.text, 'hello').subarray(0, 4));
    await scene.peer.nextFrame('pong');
    scene.peer[how]();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual(LOST);
  });

  it('is told the same in the middle of a fragmented message', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.text('half a messa', { fin: false });
    scene.peer.ping('read');
    await scene.peer.nextFrame('pong');
    scene.peer[how]();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual(LOST);
  });

  it('still lets what was read before it be handled', async () => {
    await using scene = await Scene.open(Slow, { reconnect: false });
    const dropped: WebSockexEvent[] = [];
    scene.handle.events$.subscribe((event) => {
      if (event.event === 'frame:dropped') dropped.push(event);
    });
    scene.peer.text('wait');
    scene.peer.text('behind');
    scene.peer.ping('read');
    await scene.peer.nextFrame('pong');
    const closing = new Promise<void>((resolve) => {
      scene.handle.status$.subscribe((status) => status === 'closing' && resolve());
    });
    scene.peer[how]();
    await closing;
    scene.journal.gate.open();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'waiting',
      'text behind',
      'disconnect #1 remote 1006',
      'terminate remote 1006',
    ]);
    expect(dropped).toMatchObject([
      { frame: { type: 'text', data: 'waited' }, error: { name: 'NotConnectedError' } },
    ]);
  });

  it('is followed by a new session', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    scene.peer[how]();
    await scene.accept();
    await scene.journal.until('connect 2');
    expect(scene.journal.lines).toEqual(['connect 1', 'disconnect #1 remote 1006', 'connect 2']);
  });

  it('rejects what is sent afterwards', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: { initialDelay: 60_000 } });
    scene.peer[how]();
    await scene.journal.until('disconnect #1 remote 1006');
    const error: unknown = await scene.handle.sendFrame('a').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotConnectedError);
    expect(error).toMatchObject({ state: 'backoff', client: 'Recorder' });
  });
});

describe('A peer that ends its side, and reads no more', () => {
  it('is lost, although there is more to send to it', async () => {
    const clock = new VirtualClock();
    const options = { reconnect: false, closeTimeout: 50_000 } as const;
    await using scene = await Scene.open(Recorder, options, { clock });
    scene.peer.pauseReading();
    const sent = scene.handle.sendFrame(Buffer.alloc(64 * 1024 * 1024));
    scene.peer.fin();
    await reaches(scene.handle, 'closing');
    await clock.advance(50_000);
    expect(await scene.handle.terminated).toMatchObject({ by: 'remote', code: 1006 });
    await expect(sent).rejects.toBeInstanceOf(NotConnectedError);
  });
});

describe('A reset', { timeout: 30_000 }, () => {
  it('tells @OnDisconnect what broke', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.reset();
    await scene.handle.terminated;
    expect(scene.journal.statuses[0]).toMatchObject({
      error: { name: 'ConnectionError', systemCode: 'ECONNRESET' },
    });
  });

  it('rejects what the socket has not taken yet', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.pauseReading();
    const sent = scene.handle.sendFrame(Buffer.alloc(64 * 1024 * 1024));
    scene.peer.reset();
    await expect(sent).rejects.toBeInstanceOf(NotConnectedError);
    expect(await scene.handle.terminated).toMatchObject({ by: 'remote', code: 1006 });
  });

  it('is found out by a client that only sends', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.reset();
    // At first the socket still takes it; nobody knows yet that the peer is gone.
    const sendUntilRefused = async (): Promise<never> => {
      for (;;) {
        await scene.handle.sendFrame('anybody?');
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await expect(sendUntilRefused()).rejects.toBeInstanceOf(NotConnectedError);
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual(LOST);
  });
});

describe('The end of the connection while the socket is paused', () => {
  it('loses nothing of what was read before', async () => {
    const mailbox = { highWaterMark: 2, lowWaterMark: 1 };
    await using scene = await Scene.open(Slow, { reconnect: false, mailbox });
    const paused = new Promise<void>((resolve) => {
      scene.handle.events$.subscribe(({ event }) => event === 'pause' && resolve());
    });
    scene.peer.text('wait');
    for (let i = 0; i < 10; i++) scene.peer.text(`${i}`);
    await paused;
    scene.peer.fin();
    scene.journal.gate.open();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'waiting',
      ...Array.from({ length: 10 }, (_, i) => `text ${i}`),
      'disconnect #1 remote 1006',
      'terminate remote 1006',
    ]);
  });
});
