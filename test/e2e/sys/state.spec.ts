import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { FeedClient } from './feed.client.js';

const NOT_THERE = { code: 'ERR_WEBSOCKEX_NOT_CONNECTED' };

describe('sys.getState', () => {
  it('gives the fields, as an object of their own', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await scene.feed('Hi');
    const state = await sys.getState();
    expect(state).toEqual({
      last: 'Hi',
      count: 1,
      book: new Map([['EUR', 1]]),
      gate: expect.any(Gate),
    });
    expect(Object.getPrototypeOf(state)).toBe(Object.prototype);
    state.last = 'mine';
    expect(await scene.handle.call('read')).toBe('Hi');
  });

  it('waits for the handler that runs, and not for what waits behind it', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    const { gate } = await sys.getState();
    await scene.feed('slow', 'after');
    const state = sys.getState();
    await scene.net.settle();
    gate.open();
    expect(await state).toMatchObject({ last: 'done', count: 0 });
    await scene.net.settle();
    expect(await sys.getState()).toMatchObject({ last: 'after', count: 1 });
  });

  it('sees neither accessors nor what has a #, and what is injected', async () => {
    @Injectable()
    class Guarded {
      #secret = 1;
      readonly open: number = 2;

      get twice() {
        return this.open * 2 + this.#secret;
      }
    }
    await using scene = await NetScene.open(Guarded);
    expect(await scene.handle.sys.getState()).toEqual({ open: 2 });
    const changed = await scene.handle.sys.replaceState((state) => ({ ...state, open: 3 }));
    expect(changed).toEqual({ open: 3 });
  });

  it('rejects with what a field throws that is read', async () => {
    class Trap {
      constructor() {
        Object.defineProperty(this, 'trap', {
          enumerable: true,
          get: () => {
            throw new Error('trap');
          },
        });
      }
    }
    await using scene = await NetScene.open(Trap);
    const { sys } = scene.handle;
    await expect(sys.getState()).rejects.toThrow('trap');
    await expect(sys.getStatus()).rejects.toThrow('trap');
    await scene.feed('still here');
    expect(scene.handle.status).toBe('open');
  });

  it('rejects while there is no incarnation: before the start, between two, after the end', async () => {
    const delays = { maxRestarts: 5 };
    await using scene = await NetScene.boot(FeedClient, { startup: 'manual', ...delays });
    const { handle, server } = scene;
    const { sys } = handle;
    const bothReject = async () => {
      await expect(sys.getState()).rejects.toMatchObject(NOT_THERE);
      await expect(sys.replaceState((state) => state)).rejects.toMatchObject(NOT_THERE);
    };
    await bothReject();
    server.acceptAll();
    await handle.start();
    expect(await sys.getState()).toMatchObject({ count: 0 });
    for (let crashes = 0; crashes < 2; crashes++) {
      await scene.feed('crash');
      if (crashes === 0) await scene.net.clock.advance(0);
    }
    expect(handle.status).toBe('backoff');
    await bothReject();
    await scene.net.clock.advance('1s');
    expect(await sys.getState()).toMatchObject({ count: 0 });
    await handle.stop();
    await bothReject();
  });

  it('rejects, and does not wait for ever, where the handler that runs is left behind', async () => {
    await using scene = await NetScene.open(FeedClient, { callTimeout: Infinity });
    const { sys } = scene.handle;
    await scene.feed('slow');
    const reads = [sys.getState(), sys.getState(), sys.replaceState((state) => state)];
    const status = sys.getStatus();
    const suspended = sys.suspend();
    const stopped = scene.handle.stop();
    await scene.net.clock.advance('10s');
    await stopped;
    for (const read of reads) await expect(read).rejects.toMatchObject(NOT_THERE);
    await expect(suspended).rejects.toMatchObject(NOT_THERE);
    expect(await status).toMatchObject({ state: undefined });
    await expect(sys.getState()).rejects.toMatchObject(NOT_THERE);
    expect(await sys.getStatus()).toMatchObject({ status: 'terminated', state: undefined });
  });
});
