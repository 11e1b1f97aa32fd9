import { FatalError, type OnGiveUp, type Strategy } from 'nestjs-websockex';
import { expect, it, vi } from 'vitest';

import { member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

const fatal = new FatalError('the account is closed');
const reconnect = { initialDelay: 100, jitter: 'none' } as const;

/** The ends of the members, in order, when the second of three ends by a fatal error. */
const ENDS: Readonly<Record<Strategy, readonly string[]>> = {
  one_for_one: ['B'],
  one_for_all: ['B', 'C', 'A'],
  rest_for_one: ['B', 'C'],
};

it.each(Object.entries(ENDS) as [Strategy, string[]][])(
  'a fatal end in a group with %s ends those that would be restarted with it: %j',
  async (strategy, ends) => {
    const onGiveUp = vi.fn<Exclude<OnGiveUp, string>>();
    const [a, b, c] = ['A', 'B', 'C'].map((name) => member(name, { reconnect })) as [
      ReturnType<typeof member>,
      ReturnType<typeof member>,
      ReturnType<typeof member>,
    ];
    await using world = await World.boot([a, b, c], { group: { strategy, onGiveUp } });
    b.deeds.beforeConnect = () => {
      throw fatal;
    };
    world.peer(b).drop();
    await world.net.clock.advance('1m');

    expect(world.ends.map(({ name }) => name)).toEqual(ends);
    for (const { status, reason } of world.ends) {
      expect([status, reason]).toEqual(['failed', { by: 'error', error: fatal }]);
    }
    const others = [a, c].filter(({ name }) => !ends.includes(name));
    expect(others.map((one) => world.handle(one).status)).toEqual(others.map(() => 'open'));
    expect(onGiveUp.mock.calls.map(([, error]) => error)).toEqual([fatal]);
    // The others are supervised still.
    for (const one of others) {
      await world.crash(one);
      await world.net.clock.advance(0);
      expect(world.handle(one).status).toBe('open');
    }
  },
);

it('two clients of one group that end so are told of, each', async () => {
  const onGiveUp = vi.fn<Exclude<OnGiveUp, string>>();
  const deeds = {
    beforeConnect: () => {
      throw fatal;
    },
  };
  const members = ['A', 'B'].map((name) => member(name, { reconnect }, deeds));
  await using world = await World.boot(members, { group: { onGiveUp } });
  expect([world.statuses, onGiveUp.mock.calls.length]).toEqual([['failed', 'failed'], 2]);
});
