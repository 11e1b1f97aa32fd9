import { NotConnectedError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate, Recorder } from '../../fixtures/journal.js';
import { Scene } from '../../fixtures/scene.js';
import {
  member,
  type Deeds,
  type Member,
  type MemberHandle,
} from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

type Work = () => Promise<void>;

/** A handler that works in a session, and how it is called there. */
interface Place {
  readonly deeds: (work: Work) => Deeds;
  readonly trigger: (world: World, one: Member, handle: MemberHandle) => void;
}

const nothing = (): void => undefined;

const PLACES: Readonly<Record<string, Place>> = {
  '@OnConnect': { deeds: (work) => ({ connect: work }), trigger: nothing },
  '@OnFrame': {
    deeds: (work) => ({ frame: work }),
    trigger: (world, one) => world.peer(one).send('go'),
  },
  '@OnCast': {
    deeds: (work) => ({ cast: work }),
    trigger: (_world, _one, handle) => handle.cast('say', 'go'),
  },
  '@OnInfo': {
    deeds: (work) => ({ info: work }),
    trigger: (_world, _one, handle) => handle.info('go'),
  },
  '@OnCall': {
    deeds: (work) => ({ call: work }),
    trigger: (_world, _one, handle) => void handle.call('ask', 'go'),
  },
  'a generator': {
    deeds: (work) => ({
      frame: async function* () {
        yield 'one';
        await work();
      },
    }),
    trigger: (world, one) => world.peer(one).send('go'),
  },
};

describe.each(Object.entries(PLACES))(
  'A session that ends under the work of %s',
  (_where, place) => {
    it('is lost, and nothing has crashed, however often that happens', async () => {
      const gates: Gate[] = [];
      let handle!: MemberHandle;
      const failures: unknown[] = [];
      const work: Work = async () => {
        const gate = new Gate();
        gates.push(gate);
        await gate.opened;
        await handle.sendFrame('subscribe').catch((error: unknown) => {
          failures.push(error);
          throw error;
        });
      };
      const one = member('One', { reconnect: { initialDelay: 0, maxDelay: 0 } }, place.deeds(work));
      await using world = await World.make([one]);
      handle = world.handle(one);
      await world.app.init();
      for (let session = 1; session <= 7; session++) {
        await world.net.settle();
        place.trigger(world, one, handle);
        await world.net.settle();
        expect(handle.session).toBe(session);
        world.peer(one).drop();
        await world.net.settle();
        gates.at(-1)?.open();
        await world.net.clock.advance(1);
      }
      expect(failures).toHaveLength(7);
      expect(failures.every((error) => error instanceof NotConnectedError)).toBe(true);
      expect(world.all('terminate')).toEqual([]);
      expect(world.all('error')).toEqual([]);
      expect(one.ran.filter((line) => line.startsWith('construct'))).toEqual(['construct 1']);
      for (const gate of gates) gate.open();
    });
  },
);

/** As those that end a session, but of somebody else. */
const NOT_ITS_OWN: Readonly<Record<string, (handle: MemberHandle) => unknown>> = {
  'an error of its own': () => new Error('boom'),
  'the NotConnectedError of another client': () =>
    new NotConnectedError('Other', 'closing', 'cannot send'),
  'its own NotConnectedError as a cause': (handle) =>
    new Error('boom', { cause: new NotConnectedError(handle.name, 'closing', 'cannot send') }),
};

it.each(Object.entries(NOT_ITS_OWN))('Of another kind is: %s, which crashes', async (_, make) => {
  const one = member('One');
  await using world = await World.boot([one]);
  one.deeds.frame = () => Promise.reject(make(world.handle(one)));
  world.peer(one).send('go');
  await world.net.settle();
  expect(world.all('terminate')).toHaveLength(1);
});

it('A call whose handler cannot send, since there is no session, rejects, and crashes nobody', async () => {
  const one = member('One', { reconnect: { initialDelay: 60_000 } });
  await using world = await World.boot([one]);
  const handle = world.handle(one);
  one.deeds.call = () => handle.sendFrame('buy');
  world.peer(one).drop();
  await world.net.settle();
  expect(handle.status).toBe('backoff');
  for (let call = 0; call < 5; call++) {
    await expect(handle.call('ask', 'x')).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_NOT_CONNECTED',
      state: 'backoff',
    });
  }
  expect([handle.status, world.all('terminate')]).toEqual(['backoff', []]);
});

it('A start waits for an @OnConnect that could do its work', async () => {
  const gates = [new Gate(), new Gate()] as const;
  const one = member('One', { startup: 'manual', reconnect: { initialDelay: 0, maxDelay: 0 } });
  await using world = await World.boot([one]);
  const handle = world.handle(one);
  one.deeds.connect = async () => {
    await gates[handle.session - 1]?.opened;
    await handle.sendFrame('subscribe');
  };
  let started: unknown;
  void handle.start().then((info) => (started = info));
  await world.net.settle();
  world.peer(one).drop();
  await world.net.settle();
  gates[0].open();
  await world.net.clock.advance(1);
  expect([handle.session, started]).toEqual([2, undefined]);
  gates[1].open();
  await world.net.settle();
  expect(started).toMatchObject({ session: 2 });
});

it('A session that is lost during an async @OnConnect is not one to wait for', async () => {
  const gate = new Gate();
  const one = member('One', { reconnect: { initialDelay: 60_000, maxDelay: 60_000 } });
  one.deeds.connect = () => gate.opened;
  await using world = await World.boot([one]);
  const handle = world.handle(one);
  let connected: unknown;
  void handle.connected().then((info) => (connected = info));
  world.peer(one).drop();
  await world.net.settle();
  gate.open();
  await world.net.settle();
  expect([handle.status, connected]).toEqual(['backoff', undefined]);
  await world.net.clock.advance('60s');
  expect(connected).toMatchObject({ session: 2 });
});

it('A send that the socket does not take says that the session ends, not that it is open', async () => {
  await using scene = await Scene.open(Recorder);
  scene.peer.pauseReading();
  const sent = scene.handle.sendFrame('x'.repeat(1 << 24));
  scene.peer.reset();
  const error: unknown = await sent.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ state: 'closing' });
  expect((error as Error).message).not.toContain('is open');
});
