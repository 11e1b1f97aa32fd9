import { expect, it } from 'vitest';

import { Crowd, fails, opens } from './crowd.js';

/** Everybody has a session, then the server is away. What became of the attempts since. */
async function outage(count: number, away: number, perTurn: number) {
  const crowd = new Crowd({}, () => opens(2), perTurn);
  const members = crowd.join(count);
  for (const member of members) member.go();
  while (crowd.open < count) await crowd.clock.advance(100);
  crowd.dials.length = 0;

  const since = crowd.clock.now();
  crowd.answer = () => fails();
  for (const member of members) member.lose();
  await crowd.clock.advance(2_000);
  crowd.most = 0;
  await crowd.clock.advance(away - 2_000);
  const mostWhileAway = crowd.most;

  crowd.answer = () => opens(5);
  const back = crowd.clock.now();
  while (crowd.open < count) await crowd.clock.advance(100);
  return {
    crowd,
    mostWhileAway,
    tookBack: crowd.clock.now() - back,
    most: crowd.mostWithin(50),
    dialledAway: crowd.dials.filter(({ at }) => at < back && at >= since).length,
  };
}

it('1,000 clients whose server was away are back within ten seconds, never 100 at once', async () => {
  const { crowd, mostWhileAway, tookBack, most, dialledAway } = await outage(1_000, 20_000, 1);

  expect(mostWhileAway).toBe(1);
  expect(tookBack).toBeLessThan(10_000);
  expect(most).toBeLessThanOrEqual(100);
  // They have tried, each by its own backoff.
  expect(dialledAway).toBeGreaterThan(1_000);
  expect(crowd.budget.inside).toBe(0);
  for (const member of crowd.members) member.leave();
  expect([crowd.budget.origins, crowd.clock.pending]).toEqual([0, []]);
});

it('100,000 clients are back as fast as the ramp allows', { timeout: 120_000 }, async () => {
  const { crowd, mostWhileAway, tookBack, most } = await outage(100_000, 5_000, 16);

  expect(mostWhileAway).toBe(1);
  // 1,550 in the first five seconds, then 1,600 a second.
  expect(tookBack).toBeGreaterThan(5_000 + (98_450 / 1_600) * 1_000 - 2_000);
  expect(tookBack).toBeLessThan(75_000);
  expect(most).toBeLessThanOrEqual(100);
  expect(crowd.budget.waiting).toBe(0);
});
