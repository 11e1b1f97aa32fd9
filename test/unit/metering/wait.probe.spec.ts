import fc from 'fast-check';
import { expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { WaitProbe } from '../../../lib/runtime/metering/wait.probe.js';

it('One message at a time is followed through a queue, wherever others are put before it', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant('push' as const) },
    { weight: 4, arbitrary: fc.constant('shift' as const) },
    { weight: 1, arbitrary: fc.constant('unshift' as const) },
  );
  let followed = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 300, maxLength: 800 }), (steps) => {
      let now = 0;
      const told: number[] = [];
      const expected: number[] = [];
      const probe = new WaitProbe({ now: () => now }, (seconds) => void told.push(seconds * 1_000));
      const queue: { readonly at: number; readonly isFollowed: boolean }[] = [];
      let pushed = 0;
      for (const what of steps) {
        now++;
        if (what === 'push') {
          const isFree = queue.every(({ isFollowed }) => !isFollowed);
          queue.push({ at: now, isFollowed: pushed++ % 64 === 0 && isFree });
          probe.added(queue.length);
        } else if (what === 'unshift') {
          queue.unshift({ at: now, isFollowed: false });
          probe.addedFirst(1);
        } else if (queue.length > 0) {
          const first = queue.shift();
          if (first?.isFollowed === true) expected.push(now - first.at);
          probe.taken();
        }
      }
      expect(told).toEqual(expected);
      followed += told.length;
    }),
    runs(200),
  );
  expect(followed).toBeGreaterThan(100);
});

it('None is followed any more when others than the first were taken out', () => {
  const told: number[] = [];
  const probe = new WaitProbe({ now: () => 0 }, (seconds) => void told.push(seconds));
  probe.added(1);
  probe.lost();
  probe.taken();
  expect(told).toEqual([]);
});
