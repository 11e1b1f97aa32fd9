import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { OPTIONS } from '../../../lib/runtime/options/option.table.js';
import { DEFAULT_LIMIT, RestartDelay } from '../../../lib/runtime/supervision/restart.policy.js';
import { seeded } from '../../../lib/testing/script/virtual.clock.js';

/** The delays of a row of restarts. */
function row(length: number, maxDelay: number, random: () => number): number[] {
  const delays: number[] = [];
  let delay = RestartDelay.none;
  for (let count = 0; count < length; count++) {
    delay = delay.next(maxDelay, random);
    delays.push(delay.delay);
  }
  return delays;
}

describe('The delay before a restart', () => {
  it('is none before the first, then grows as the draw has it', () => {
    expect(row(6, 30_000, () => 1)).toEqual([0, 300, 900, 2700, 8100, 24_300]);
    expect(row(4, 30_000, () => 0)).toEqual([0, 100, 100, 100]);
    expect(row(4, 30_000, () => 0.5)).toEqual([0, 200, 400, 800]);
  });

  it.each([
    [0, [0, 0, 0, 0]],
    [50, [0, 50, 50, 50]],
    [100, [0, 100, 100, 100]],
    [500, [0, 300, 500, 500]],
  ])('is never longer than %i', (maxDelay, delays) => {
    expect(row(4, maxDelay, () => 1)).toEqual(delays);
  });

  it('does not change one it follows', () => {
    const first = RestartDelay.none.next(1000, () => 1);
    first.next(1000, () => 1);
    expect([RestartDelay.none.delay, first.delay]).toEqual([0, 0]);
  });

  it('asks for no random number before the first', () => {
    const random = (): number => {
      throw new Error('asked');
    };
    expect(row(1, 1000, random)).toEqual([0]);
  });

  it('pauses after the first for 100 ms at least, never beyond the cap nor three times the last', () => {
    const draws = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(draws, fc.integer({ min: 1, max: 100_000 }), (values, cap) => {
        const drawn = values.values();
        const delays = row(values.length + 1, cap, () => drawn.next().value ?? 0);
        expect(delays[0]).toBe(0);
        let last = 100;
        for (const delay of delays.slice(1)) {
          expect(delay).toBeGreaterThanOrEqual(Math.min(100, cap));
          expect(delay).toBeLessThanOrEqual(Math.min(cap, Math.max(100, last * 3)));
          expect(Number.isInteger(delay)).toBe(true);
          last = delay;
        }
      }),
    );
  });

  it('is the same for the same draws', () => {
    const draws = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));
    fc.assert(
      fc.property(draws, (values) => {
        const play = (): number[] => {
          const drawn = values.values();
          return row(values.length, 30_000, () => drawn.next().value ?? 0);
        };
        expect(play()).toEqual(play());
      }),
    );
  });

  // What docs/supervision.md says of a client that crashes as soon as it is connected.
  it('adds up, by default, to some 40 s on average before the supervisor gives up', () => {
    const whole = (random: () => number): number =>
      row(DEFAULT_LIMIT.maxRestarts, OPTIONS.maxRestartDelay.default, random).reduce(
        (sum, delay) => sum + delay,
      );
    const random = seeded(1);
    const rows = 20_000;
    let sum = 0;
    for (let count = 0; count < rows; count++) sum += whole(random);
    expect(sum / rows).toBeGreaterThan(38_000);
    expect(sum / rows).toBeLessThan(48_000);
    expect([whole(() => 0), whole(() => 1)]).toEqual([800, 126_300]);
  });
});
