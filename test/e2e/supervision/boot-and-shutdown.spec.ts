import type { GroupOptions, WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { boom, member, raise, type Member } from '../../fixtures/supervision/member.js';
import { reach } from '../../fixtures/supervision/states.js';
import { told, World } from '../../fixtures/supervision/world.js';

const ALL: GroupOptions = { strategy: 'one_for_all', maxRestarts: 9 };

const three = (options: WebSockexClientOptions = {}): [Member, Member, Member] => [
  member('A', options),
  member('B', options),
  member('C', options),
];

/** Whether a world is left as it should be: each who began has ended once, and nothing is left. */
async function expectEnded(world: World, members: readonly Member[]): Promise<void> {
  expect(members.map(({ live }) => live)).toEqual(members.map(() => 0));
  expect(world.net.clock.pending).toEqual([]);
  await world.net.settle();
  await world.net.dispose();
}

describe('app.close() while a group', () => {
  it('waits for its restart: nobody is restarted, and all have ended', async () => {
    const members = three();
    const world = await World.boot(members, { group: ALL });
    await reach('waiting for its restart', members[0], world);
    const before = world.all('restart').length;
    await world.app.close();
    expect(world.all('restart')).toHaveLength(before);
    expect(world.ends.map(({ name, reason }) => [name, reason])).toEqual(
      ['C', 'B', 'A'].map((name) => [name, { by: 'local', code: 1001, message: '' }]),
    );
    await expectEnded(world, members);
  });

  it('is taken down: those that are alive are closed, and nobody is restarted', async () => {
    const members = three();
    const [a, , c] = members;
    const world = await World.boot(members, { group: ALL });
    const release = await reach('running a handler', c, world);
    await world.crash(a);
    const { closed } = await world.ending();
    release();
    await closed;
    expect(world.story()).toEqual(told('terminate A C B'));
    await expectEnded(world, members);
  });

  it('starts again: who has begun is ended, who has not is not begun', async () => {
    const members = three();
    const [a, b, c] = members;
    const world = await World.boot(members, { group: ALL });
    const gate = new Gate();
    b.deeds.start = () => gate.opened;
    await world.crash(c);
    await world.net.clock.advance(0);
    world.story();
    const { closed } = await world.ending();
    gate.open();
    await closed;
    expect(world.story()).toEqual(told('terminate B A'));
    expect(c.ran.at(-1)).toBe('terminate 1');
    expect(a.ran.at(-1)).toBe('terminate 2');
    await expectEnded(world, members);
  });

  it('gives up: it is waited for', async () => {
    const members = three();
    const [a, b, c] = members;
    const world = await World.boot(members, { group: { ...ALL, maxRestarts: 0 } });
    const release = await reach('running a handler', b, world);
    await world.crash(a);
    expect(world.handle(c).status).toBe('failed');
    expect(() => world.handle(a).cast('say', 'nobody would hear it')).toThrow(/cannot cast/);
    const { closed } = await world.ending();
    release();
    await closed;
    expect(world.statuses).toEqual(['failed', 'failed', 'failed']);
    await expectEnded(world, members);
  });

  it('crashes while it is closed: nobody is restarted', async () => {
    const members = three();
    for (const one of members) one.deeds.disconnect = () => raise();
    const world = await World.boot(members, { group: ALL });
    await world.app.close();
    expect(world.all('restart:planned')).toEqual([]);
    expect(world.statuses).toEqual(['terminated', 'terminated', 'terminated']);
    await expectEnded(world, members);
  });
});

describe('A boot that fails while a group starts', () => {
  it.each([0, 1, 2])(
    'at member %i: those before it are ended, none is begun after it',
    async (at) => {
      const members = three({ startup: 'required' });
      (members[at] as Member).deeds.start = () => raise();
      const world = await World.make(members, { group: ALL });
      await expect(world.app.init()).rejects.toBe(boom);

      const begun = members.map((one) => one.ran.some((line) => line.startsWith('start')));
      expect(begun).toEqual(members.map((_, index) => index <= at));
      expect(world.all('restart:planned')).toEqual([]);
      expect(world.statuses).toEqual(['terminated', 'terminated', 'terminated']);
      await world.net.clock.advance('1h');
      await expectEnded(world, members);
    },
  );

  it('ends a group that starts beside it, and a member that is restarted', async () => {
    const members = three();
    const [a, b] = members;
    const required = member('Required', { startup: 'required' });
    const gate = new Gate();
    b.deeds.start = () => gate.opened;
    const world = await World.make(members, { group: ALL, others: [required] });
    world.net.server(required.name).waitAgain();
    const booting = world.app.init();
    await world.net.settle();
    await world.crash(a);
    const refused = world.net.server(required.name).reject(403);
    await world.net.settle();
    gate.open();
    await refused;
    await expect(booting).rejects.toMatchObject({ status: 403 });
    expect(world.statuses.every((status) => status === 'terminated')).toBe(true);
    await world.net.clock.advance('1h');
    await expectEnded(world, [...members, required]);
  });

  it('a member that is not required does not fail it: it is restarted', async () => {
    const [a, b, c] = [member('A'), member('B', { startup: 'required' }), member('C')];
    let starts = 0;
    a.deeds.start = () => (starts++ === 0 ? raise() : undefined);
    const world = await World.make([a, b, c], { group: { strategy: 'one_for_one' } });
    await world.app.init();
    await world.net.clock.advance(0);
    expect(world.statuses).toEqual(['open', 'open', 'open']);
    await world.close();
    await expectEnded(world, [a, b, c]);
  });
});

describe('A crash while its group is started for the first time', () => {
  it.each(['one_for_all', 'rest_for_one'] as const)(
    '%s: those that come later are started after its restart',
    async (strategy) => {
      const members = three();
      const [a, b, c] = members;
      const gate = new Gate();
      b.deeds.start = () => gate.opened;
      const world = await World.boot(members, { group: { ...ALL, strategy } });
      expect(world.statuses).toEqual(['open', 'connecting', 'idle']);
      await world.crash(a);
      gate.open();
      b.deeds.start = undefined;
      await world.net.clock.advance('1s');
      expect(world.statuses).toEqual(['open', 'open', 'open']);
      expect(c.ran).toEqual(['construct 1', 'start 1', 'connect 1']);
      expect(world.story('restart', 'connected')).toEqual(
        told('connected A', 'restart A B', 'connected A B C'),
      );
      await world.close();
      await expectEnded(world, members);
    },
  );
});
