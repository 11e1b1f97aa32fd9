import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import type { DataFrame, HandlerResult, WebSockexEvent } from 'nestjs-websockex';
import { describe, expect, it, onTestFinished } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

describe('An event', () => {
  it('is told before the callback it belongs to', async () => {
    await using scene = await Scene.boot(Recorder, { startup: 'manual', reconnect: AT_ONCE });
    scene.handle.events$.subscribe(({ event }) => scene.journal.note(`event ${event}`));
    void scene.handle.start();
    const peer = await scene.accept();
    await scene.journal.until('connect 1');
    peer.text('hi');
    peer.ping('hb');
    await peer.nextFrame('pong');
    peer.fin();
    const second = await scene.accept();
    await scene.journal.until('connect 2');
    void scene.handle.close(1000);
    await second.settle();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'event connecting',
      'event connected',
      'connect 1',
      'event frame:received',
      'text hi',
      'event frame:received',
      'event frame:sent',
      'event disconnected',
      'disconnect #1 remote 1006',
      'event backoff',
      'event connecting',
      'event connected',
      'connect 2',
      'event frame:sent',
      'event disconnected',
      'disconnect #1 local 1000',
      'event terminate',
      'terminate local 1000',
    ]);
  });

  it('of a frame is told in the turn of the frame', async () => {
    class Slow extends Recorder {
      override async frame(): Promise<void> {
        await this.journal.gate.opened;
      }
    }
    await using scene = await Scene.open(Slow);
    const received: string[] = [];
    scene.handle.events$.subscribe((event) => {
      if (event.event === 'frame:received') received.push(event.frame.data.toString());
    });
    scene.peer.text('first');
    scene.peer.text('second');
    scene.peer.ping('at once');
    await scene.peer.nextFrame('pong');
    expect(received).toEqual(['first', 'at once']);
    scene.journal.gate.open();
    scene.peer.ping('later');
    await scene.peer.nextFrame('pong');
    expect(received.toSorted()).toEqual(['at once', 'first', 'later', 'second']);
  });
});

describe('What arrives after our close', () => {
  it('is told to nobody', async () => {
    await using scene = await Scene.open(Recorder);
    const told: string[] = [];
    scene.handle.events$.subscribe(({ event }) => told.push(event));
    void scene.handle.close();
    scene.peer.together(() => {
      scene.peer.text('late');
      scene.peer.ping('late');
      scene.peer.pong('late');
    });
    await scene.peer.settle();
    await scene.handle.terminated;
    expect(told).toEqual(['frame:sent', 'disconnected', 'terminate']);
  });
});

describe('events$', () => {
  it('of the handle and of the manager show the same', async () => {
    await using scene = await Scene.boot(Recorder, { startup: 'manual', reconnect: false });
    const ofHandle: WebSockexEvent[] = [];
    const ofManager: WebSockexEvent[] = [];
    scene.handle.events$.subscribe((event) => ofHandle.push(event));
    scene.app.manager.events$.subscribe((event) => ofManager.push(event));
    void scene.handle.start();
    const peer = await scene.accept();
    peer.text('hi');
    await scene.journal.until('text hi');
    peer.fin();
    await scene.handle.terminated;
    expect(ofHandle.map(({ event }) => event)).toEqual([
      'connecting',
      'connected',
      'frame:received',
      'disconnected',
      'terminate',
    ]);
    expect(ofManager).toEqual(ofHandle);
  });
});

describe('The channels', () => {
  it('tell of pauses, and of what fails beside the life of a client', async () => {
    const told: unknown[] = [];
    for (const event of ['pause', 'resume', 'error']) {
      const note = (message: unknown): void => void told.push(message);
      subscribe(`websockex:${event}`, note);
      onTestFinished(() => void unsubscribe(`websockex:${event}`, note));
    }
    class Slow extends Recorder {
      override async frame(frame: DataFrame): Promise<HandlerResult> {
        await this.journal.gate.opened;
        return super.frame(frame);
      }
    }
    await using scene = await Scene.open(Slow, { mailbox: { highWaterMark: 2, lowWaterMark: 0 } });
    const boom = new Error('boom');
    scene.handle.frames$.subscribe(({ data }) => {
      if (data === '3') throw boom;
    });
    for (const data of ['1', '2', '3']) scene.peer.text(data);
    scene.peer.ping('read');
    await scene.peer.nextFrame('pong');
    scene.journal.gate.open();
    await scene.journal.until('text 3');
    expect(told).toEqual([
      expect.objectContaining({ event: 'pause', client: 'Slow', session: 1 }),
      expect.objectContaining({ event: 'error', error: boom, where: 'a subscriber of frames$' }),
      expect.objectContaining({ event: 'resume', client: 'Slow', session: 1 }),
    ]);
  });
});
