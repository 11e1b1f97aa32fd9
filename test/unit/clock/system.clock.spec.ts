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
});
