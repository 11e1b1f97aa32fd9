import { reconnect } from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { lines } from '../../fixtures/nest/log.js';
import { boom, member } from '../../fixtures/supervision/member.js';
import { reach } from '../../fixtures/supervision/states.js';
import { World } from '../../fixtures/supervision/world.js';

it('what reconnect() has changed stays over sessions, and is lost by a restart', async () => {
  const reconnecting = { initialDelay: 0, maxDelay: 0 } as const;
  const one = member('One', { headers: { 'x-mine': 'first' }, reconnect: reconnecting });
  await using world = await World.boot([one]);
  const asked = (): unknown[] => {
    const { url, headers } = world.peer(one).request;
    return [url, headers['x-mine'], headers['x-more']];
  };
  expect(asked()).toEqual(['/', 'first', undefined]);
  one.deeds.frame = () =>
    reconnect({
      url: 'wss://one.example/moved',
      headers: { 'x-mine': 'second', 'x-more': 'yes' },
    });
  world.peer(one).send('move');
  await world.net.clock.advance(0);
  expect(asked()).toEqual(['/moved', 'second', 'yes']);
  world.peer(one).drop();
  await world.net.clock.advance(0);
  expect([world.handle(one).session, ...asked()]).toEqual([3, '/moved', 'second', 'yes']);

  await world.crash(one);
  await world.net.clock.advance(0);
  expect([world.handle(one).session, ...asked()]).toEqual([4, '/', 'first', undefined]);
});

it('handle.reconnect() waits for the next incarnation, and does not bring it nearer', async () => {
  const one = member('One');
  await using world = await World.boot([one]);
  await reach('waiting for its restart', one, world);
  const delay = world.all('restart:planned').at(-1)?.delay ?? 0;
  expect(delay).toBeGreaterThan(1);
  const again = world.handle(one).reconnect();
  await world.net.settle();
  // Besides the restart it waits for nothing but to be told as lost.
  expect(world.net.clock.pending.map((timer) => timer.delay)).toEqual([delay, 5_000]);
  await world.net.clock.advance(delay - 1);
  expect(world.handle(one).status).toBe('backoff');
  await world.net.clock.advance(1);
  expect(await again).toMatchObject({ session: 3 });
  expect(one.ran.at(-1)).toBe('connect 3');
});

it('a client that is taken down with its group ends those who are linked to it', async () => {
  const [a, b, child] = [member('A'), member('B'), member('Child')];
  const group = { strategy: 'one_for_all' } as const;
  const world = await World.boot([a, b], { group, others: [child] });
  await using _ = world;
  world.net.server('Linked').acceptAll();
  const options = { name: 'Linked', startup: 'required' } as const;
  const linked = await world.manager.startLink(world.handle(b), child.type, options);
  await world.crash(a);
  await world.net.clock.advance(0);

  expect(linked.status).toBe('terminated');
  expect(await linked.terminated).toMatchObject({ by: 'error', error: { parent: 'B' } });
  expect(world.handle(b).status).toBe('open');
});

it('onGiveUp as a function is all that is told of a give-up: the log has the crash alone', async () => {
  const told: unknown[] = [];
  const one = member('One', { maxRestarts: 0 });
  const onGiveUp = (_: unknown, error: Error): void => void told.push(error.cause);
  await using world = await World.boot([one], { onGiveUp });
  await world.crash(one);

  expect(world.handle(one).status).toBe('failed');
  expect(told).toEqual([boom]);
  expect(lines(world.logger, 'warn', 'error', 'fatal')).toEqual([
    expect.stringMatching(/One.*crashed: boom/),
  ]);
});
