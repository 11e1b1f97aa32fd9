import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import {
  Pace,
  RateWindow,
  rampRate,
  TIME_TO_TOP,
  TOP_RATE,
} from '../../../lib/runtime/throttle/pace.js';

const SEED = 20_260_301;

/** When those pass who try at these instants, and again as soon as they may. */
function passes(rate: (now: number) => number, from: number, until: number): number[] {
  const passed: number[] = [];
  let pace = Pace.from(from);
  for (let now = from; now < until;) {
    const wait = pace.wait(now);
    if (wait > 0) {
      now += wait;
      continue;
    }
    passed.push(now);
    pace = pace.take(now, rate(now));
  }
  return passed;
}

/** The most that fall into any half-open span. */
function mostWithin(span: number, times: readonly number[]): number {
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last++) {
    while (times[last]! - times[first]! >= span) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

describe('The rate of a ramp', () => {
  it.each([
    [0, 50],
    [999, 50],
    [1_000, 100],
    [2_000, 200],
    [3_500, 400],
    [4_000, 800],
    [5_000, 1_600],
    [6_000, 1_600],
    [1e12, 1_600],
  ])('%i ms after its beginning is %i a second', (elapsed, rate) => {
    expect(rampRate(elapsed)).toBe(rate);
  });

  it('is at its top after five seconds', () => {
    expect(TIME_TO_TOP).toBe(5_000);
    expect(rampRate(TIME_TO_TOP - 1)).toBeLessThan(TOP_RATE);
    expect(rampRate(TIME_TO_TOP)).toBe(TOP_RATE);
  });
});

describe('Pace', () => {
  it('lets 50 pass in the first second of a ramp, evenly, and twice as many in each next one', () => {
    const start = 12_345.678;
    const times = passes((now) => rampRate(now - start), start, start + 7_000);
    const inSecond = (second: number): number =>
      times.filter((at) => Math.floor((at - start) / 1_000 + 1e-9) === second).length;

    expect([0, 1, 2, 3, 4, 5, 6].map(inSecond)).toEqual([50, 100, 200, 400, 800, 1_600, 1_600]);
    const gaps = times.slice(1, 50).map((at, index) => at - times[index]!);
    for (const gap of gaps) expect(gap).toBeCloseTo(20, 6);
  });

  it('makes a timer that is a little late good, and no more than that', () => {
    let pace = Pace.from(0).take(5, 100);
    expect(pace.wait(5)).toBeCloseTo(5);
    // It stood for a second.
    let burst = 0;
    while (pace.wait(1_000) === 0) {
      pace = pace.take(1_000, 100);
      burst++;
    }
    expect(burst).toBe(2);
  });

  it('lets the first few pass at once where nobody has passed for long', () => {
    let pace = Pace.unused;
    let burst = 0;
    while (pace.wait(0) === 0) {
      pace = pace.take(0, TOP_RATE);
      burst++;
    }
    expect(burst).toBeGreaterThan(10);
    expect(burst).toBeLessThan(20);
  });

  it('never lets more than 100 pass within 50 ms, however late its timers are', () => {
    const lateness = fc.array(fc.double({ min: 0, max: 200, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(lateness, fc.integer({ min: 50, max: TOP_RATE }), (late, rate) => {
        const times: number[] = [];
        let pace = Pace.unused;
        for (let now = 0, step = 0; step < 600; step++) {
          while (pace.wait(now) === 0) {
            times.push(now);
            pace = pace.take(now, rate);
          }
          now += pace.wait(now) + late[step % late.length]!;
        }
        expect(mostWithin(50, times)).toBeLessThanOrEqual(100);
      }),
      runs(200, SEED),
    );
  });
});

describe('RateWindow', () => {
  /** When those pass who all come at 0. */
  const rush = (perSecond: number, count: number): number[] => {
    const times: number[] = [];
    let window = RateWindow.of(perSecond);
    for (let now = 0; times.length < count;) {
      now += window.wait(now);
      times.push(now);
      window = window.take(now);
    }
    return times;
  };

  it.each([
    [1, 4, [0, 1_000, 2_000, 3_000]],
    [3, 7, [0, 0, 0, 1_000, 1_000, 1_000, 2_000]],
    [0.2, 3, [0, 5_000, 10_000]],
    [2.5, 5, [0, 0, 800, 800, 1_600]],
  ])('of %d a second lets %i pass in order', (perSecond, count, times) => {
    expect(rush(perSecond, count)).toEqual(times);
  });

  it('never lets more pass in any second', () => {
    const gaps = fc.array(fc.double({ min: 0, max: 900, noNaN: true }), { minLength: 20 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 20 }), (arrivals, perSecond) => {
        const times: number[] = [];
        let window = RateWindow.of(perSecond);
        let now = 0;
        for (const gap of [...arrivals, ...arrivals.map(() => 0)]) {
          now += gap;
          if (window.wait(now) > 0) continue;
          times.push(now);
          window = window.take(now);
        }
        expect(mostWithin(1_000 - 1e-3, times)).toBeLessThanOrEqual(perSecond);
      }),
      runs(200, SEED),
    );
  });
});
