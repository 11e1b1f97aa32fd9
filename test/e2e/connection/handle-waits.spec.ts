import {
  CallTimeoutError,
  NotConnectedError,
  OnConnect,
  type ConnectionInfo,
  type DataFrame,
  type HandlerResult,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

class SlowGreeter extends Recorder {
  @OnConnect()
  override async connect(info: ConnectionInfo): Promise<HandlerResult> {
    void super.connect(info);
    await this.journal.gate.opened;
    this.journal.note('greeted');
  }
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

describe('handle.connected()', () => {
  it('waits for @OnConnect, and then resolves at once', async () => {
    await using scene = await Scene.boot(SlowGreeter);
    const connected = scene.handle.connected().then((info) => {
      scene.journal.note('connected');
      return info;
    });
    await scene.accept();
    await scene.journal.until('connect 1');
    expect(scene.handle.status).toBe('open');
    scene.journal.gate.open();
    const info = await connected;
    expect(scene.journal.lines).toEqual(['connect 1', 'greeted', 'connected']);
    expect(await scene.handle.connected()).toBe(info);
  });

  it('waits over failed attempts and lost sessions', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    scene.peer.fin();
    await scene.journal.until('disconnect #1 remote 1006');
    const connected = scene.handle.connected();
    const refused = await scene.server.nextPeer();
    await refused.request();
    refused.refuse(503);
    await scene.accept();
    expect(await connected).toMatchObject({ session: 2 });
  });

  it('gives up after its timeout, or by its signal; the client goes on', async () => {
    await using scene = await Scene.boot(Recorder);
    const peer = await scene.server.nextPeer();
    const error = await failureOf(scene.handle.connected({ timeout: 10 }));
    expect(error).toBeInstanceOf(CallTimeoutError);
    const reason = new Error('not needed any more');
    const signal = AbortSignal.abort(reason);
    expect(await failureOf(scene.handle.connected({ signal }))).toBe(reason);
    await peer.open();
    expect(await scene.handle.connected({ timeout: 5000 })).toMatchObject({ session: 1 });
  });

  it('rejects once the client has ended', async () => {
    await using scene = await Scene.open(Recorder);
    await scene.handle.stop();
    expect(await failureOf(scene.handle.connected())).toBeInstanceOf(NotConnectedError);
  });
});

describe('handle.stop()', () => {
  it('closes with 1000, lets @OnTerminate run, and resolves with the reason', async () => {
    await using scene = await Scene.open(
      Recorder,
      { reconnect: AT_ONCE },
      { shutdownTimeout: 5000 },
    );
    const stopped = scene.handle.stop();
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 1000 });
    expect(await stopped).toEqual({ by: 'local', code: 1000, message: '' });
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'disconnect #1 local 1000',
      'terminate local 1000',
    ]);
  });

  it('has what waits in the mailbox handled first', async () => {
    class Slow extends Recorder {
      override async frame(frame: DataFrame): Promise<HandlerResult> {
        this.journal.note(`text ${frame.data.toString()}`);
        await this.journal.gate.opened;
        return `re ${frame.data.toString()}`;
      }
    }
    await using scene = await Scene.open(Slow, {}, { shutdownTimeout: 5000 });
    for (const data of ['1', '2']) scene.peer.text(data);
    scene.peer.ping('read');
    await scene.peer.nextFrame('pong');
    const stopped = scene.handle.stop();
    scene.journal.gate.open();
    expect((await scene.peer.nextFrame()).payload.toString()).toBe('re 1');
    expect((await scene.peer.nextFrame()).payload.toString()).toBe('re 2');
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 1000 });
    await stopped;
  });

  it('is the same end for everybody who asks', async () => {
    await using scene = await Scene.open(Recorder);
    const first = scene.handle.stop();
    const second = scene.handle.stop();
    expect(await second).toBe(await first);
    expect(await scene.handle.terminated).toBe(await first);
    expect(await scene.handle.stop()).toBe(await first);
  });
});

describe('handle.terminated', () => {
  it('is final: nothing starts the client again', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    await scene.handle.stop();
    expect(await failureOf(scene.handle.start())).toBeInstanceOf(NotConnectedError);
    expect(await failureOf(scene.handle.reconnect())).toBeInstanceOf(NotConnectedError);
    expect(scene.handle.status).toBe('terminated');
    expect(scene.server.connectionCount).toBe(1);
  });
});
