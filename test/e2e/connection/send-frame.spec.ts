import {
  CallTimeoutError,
  Frame,
  FrameEncodeError,
  InvalidFrameError,
  NotConnectedError,
  OnCast,
  OnConnect,
  type ConnectionInfo,
  type FrameLike,
  type HandlerResult,
} from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import type { RawPeer } from '../../fixtures/raw-server.js';
import { Scene } from '../../fixtures/scene.js';

/** More than the socket takes while the peer does not read. */
const HUGE = Buffer.alloc(64 * 1024 * 1024);

async function payloads(peer: RawPeer, count: number): Promise<string[]> {
  const got: string[] = [];
  while (got.length < count) {
    const { name, payload } = await peer.nextFrame();
    got.push(`${name} ${payload.toString()}`);
  }
  return got;
}

async function failureOf(sent: Promise<void>): Promise<unknown> {
  return sent.then(
    () => 'it was sent',
    (error: unknown) => error,
  );
}

describe('sendFrame', () => {
  it('sends frames, strings and bytes, masked', async () => {
    await using scene = await Scene.open(Recorder);
    await scene.handle.sendFrame('one');
    await scene.handle.sendFrame(Buffer.from('two'));
    await scene.handle.sendFrame(Frame.ping());
    await scene.handle.sendFrame(Frame.pong('p'));
    await scene.handle.sendFrame(Frame.json({ a: [1] }));
    expect(await payloads(scene.peer, 5)).toEqual([
      'text one',
      'binary two',
      'ping ',
      'pong p',
      'text {"a":[1]}',
    ]);
    expect(scene.peer.transcript.filter((line) => line.includes('not masked'))).toEqual([]);
  });

  it('sends several in order, and ahead of what waits in the mailbox', async () => {
    class Client extends Recorder {
      @OnCast()
      publish(data: string): HandlerResult {
        return data;
      }
    }
    await using scene = await Scene.open(Client);
    scene.handle.cast('publish', 'cast before');
    await scene.handle.sendFrame(['a', Frame.ping('b'), Buffer.from('c')]);
    expect(await payloads(scene.peer, 4)).toEqual([
      'text a',
      'ping b',
      'binary c',
      'text cast before',
    ]);
  });

  it('sends fragments by hand, over several calls', async () => {
    await using scene = await Scene.open(Recorder);
    await scene.handle.sendFrame(Frame.text('He', { fin: false }));
    await scene.handle.sendFrame([Frame.ping('mid'), Frame.continuation('llo')]);
    const frames = [await scene.peer.nextFrame(), await scene.peer.nextFrame()];
    expect(frames.map(({ name, fin }) => [name, fin])).toEqual([
      ['text', false],
      ['ping', true],
    ]);
    expect(await scene.peer.nextFrame()).toMatchObject({ name: 'continuation', fin: true });
  });

  it('resolves at once for an empty list', async () => {
    await using scene = await Scene.open(Recorder);
    await scene.handle.sendFrame([]);
  });

  it('forgets an unfinished message of ours with its session', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: { initialDelay: 0 } });
    await scene.handle.sendFrame(Frame.text('never finis', { fin: false }));
    scene.peer.reset();
    const second = await scene.accept();
    await scene.journal.until('connect 2');
    await scene.handle.sendFrame('whole');
    expect(await payloads(second, 1)).toEqual(['text whole']);
  });
});

describe('What cannot be sent', () => {
  it.each<[string, unknown, new (...args: never[]) => Error]>([
    ['a ping of 126 bytes', Frame.ping('p'.repeat(126)), FrameEncodeError],
    ['a continuation of nothing', Frame.continuation('x'), FrameEncodeError],
    ['an object', { lemons: true }, InvalidFrameError],
    ['undefined', undefined, InvalidFrameError],
    ['a number', 7, InvalidFrameError],
    ['a close frame', { type: 'close', data: '' }, InvalidFrameError],
    ['text that is no string', { type: 'text', data: Buffer.from('x') }, InvalidFrameError],
  ])('is refused at the caller, and the session goes on: %s', async (_what, frame, Class) => {
    await using scene = await Scene.open(Recorder);
    const alone = await failureOf(scene.handle.sendFrame(frame as FrameLike));
    expect(alone).toBeInstanceOf(Class);
    const among = await failureOf(scene.handle.sendFrame(['good', frame as FrameLike, 'good']));
    expect(among).toBeInstanceOf(Class);
    await scene.handle.sendFrame('only this');
    expect(await payloads(scene.peer, 1)).toEqual(['text only this']);
    expect(scene.handle.status).toBe('open');
  });

  it('leaves a message in fragments as it was', async () => {
    await using scene = await Scene.open(Recorder);
    await scene.handle.sendFrame(Frame.text('a', { fin: false }));
    expect(await failureOf(scene.handle.sendFrame('not now'))).toBeInstanceOf(FrameEncodeError);
    const ends = [Frame.continuation('b'), Frame.ping('p'.repeat(126))];
    expect(await failureOf(scene.handle.sendFrame(ends))).toBeInstanceOf(FrameEncodeError);
    await scene.handle.sendFrame([Frame.continuation('c'), 'next']);
    expect(await payloads(scene.peer, 3)).toEqual(['text a', 'continuation c', 'text next']);
  });
});

describe('Without an open session', () => {
  it('sendFrame rejects with the state', async () => {
    await using scene = await Scene.boot(Recorder, {
      startup: 'manual',
      reconnect: { initialDelay: 60_000 },
    });
    const states: unknown[] = [];
    const send = async (): Promise<void> => {
      const error = await failureOf(scene.handle.sendFrame('x'));
      expect(error).toBeInstanceOf(NotConnectedError);
      states.push((error as NotConnectedError).state);
    };
    await send();
    const started = scene.handle.start();
    await send();
    const peer = await scene.accept();
    await started;
    peer.fin();
    await scene.journal.until('disconnect #1 remote 1006');
    await send();
    await scene.handle.stop();
    await send();
    expect(states).toEqual(['idle', 'connecting', 'backoff', 'terminated']);
    expect(peer.transcript.filter((line) => line.includes('text'))).toEqual([]);
  });

  it('sendFrame is refused until @OnConnect is done, but in it', async () => {
    class Greeter extends Recorder {
      @OnConnect()
      override async connect(info: ConnectionInfo): Promise<HandlerResult> {
        void super.connect(info);
        await scene.handle.sendFrame('before');
        await this.journal.gate.opened;
        return 'after';
      }
    }
    await using scene = await Scene.boot(Greeter);
    const peer = await scene.accept();
    await scene.journal.until('connect 1');
    expect(await failureOf(scene.handle.sendFrame('elsewhere'))).toMatchObject({
      code: 'ERR_WEBSOCKEX_NOT_CONNECTED',
      state: 'not ready',
    });
    scene.journal.gate.open();
    expect(await payloads(peer, 2)).toEqual(['text before', 'text after']);
  });
});

describe('A sendFrame that is limited', { timeout: 30_000 }, () => {
  it('gives up after its timeout; the session goes on', async () => {
    const clock = new VirtualClock();
    await using scene = await Scene.open(Recorder, { sendTimeout: 0 }, { clock });
    scene.peer.pauseReading();
    const failure = failureOf(scene.handle.sendFrame(HUGE, { timeout: 20_000 }));
    await clock.advance(20_000);
    const error = await failure;
    expect(error).toBeInstanceOf(CallTimeoutError);
    expect(error).toMatchObject({ timeout: 20_000, client: 'Recorder' });
    expect(scene.handle.status).toBe('open');
    // The socket may still take it.
    scene.peer.resumeReading();
    expect((await scene.peer.nextFrame()).payload.length).toBe(HUGE.length);
  });

  it('gives up when its signal does', async () => {
    await using scene = await Scene.open(Recorder);
    scene.peer.pauseReading();
    const abort = new AbortController();
    const sent = scene.handle.sendFrame(HUGE, { signal: abort.signal });
    const reason = new Error('changed my mind');
    abort.abort(reason);
    expect(await failureOf(sent)).toBe(reason);
  });

  it('sends nothing where its signal was aborted before', async () => {
    await using scene = await Scene.open(Recorder);
    const reason = new Error('too late');
    const signal = AbortSignal.abort(reason);
    expect(await failureOf(scene.handle.sendFrame('no', { signal }))).toBe(reason);
    await scene.handle.sendFrame('yes', { timeout: 5000, signal: new AbortController().signal });
    expect(await payloads(scene.peer, 1)).toEqual(['text yes']);
  });

  it('resolves only once the socket has taken everything', async () => {
    await using scene = await Scene.open(Recorder);
    scene.peer.pauseReading();
    let isTaken = false;
    const sent = scene.handle.sendFrame(['first', HUGE]).then(() => (isTaken = true));
    scene.peer.ping('round trip');
    await new Promise((resolve) => setImmediate(resolve));
    expect(isTaken).toBe(false);
    scene.peer.resumeReading();
    await sent;
  });
});
