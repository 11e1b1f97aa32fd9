import { describe, expect, it } from 'vitest';

import { member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

describe('Who is told of a restart and stops the client in that call', () => {
  it.each(['an event', 'a status'] as const)('told by %s: it has ended', async (how) => {
    const one = member('One');
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    const seen: string[] = [];
    handle.status$.subscribe((status) => {
      seen.push(status);
      if (how === 'a status' && status === 'backoff') void handle.stop();
    });
    handle.events$.subscribe(({ event }) => {
      if (how === 'an event' && event === 'restart:planned') void handle.stop();
    });
    await world.crash(one);
    expect([handle.status, seen.at(-1)]).toEqual(['terminated', 'terminated']);
    expect(world.net.clock.pending).toEqual([]);
  });

  it('with app.close(): no restart is left to wait for', async () => {
    const one = member('One');
    const world = await World.boot([one]);
    let closed: Promise<void> | undefined;
    world.handle(one).events$.subscribe(({ event }) => {
      if (event === 'restart:planned') closed ??= world.close();
    });
    await world.crash(one);
    await closed;
    expect(world.handle(one).status).toBe('terminated');
    await world.net.dispose();
  });

  it('in a group, all of them: nothing is waited for', async () => {
    const [a, b] = [member('A'), member('B')] as const;
    await using world = await World.boot([a, b], { group: { strategy: 'one_for_all' } });
    for (const one of [a, b]) {
      const handle = world.handle(one);
      handle.events$.subscribe(({ event }) => {
        if (event === 'restart:planned') void handle.stop();
      });
    }
    await world.crash(a);
    expect(world.statuses).toEqual(['terminated', 'terminated']);
    expect(world.net.clock.pending).toEqual([]);
  });
});

describe('Who is told of the end of a linked client', () => {
  it.each(['stop', 'close'] as const)(
    'and ends its parent by %s(): no restart follows',
    async (how) => {
      const [a, b, child] = [member('A'), member('B'), member('Child')] as const;
      const group = { strategy: 'one_for_all' } as const;
      await using world = await World.boot([a, b], { group, others: [child] });
      const parent = world.handle(a);
      world.net.server('Linked').acceptAll();
      await world.manager.startLink(parent, child.type, { name: 'Linked' });
      await world.net.settle();
      world.manager.events$.subscribe(({ event, client }) => {
        if (event === 'frame:sent' && client === 'Linked') void parent[how]();
      });
      await world.crash(a);
      await world.net.clock.advance('1m');
      expect(world.story('restart:planned', 'restart')).toEqual([]);
      expect(world.statuses).toEqual(['terminated', 'open', 'open']);
    },
  );
});

describe('Who is told by an event that a client waits', () => {
  it.each(['drop', 'crash'] as const)(
    'sees it in backoff after a %s, and its close() ends it',
    async (how) => {
      const one = member('One');
      await using world = await World.boot([one]);
      const handle = world.handle(one);
      const seen: string[] = [];
      handle.events$.subscribe(({ event }) => {
        if (event !== 'backoff' && event !== 'restart:planned') return;
        seen.push(handle.status);
        void handle.close();
      });
      if (how === 'drop') world.peer(one).drop();
      else world.peer(one).send('crash');
      await world.net.settle();
      expect([...seen, handle.status]).toEqual(['backoff', 'terminated']);
      expect(world.net.clock.pending).toEqual([]);
    },
  );

  it('is not told of what a subscriber of status$ has ended', async () => {
    for (const how of ['drop', 'crash'] as const) {
      const one = member('One');
      await using world = await World.boot([one]);
      const handle = world.handle(one);
      handle.status$.subscribe((status) => {
        if (status === 'backoff') void handle.stop();
      });
      if (how === 'drop') world.peer(one).drop();
      else world.peer(one).send('crash');
      await world.net.settle();
      expect(world.story('backoff', 'restart:planned')).toEqual([]);
      expect(handle.status).toBe('terminated');
    }
  });
});
