import {
  CallTimeoutError,
  close,
  Frame,
  NoHandlerError,
  NotConnectedError,
  OnCall,
  OnCast,
  OnInfo,
  type ClientHandle,
  type HandlerResult,
} from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { Scene } from '../../fixtures/scene.js';

class Desk extends Recorder {
  readonly #counts = new Map<string, number>();

  @OnCall()
  count(key: string): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }

  @OnCall()
  async later<T>(value: T): Promise<T> {
    await Promise.resolve();
    this.journal.note('later');
    return value;
  }

  @OnCall()
  fail(error: unknown): never {
    throw error;
  }

  @OnCall()
  quit(): HandlerResult {
    return close(4000, 'as asked');
  }

  @OnCast()
  publish(): void {}

  @OnCast()
  async wait(): Promise<void> {
    this.journal.note('waiting');
    await this.journal.gate.opened;
  }

  @OnInfo()
  info(): void {}
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

describe('A call', () => {
  it('is answered with what the method returns or resolves with', async () => {
    await using scene = await Scene.open(Desk);
    const answers = [scene.handle.call('count', 'a'), scene.handle.call('count', 'a')];
    expect(await Promise.all(answers)).toEqual([1, 2]);
    for (const value of [undefined, null, 0, { a: 1 }, Frame.text('not sent'), 'not sent']) {
      expect(await scene.handle.call('later', value)).toBe(value);
    }
    await scene.handle.sendFrame('the first to arrive');
    expect((await scene.peer.nextFrame()).payload.toString()).toBe('the first to arrive');
  });

  it('whose method returns a directive is answered with nothing, and it is done', async () => {
    await using scene = await Scene.open(Desk);
    expect(await scene.handle.call('quit')).toBeUndefined();
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 4000, closeReason: 'as asked' });
  });

  it('is answered while connecting and between sessions', async () => {
    await using scene = await Scene.boot(Desk, { reconnect: { initialDelay: 60_000 } });
    const peer = await scene.server.nextPeer();
    expect([scene.handle.status, await scene.handle.call('count', 'x')]).toEqual(['connecting', 1]);
    peer.reset();
    await scene.journal.until('disconnect #1 error ConnectionError');
    expect([scene.handle.status, await scene.handle.call('count', 'x')]).toEqual(['backoff', 2]);
  });

  it('rejects before the start and after the end', async () => {
    await using scene = await Scene.boot(Desk, { startup: 'manual' });
    const early = await failureOf(scene.handle.call('count', 'x'));
    expect(early).toBeInstanceOf(NotConnectedError);
    expect(early).toMatchObject({ state: 'idle' });
    await scene.handle.stop();
    const late = await failureOf(scene.handle.call('count', 'x'));
    expect(late).toMatchObject({ name: 'NotConnectedError', state: 'terminated' });
    expect(() => scene.handle.cast('publish')).toThrow(NotConnectedError);
    expect(() => scene.handle.info('x')).toThrow(NotConnectedError);
  });

  it('rejects where there is no handler of that name', async () => {
    await using scene = await Scene.open(Desk);
    const handle = scene.handle as unknown as ClientHandle;
    expect(await failureOf(handle.call('nobody'))).toBeInstanceOf(NoHandlerError);
    expect(await failureOf(handle.call('publish'))).toBeInstanceOf(NoHandlerError);
  });

  it('rejects after callTimeout; the client goes on, and so do later calls', async () => {
    const clock = new VirtualClock();
    await using scene = await Scene.open(Desk, { callTimeout: 20_000 }, { clock });
    scene.handle.cast('wait');
    const failure = failureOf(scene.handle.call('later', 1));
    await clock.advance(20_000);
    const error = await failure;
    expect(error).toBeInstanceOf(CallTimeoutError);
    expect(error).toMatchObject({ client: 'Desk', timeout: 20_000 });
    scene.journal.gate.open();
    expect(await scene.handle.call('count', 'x')).toBe(1);
    // Its caller has given up before its turn had come.
    expect(scene.journal.lines).not.toContain('later');
  });

  it.each([new Error('boom'), 'a string', undefined])(
    'rejects with what the method throws, which ends the client: %s',
    async (error) => {
      await using scene = await Scene.open(Desk);
      const failing = failureOf(scene.handle.call('fail', error));
      const waiting = failureOf(scene.handle.call('count', 'x'));
      expect(await failing).toBe(error);
      expect(await waiting).toBeInstanceOf(NotConnectedError);
      expect(await scene.peer.nextFrame()).toMatchObject({ closeCode: 1011 });
      expect(await scene.handle.terminated).toEqual({ by: 'error', error });
    },
  );

  it('is answered where the client is stopped behind it', async () => {
    await using scene = await Scene.open(Desk);
    const asked = scene.handle.call('count', 'x');
    const stopped = scene.handle.stop();
    expect(await asked).toBe(1);
    await stopped;
  });

  it('rejects when the client ends before its turn', async () => {
    await using scene = await Scene.open(Desk);
    scene.handle.cast('wait');
    await scene.journal.until('waiting');
    const asked = failureOf(scene.handle.call('count', 'x'));
    // The handler in front of it does not return in the time there is.
    await scene.handle.stop();
    expect(await asked).toBeInstanceOf(NotConnectedError);
    scene.journal.gate.open();
  });
});
