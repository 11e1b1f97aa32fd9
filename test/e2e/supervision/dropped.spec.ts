import { describe, expect, it } from 'vitest';

import { lines } from '../../fixtures/nest/log.js';
import { member, type Member, type MemberHandle } from '../../fixtures/supervision/member.js';
import { reach } from '../../fixtures/supervision/states.js';
import { World } from '../../fixtures/supervision/world.js';

const LINE = 'warn One has ended, and 2 casts or infos that waited are handled by nobody';

/** Two that nobody hears of, and the answer of one that is told. */
function post(handle: MemberHandle): Promise<unknown> {
  handle.cast('say', 'late');
  handle.info('late');
  return handle.call('ask', 'late').catch((error: unknown) => error);
}

describe('A client that ends for good while casts and infos wait', () => {
  it.each(['backoff', 'waiting for its restart'] as const)(
    'tells how many there were: stopped in %s',
    async (state) => {
      const one = member('One');
      await using world = await World.boot([one]);
      await reach(state, one, world);
      void post(world.handle(one));
      await world.handle(one).stop();

      expect(one.ran.filter((line) => /(cast|info) . late/.test(line))).toEqual([]);
      expect(world.all('mailbox:dropped')).toMatchObject([
        { client: 'One', dropped: 2, reason: { by: 'local' } },
      ]);
      expect(lines(world.logger)).toContain(LINE);
    },
  );

  it('tells so when it ends by itself', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    await handle.sys.suspend();
    void post(handle);
    const closed = handle.close();
    await world.net.settle();
    await handle.sys.resume();
    await closed;
    await world.net.settle();

    expect(world.all('mailbox:dropped')).toMatchObject([{ dropped: 2 }]);
    expect(lines(world.logger)).toContain(LINE);
  });

  it.each<[string, (world: World, one: Member) => unknown, string]>([
    [
      'the application ends',
      (world) => world.close(),
      'warn the application has shut down, and this was left undone: One: 1 cast, 1 info',
    ],
    ['somebody closes it', (world, one) => world.handle(one).close(), LINE],
  ])('tells so when %s while it is in backoff', async (_how, end, line) => {
    const one = member('One');
    const world = await World.boot([one]);
    await reach('backoff', one, world);
    const answer = post(world.handle(one));
    await end(world, one);
    await world.net.settle();

    expect(world.all('mailbox:dropped')).toMatchObject([{ dropped: 2, reason: { by: 'local' } }]);
    const told = lines(world.logger).filter((text) => /left undone|handled by nobody/.test(text));
    expect(told).toEqual([line]);
    // A call is answered in every state, before the end.
    expect(await answer).toBeUndefined();
    await world[Symbol.asyncDispose]();
  });

  it('tells so when it ends by a link', async () => {
    const [parent, one] = [member('Parent'), member('One')];
    await using world = await World.boot([parent]);
    const handle = await world.manager.startLink(world.handle(parent), one.type, { name: 'One' });
    await world.net.settle();
    void post(handle);
    await world.net.settle();
    expect(handle.status).toBe('connecting');
    await world.crash(parent);

    expect(handle.status).toBe('terminated');
    expect(world.all('mailbox:dropped')).toMatchObject([
      { client: 'One', dropped: 2, reason: { error: { name: 'LinkError' } } },
    ]);
    expect(lines(world.logger)).toContain(LINE);
  });

  it('tells so when its supervisor gives up', async () => {
    const one = member('One', { maxRestarts: 0 });
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    handle.cast('say', 'crash');
    const answer = post(handle);
    await world.net.settle();

    expect(world.all('mailbox:dropped')).toMatchObject([
      { dropped: 2, reason: { by: 'error', error: { name: 'RestartLimitError' } } },
    ]);
    expect(await answer).toMatchObject({ state: 'closing' });
  });

  it('tells callers that it does not come back', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    await reach('waiting for its restart', one, world);
    const answer = post(world.handle(one));
    await world.handle(one).stop();

    expect(await answer).toMatchObject({ state: 'terminated' });
    expect(String(await answer)).toContain('does not come back');
  });

  it('has nothing to tell after a stop that has handled them', async () => {
    const one = member('One', {}, { call: (text) => `${text}!` });
    await using world = await World.boot([one]);
    const answer = post(world.handle(one));
    await world.handle(one).stop();

    expect(one.ran.filter((line) => line.endsWith(' late')).length).toBeGreaterThanOrEqual(2);
    expect(await answer).toBe('late!');
    expect(world.all('mailbox:dropped')).toEqual([]);
  });
});
