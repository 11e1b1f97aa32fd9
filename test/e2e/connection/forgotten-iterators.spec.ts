// Real time: turns of the event loop, for the collector to tell what it has found.
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { DataFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

class Quiet {}

type Scene = NetScene<Quiet>;

async function open() {
  const scene = await NetScene.open(Quiet, { mailbox: { highWaterMark: 4, lowWaterMark: 1 } });
  const told: string[] = [];
  scene.handle.events$.subscribe(({ event }) => {
    if (event === 'pause' || event === 'resume') told.push(event);
  });
  return Object.assign(scene, { told });
}

/** Lets the collector find what nobody holds. */
async function forget(): Promise<void> {
  for (let round = 0; round < 10; round++) {
    await setImmediate();
    collect();
  }
  await setImmediate();
}

const flood = (scene: Scene) => scene.feed(...Array.from({ length: 6 }, (_, index) => `${index}`));

describe('An iterator that nobody holds any more does not hold up reading', () => {
  const forgets: { what: string; use: (scene: Scene) => Promise<unknown> }[] = [
    {
      what: 'made and never read',
      use: async ({ handle }) => void handle[Symbol.asyncIterator](),
    },
    {
      what: 'read once, and left without return()',
      use: async (scene) => {
        const frames = scene.handle[Symbol.asyncIterator]();
        await scene.feed('first');
        await frames.next();
      },
    },
    {
      what: 'a next() that lost a race',
      use: async ({ handle }) =>
        Promise.race([handle[Symbol.asyncIterator]().next(), Promise.resolve('late')]),
    },
    {
      what: 'a loop whose body never goes on',
      use: async (scene) => {
        void (async () => {
          for await (const _frame of scene.handle) await new Promise(() => undefined);
        })();
        await scene.feed('first');
      },
    },
  ];

  it.each(forgets)('$what', async ({ use }) => {
    await using scene = await open();
    await use(scene);
    await flood(scene);
    await flood(scene);
    expect(scene.told).toEqual(['pause']);
    await forget();
    await flood(scene);

    expect(scene.told).toEqual(['pause', 'resume']);
  });

  it('and who has asked is still answered', async () => {
    await using scene = await open();
    const ask = (): Promise<IteratorResult<DataFrame>>[] => {
      const frames = scene.handle[Symbol.asyncIterator]();
      return [frames.next(), frames.next()];
    };
    const asked = ask();
    await forget();
    await flood(scene);
    await flood(scene);

    expect((await Promise.all(asked)).map(({ value }) => value?.data)).toEqual(['0', '1']);
    expect(scene.told).toEqual([]);
  });
});

it('An iterator that somebody holds keeps every frame, however late he reads', async () => {
  await using scene = await open();
  const frames = scene.handle[Symbol.asyncIterator]();
  await flood(scene);
  await forget();
  expect(scene.told).toEqual(['pause']);
  for (let index = 0; index < 6; index++) {
    expect(await frames.next()).toMatchObject({ value: { data: `${index}` } });
  }
  expect(scene.told).toEqual(['pause', 'resume']);
});
