import {
  close,
  terminate,
  type HandlerResult,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boom, member, type Member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

/** A normal end of a client that is open: what the client, its policy or a holder decides. */
interface NormalEnd {
  readonly options?: WebSockexClientOptions;
  readonly play: (world: World, one: Member) => void;
}

/** Has a handler return this, once. */
const returning =
  (make: () => HandlerResult) =>
  (world: World, one: Member): void => {
    one.deeds.frame = () => {
      one.deeds.frame = undefined;
      return make();
    };
    world.peer(one).send('work');
  };

const ENDS: Readonly<Record<string, NormalEnd>> = {
  'a handler returns close()': { play: returning(() => close()) },
  'a handler returns close() with a code': { play: returning(() => close(4000, 'enough')) },
  'a handler returns terminate()': { play: returning(() => terminate()) },
  'a handler returns terminate() with an error': { play: returning(() => terminate(boom)) },
  'somebody calls handle.close()': { play: (world, one) => void world.handle(one).close() },
  'the connection is lost with reconnect: false': {
    options: { reconnect: false },
    play: (world, one) => world.peer(one).drop(),
  },
  'the peer closes with reconnect: false': {
    options: { reconnect: false },
    play: (world, one) => world.peer(one).close(1001),
  },
  'the policy has no attempt left': {
    options: { reconnect: { maxAttempts: 0 } },
    play: (world, one) => world.peer(one).drop(),
  },
};

describe.each(Object.entries(ENDS))('An end that is normal: %s', (_what, { options, play }) => {
  it.each(['transient', 'temporary'] as const)('a %s client has ended', async (restart) => {
    const one = member('One', { ...options, restart });
    await using world = await World.boot([one]);
    play(world, one);
    await world.net.clock.advance('1h');

    expect(world.ends).toMatchObject([{ name: 'One', status: 'terminated' }]);
    expect(world.all('restart:planned')).toEqual([]);
  });

  it('a permanent one has a new incarnation', async () => {
    const one = member('One', { ...options, restart: 'permanent' });
    await using world = await World.boot([one]);
    play(world, one);
    await world.net.clock.advance(0);

    expect(world.ends).toEqual([]);
    expect(world.all('restart:planned')).toHaveLength(1);
    expect(world.handle(one)).toMatchObject({ status: 'open', session: 2 });
    expect(one.ran.at(-1)).toBe('connect 2');
  });
});

describe('A permanent client is not restarted', () => {
  const permanent = { restart: 'permanent' } as const;

  it('after handle.stop(), whatever its state', async () => {
    for (const reach of ['open', 'backoff', 'a handler that crashes'] as const) {
      const one = member('One', permanent);
      await using world = await World.boot([one]);
      if (reach === 'backoff') world.peer(one).drop();
      if (reach === 'a handler that crashes') world.peer(one).send('crash');
      if (reach === 'backoff') await world.net.settle();
      const stopped = world.handle(one).stop();
      await world.net.clock.advance('1h');

      expect([reach, world.handle(one).status]).toEqual([reach, 'terminated']);
      await stopped;
      expect(world.all('restart')).toEqual([]);
      expect(world.net.clock.pending).toEqual([]);
    }
  });

  it('after the end of a link', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    world.net.server('Child').acceptAll();
    const options = { ...permanent, name: 'Child', startup: 'required' } as const;
    const child = await world.manager.startLink(world.handle(one), one.type, options);
    await world.crash(one);
    await world.net.clock.advance('1h');

    expect(child.status).toBe('terminated');
    expect(await child.terminated).toMatchObject({ by: 'error', error: { name: 'LinkError' } });
    expect(world.all('restart').map(({ client }) => client)).toEqual(['One']);
  });

  it('once the application shuts down, also where it crashes then', async () => {
    for (const end of [undefined, boom]) {
      const one = member('One', permanent);
      const world = await World.boot([one]);
      one.deeds.terminate = () => {
        if (end !== undefined) throw end;
      };
      await world.close();

      expect(world.ends).toMatchObject([{ status: 'terminated' }]);
      expect(one.ran.at(-1)).toBe('terminate 1');
      await world.net.dispose();
    }
  });

  it('where somebody waits for its start, and that fails', async () => {
    const one = member('One', { ...permanent, startup: 'manual', handleInitialFailure: false });
    await using world = await World.boot([one]);
    world.net.server('One').rejectAll(503);
    await expect(world.handle(one).start()).rejects.toMatchObject({ status: 503 });
    await world.net.clock.advance('1h');

    expect(world.handle(one).status).toBe('terminated');
    expect(world.all('restart:planned')).toEqual([]);
  });
});
