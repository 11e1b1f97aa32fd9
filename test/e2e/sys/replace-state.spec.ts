import { OnCall } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { FeedClient } from './feed.client.js';

describe('sys.replaceState', () => {
  it('sets what the function returns, deletes what it leaves out, and gives the new state', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await scene.feed('1', '2');
    const given: unknown[] = [];
    const state = await sys.replaceState((before) => {
      given.push({ ...before });
      const { book: _book, ...rest } = before;
      return { ...rest, last: 'mine', count: before.count + 10 };
    });
    expect(given).toEqual([{ last: '2', count: 2, book: expect.any(Map), gate: expect.any(Gate) }]);
    expect(state).toEqual({ last: 'mine', count: 12, gate: expect.any(Gate) });
    expect('book' in (await sys.getState())).toBe(false);
    expect(await scene.handle.call('read')).toBe('mine');
    await scene.feed('3');
    expect(await sys.getState()).toMatchObject({ last: '3', count: 13 });
  });

  it('changes nothing where the function throws, or returns what has no fields', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    const before = await sys.getState();
    const thrown = new Error('not now');
    await expect(
      sys.replaceState((state) => {
        state.last = 'changed';
        throw thrown;
      }),
    ).rejects.toBe(thrown);
    const nothings = [
      () => undefined,
      () => null,
      () => 5,
      () => [1, 2],
      async (state: object) => state,
      async () => {
        throw thrown;
      },
    ];
    for (const change of nothings) {
      await expect(sys.replaceState(change as never)).rejects.toMatchObject({
        code: 'ERR_WEBSOCKEX_BAD_RESPONSE',
      });
    }
    expect(await sys.getState()).toEqual(before);
  });

  it('changes all or nothing where a field cannot be set', async () => {
    class Stubborn {
      first = 1;
      fixed!: number;
      last = 1;

      constructor() {
        Object.defineProperty(this, 'fixed', { value: 1, writable: false, configurable: false });
      }
    }
    await using scene = await NetScene.open(Stubborn);
    const { sys } = scene.handle;
    const change = () => ({ extra: 2, first: 2, fixed: 2, last: 2 });
    await expect(sys.replaceState(change)).rejects.toThrow(TypeError);
    await expect(sys.replaceState(() => ({ last: 2 }) as never)).rejects.toThrow(TypeError);
    expect(await sys.getState()).toEqual({ first: 1, fixed: 1, last: 1 });
  });

  it('changes it while the client is suspended, before what waits', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await sys.suspend();
    await scene.feed('held');
    await sys.replaceState((state) => ({ ...state, count: 100 }));
    expect(await sys.getState()).toMatchObject({ last: '', count: 100 });
    await sys.resume();
    expect(await sys.getState()).toMatchObject({ last: 'held', count: 101 });
  });

  it('reaches the object behind a proxy', async () => {
    class Plain {
      value = 1;

      @OnCall() read() {
        return this.value;
      }
    }
    class Proxied extends Plain {
      constructor() {
        super();
        return new Proxy(this, {});
      }
    }
    await using scene = await NetScene.open(Proxied);
    const { sys } = scene.handle;
    expect(await sys.replaceState((state) => ({ value: state.value + 1 }))).toEqual({ value: 2 });
    expect(await scene.handle.call('read')).toBe(2);
  });
});
