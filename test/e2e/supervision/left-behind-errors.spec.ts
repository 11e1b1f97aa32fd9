import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { BadResponseError, OnFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate, Journal, Recorder } from '../../fixtures/journal.js';
import { Scene } from '../../fixtures/scene.js';
import { boom, member, type Deeds, type MemberHandle } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

type Work = () => Promise<never>;

/** Handlers that hang, and how they are called. */
const PLACES: Readonly<
  Record<
    string,
    { deeds: (work: Work) => Deeds; trigger?: (world: World, h: MemberHandle) => void }
  >
> = {
  '@OnStart': { deeds: (work) => ({ start: work }) },
  '@OnConnect': { deeds: (work) => ({ connect: work }) },
  '@OnFrame': {
    deeds: (work) => ({ frame: work }),
    trigger: (world) => world.peer(world.members[0]!).send('go'),
  },
  '@OnCast': { deeds: (work) => ({ cast: work }), trigger: (_, h) => h.cast('say', 'go') },
  '@OnInfo': { deeds: (work) => ({ info: work }), trigger: (_, h) => h.info('go') },
  '@OnCall': { deeds: (work) => ({ call: work }), trigger: (_, h) => void h.call('ask', 'go') },
  '@OnDisconnect': {
    deeds: (work) => ({ disconnect: work }),
    trigger: (world) => world.peer(world.members[0]!).drop(),
  },
  '@OnTerminate': { deeds: (work) => ({ terminate: work }) },
  '@BeforeConnect': { deeds: (work) => ({ beforeConnect: work }) },
};

describe.each(Object.entries(PLACES))('%s that a shutdown has left behind', (_, place) => {
  it('and that fails then is told of it, once', async () => {
    const gate = new Gate();
    const one = member('One');
    Object.assign(
      one.deeds,
      place.deeds(async () => {
        await gate.opened;
        throw boom;
      }),
    );
    const world = await World.boot([one], { shutdownTimeout: 1000 });
    place.trigger?.(world, world.handle(one));
    await world.net.settle();
    await world.close();
    expect(world.handle(one).status).toBe('terminated');
    const before = world.logger.filter({ level: 'error' }).length;
    gate.open();
    await world.net.settle();
    const errors = world.logger.filter({ level: 'error' }).slice(before);
    expect(errors.map(({ message }) => String(message))).toEqual([expect.stringContaining('boom')]);
    await world.net.dispose();
  });
});

it('@BeforeConnect that fails because it was told to stop is not told', async () => {
  const one = member('One');
  await using world = await World.make([one]);
  const handle = world.handle(one);
  one.deeds.beforeConnect = () => Promise.reject(new DOMException('aborted', 'AbortError'));
  await world.app.init();
  await handle.close();
  await world.net.settle();
  expect(world.all('error')).toEqual([]);
});

it('@BeforeConnect of an attempt that was given up decides nothing any more', async () => {
  const gate = new Gate();
  const one = member('One');
  one.deeds.beforeConnect = async () => {
    await gate.opened;
    return 'neither nothing nor a directive' as never;
  };
  await using world = await World.boot([one]);
  const handle = world.handle(one);
  const closed = handle.close();
  gate.open();
  await closed;
  const reason = await handle.terminated;
  expect(reason).toMatchObject({ by: 'local' });
  expect(reason).not.toMatchObject({ error: expect.any(BadResponseError) });
});

it('An iterable one of whose items is refused is returned from, once', async () => {
  let returns = 0;
  const one = member('One');
  one.deeds.frame = () => ({
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: false as const, value: {} as string }),
      return: () => {
        returns++;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  });
  await using world = await World.boot([one]);
  world.peer(one).send('go');
  await world.net.settle();
  expect(world.all('terminate')).toHaveLength(1);
  expect(returns).toBe(1);
});

it('Of an incarnation that has crashed nothing is kept while the next lives', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const made: WeakRef<object>[] = [];
  class Crashing extends Recorder {
    constructor(journal: Journal) {
      super(journal);
      made.push(new WeakRef(this));
    }

    @OnFrame('text', 'crash')
    crash(): never {
      throw boom;
    }
  }
  Reflect.defineMetadata('design:paramtypes', [Journal], Crashing);
  await using scene = await Scene.open(Crashing, { restart: 'transient' });
  scene.peer.text('crash');
  const { peer } = scene;
  await scene.accept();
  await scene.journal.until('connect 2');
  // Until its socket is closed, that of the crashed one may say why.
  await peer.settle();
  for (let round = 0; made[0]?.deref() !== undefined && round < 100; round++) {
    // Real time: a WeakRef holds on to what it refers to until its turn is over.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  expect(made.map((one) => one.deref() !== undefined)).toEqual([false, true]);
});

it('sys.resume() that nobody awaits ends no process where the handler hangs', async () => {
  const gate = new Gate();
  const one = member('One');
  one.deeds.frame = () => gate.opened;
  await using world = await World.boot([one]);
  world.peer(one).send('go');
  await world.net.settle();
  void world.handle(one).sys.resume();
  await world.net.clock.advance('6s');
  gate.open();
  await world.net.settle();
});
