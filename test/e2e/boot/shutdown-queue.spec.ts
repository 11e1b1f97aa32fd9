import { expect, it } from 'vitest';

import { lines } from '../../fixtures/nest/log.js';
import { member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

const SHUTDOWN = 4_000;

/** A client that may send one frame a second, and has sent some: all but the first wait. */
async function sending(count: number) {
  const one = member('One', { sendRate: { limit: 1, per: 1_000 } });
  const world = await World.boot([], { others: [one], shutdownTimeout: SHUTDOWN });
  const told: string[] = [];
  for (let number = 0; number < count; number++) {
    world
      .handle(one)
      .sendFrame(`${number}`)
      .then(
        () => told.push('sent'),
        ({ code }: { code: string }) => told.push(code),
      );
  }
  await world.net.settle();
  const { closed } = await world.ending();
  const peer = world.peer(one);
  const got = (): string[] => peer.transcript.filter((line) => /^<- (text|close)/.test(line));
  return { world, told, closed, got };
}

it('A shutdown sends what waits for its turn, and then closes', async () => {
  const { world, told, closed, got } = await sending(3);
  expect(got()).toEqual(['<- text "0"']);
  await world.net.clock.advance(2_000);
  await closed;

  expect(got()).toEqual(['<- text "0"', '<- text "1"', '<- text "2"', '<- close 1001 ""']);
  expect(told).toEqual(['sent', 'sent', 'sent']);
  expect(lines(world.logger, 'warn', 'error')).toEqual([]);
  expect(world.net.clock.pending).toEqual([]);
  await world.net.dispose();
});

it('as long as there is time: who is not sent by then is told, and so is the log', async () => {
  const { world, told, closed, got } = await sending(10);
  await world.net.clock.advance(SHUTDOWN);
  await closed;

  const sent = got().filter((line) => line.startsWith('<- text')).length;
  const left = 10 - sent;
  expect(got().at(-1)).toBe('<- close 1001 ""');
  expect(left).toBeGreaterThan(0);
  expect(told.filter((one) => one === 'sent')).toHaveLength(sent);
  expect(told.filter((one) => one === 'ERR_WEBSOCKEX_SHUTTING_DOWN')).toHaveLength(left);
  expect(lines(world.logger, 'warn', 'error')).toEqual([
    `warn the application has shut down, and this was left undone: One: ${left} sends`,
  ]);
  expect(world.net.clock.pending).toEqual([]);
  await world.net.dispose();
});

it('What waits for a session that will not be is told', async () => {
  const one = member('One', { whenDisconnected: 'queue' });
  const world = await World.boot([], { others: [one], shutdownTimeout: SHUTDOWN });
  world.peer(one).drop();
  await world.net.settle();
  const told = world
    .handle(one)
    .sendFrame('x')
    .catch((error: unknown) => error);
  await world.app.close();

  expect(await told).toMatchObject({ code: 'ERR_WEBSOCKEX_SHUTTING_DOWN', client: 'One' });
  expect(lines(world.logger, 'warn').at(-1)).toBe(
    'warn the application has shut down, and this was left undone: One: 1 send',
  );
  expect(world.net.clock.pending).toEqual([]);
  await world.net.dispose();
});
