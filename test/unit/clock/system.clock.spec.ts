import { AsyncLocalStorage } from 'node:async_hooks';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { SystemClock } from '../../../lib/runtime/clock/system.clock.js';

/** What one `setTimeout` can take. */
const LONGEST = 2 ** 31 - 1;

describe('The clock of the machine', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([LONGEST, LONGEST + 1, 3 * LONGEST + 7])('waits for %d ms, and no shorter', (delay) => {
    const fire = vi.fn();
    new SystemClock().setTimer(delay, fire);
    vi.advanceTimersByTime(delay - 1);
    expect(fire).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(fire).toHaveBeenCalledTimes(1);
  });

  it('never fires a timer of Infinity, and calls a long one off in each of its legs', () => {
    const fire = vi.fn();
    const clock = new SystemClock();
    clock.setTimer(Infinity, fire);
    const long = clock.setTimer(3 * LONGEST, fire);
    vi.advanceTimersByTime(2 * LONGEST);
    long.cancel();
    vi.advanceTimersByTime(3 * LONGEST);
    expect(fire).not.toHaveBeenCalled();
  });

  it.each([0, -1])('fires a timer of %d in a later turn', (delay) => {
    const fire = vi.fn();
    new SystemClock().setTimer(delay, fire);
    expect(fire).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(fire).toHaveBeenCalledTimes(1);
  });

  it('fires in order of time, and of two of one time in the order they were set', () => {
    const clock = new SystemClock();
    const fired: string[] = [];
    const set = (name: string, delay: number) => clock.setTimer(delay, () => fired.push(name));
    set('c', 30);
    set('a', 10);
    set('b', 20);
    set('a too', 10);
    vi.advanceTimersByTime(10);
    expect(fired).toEqual(['a', 'a too']);
    vi.advanceTimersByTime(20);
    expect(fired).toEqual(['a', 'a too', 'b', 'c']);
  });

  it('has one timer of the machine, and none when nothing waits', () => {
    const clock = new SystemClock();
    const timers = Array.from({ length: 1000 }, (_, delay) => clock.setTimer(delay, vi.fn()));
    expect(vi.getTimerCount()).toBe(1);
    for (const timer of timers) timer.cancel();
    expect(vi.getTimerCount()).toBe(0);
    clock.setTimer(5, vi.fn());
    vi.advanceTimersByTime(5);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('fires in a later turn what is set by one that fires', () => {
    const clock = new SystemClock();
    const fired: number[] = [];
    const again = (): void => {
      if (fired.push(clock.now()) < 100) clock.setTimer(0, again);
    };
    clock.setTimer(0, again);
    vi.advanceTimersByTime(1);
    expect(fired.length).toBeLessThan(3);
    vi.advanceTimersByTime(200);
    expect(fired).toHaveLength(100);
  });

  it('fires the others where one throws', () => {
    const clock = new SystemClock();
    const fire = vi.fn();
    clock.setTimer(5, () => {
      throw new RangeError('boom');
    });
    clock.setTimer(5, fire);
    expect(() => vi.advanceTimersByTime(5)).toThrow('boom');
    vi.advanceTimersByTime(1);
    expect(fire).toHaveBeenCalledTimes(1);
  });

  it('fires each timer in the context it was set in', () => {
    const who = new AsyncLocalStorage<string>();
    const clock = new SystemClock();
    const seen: unknown[] = [];
    const see = () => seen.push(who.getStore());
    who.run('first', () => clock.setTimer(5, see));
    who.run('second', () => clock.setTimer(5, see));
    clock.setTimer(6, see);
    vi.advanceTimersByTime(10);
    expect(seen).toEqual(['first', 'second', undefined]);
  });
});
