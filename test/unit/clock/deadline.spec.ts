import { describe, expect, it, vi } from 'vitest';

import type { Clock } from '../../../lib/runtime/clock/clock.port.js';
import { setDeadline } from '../../../lib/runtime/clock/deadline.js';
import { settle } from '../../fixtures/virtual-clock.js';

/** A clock whose process may stall: what comes due meanwhile fires late, as with timers of Node's. */
class StallingClock implements Clock {
  #now = 0;
  #timers: { at: number; fire: () => void }[] = [];

  epoch(): number {
    return this.#now;
  }

  now(): number {
    return this.#now;
  }

  setTimer(delay: number, fire: () => void): { cancel: () => void } {
    const timer = { at: this.#now + delay, fire };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((one) => one !== timer);
      },
    };
  }

  get waiting(): number {
    return this.#timers.filter(({ at }) => at < Infinity).length;
  }

  stall(milliseconds: number): void {
    this.#now += milliseconds;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { fire } of due) fire();
  }
}

describe('A deadline', () => {
  it.each([0, 25])('is due at once when it comes %d ms late', (late) => {
    const clock = new StallingClock();
    const due = vi.fn();
    setDeadline(clock, 100, due);
    clock.stall(99);
    expect(due).not.toHaveBeenCalled();
    clock.stall(1 + late);
    expect(due).toHaveBeenCalledOnce();
  });

  it.each([26, 1000])('that comes %d ms late waits for a turn of reading', async (late) => {
    const clock = new StallingClock();
    const due = vi.fn();
    setDeadline(clock, 100, due);
    clock.stall(100 + late);
    expect(due).not.toHaveBeenCalled();
    await settle();
    expect(due).toHaveBeenCalledOnce();
    expect(clock.waiting).toBe(0);
  });

  it.each([1001, 60_000, 3_600_000])(
    'that comes %d ms late waits for a second more',
    async (late) => {
      const clock = new StallingClock();
      const due = vi.fn();
      setDeadline(clock, 100, due);
      clock.stall(100 + late);
      clock.stall(999);
      await settle();
      expect(due).not.toHaveBeenCalled();
      clock.stall(1);
      expect(due).toHaveBeenCalledOnce();
    },
  );

  it('of a process that is suspended twice is late twice', () => {
    const clock = new StallingClock();
    const due = vi.fn();
    setDeadline(clock, 100, due);
    clock.stall(5_000);
    clock.stall(5_000);
    expect(due).not.toHaveBeenCalled();
    clock.stall(1_000);
    expect(due).toHaveBeenCalledOnce();
  });

  it.each([
    ['before it is due', 50, 0],
    ['in the turn of reading', 600, 0],
    ['in the second more', 5_000, 500],
  ])('can be called off %s', async (_, stall, then) => {
    const clock = new StallingClock();
    const due = vi.fn();
    const deadline = setDeadline(clock, 100, due);
    clock.stall(stall);
    clock.stall(then);
    deadline.cancel();
    await settle();
    clock.stall(10_000);
    expect(due).not.toHaveBeenCalled();
    expect(clock.waiting).toBe(0);
  });

  it('of Infinity is never due', () => {
    const clock = new StallingClock();
    const due = vi.fn();
    setDeadline(clock, Infinity, due);
    clock.stall(1e12);
    expect(due).not.toHaveBeenCalled();
  });
});
