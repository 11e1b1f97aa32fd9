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
