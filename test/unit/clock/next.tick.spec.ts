import { describe, expect, it, vi } from 'vitest';

import { nextTick } from '../../../lib/runtime/clock/next.tick.js';

/** Does it under what holds all it is given, and has a clock, as the fake timers of jest. */
function whileFake<T>(work: () => T): T {
  const real = process.nextTick;
  process.nextTick = Object.assign(() => undefined, { clock: {} }) as typeof process.nextTick;
  try {
    return work();
  } finally {
    process.nextTick = real;
  }
}

describe('The next tick', () => {
  it('comes before the microtasks that are queued behind it, as that of Node', async () => {
    const order: string[] = [];
    const ticked = new Promise<void>((resolve) => {
      // From a turn of its own: no microtask is running there.
      setImmediate(() => {
        nextTick(() => order.push('tick'));
        void Promise.resolve().then(() => order.push('microtask'));
        setImmediate(resolve);
      });
    });
    await ticked;
    expect(order).toEqual(['tick', 'microtask']);
  });

  it('is not held by fake timers', async () => {
    const ticked = new Promise<void>((resolve) => whileFake(() => nextTick(resolve)));
    await ticked;
  });

  it('is a turn of the event loop where fake timers stood before it was loaded', async () => {
    const ticks = process.nextTick as { clock?: object };
    ticks.clock = {};
    vi.resetModules();
    const loaded = await import('../../../lib/runtime/clock/next.tick.js');
    delete ticks.clock;
    const order: string[] = [];
    const ticked = new Promise<void>((resolve) => loaded.nextTick(resolve)).then(() =>
      order.push('turn'),
    );
    process.nextTick(() => order.push('tick'));
    await ticked;
    expect(order).toEqual(['tick', 'turn']);
  });
});
