import { expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

it('An @OnStart that was left behind and returns late does not begin the next incarnation', async () => {
  const [a, b, c] = [member('A'), member('B'), member('C')] as const;
  const [first, second] = [new Gate(), new Gate()] as const;
  b.deeds.start = () => first.opened;
  await using world = await World.make([a, b, c], { group: { strategy: 'one_for_all' } });
  const booted = world.app.init();
  await world.net.settle();
  // C is not waited for longer than `startupTimeout` of B.
  await world.net.clock.advance('31s');
  await booted;
  b.deeds.start = () => second.opened;
  await world.crash(a);
  await world.net.clock.advance('20s');
  expect(b.ran).toEqual(['construct 1', 'start 1', 'construct 2', 'start 2']);

  first.open();
  await world.net.settle();
  expect(c.ran.at(-1)).toBe('terminate 1');
  second.open();
  await world.net.settle();
  expect(c.ran.slice(-3)).toEqual(['construct 2', 'start 2', 'connect 2']);
});
