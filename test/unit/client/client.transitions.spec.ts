import type { ClientStatus, GroupOptions } from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { TRANSITIONS } from '../../../lib/runtime/client/client.transitions.js';
import { member, raise, type Member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

/** Each step of a status, as "idle > connecting". */
const STEPS = Object.entries(TRANSITIONS).flatMap(([from, followers]) =>
  followers.map((to) => `${from} > ${to}`),
);

const seen = new Set<string>();

/** Boots these, notes every step of each, plays, and lets all that follows happen. */
async function play(
  members: readonly Member[],
  deeds: (world: World) => unknown,
  group?: GroupOptions,
): Promise<void> {
  const world = await World.make(members, { group });
  for (const one of members) {
    let before: ClientStatus | undefined;
    world.handle(one).status$.subscribe((status) => {
      if (before !== undefined) seen.add(`${before} > ${status}`);
      before = status;
    });
  }
  await world.app.init();
  await world.net.settle();
  await deeds(world);
  await world.net.clock.advance('1m');
  await world[Symbol.asyncDispose]();
}

const manual = { startup: 'manual' } as const;

it('a client takes every step of the table, and no other', async () => {
  const one = member('A');
  await play([one], async (world) => {
    world.peer(one).drop();
    await world.net.settle();
    await world.net.clock.advance('1m');
    void world.handle(one).reconnect({ force: true });
    await world.net.clock.advance('1m');
    world.peer(one).drop();
    await world.net.settle();
    void world.handle(one).stop();
  });
  const unreachable = member('B');
  await play([unreachable], async (world) => {
    unreachable.deeds.beforeConnect = () => raise();
    world.peer(unreachable).drop();
    await world.net.clock.advance('1m');
  });
  const unprepared = member('C', {}, { beforeConnect: () => new Promise<void>(() => undefined) });
  await play([unprepared], (world) => void world.handle(unprepared).close());
  // The session that was to take the place of the lost one is under way already.
  const rotating = member('D');
  await play([rotating], async (world) => {
    const before = world.peer(rotating);
    void world.handle(rotating).rotate();
    await world.net.settle();
    before.drop();
    await world.net.settle();
  });
  const unborn = member('E', {}, { start: () => raise() });
  await play([unborn], async (world) => {
    await world.net.settle();
    void world.handle(unborn).stop();
  });
  const asleep = member('F', manual);
  await play([asleep], (world) => void world.handle(asleep).stop());
  // The first one gives up: the others end with it, whatever they do.
  const failing = member('G');
  const crashing = member('H');
  const idle = member('I', manual);
  await play(
    [failing, crashing, idle],
    async (world) => {
      await world.crash(crashing);
      await world.net.clock.advance(0);
      await world.crash(crashing);
      await world.crash(failing);
    },
    { maxRestarts: 2 },
  );

  expect([...seen].toSorted()).toEqual(STEPS.toSorted());
});
