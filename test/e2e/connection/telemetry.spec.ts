import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import {
  CHANNELS,
  close,
  Frame,
  OnFrame,
  reply,
  type HandlerResult,
  type WebSockexEvent,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import type { Type } from '@nestjs/common';
import { describe, expect, it, onTestFinished } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { AT_ONCE, Scene, type SceneOptions } from '../../fixtures/scene.js';

/** Everything the channels tell in this test. */
function listen(): WebSockexEvent[] {
  const told: WebSockexEvent[] = [];
  const note = (message: unknown): void => void told.push(message as WebSockexEvent);
  for (const { name } of Object.values(CHANNELS)) {
    subscribe(name, note);
    onTestFinished(() => void unsubscribe(name, note));
  }
  return told;
}

/** An open scene, and what the channels have told of it since before its start. */
async function watched<T extends object>(
  type: Type<T>,
  options?: WebSockexClientOptions,
  sceneOptions?: SceneOptions,
): Promise<{ scene: Scene<T>; told: WebSockexEvent[] }> {
  const told = listen();
  return { scene: await Scene.open(type, options, sceneOptions), told };
}

/** An event as a line: `frame:sent close 1000`. */
function line(event: WebSockexEvent): string {
  switch (event.event) {
    case 'frame:received':
    case 'frame:sent':
    case 'frame:dropped':
    case 'frame:unhandled': {
      const { frame } = event;
      const data = frame.type === 'close' ? (frame.code ?? 'empty') : frame.data.toString();
      return `${event.event} ${frame.type} ${data}`.trimEnd();
    }
    default:
      return event.event;
  }
}

/** Answers as the text of a frame says. */
class Echo extends Recorder {
  @OnFrame('text', 'echo')
  echo(): HandlerResult {
    return reply('one', Frame.ping('two'));
  }

  @OnFrame('text', 'close')
  closing(): HandlerResult {
    return close(4000);
  }

  @OnFrame('text', 'crash')
  crash(): HandlerResult {
    throw new Error('boom');
  }

  @OnFrame('text', 'bad')
  bad(): HandlerResult {
    return Frame.ping('p'.repeat(126));
  }
}

describe('The channels', () => {
  it('have the names that are promised', () => {
    expect(Object.values(CHANNELS).map(({ name }) => name)).toEqual(
      Object.keys(CHANNELS).map((event) => `websockex:${event}`),
    );
    for (const name of ['connected', 'disconnected', 'frame:received', 'frame:sent', 'terminate']) {
      expect(Object.keys(CHANNELS)).toContain(name);
    }
  });

  it('tell the life of a client, each with who, when and which session', async () => {
    const before = Date.now();
    const { scene, told } = await watched(Recorder, { name: 'feed', reconnect: AT_ONCE });
    scene.peer.fin();
    const second = await scene.accept();
    await scene.journal.until('connect 2');
    void scene.handle.close(4000, 'enough');
    await second.settle();
    await scene.handle.terminated;
    await scene[Symbol.asyncDispose]();
    expect(told.map((event) => [event.event, event.session])).toEqual([
      ['connecting', 0],
      ['connected', 1],
      ['disconnected', 1],
      ['backoff', 1],
      ['connecting', 1],
      ['connected', 2],
      ['frame:sent', 2],
      ['disconnected', 2],
      ['terminate', 2],
    ]);
    for (const event of told) {
      expect(event).toMatchObject({ client: 'feed', module: 'Recorder' });
      expect(event.time).toBeGreaterThanOrEqual(before);
      expect(event.time).toBeLessThanOrEqual(Date.now());
    }
    expect(told).toMatchObject([
      { attempt: 1 },
      { protocol: '' },
      { attempt: 1, reason: { by: 'remote', code: 1006 } },
      { attempt: 2, delay: 0 },
      { attempt: 2 },
      {},
      { frame: { type: 'close', code: 4000, reason: 'enough' } },
      { attempt: 1, reason: { by: 'local', code: 4000, message: 'enough' } },
      { reason: { by: 'local', code: 4000, message: 'enough' } },
    ]);
  });

  it('tell of failed attempts with the error', async () => {
    const told = listen();
    await using scene = await Scene.boot(Recorder, { reconnect: false });
    const peer = await scene.server.nextPeer();
    await peer.request();
    peer.refuse(401);
    await scene.handle.terminated;
    const error: unknown = expect.objectContaining({ name: 'HandshakeError', status: 401 });
    expect(told).toMatchObject([
      { event: 'connecting', attempt: 1 },
      { event: 'disconnected', attempt: 1, error, reason: { by: 'error', error } },
      { event: 'terminate', reason: { by: 'error', error } },
    ]);
  });

  it('tell of every frame that arrives and that leaves, in order', async () => {
    const { scene, told } = await watched(Echo, { reconnect: false });
    scene.peer.text('echo');
    scene.peer.ping('hb');
    scene.peer.pong('beat');
    scene.peer.binary('b');
    await scene.journal.until('binary 62');
    await scene.handle.sendFrame('by hand');
    scene.peer.close(4001, 'bye');
    await scene.peer.settle();
    await scene.handle.terminated;
    await scene[Symbol.asyncDispose]();
    expect(told.map(line).filter((one) => one.startsWith('frame'))).toEqual([
      'frame:received text echo',
      'frame:sent text one',
      'frame:sent ping two',
      'frame:received ping hb',
      'frame:sent pong hb',
      'frame:received pong beat',
      'frame:received binary b',
      'frame:sent text by hand',
      'frame:sent close 4001',
    ]);
  });

  it.each([
    ['close', ['frame:sent close 4000', 'disconnected', 'terminate']],
    ['crash', ['frame:sent close 1011', 'terminate']],
    ['bad', ['frame:sent close 1011', 'disconnected', 'terminate']],
  ])('tell of our close once, before the end it leads to: %s', async (how, expected) => {
    const { scene, told } = await watched(Echo, { reconnect: false });
    told.length = 0;
    scene.peer.text(how);
    await scene.peer.settle();
    await scene.handle.terminated;
    await scene[Symbol.asyncDispose]();
    expect(told.map(line)).toEqual([`frame:received text ${how}`, ...expected]);
  });

  it('tell of the close that answers a bad frame', async () => {
    const { scene, told } = await watched(Echo, { reconnect: false });
    told.length = 0;
    scene.peer.frame(3, 'x');
    await scene.peer.settle();
    await scene.handle.terminated;
    await scene[Symbol.asyncDispose]();
    expect(told.map(line)).toEqual(['frame:sent close 1002', 'disconnected', 'terminate']);
  });

  it('tell of frames that no clause has, and of those that could not leave', async () => {
    class Picky {
      @OnFrame('text', 'known')
      async known(): Promise<HandlerResult> {
        await new Promise((resolve) => setImmediate(resolve));
        return 'too late';
      }
    }
    const { scene, told } = await watched(Picky, { reconnect: false });
    told.length = 0;
    scene.handle.frames$.subscribe(({ data }) => {
      if (data === 'known') void scene.handle.close();
    });
    scene.peer.together(() => {
      scene.peer.text('unknown');
      scene.peer.binary('unknown');
      scene.peer.text('known');
    });
    await scene.peer.settle();
    await scene.handle.terminated;
    await scene[Symbol.asyncDispose]();
    expect(told.map(line)).toEqual([
      'frame:received text unknown',
      'frame:unhandled text unknown',
      'frame:received binary unknown',
      'frame:unhandled binary unknown',
      'frame:received text known',
      'frame:sent close empty',
      'frame:dropped text too late',
      'disconnected',
      'terminate',
    ]);
    const unhandled = told.filter(({ event }) => event === 'frame:unhandled');
    expect(unhandled).toMatchObject([{ count: 1 }, { count: 2 }]);
  });

  it('never show a secret of the URL', async () => {
    const path = '/feed?token=s3cret&room=1&api_key=s3cret';
    const { scene, told } = await watched(Recorder, { reconnect: false }, { path });
    scene.peer.fin();
    await scene.handle.terminated;
    await scene[Symbol.asyncDispose]();
    const urls = told.flatMap((event) => ('url' in event ? [event.url] : []));
    expect(urls).toHaveLength(2);
    for (const url of urls) expect(url).toContain('/feed?token=***&room=1&api_key=***');
    expect(JSON.stringify(told)).not.toContain('s3cret');
  });
});
