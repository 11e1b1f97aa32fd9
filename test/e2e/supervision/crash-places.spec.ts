import { NotConnectedError, type ClientStatus } from 'nestjs-websockex';
import type { ScriptedPeer } from 'nestjs-websockex/testing';
import { throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';

import {
  boom,
  member,
  raise,
  type Deeds,
  type Member,
  type MemberHandle,
} from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

/** How a place is made to crash, in every session, while it is armed. */
interface Place {
  readonly deeds: (fail: () => undefined) => Deeds;
  /** Has the handler called; without, it is called anyway. */
  readonly trigger?: (peer: ScriptedPeer, handle: MemberHandle) => void;
  /** Whether the incarnation had begun by then. */
  readonly hasBegun: boolean;
}

const PLACES: Record<string, Place> = {
  'the constructor': { deeds: (fail) => ({ construct: fail }), hasBegun: false },
  '@OnStart': { deeds: (fail) => ({ start: fail }), hasBegun: false },
  '@OnStart, later': {
    deeds: (fail) => ({ start: () => Promise.resolve().then(fail) }),
    hasBegun: false,
  },
  '@OnConnect': { deeds: (fail) => ({ connect: fail }), hasBegun: true },
  'a frame handler': {
    deeds: (fail) => ({ frame: fail }),
    trigger: (peer) => peer.send('x'),
    hasBegun: true,
  },
  'a cast': {
    deeds: (fail) => ({ cast: fail }),
    trigger: (_peer, handle) => handle.cast('say', 'x'),
    hasBegun: true,
  },
  'an info': {
    deeds: (fail) => ({ info: fail }),
    trigger: (_peer, handle) => handle.info('x'),
    hasBegun: true,
  },
  'a call': {
    deeds: (fail) => ({ call: fail }),
    trigger: (_peer, handle) => void handle.call('ask', 'x'),
    hasBegun: true,
  },
  'a stream it returned': {
    deeds: (fail) => ({ frame: () => throwError(fail) }),
    trigger: (peer) => peer.send('x'),
    hasBegun: true,
  },
  'an async iterable it returned': {
    deeds: (fail) => ({
      frame: async function* () {
        yield 'one';
        fail();
      },
    }),
    trigger: (peer) => peer.send('x'),
    hasBegun: true,
  },
  '@OnDisconnect': {
    deeds: (fail) => ({ disconnect: fail }),
    trigger: (peer) => peer.drop(),
    hasBegun: true,
  },
};

const made = (one: Member): number => one.ran.filter((line) => line.startsWith('construct')).length;

describe.each(Object.entries(PLACES))('%s that fails in every incarnation', (_where, place) => {
  it('is never a loop without delay, and each incarnation ends once', async () => {
    let isArmed = false;
    const one = member('One', { maxRestarts: Infinity, maxRestartDelay: 1000 });
    Object.assign(
      one.deeds,
      place.deeds(() => (isArmed ? raise() : undefined)),
    );
    const world = await World.boot([one]);
    await using _ = world;
    const handle = world.handle(one);
    const statuses: ClientStatus[] = [];
    handle.status$.subscribe((status) => statuses.push(status));
    world.net.server(one.name).acceptAll((peer) => {
      if (isArmed) place.trigger?.(peer, handle);
    });
    isArmed = true;
    if (place.trigger) place.trigger(world.peer(one), handle);
    else world.peer(one).send('crash');

    await world.net.settle();
    expect([made(one), handle.status]).toEqual([1, 'backoff']);
    await world.net.clock.advance(0);
    await world.net.settle();
    expect([made(one), handle.status]).toEqual([2, 'backoff']);
    await world.net.clock.advance(99);
    expect(made(one)).toBe(2);
    await world.net.clock.advance('10s');
    expect(made(one)).toBeGreaterThan(8);
    expect(made(one)).toBeLessThan(100);
    const planned = world.all('restart:planned');
    expect(planned.every(({ reason }) => reason.by === 'error' && reason.error === boom)).toBe(
      true,
    );

    isArmed = false;
    await world.net.clock.advance('1s');
    expect(handle.status).toBe('open');
    expect(statuses).not.toContain('terminated');
    const ended = one.ran.filter((line) => line.startsWith('terminate'));
    expect(new Set(ended).size).toBe(ended.length);
    // The first had begun in any case.
    expect(ended).toHaveLength(place.hasBegun ? made(one) - 1 : 1);
    expect(world.all('terminate')).toHaveLength(made(one) - 1);
    expect([one.live, one.most]).toEqual([1, 1]);
  });
});

it('@BeforeConnect that fails is a failed attempt, and no crash', async () => {
  const one = member('One');
  await using world = await World.boot([one]);
  one.deeds.beforeConnect = () => raise();
  world.peer(one).drop();
  await world.net.clock.advance('1h');

  expect([made(one), world.handle(one).status]).toEqual([1, 'backoff']);
  expect(one.ran.filter((line) => line === 'disconnect 1').length).toBeGreaterThan(100);
  expect(world.all('terminate')).toEqual([]);
});

it('@OnTerminate that fails is told, and the restart goes on', async () => {
  const one = member('One', {}, { terminate: () => raise('too late') });
  await using world = await World.boot([one]);
  await world.crash(one);
  await world.net.clock.advance(0);

  expect(world.all('error')).toMatchObject([
    { error: 'too late', where: '@OnTerminate (terminate)' },
  ]);
  expect([made(one), world.handle(one).status]).toEqual([2, 'open']);
  one.deeds.terminate = undefined;
});

it('the caller of a call that crashes gets what was thrown; those that wait, the reason', async () => {
  const one = member('One');
  await using world = await World.boot([one]);
  const handle = world.handle(one);
  const crashing = handle.call('ask', 'crash');
  const waiting = handle.call('ask', 'x');

  await expect(crashing).rejects.toBe(boom);
  const error: unknown = await waiting.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(NotConnectedError);
  expect(error).toMatchObject({ cause: boom });
  expect((error as Error).message).toContain('no answer to "ask"');
  await world.net.clock.advance(0);
  one.deeds.call = (text) => `${text}!`;
  expect(await handle.call('ask', 'again')).toBe('again!');
});

it('delays grow with a short time to count in, too', async () => {
  const one = member('One', { within: 0 });
  await using world = await World.boot([one]);
  for (let crash = 0; crash < 3; crash++) {
    await world.crash(one);
    await world.net.clock.advanceToNext();
    await world.net.clock.advance(1);
  }
  const [first, ...others] = world.all('restart:planned').map(({ delay }) => delay);
  expect(first).toBe(0);
  expect(Math.min(...others)).toBeGreaterThanOrEqual(100);
});

it.each([
  { within: 0, healthy: 5_000 },
  { within: 20_000, healthy: 20_000 },
  { within: 60_000, healthy: 60_000 },
  { within: undefined, healthy: 60_000 },
  { within: 3_600_000, healthy: 60_000 },
])('delays begin anew after $healthy ms of life with within: $within', async (row) => {
  const { within, healthy } = row;
  const delays = async (seed: number): Promise<number[]> => {
    const one = member('One', { maxRestarts: Infinity, within });
    await using world = await World.boot([one], { seed });
    for (let crash = 0; crash < 5; crash++) {
      await world.crash(one);
      await world.net.clock.advanceToNext();
    }
    await world.net.clock.advance(healthy - 1);
    await world.crash(one);
    await world.net.clock.advanceToNext();
    await world.net.clock.advance(healthy);
    await world.crash(one);
    return world.all('restart:planned').map(({ delay }) => delay);
  };
  const first = await delays(1);
  expect(first[0]).toBe(0);
  expect(Math.min(...first.slice(1, 6))).toBeGreaterThanOrEqual(100);
  expect(first.at(-1)).toBe(0);
  // The same seed gives the same delays.
  expect(await delays(1)).toEqual(first);
  expect(await delays(2)).not.toEqual(first);
});
