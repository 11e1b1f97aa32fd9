import { getEventListeners } from 'node:events';

import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { Deferred, limited, rejected, Waiters } from '../../../lib/runtime/async/deferred.js';
import { settle, VirtualClock } from '../../fixtures/virtual-clock.js';

class Late extends Error {}

let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});

const late = (timeout: number): Late => new Late(`${timeout}`);

/** An AbortSignal that counts who listens. */
function countedSignal(): {
  signal: AbortSignal;
  abort: (why: unknown) => void;
  count: () => number;
} {
  const controller = new AbortController();
  const { signal } = controller;
  const count = (): number => getEventListeners(signal, 'abort').length;
  return { signal, abort: (why) => controller.abort(why), count };
}

describe('Deferred and rejected()', () => {
  it('reject without ending the process when nobody listens', async () => {
    new Deferred().reject(new Error('unheard'));
    void rejected(new Error('unheard'));
    await settle();
    const deferred = new Deferred<number>();
    deferred.resolve(1);
    deferred.reject(new Error('too late'));
    await expect(deferred.promise).resolves.toBe(1);
    await expect(rejected(7)).rejects.toBe(7);
  });
});

describe('limited', () => {
  it('settles as it is told, and leaves neither timer nor listener', async () => {
    for (const end of ['resolve', 'reject'] as const) {
      const { signal, count } = countedSignal();
      const deferred = limited<number>(clock, { timeout: 100, signal }, late);
      expect([clock.pending.length, count()]).toEqual([1, 1]);
      deferred[end](7);
      const settled =
        end === 'resolve' ? deferred.promise : deferred.promise.catch((e: unknown) => e);
      await expect(settled).resolves.toBe(7);
      await settle();
      expect([clock.pending, count()]).toEqual([[], 0]);
    }
  });

  it('gives up at its time, and not before', async () => {
    const { signal, count } = countedSignal();
    const { promise } = limited(clock, { timeout: 100, signal }, late);
    const outcome = promise.catch((error: unknown) => error);
    await clock.advance(99);
    await expect(Promise.race([outcome, Promise.resolve('waiting')])).resolves.toBe('waiting');
    await clock.advance(1);
    await expect(outcome).resolves.toEqual(late(100));
    expect([clock.pending, count()]).toEqual([[], 0]);
  });

  it('gives up by its signal, with the reason of it', async () => {
    const { signal, abort, count } = countedSignal();
    const { promise } = limited(clock, { timeout: 100, signal }, late);
    abort('enough');
    await expect(promise).rejects.toBe('enough');
    await settle();
    expect([clock.pending, count()]).toEqual([[], 0]);
  });

  it('gives up at once by a signal that was aborted before', async () => {
    const { signal, abort } = countedSignal();
    abort('before');
    const { promise } = limited(clock, { timeout: 100, signal }, late);
    await expect(promise).rejects.toBe('before');
    await settle();
    expect(clock.pending).toEqual([]);
  });

  it('sets no timer where there is no limit', () => {
    limited(clock, {}, late);
    limited(clock, { timeout: Infinity }, late);
    limited(clock, { signal: new AbortController().signal }, late);
    expect(clock.pending).toEqual([]);
  });

  it('is settled by whatever comes first, and by nothing after', async () => {
    const event = fc.record({
      name: fc.constantFrom('resolve', 'reject', 'abort'),
      at: fc.nat(200),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 4 }), async (events) => {
        const time = new VirtualClock();
        const { signal, abort, count } = countedSignal();
        const deferred = limited<unknown>(time, { timeout: 100, signal }, late);
        for (const { name, at } of events) {
          time.setTimer(at, () => {
            if (name === 'abort') abort('abort');
            else deferred[name](name);
          });
        }
        const outcome = deferred.promise.catch((error: unknown) => error);
        await time.advance(300);
        const inOrder = events.toSorted((a, b) => a.at - b.at).filter(({ at }) => at < 100);
        const first = inOrder[0]?.name ?? late(100);
        await expect(outcome).resolves.toEqual(first);
        expect([time.pending, count()]).toEqual([[], 0]);
      }),
      runs(100),
    );
  });
});

describe('Waiters', () => {
  it('tells all who wait, and those alone', async () => {
    const waiters = new Waiters<number>();
    const first = [waiters.add(new Deferred()), waiters.add(new Deferred())];
    expect(waiters.size).toBe(2);
    waiters.resolve(1);
    expect(waiters.size).toBe(0);
    const second = waiters.add(new Deferred());
    waiters.reject('no');
    await expect(Promise.all(first)).resolves.toEqual([1, 1]);
    await expect(second).rejects.toBe('no');
    expect(waiters.size).toBe(0);
  });

  it('forgets those who gave up', async () => {
    const waiters = new Waiters<number>();
    const promise = waiters.add(limited(clock, { timeout: 10 }, late));
    await clock.advance(10);
    await expect(promise).rejects.toBeInstanceOf(Late);
    expect(waiters.size).toBe(0);
  });

  it('keeps those who come while others are told', () => {
    const waiters = new Waiters<number>();
    const again = new Deferred<number>();
    const deferred = new Deferred<number>();
    const { resolve } = deferred;
    deferred.resolve = (value) => {
      resolve(value);
      void waiters.add(again);
    };
    void waiters.add(deferred);
    waiters.resolve(1);
    expect(waiters.size).toBe(1);
  });
});
