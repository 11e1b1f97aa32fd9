import {
  RestartLimitError,
  type GroupOptions,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boom, member } from '../../fixtures/supervision/member.js';
import { told, World } from '../../fixtures/supervision/world.js';

/** Crashes at these times; each incarnation is let open before the next. */
async function play(
  times: readonly number[],
  options: WebSockexClientOptions,
  group?: GroupOptions,
): Promise<{ restarts: number; status: string; world: World }> {
  // Without a delay: crashes come exactly when they are wanted.
  const one = member('One', { maxRestartDelay: 0, ...options });
  const world = await World.boot([one], { group });
  let now = 0;
  for (const time of times) {
    await world.net.clock.advance(time - now);
    now = time;
    await world.crash(one);
    await world.net.clock.advance(0);
  }
  const status = world.handle(one).status;
  return { restarts: world.all('restart').length, status, world };
}

interface Row {
  readonly options: WebSockexClientOptions;
  readonly crashes: readonly number[];
  readonly restarts: number;
  readonly status: 'open' | 'failed' | 'terminated';
}

const LIMIT = { maxRestarts: 3, within: 5000 };

const ROWS: Record<string, Row> = {
  'the third restart within the time is made': {
    options: LIMIT,
    crashes: [0, 1, 2],
    restarts: 3,
    status: 'open',
  },
  'the fourth crash at once is one too many': {
    options: LIMIT,
    crashes: [0, 0, 0, 0],
    restarts: 3,
    status: 'failed',
  },
  'the fourth crash just within the time is one too many': {
    options: LIMIT,
    crashes: [0, 1, 2, 4999],
    restarts: 3,
    status: 'failed',
  },
  'the fourth crash exactly at the end of the time is one too many': {
    options: LIMIT,
    crashes: [0, 1, 2, 5000],
    restarts: 3,
    status: 'failed',
  },
  'the fourth crash just past the time is not': {
    options: LIMIT,
    crashes: [0, 1, 2, 5001],
    restarts: 4,
    status: 'open',
  },
  'the time slides: of five crashes never four are within it': {
    options: LIMIT,
    crashes: [0, 1000, 4000, 5001, 6001, 9001],
    restarts: 6,
    status: 'open',
  },
  'it slides up to one that is within': {
    options: LIMIT,
    crashes: [0, 1000, 4000, 5001, 6000],
    restarts: 4,
    status: 'failed',
  },
  'by default the ninth restart within five minutes is made': {
    options: {},
    crashes: [0, 0, 0, 0, 0, 0, 0, 0, 0],
    restarts: 9,
    status: 'open',
  },
  'by default the tenth crash within five minutes is one too many': {
    options: {},
    crashes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 300_000],
    restarts: 9,
    status: 'failed',
  },
  'by default the tenth crash past five minutes is not': {
    options: {},
    crashes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 300_001],
    restarts: 10,
    status: 'open',
  },
  'maxRestarts and within of its own count': {
    options: { maxRestarts: 1, within: 100 },
    crashes: [0, 101, 201],
    restarts: 2,
    status: 'failed',
  },
  'maxRestarts 0: no restart at all': {
    options: { maxRestarts: 0 },
    crashes: [0],
    restarts: 0,
    status: 'failed',
  },
  'within 0: only those of one instant count together': {
    options: { maxRestarts: 1, within: 0 },
    crashes: [0, 1, 2, 3],
    restarts: 4,
    status: 'open',
  },
  'maxRestarts Infinity: never one too many': {
    options: { maxRestarts: Infinity },
    crashes: Array.from({ length: 50 }, () => 0),
    restarts: 50,
    status: 'open',
  },
  'permanent counts crashes as transient does': {
    options: { ...LIMIT, restart: 'permanent' },
    crashes: [0, 1, 2, 5000],
    restarts: 3,
    status: 'failed',
  },
  'temporary: never a restart, and nothing to give up': {
    options: { restart: 'temporary' },
    crashes: [0],
    restarts: 0,
    status: 'terminated',
  },
};

describe.each(Object.entries(ROWS))('A client alone: %s', (_what, row) => {
  it('', async () => {
    const { restarts, status, world } = await play(row.crashes, row.options);
    await using _ = world;
    expect({ restarts, status }).toEqual({ restarts: row.restarts, status: row.status });
  });
});

describe.each(Object.entries(ROWS).filter(([, { options }]) => options.restart !== 'temporary'))(
  'A group of one: %s',
  (_what, { options, ...row }) => {
    it.each(['one_for_one', 'one_for_all', 'rest_for_one'] as const)('%s', async (strategy) => {
      const { maxRestarts, within, restart = 'transient' } = options;
      const { restarts, status, world } = await play(
        row.crashes,
        { restart },
        { strategy, maxRestarts, within },
      );
      await using _ = world;
      expect({ restarts, status }).toEqual({ restarts: row.restarts, status: row.status });
    });
  },
);

it('a permanent client counts normal ends, too', async () => {
  const one = member('One', {
    ...LIMIT,
    restart: 'permanent',
    maxRestartDelay: 0,
    reconnect: false,
  });
  await using world = await World.boot([one]);
  for (let end = 0; end < 4; end++) {
    world.peer(one).close(1000);
    await world.net.clock.advance(0);
  }
  const ends = Array.from({ length: 3 }, () => told('terminate One', 'restart One')).flat();
  expect(world.story()).toEqual([...ends, 'terminate One']);
  expect(world.handle(one).status).toBe('failed');
});

it('the error tells the limit, and what the last incarnation ended with', async () => {
  const { world } = await play([0, 0, 0, 0], LIMIT);
  await using _ = world;
  expect(world.ends).toHaveLength(1);
  const [end] = world.ends;
  expect(end).toMatchObject({ name: 'One', status: 'failed', reason: { by: 'error' } });
  const error = end?.reason.by === 'error' ? end.reason.error : undefined;
  expect(error).toBeInstanceOf(RestartLimitError);
  expect(error).toMatchObject({ client: 'One', maxRestarts: 3, within: 5000, cause: boom });
});

it('tells how many restarts count, the one that is planned with them', async () => {
  const { world } = await play([0, 1000, 5001, 6002], LIMIT);
  await using _ = world;
  expect(world.all('restart:planned').map(({ restarts }) => restarts)).toEqual([1, 2, 2, 2]);
});

it('a limit of a member counts beside that of its group', async () => {
  const one = member('One', { maxRestarts: 1, maxRestartDelay: 0 });
  const two = member('Two', { maxRestartDelay: 0 });
  await using world = await World.boot([one, two], { group: { maxRestarts: 9 } });
  for (const next of [two, two, one, one]) {
    await world.crash(next);
    await world.net.clock.advance(0);
  }
  expect(world.statuses).toEqual(['failed', 'failed']);
  expect(world.ends.map(({ name }) => name)).toEqual(['Two', 'One']);
  expect(world.ends[0]).toMatchObject({ reason: { error: { client: 'One', maxRestarts: 1 } } });
});

it.each([1, 2, 3, 4])(
  'a client that crashes as soon as it is connected is given up after its tenth crash (seed %s)',
  async (seed) => {
    const one = member('One');
    await using world = await World.boot([one], { seed });
    const began = world.net.clock.now();
    for (let crash = 0; crash < 10; crash++) {
      expect(world.handle(one).status).toBe('open');
      await world.crash(one);
      const { delay = 0 } = world.all('restart:planned').at(-1) ?? {};
      if (crash < 9) await world.net.clock.advance(delay);
    }
    expect(world.handle(one).status).toBe('failed');
    // Long enough for a burst of bad frames to pass.
    expect(world.net.clock.now() - began).toBeGreaterThan(2_000);
    expect(world.net.clock.now() - began).toBeLessThan(110_000);
  },
);
