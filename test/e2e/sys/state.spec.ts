import { Injectable, Logger } from '@nestjs/common';
import { CapturingLogger } from '@nestjs/testing';
import { FormatStatus, OnCall, OnCast, OnFrame, OnStart, type TextFrame } from 'nestjs-websockex';
import { afterEach, describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { failures } from '../../fixtures/nest/log.js';

class FeedClient {
  last = '';
  count = 0;
  book?: Map<string, number> | undefined = new Map([['EUR', 1]]);
  gate = new Gate();

  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame('text', 'slow') async slow() {
    this.last = 'begun';
    await this.gate.opened;
    this.last = 'done';
  }

  @OnFrame('text') text({ data }: TextFrame) {
    this.last = data;
    this.count++;
  }

  @OnCast() set(text: string) {
    this.last = text;
  }

  @OnCall() read() {
    return this.last;
  }
}

const NOT_THERE = { code: 'ERR_WEBSOCKEX_NOT_CONNECTED' };

afterEach(() => {
  Logger.overrideLogger(false);
});

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
    await using scene = await NetScene.open(FeedClient);
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

describe('sys.getStatus', () => {
  it('tells what the client is doing, with its fields', async () => {
    class Small {
      count = 1;

      @OnFrame() any() {
        this.count++;
      }
    }
    await using scene = await NetScene.open(Small, { name: 'feed' });
    const { sys } = scene.handle;
    await scene.feed('a');
    await sys.suspend();
    await scene.feed('b', 'c');
    expect(await sys.getStatus()).toEqual({
      name: 'feed',
      module: 'Small',
      status: 'open',
      session: 1,
      incarnation: 1,
      isSuspended: true,
      waiting: 2,
      state: { count: 2 },
    });
  });

  it('shows what @FormatStatus returns or resolves with', async () => {
    class Formatted {
      secret = 'hunter2';

      @FormatStatus() format(): unknown {
        return { length: this.secret.length };
      }
    }
    class Later extends Formatted {
      override async format() {
        await Promise.resolve();
        return super.format();
      }
    }
    for (const type of [Formatted, Later]) {
      await using scene = await NetScene.open(type);
      expect(await scene.handle.sys.getStatus()).toMatchObject({ state: { length: 7 } });
    }
  });

  it('shows the fields, and logs one line, where @FormatStatus fails', async () => {
    class Throwing {
      count = 1;

      @FormatStatus() format(): unknown {
        throw new Error('no format');
      }
    }
    class Rejecting extends Throwing {
      override async format() {
        await Promise.resolve();
        throw new Error('no format');
      }
    }
    for (const type of [Throwing, Rejecting]) {
      const logger = new CapturingLogger();
      await using scene = await NetScene.open(type, {}, { logger });
      expect(await scene.handle.sys.getStatus()).toMatchObject({ state: { count: 1 } });
      expect(failures(logger)).toEqual([expect.stringMatching(/@FormatStatus.*no format/)]);
      await scene.feed('still here');
      expect(scene.handle.status).toBe('open');
    }
  });

  it('has no state where there is no incarnation: idle, failed', async () => {
    await using idle = await NetScene.boot(FeedClient, { startup: 'manual' });
    expect(await idle.handle.sys.getStatus()).toMatchObject({
      status: 'idle',
      session: 0,
      incarnation: 0,
      state: undefined,
    });

    await using failed = await NetScene.open(FeedClient, { maxRestarts: 0 });
    await failed.feed('crash');
    expect(failed.handle.status).toBe('failed');
    expect(await failed.handle.sys.getStatus()).toMatchObject({
      status: 'failed',
      incarnation: 1,
      state: undefined,
    });
  });

  it('waits for @OnStart', async () => {
    const gate = new Gate();
    class Starting {
      isReady = false;

      @OnStart() async start() {
        await gate.opened;
        this.isReady = true;
      }
    }
    await using scene = await NetScene.boot(Starting);
    const state = scene.handle.sys.getState();
    await scene.net.settle();
    gate.open();
    expect(await state).toEqual({ isReady: true });
  });
});

describe('A handler that awaits a read of its own state', () => {
  it('waits for itself, until the incarnation ends', async () => {
    let ask!: () => Promise<unknown>;
    const outcomes: unknown[] = [];
    class Asking {
      @OnFrame() async any() {
        outcomes.push(await ask().catch((error: unknown) => error));
      }
    }
    await using scene = await NetScene.open(Asking);
    ask = () => scene.handle.sys.getState();
    await scene.feed('go');
    expect(outcomes).toEqual([]);
    const stopped = scene.handle.stop();
    await scene.net.clock.advance('10s');
    await stopped;
    expect(outcomes).toEqual([expect.objectContaining(NOT_THERE)]);
  });
});
