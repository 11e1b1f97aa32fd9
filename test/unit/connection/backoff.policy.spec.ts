import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  Backoff,
  DEFAULT_RECONNECT,
  type Random,
  type ReconnectPolicy,
} from '../../../lib/runtime/connection/backoff.policy.js';

/** Numbers in [0, 1) that look random and are the same for the same seed. */
function randomOf(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The first delays of a row. */
function delaysOf(policy: ReconnectPolicy, random: Random, count: number): number[] {
  let backoff = Backoff.none;
  return Array.from({ length: count }, () => (backoff = backoff.next(policy, random)).delay);
}

const policyOf = (jitter: ReconnectPolicy['jitter']): ReconnectPolicy => ({
  ...DEFAULT_RECONNECT,
  jitter,
});

const seed = fc.integer();
const anyPolicy = fc.record({
  initialDelay: fc.nat(10_000),
  maxDelay: fc.nat(60_000),
  jitter: fc.constantFrom('decorrelated', 'full', 'none'),
  maxAttempts: fc.constant(Infinity),
  slowDelay: fc.nat(600_000),
  stableAfter: fc.constant(5000),
});

describe('Backoff', () => {
  it('stands before the first delay at first', () => {
    expect(Backoff.none).toMatchObject({ count: 0, delay: 0 });
  });

  it('grows also from no delay at all: nobody reconnects in a hot loop', () => {
    for (const jitter of ['decorrelated', 'none'] as const) {
      const policy = { ...policyOf(jitter), initialDelay: 0 };
      const delays = delaysOf(policy, () => 0.9, 40);
      expect(delays[0]).toBe(0);
      expect(delays.at(-1)).toBeGreaterThan(25_000);
    }
  });

  it('gives whole milliseconds between 0 and the cap, and counts, whatever the policy', () => {
    fc.assert(
      fc.property(anyPolicy, seed, (policy, from) => {
        const random = randomOf(from);
        let backoff = Backoff.none;
        for (let count = 1; count <= 40; count++) {
          backoff = backoff.next(policy, random);
          expect(backoff.count).toBe(count);
          expect(Number.isInteger(backoff.delay)).toBe(true);
          expect(backoff.delay).toBeGreaterThanOrEqual(0);
          expect(backoff.delay).toBeLessThanOrEqual(policy.maxDelay);
        }
      }),
    );
  });

  it('is a value: the next one leaves it as it is, and the same draws give the same row', () => {
    fc.assert(
      fc.property(anyPolicy, seed, (policy, from) => {
        const row = delaysOf(policy, randomOf(from), 10);
        expect(delaysOf(policy, randomOf(from), 10)).toEqual(row);
        const first = Backoff.none.next(policy, randomOf(from));
        first.next(policy, randomOf(from + 1));
        expect([first.count, first.delay]).toEqual([1, row[0]]);
        expect([Backoff.none.count, Backoff.none.delay]).toEqual([0, 0]);
      }),
    );
  });

  it.each(['full', 'none', 'decorrelated'] as const)(
    'is a number still after thousands of attempts (%s)',
    (jitter) => {
      for (const initialDelay of [0, 1, 500]) {
        const row = delaysOf({ ...policyOf(jitter), initialDelay }, () => 0.5, 3000);
        expect(row.every(Number.isFinite)).toBe(true);
      }
    },
  );

  describe('without jitter', () => {
    it('doubles from the initial delay up to the cap', () => {
      expect(delaysOf(policyOf('none'), () => 0.7, 9)).toEqual([
        500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
      ]);
    });

    it('never begins above the cap', () => {
      const policy = { ...policyOf('none'), maxDelay: 100 };
      expect(delaysOf(policy, () => 0, 2)).toEqual([100, 100]);
    });
  });

  describe('with full jitter', () => {
    it('draws between 0 and a bound that doubles', () => {
      fc.assert(
        fc.property(seed, (from) => {
          for (const [i, delay] of delaysOf(policyOf('full'), randomOf(from), 12).entries()) {
            expect(delay).toBeLessThanOrEqual(Math.min(30_000, 500 * 2 ** i));
          }
        }),
      );
    });

    it('uses all of that range', () => {
      expect(delaysOf(policyOf('full'), () => 0, 3)).toEqual([0, 0, 0]);
      expect(delaysOf(policyOf('full'), () => 0.5, 3)).toEqual([250, 500, 1000]);
      expect(delaysOf(policyOf('full'), () => 1 - 2 ** -32, 3)).toEqual([500, 1000, 2000]);
    });
  });

  describe('with decorrelated jitter', () => {
    const policy = policyOf('decorrelated');

    it('begins between the initial delay and three times as much', () => {
      expect(delaysOf(policy, () => 0, 1)).toEqual([500]);
      expect(delaysOf(policy, () => 0.5, 1)).toEqual([1000]);
      expect(delaysOf(policy, () => 1 - 2 ** -32, 1)).toEqual([1500]);
    });

    it('goes on between the last delay and three times as much, until the cap is near', () => {
      fc.assert(
        fc.property(seed, (from) => {
          let last = 500;
          for (const delay of delaysOf(policy, randomOf(from), 30)) {
            expect(delay).toBeGreaterThanOrEqual(Math.min(last, 15_000));
            expect(delay).toBeLessThanOrEqual(Math.min(30_000, last * 3));
            last = delay;
          }
        }),
      );
    });

    it('grows: after ten delays nearly every client is far above the first', () => {
      const tenth = Array.from(
        { length: 500 },
        (_, i) => delaysOf(policy, randomOf(i), 10)[9] ?? 0,
      );
      const grown = tenth.filter((delay) => delay > 5000);
      expect(grown.length).toBeGreaterThan(475);
    });

    it('keeps clients apart at the cap', () => {
      const late = Array.from(
        { length: 500 },
        (_, i) => delaysOf(policy, randomOf(i), 40)[39] ?? 0,
      );
      expect(Math.min(...late)).toBeLessThan(16_000);
      expect(Math.max(...late)).toBeGreaterThan(29_000);
      expect(new Set(late).size).toBeGreaterThan(300);
    });
  });

  describe('after ends that are slow', () => {
    const rules = { ...policyOf('none'), initialDelay: 100, maxDelay: 1000, slowDelay: 6000 };

    /** The delays after these ends, in order: `p` is one that passes, `s` a slow one. */
    const after = (ends: string, policy = rules, random: Random = () => 0): number[] => {
      let backoff = Backoff.none;
      return Array.from(ends, (end) => {
        backoff = backoff.next(policy, random, end === 's' ? 'slow' : 'passing');
        return backoff.delay;
      });
    };

    it.each([
      ['s', [1000]],
      ['sssss', [1000, 2000, 4000, 6000, 6000]],
      // In the middle of a row it is the same, and the row goes on after it.
      ['pps', [100, 200, 1000]],
      ['spp', [1000, 200, 400]],
      ['spssp', [1000, 200, 2000, 4000, 1000]],
    ])('waits in a row of %s as long as %j', (ends, delays) => {
      expect(after(ends)).toEqual(delays);
    });

    it('never waits longer than maxDelay where slowDelay is not above it', () => {
      expect(after('sss', { ...rules, slowDelay: 10 })).toEqual([1000, 1000, 1000]);
    });

    it('grows from no delay at all', () => {
      expect(after('ssss', { ...rules, initialDelay: 0, maxDelay: 0 })).toEqual([0, 2, 4, 8]);
    });

    it('draws from the bound to half as much again, but no more than slowDelay', () => {
      for (const jitter of ['full', 'decorrelated'] as const) {
        const drawn = { ...rules, jitter };
        expect(after('sssss', drawn, () => 0)).toEqual([1000, 2000, 4000, 6000, 6000]);
        const most = after('sssss', drawn, () => 1 - 2 ** -32);
        expect(most).toEqual([1500, 3000, 6000, 6000, 6000]);
      }
    });

    it('is whole, not below maxDelay and not above slowDelay, whatever came before', () => {
      const ends = fc.array(fc.constantFrom('s', 'p'), { maxLength: 40 });
      fc.assert(
        fc.property(anyPolicy, seed, ends, (policy, from, row) => {
          const random = randomOf(from);
          const delays = after(row.join(''), policy, random);
          for (const [i, delay] of delays.entries()) {
            expect(Number.isInteger(delay)).toBe(true);
            if (row[i] === 'p') expect(delay).toBeLessThanOrEqual(policy.maxDelay);
            else {
              expect(delay).toBeGreaterThanOrEqual(policy.maxDelay);
              expect(delay).toBeLessThanOrEqual(Math.max(policy.maxDelay, policy.slowDelay));
            }
          }
        }),
      );
    });

    it('keeps clients apart that were refused at one time', () => {
      const fourth = Array.from(
        { length: 500 },
        (_, i) => after('sss', policyOf('decorrelated'), randomOf(i))[2] ?? 0,
      );
      expect(new Set(fourth).size).toBeGreaterThan(400);
    });
  });
});
