import { describe, expect, it } from 'vitest';

import { ClientRegistry } from '../../../lib/manager/client.registry.js';
import { member, type Member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

/** What counts against the limits now: of the group, and of a member. */
function budgets(world: World, one: Member) {
  const { client, group } = world.app.get(ClientRegistry).behind(world.handle(one))!;
  return [group.supervisor.budget, group.supervisor.budgetOf(client.member)];
}

/** One restart after the other, five seconds apart. */
async function crashTwice(world: World, one: Member): Promise<void> {
  for (let crash = 0; crash < 2; crash++) {
    await world.crash(one);
    await world.net.clock.advance('5s');
  }
}

describe('The restarts that count against a limit', () => {
  it('are those of a client that is supervised alone, by the default limit', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const limit = { maxRestarts: 9, within: 300_000 };
    expect(budgets(world, one)).toEqual([undefined, { limit, restarts: 0 }]);

    await crashTwice(world, one);
    expect(budgets(world, one)).toEqual([undefined, { limit, restarts: 2 }]);
  });

  it('are those of a group, where it has a limit, until their time is over', async () => {
    const one = member('One');
    const limit = { maxRestarts: 5, within: 12_000 };
    await using world = await World.boot([one, member('Two')], { group: limit });
    await crashTwice(world, one);
    expect(budgets(world, one)).toEqual([{ limit, restarts: 2 }, undefined]);

    await world.net.clock.advance('5s');
    expect(budgets(world, one)).toEqual([{ limit, restarts: 1 }, undefined]);
    await world.net.clock.advance('5s');
    expect(budgets(world, one)).toEqual([{ limit, restarts: 0 }, undefined]);
  });

  it('are those of a client of a group, too, where it has a limit of its own', async () => {
    const limit = { maxRestarts: 3, within: 60_000 };
    const one = member('One', limit);
    await using world = await World.boot([one], { group: { maxRestarts: 5, within: 12_000 } });
    await crashTwice(world, one);
    expect(budgets(world, one)).toEqual([
      { limit: { maxRestarts: 5, within: 12_000 }, restarts: 2 },
      { limit, restarts: 2 },
    ]);
  });
});
