import type { GroupOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { boom, member, raise, type Member } from '../../fixtures/supervision/member.js';
import { reach } from '../../fixtures/supervision/states.js';
import { told, World, type WorldOptions } from '../../fixtures/supervision/world.js';

const RESTARTED = told('restart A B C');

async function three(group: GroupOptions, options: WorldOptions = {}) {
  const [a, b, c] = ['A', 'B', 'C'].map((name) => member(name)) as [Member, Member, Member];
  const world = await World.boot([a, b, c], { ...options, group });
  world.story();
  return { world, a, b, c };
}

describe('A second crash while a group is restarted', () => {
  it('in the same moment: one restart, as the supervisor takes it down anyway', async () => {
    const { world, a, b } = await three({ strategy: 'one_for_all' });
    await using _ = world;
    world.peer(a).send('crash');
    world.peer(b).send('crash');
    await world.net.clock.advance(0);

    expect(world.all('restart:planned').map(({ restarts }) => restarts)).toEqual([1, 1, 1]);
    expect(world.story()).toEqual(['terminate A', 'terminate B', 'terminate C', ...RESTARTED]);
  });

  it('of one that is about to be taken down counts as nothing', async () => {
    const { world, a, b, c } = await three({ strategy: 'one_for_all', maxRestarts: 1 });
    await using _ = world;
    const release = await reach('running a handler', c, world);
    await world.crash(a);
    await world.crash(b);
    release();
    await world.net.clock.advance(0);

    expect(world.story()).toEqual(['terminate A', 'terminate B', 'terminate C', ...RESTARTED]);
    expect(world.statuses).toEqual(['open', 'open', 'open']);
  });

  it('of the one that is being taken down counts as nothing', async () => {
    const { world, a, c } = await three({ strategy: 'one_for_all', maxRestarts: 1 });
    await using _ = world;
    const release = await reach('running a handler', c, world);
    c.deeds.terminate = () => raise();
    world.handle(c).cast('say', 'crash');
    await world.crash(a);
    release();
    await world.net.clock.advance(0);

    expect(c.ran).toContain('cast 1 crash');
    expect(world.statuses).toEqual(['open', 'open', 'open']);
  });

  it('of one before the group that waits: all are restarted, and both count', async () => {
    const { world, a, c } = await three({ strategy: 'rest_for_one', maxRestarts: 9 });
    await using _ = world;
    await reach('waiting for its restart', c, world);
    world.story();
    await world.crash(a);
    await world.net.clock.advance(0);

    expect(world.story()).toEqual(['terminate A', 'terminate B', ...RESTARTED]);
  });

  it('of one before the group, while that is taken down: nobody waits for the delay any more', async () => {
    const { world, a, b, c } = await three({ strategy: 'rest_for_one', maxRestarts: 9 });
    await using _ = world;
    await world.crash(b);
    await world.net.clock.advance(0);
    const release = await reach('running a handler', c, world);
    world.story();
    await world.crash(b);
    await world.crash(a);
    release();
    await world.net.clock.advance(0);

    expect(world.story()).toEqual(told('terminate B A C', 'restart A B C'));
  });

  it('in @OnStart: those after it wait until it has begun, after a delay', async () => {
    const { world, a, b, c } = await three({ strategy: 'one_for_all', maxRestarts: 9 });
    await using _ = world;
    b.deeds.start = () => raise();
    await world.crash(a);
    await world.net.clock.advance(0);
    expect(world.story()).toEqual([
      ...told('terminate A C B', 'restart A B', 'terminate B'),
      // A has begun: it is taken down again. B was not restarted in this row yet: at once.
      ...told('terminate A', 'restart A B', 'terminate B A'),
    ]);
    expect(c.ran.filter((line) => line.startsWith('start'))).toEqual(['start 1']);

    b.deeds.start = undefined;
    await world.net.clock.advance('1s');
    expect(world.story()).toEqual(RESTARTED);
    expect(world.statuses).toEqual(['open', 'open', 'open']);
  });

  it('rest_for_one: in @OnStart, those before it live on', async () => {
    const { world, a, b } = await three({ strategy: 'rest_for_one', maxRestarts: 9 });
    await using _ = world;
    b.deeds.start = () => raise();
    await world.crash(b);
    await world.net.clock.advance(0);
    b.deeds.start = undefined;
    await world.net.clock.advance('1s');

    expect(a.ran).toEqual(['construct 1', 'start 1', 'connect 1']);
    expect(world.statuses).toEqual(['open', 'open', 'open']);
  });

  it('never a restart before the one whose @OnStart hangs', async () => {
    const { world, a, b } = await three({ strategy: 'one_for_all' });
    await using _ = world;
    const gate = new Gate();
    a.deeds.start = () => gate.opened;
    await world.crash(b);
    await world.net.clock.advance('1h');
    expect(world.story()).toEqual(['terminate B', 'terminate C', 'terminate A', 'restart A']);

    gate.open();
    await world.net.settle();
    expect(world.story()).toEqual(['restart B', 'restart C']);
  });
});

describe('While a group is restarted', () => {
  it('every member tells of it, waits in backoff, and drops what waited', async () => {
    const { world, a, b, c } = await three({ strategy: 'one_for_all', maxRestarts: 9 });
    await using _ = world;
    await world.crash(a);
    await world.net.clock.advance(0);
    world.peer(c).drop();
    await world.net.settle();
    world.handle(c).cast('say', 'too late');
    world.story();
    await world.crash(a);

    expect(world.all('restart:planned')).toMatchObject([
      { client: 'A', reason: { by: 'error', error: boom }, restarts: 2, dropped: 0 },
      { client: 'C', reason: { by: 'local', code: 1001 }, restarts: 2, dropped: 1 },
      { client: 'B', reason: { by: 'local', code: 1001 }, restarts: 2, dropped: 0 },
    ]);
    expect(new Set(world.all('restart:planned').map(({ delay }) => delay)).size).toBe(1);
    expect(world.statuses).toEqual(['backoff', 'backoff', 'backoff']);
    await world.net.clock.advance('1s');
    expect(world.statuses).toEqual(['open', 'open', 'open']);
    expect(b.ran.at(-1)).toBe('connect 3');
  });

  it('casts to one that is being taken down wait for its next incarnation', async () => {
    const { world, a, c } = await three({ strategy: 'one_for_all' });
    await using _ = world;
    const release = await reach('running a handler', c, world);
    world.handle(c).cast('say', 'before');
    await world.crash(a);
    world.handle(c).cast('say', 'one');
    world.handle(c).info('two');
    release();
    await world.net.clock.advance(0);

    expect(c.ran.slice(4).join(', ')).toBe(
      'cast 1 before, disconnect 1, terminate 1, construct 2, start 2, connect 2, ' +
        'cast 2 one, info 2 two',
    );
  });

  it('a handler that hangs is left behind after shutdownTimeout', async () => {
    const { world, a, c } = await three({ strategy: 'one_for_all' });
    await using _ = world;
    await reach('running a handler', c, world);
    await world.crash(a);
    await world.net.clock.advance(4999);
    expect(world.story()).toEqual(['terminate A']);
    await world.net.clock.advance(1);
    expect(world.story()).toEqual(['terminate C', 'terminate B', ...RESTARTED]);
    expect(world.statuses).toEqual(['open', 'open', 'open']);
  });

  it('a temporary one that ends with its group ends those who are linked to it', async () => {
    const child = member('Child');
    const c = member('C', { restart: 'temporary' });
    const a = member('A');
    const world = await World.boot([a, c], { group: { strategy: 'one_for_all' }, others: [child] });
    await using _ = world;
    const linked = await world.manager.startLink(world.handle(c), child.type, { name: 'Linked' });
    await world.crash(a);

    expect(await linked.terminated).toMatchObject({ by: 'error', error: { parent: 'C' } });
    expect(world.handle(child).status).toBe('open');
  });

  it('stops of all who wait leave no timer behind', async () => {
    const { world, a, b, c } = await three({ strategy: 'one_for_all' });
    await using _ = world;
    await reach('waiting for its restart', a, world);
    // The restart of all, and for each that it is to be told as lost.
    expect(world.net.clock.pending).toHaveLength(1 + 3);
    for (const one of [a, b, c]) await world.handle(one).stop();
    expect(world.net.clock.pending).toEqual([]);
    expect(world.statuses).toEqual(['terminated', 'terminated', 'terminated']);
  });
});
