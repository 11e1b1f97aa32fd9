import type { ClientStatus } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { member, type Member } from '../../fixtures/supervision/member.js';
import { prepare, reach, type State } from '../../fixtures/supervision/states.js';
import { World } from '../../fixtures/supervision/world.js';

/** What happens to a client, wherever it is. */
const EVENTS = {
  'a crash': (world: World, one: Member) => {
    if (world.net.server(one.name).peers.length > 0) world.peer(one).send('crash');
    if (takesCasts(world, one)) world.handle(one).cast('say', 'crash');
  },
  'stop()': (world: World, one: Member) => void world.handle(one).stop(),
  'stop() twice': (world: World, one: Member) => {
    void world.handle(one).stop();
    void world.handle(one).stop();
  },
  'close()': (world: World, one: Member) => void world.handle(one).close(),
  'reconnect()': (world: World, one: Member) => void world.handle(one).reconnect(),
  'start()': (world: World, one: Member) => void world.handle(one).start(),
  "a peer's close": (world: World, one: Member) => {
    if (world.net.server(one.name).peers.length > 0) world.peer(one).close(1000);
  },
  "a peer's reset": (world: World, one: Member) => {
    if (world.net.server(one.name).peers.length > 0) world.peer(one).drop();
  },
  'time that passes': (world: World) => world.net.clock.advance('1h'),
  'app.close()': (world: World) => world.close(),
} as const;
type Event = keyof typeof EVENTS;

/** Whether a cast would be taken. */
function takesCasts(world: World, one: Member): boolean {
  return !['idle', 'terminated', 'failed'].includes(world.handle(one).status);
}

const STATES: readonly State[] = [
  'idle',
  'starting',
  'connecting',
  'open',
  'running a handler',
  'closing',
  'backoff',
  'in @OnTerminate',
  'waiting for its restart',
  'starting again',
  'stopped',
  'failed',
];

/** States that are left by nobody, and where every event ends. */
const LASTING: Partial<Record<State, ClientStatus>> = { stopped: 'terminated', failed: 'failed' };

/** Where it is once everything that hung goes on, and much time has passed. */
function expected(state: State, event: Event): ClientStatus {
  if (LASTING[state] !== undefined) return LASTING[state];
  if (event === 'app.close()' || event.startsWith('stop()')) return 'terminated';
  if (state === 'idle') return event === 'start()' ? 'open' : 'idle';
  // The peer is silent, and what was closed connects no more; unless somebody wishes it.
  if (state === 'closing') return event === 'reconnect()' ? 'open' : 'terminated';
  return event === 'close()' ? 'terminated' : 'open';
}

describe.each(STATES)('A client that is %s', (state) => {
  it.each(Object.keys(EVENTS) as Event[])('and %s', async (event) => {
    const limit = { maxRestarts: 3, within: 5000 };
    const one = member('One', state === 'idle' ? { startup: 'manual' } : limit);
    const world = await World.make([one]);
    const begin = prepare(state, one, world);
    await world.app.init();
    await world.net.settle();
    const goOn = await reach(state, one, world);

    const done = EVENTS[event](world, one);
    await (event === 'time that passes' ? done : world.net.settle());
    begin();
    goOn();
    await done;
    await world.net.clock.advance('1h');
    expect(world.handle(one).status).toBe(expected(state, event));
    expect(one.most).toBeLessThanOrEqual(1);
    // Nothing waits any more, whatever it became.
    expect(world.net.clock.pending).toEqual([]);
    await world.close();
    expect(one.live).toBe(0);
    expect(world.ends).toHaveLength(1);
    expect(world.all('terminate').length).toBe(
      one.ran.filter((line) => line.startsWith('start')).length,
    );
    await world.net.dispose();
  });
});

describe('close() of a permanent client', () => {
  it.each(['waiting for its restart', 'in @OnTerminate'] as const)(
    'that is %s: there is no session to close, and nothing more to count',
    async (state) => {
      const one = member('One', { restart: 'permanent' });
      await using world = await World.boot([one]);
      const goOn = await reach(state, one, world);
      const planned = world.all('restart:planned').length;
      await world.handle(one).close();
      await world.net.settle();
      goOn();
      await world.net.clock.advance('1s');
      expect(world.handle(one).status).toBe('open');
      expect(world.all('restart:planned').length).toBe(Math.max(planned, 1));
      expect(world.net.clock.pending).toEqual([]);
    },
  );

  it('that is open: it connects again, as a new incarnation', async () => {
    const one = member('One', { restart: 'permanent' });
    await using world = await World.boot([one]);
    await world.handle(one).close(1000, 'enough');
    await world.net.clock.advance(0);
    expect(world.all('restart:planned')).toMatchObject([
      { reason: { by: 'local', code: 1000, message: 'enough' } },
    ]);
    expect([world.handle(one).status, world.handle(one).session]).toEqual(['open', 2]);
  });
});
