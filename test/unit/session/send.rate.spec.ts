import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import type { SendRateSettings } from '../../../lib/runtime/options/client-settings.js';
import { SendRate } from '../../../lib/runtime/session/send.rate.js';

/** Sends so many messages as soon as they may go, each group of them asked for at its time. */
function play(settings: SendRateSettings, groups: readonly (readonly [number, number])[]) {
  const rate = new SendRate(settings, 0);
  const sent: number[] = [];
  let now = 0;
  for (const [wait, count] of groups) {
    now += wait;
    for (let left = rate.left(count, now); left > 0; left = rate.left(count, now)) {
      now += Math.ceil(left);
    }
    rate.take(count, now);
    for (let i = 0; i < count; i++) sent.push(now);
  }
  return sent;
}

describe('A rate of sends', () => {
  it.each([
    [
      'lets as many go as it may, then waits for the window',
      { limit: 3, per: 1_000, burst: 3 },
      [0, 0, 0, 1_000, 1_000, 1_000, 2_000],
    ],
    [
      'spreads them with a burst of one',
      { limit: 4, per: 1_000, burst: 1 },
      [0, 250, 500, 750, 1_000],
    ],
    [
      'lets a burst go at once, then spreads them',
      { limit: 4, per: 1_000, burst: 2 },
      [0, 0, 250, 500, 1_000],
    ],
    [
      'takes a burst above the limit for its window',
      { limit: 2, per: 1_000, burst: 3 },
      [0, 0, 0, 1_000, 1_000, 1_500],
    ],
  ] as const)('%s', (_what, settings, times) => {
    expect(
      play(
        settings,
        times.map(() => [0, 1] as const),
      ),
    ).toEqual(times);
  });

  it('lets more go together than ever may, once nothing else counts', () => {
    expect(
      play({ limit: 2, per: 100, burst: 2 }, [
        [0, 1],
        [0, 5],
        [0, 1],
      ]),
    ).toEqual([0, 100, 100, 100, 100, 100, 200]);
  });

  it('is kept in every window, whatever is asked for, and nothing waits for ever', () => {
    const settings = fc.record({
      limit: fc.integer({ min: 1, max: 9 }),
      per: fc.integer({ min: 1, max: 2_000 }),
      burst: fc.integer({ min: 1, max: 9 }),
    });
    const group = fc.tuple(fc.nat(1_500), fc.integer({ min: 1, max: 3 }));
    fc.assert(
      fc.property(settings, fc.array(group, { maxLength: 60 }), (given, groups) => {
        const most = Math.max(given.limit, given.burst);
        const fitting = groups.map(
          ([wait, count]) => [wait, Math.min(count, given.burst, given.limit)] as const,
        );
        const sent = play(given, fitting);
        for (const [index, at] of sent.entries()) {
          const inWindow = sent.slice(index).filter((time) => time < at + given.per);
          expect(inWindow.length).toBeLessThanOrEqual(most);
          const atOnce = sent.filter((time) => time === at);
          expect(atOnce.length).toBeLessThanOrEqual(
            Math.max(given.burst, ...fitting.map(([, n]) => n)),
          );
        }
        // As fast as it may: the last goes no later than all of them spread over windows.
        const waits = groups.reduce((sum, [wait]) => sum + wait, 0);
        const windows = Math.ceil(sent.length / Math.min(given.limit, most)) + 1;
        expect(sent.at(-1) ?? 0).toBeLessThanOrEqual(
          waits + windows * (given.per + 1) + sent.length,
        );
      }),
      runs(2_000),
    );
  });
});
