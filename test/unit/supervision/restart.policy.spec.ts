import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { CloseReason } from '../../../lib/runtime/frame/close-reason.js';
import {
  isPassedOn,
  isRestarted,
  RestartHistory,
  type RestartLimit,
} from '../../../lib/runtime/supervision/restart.policy.js';

const LIMIT: RestartLimit = { maxRestarts: 3, within: 5000 };

/** The history after restarts at these times. */
function after(times: readonly number[], limit = LIMIT): RestartHistory {
  return times.reduce((history, time) => history.add(time, limit), RestartHistory.none);
}

describe('A history of restarts', () => {
  it('is empty at first, and within every limit', () => {
    expect(RestartHistory.none.count).toBe(0);
    expect(RestartHistory.none.isBeyond({ maxRestarts: 0, within: 0 })).toBe(false);
  });

  it.each([
    ['the last that is allowed', [0, 0, 0], 3, false],
    ['one past it', [0, 0, 0, 0], 4, true],
    ['one as old as the time', [0, 1, 2, 5000], 4, true],
    ['one that is older', [0, 1, 2, 5001], 3, false],
    ['all that are older', [0, 1, 2, 5003], 1, false],
  ])('counts %s', (_what, times, count, isBeyond) => {
    const history = after(times);
    expect({ count: history.count, isBeyond: history.isBeyond(LIMIT) }).toEqual({
      count,
      isBeyond,
    });
  });

  it('is not changed by the next one', () => {
    const history = after([0, 1]);
    history.add(2, LIMIT);
    expect(history.count).toBe(2);
  });

  it('counts the restarts of the time before each, whatever they are', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 });
    const limits = fc.record({
      maxRestarts: fc.integer({ min: 0, max: 6 }),
      within: fc.integer({ min: 0, max: 100 }),
    });
    fc.assert(
      fc.property(steps, limits, (gaps, limit) => {
        let now = 0;
        let history = RestartHistory.none;
        const times: number[] = [];
        for (const gap of gaps) {
          now += gap;
          times.push(now);
          history = history.add(now, limit);
          const counted = times.filter((time) => now - time <= limit.within).length;
          expect(history.count).toBe(counted);
          expect(history.isBeyond(limit)).toBe(counted > limit.maxRestarts);
        }
      }),
    );
  });

  it('is never beyond an infinite limit', () => {
    const limit = { maxRestarts: Infinity, within: Infinity };
    expect(
      after(
        Array.from({ length: 1000 }, () => 0),
        limit,
      ).isBeyond(limit),
    ).toBe(false);
  });
});

describe('Another incarnation', () => {
  it.each([
    ['permanent', true, true],
    ['permanent', false, true],
    ['transient', true, true],
    ['transient', false, false],
    ['temporary', true, false],
    ['temporary', false, false],
  ] as const)('%s, crashed %s: %s', (restart, hasCrashed, follows) => {
    expect(isRestarted(restart, hasCrashed)).toBe(follows);
  });
});

describe('The end of a client', () => {
  it.each<[CloseReason, boolean]>([
    [{ by: 'error', error: undefined }, true],
    [{ by: 'local', message: '' }, false],
    [{ by: 'local', code: 1011, message: '' }, false],
    [{ by: 'remote', message: '' }, false],
    [{ by: 'remote', code: 1000, message: '' }, false],
    [{ by: 'remote', code: 1001, message: '' }, true],
    [{ by: 'remote', code: 1006, message: '' }, true],
  ])('with %o is passed on to those who are linked: %s', (reason, isTold) => {
    expect(isPassedOn(reason)).toBe(isTold);
  });
});
