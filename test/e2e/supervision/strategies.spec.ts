import type { Strategy, WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { member, type Member } from '../../fixtures/supervision/member.js';
import { prepare, reach, type State } from '../../fixtures/supervision/states.js';
import { told, World } from '../../fixtures/supervision/world.js';

const STRATEGIES = ['one_for_one', 'one_for_all', 'rest_for_one'] as const;

/** Of A, B and C, B crashes: what is told of whom, in order, where all are alive. */
const ALL_ALIVE: Record<Strategy, readonly string[]> = {
  one_for_one: told('terminate B', 'restart B'),
  one_for_all: told('terminate B C A', 'restart A B C'),
  rest_for_one: told('terminate B C', 'restart B C'),
};

async function boot(
  strategy: Strategy,
  options: Partial<Record<'A' | 'B' | 'C', WebSockexClientOptions>> = {},
  before: (world: World, members: Record<'A' | 'B' | 'C', Member>) => void = () => undefined,
) {
  const [a, b, c] = (['A', 'B', 'C'] as const).map((name) => member(name, options[name])) as [
    Member,
    Member,
    Member,
  ];
  const world = await World.make([a, b, c], { group: { strategy, maxRestarts: Infinity } });
  before(world, { A: a, B: b, C: c });
  await world.app.init();
  await world.net.settle();
  return { world, a, b, c };
}

/** States of a member in which it is restarted with the group, as one that is open. */
const ALIVE: readonly State[] = [
  'starting',
  'connecting',
  'open',
  'running a handler',
  'closing',
  'backoff',
];

describe.each(STRATEGIES)('%s', (strategy) => {
  describe.each(['A', 'C'] as const)('while %s is', (name) => {
    // While A starts, B has not been started yet.
    const states = ALIVE.filter((state) => name === 'C' || state !== 'starting');
    it.each(states)('%s', async (state) => {
      let release: (() => void) | undefined;
      const { world, a, b, c } = await boot(strategy, {}, (made, members) => {
        release = prepare(state, members[name], made);
      });
      await using _ = world;
      const goOn = await reach(state, name === 'A' ? a : c, world);
      world.story();
      await world.crash(b);
      release?.();
      goOn();
      await world.net.clock.advance('10s');

      // A close of its own ends it, where its group does not.
      const endsToo = state === 'closing' && !ALL_ALIVE[strategy].includes(`terminate ${name}`);
      const story = world.story().filter((line) => !endsToo || line !== `terminate ${name}`);
      expect(story).toEqual(ALL_ALIVE[strategy]);
      expect(world.statuses).toEqual(
        ['A', 'B', 'C'].map((one) => (endsToo && one === name ? 'terminated' : 'open')),
      );
    });

    it.each(['stopped', 'idle'] as const)('%s: it stays so', async (state) => {
      const options = { [name]: state === 'idle' ? { startup: 'manual' } : {} } as const;
      const { world, a, b, c } = await boot(strategy, options);
      await using _ = world;
      const one = name === 'A' ? a : c;
      await reach(state, one, world);
      world.story();
      await world.crash(b);
      await world.net.clock.advance(0);

      expect(world.story()).toEqual(ALL_ALIVE[strategy].filter((line) => !line.endsWith(name)));
      expect(world.handle(one).status).toBe(state === 'idle' ? 'idle' : 'terminated');
    });

    it('temporary: it is ended with the group, and not restarted', async () => {
      const { world, a, b, c } = await boot(strategy, { [name]: { restart: 'temporary' } });
      await using _ = world;
      world.story();
      await world.crash(b);
      await world.net.clock.advance(0);

      const touched = ALL_ALIVE[strategy].includes(`terminate ${name}`);
      expect(world.story()).toEqual(ALL_ALIVE[strategy].filter((one) => one !== `restart ${name}`));
      expect(world.handle(name === 'A' ? a : c).status).toBe(touched ? 'terminated' : 'open');
    });

    it('in @OnTerminate after a crash: each is restarted once', async () => {
      const { world, a, b, c } = await boot(strategy);
      await using _ = world;
      const release = await reach('in @OnTerminate', name === 'A' ? a : c, world);
      world.story();
      await world.crash(b);
      release();
      await world.net.clock.advance(0);

      const others = ALL_ALIVE[strategy].filter((line) => !line.endsWith(name));
      expect(world.story().toSorted()).toEqual([...others, `restart ${name}`].toSorted());
      expect(world.statuses).toEqual(['open', 'open', 'open']);
    });
  });

  it('with a member alone that crashes is as one_for_one', async () => {
    const { world, c } = await boot(strategy);
    await using _ = world;
    world.story();
    await world.crash(c);
    await world.net.clock.advance(0);
    expect(world.story()).toEqual(
      strategy === 'one_for_all'
        ? told('terminate C B A', 'restart A B C')
        : told('terminate C', 'restart C'),
    );
  });
});

it('rest_for_one: C waits for its restart, B crashes: both are restarted, B first', async () => {
  const { world, b, c } = await boot('rest_for_one');
  await using _ = world;
  await reach('waiting for its restart', c, world);
  world.story();
  await world.crash(b);
  await world.net.clock.advance(0);
  expect(world.story()).toEqual(['terminate B', 'restart B', 'restart C']);
  expect(world.net.clock.pending).toEqual([]);
});

it('one_for_one: C waits for its restart, B crashes: C still waits', async () => {
  const { world, b, c } = await boot('one_for_one');
  await using _ = world;
  await reach('waiting for its restart', c, world);
  world.story();
  await world.crash(b);
  await world.net.clock.advance(0);
  expect(world.story()).toEqual(['terminate B', 'restart B']);
  expect(world.statuses).toEqual(['open', 'open', 'backoff']);
});
