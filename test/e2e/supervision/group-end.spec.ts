import { type ClientGroup, type GroupOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { boom, member, type Member } from '../../fixtures/supervision/member.js';
import { told, World, type WorldOptions } from '../../fixtures/supervision/world.js';

async function three(group: GroupOptions, options: WorldOptions = {}) {
  const [a, b, c] = ['A', 'B', 'C'].map((name) => member(name)) as [Member, Member, Member];
  const world = await World.boot([a, b, c], { ...options, group });
  world.story();
  return { world, a, b, c };
}

describe.each(['one_for_one', 'one_for_all', 'rest_for_one'] as const)(
  '%s gives up',
  (strategy) => {
    it('once: every member ends failed, the last first; others live on', async () => {
      const calls: [ClientGroup, Error, string[]][] = [];
      const other = member('Other');
      const seen = { statuses: (): string[] => [] };
      const { world, a, b, c } = await three(
        {
          strategy,
          maxRestarts: 1,
          within: 60_000,
          onGiveUp: (group, error) => void calls.push([group, error, seen.statuses()]),
        },
        { others: [other], onGiveUp: 'shutdown' },
      );
      await using _ = world;
      seen.statuses = () => world.statuses;
      await world.crash(b);
      await world.net.clock.advance('59s');
      await world.crash(a);
      await world.net.clock.advance('1h');

      expect(world.ends.map(({ name, status }) => [name, status])).toEqual([
        ['C', 'failed'],
        ['B', 'failed'],
        ['A', 'failed'],
      ]);
      expect(
        new Set(world.ends.map(({ reason }) => reason.by === 'error' && reason.error)).size,
      ).toBe(1);
      expect(calls).toHaveLength(1);
      const [[group, error, statuses]] = calls as [(typeof calls)[number]];
      expect(group).toEqual({
        strategy,
        clients: [a, b, c].map((one) => world.handle(one)),
      });
      expect(error).toMatchObject({ client: 'the group A, B, C', maxRestarts: 1, within: 60_000 });
      expect(error.cause).toBe(boom);
      expect(statuses).toEqual(['failed', 'failed', 'failed', 'open']);
      expect(world.handle(other).status).toBe('open');
      await expect(world.handle(a).start()).rejects.toMatchObject({ state: 'failed' });
    });

    it('and leaves those that had ended as they were', async () => {
      const { world, a, b, c } = await three({ strategy, maxRestarts: 0 });
      await using _ = world;
      await world.handle(c).stop();
      await world.crash(a);
      expect(world.statuses).toEqual(['failed', 'failed', 'terminated']);
      expect(world.peer(b).transcript).toContain('<- close 1001 ""');
    });
  },
);

it('a group starts in order, each when the one before has begun, and is stopped in reverse', async () => {
  const [a, b, c] = ['A', 'B', 'C'].map((name) => member(name)) as [Member, Member, Member];
  const order: string[] = [];
  const gate = new Gate();
  a.deeds.start = () => gate.opened;
  for (const one of [a, b, c]) {
    one.deeds.construct = () => void order.push(`construct ${one.name}`);
    one.deeds.connect = () => void order.push(`connect ${one.name}`);
    one.deeds.terminate = () => void order.push(`terminate ${one.name}`);
  }
  const world = await World.make([a, b, c], { group: {} });
  await world.app.init();
  await world.net.settle();
  expect(world.statuses).toEqual(['connecting', 'idle', 'idle']);
  gate.open();
  await world.net.settle();
  await world.close();
  await world.net.dispose();

  expect(order).toEqual(told('construct A B C', 'connect A B C', 'terminate C B A'));
});

it('the whole group is closed within shutdownTimeout, also while it is restarted', async () => {
  const { world, a, b, c } = await three({ strategy: 'one_for_all' }, { shutdownTimeout: 3000 });
  for (const one of [b, c]) one.deeds.frame = () => new Promise<void>(() => undefined);
  world.peer(b).send('work');
  world.peer(c).send('work');
  await world.crash(a);
  let isClosed = false;
  const closed = world.app.close().then(() => (isClosed = true));
  await world.net.clock.advance(2999);
  await world.net.clock.advance(1);
  expect(isClosed).toBe(true);
  await closed;
  await world.net.dispose();
});

it('a member that ends at once leaves its share of shutdownTimeout to the others', async () => {
  const { world, a, b } = await three({}, { shutdownTimeout: 3000 });
  const work = [a, b].map((one) => {
    const gate = new Gate();
    one.deeds.frame = () => gate.opened;
    world.peer(one).send('work');
    return gate;
  });
  await world.net.settle();
  const closed = world.app.close();
  await world.net.clock.advance(1_100);
  expect(world.statuses).toEqual(['open', 'open', 'terminated']);
  work[1]?.open();
  await world.net.clock.advance(1_400);
  expect(world.statuses).toEqual(['open', 'terminated', 'terminated']);
  work[0]?.open();
  await closed;
  expect(world.ends.map(({ name }) => name)).toEqual(['C', 'B', 'A']);
  await world.net.dispose();
});
