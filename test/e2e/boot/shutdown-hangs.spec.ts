import { WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { bootOnNet } from '../../fixtures/nest/net-app.js';
import { failures } from '../../fixtures/nest/log.js';
import { member, type Deeds, type Member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

const never = (): Promise<never> => new Promise(() => undefined);

/** A callback that never returns. */
interface Place {
  readonly deeds: Deeds;
  /** Has it called, where it is not called anyway. */
  readonly trigger?: (world: World, one: Member) => void;
  /** The method that is told as left behind; without: there is nothing to wait for. */
  readonly method?: string;
}

const PLACES: Readonly<Record<string, Place>> = {
  '@OnStart': { deeds: { start: never }, method: 'start' },
  '@BeforeConnect': { deeds: { beforeConnect: never }, method: 'beforeConnect' },
  '@OnConnect': { deeds: { connect: never }, method: 'connect' },
  '@OnFrame': {
    deeds: { frame: never },
    trigger: (world, one) => world.peer(one).send('x'),
    method: 'frame',
  },
  '@OnCast': {
    deeds: { cast: never },
    trigger: (world, one) => world.handle(one).cast('say', 'x'),
    method: 'say',
  },
  '@OnInfo': {
    deeds: { info: never },
    trigger: (world, one) => world.handle(one).info('x'),
    method: 'info',
  },
  '@OnCall': {
    deeds: { call: never },
    trigger: (world, one) => void world.handle(one).call('ask', 'x'),
    method: 'ask',
  },
  '@OnDisconnect': {
    deeds: { disconnect: never },
    trigger: (world, one) => world.peer(one).drop(),
    method: 'disconnect',
  },
  '@OnTerminate': { deeds: { terminate: never }, method: 'terminate' },
  '@OnTerminate after a crash': {
    deeds: { terminate: never },
    trigger: (world, one) => world.peer(one).send('crash'),
    method: 'terminate',
  },
  'a stream that a handler returned': {
    deeds: {
      frame: async function* () {
        yield await never();
      },
    },
    trigger: (world, one) => world.peer(one).send('x'),
  },
};

describe.each(Object.entries(PLACES))('app.close() while %s hangs', (_where, place) => {
  it('ends within shutdownTimeout, closes the other sessions, and tells what was left behind', async () => {
    const [one, other] = [member('One', {}, place.deeds), member('Other')];
    const world = await World.boot([], { others: [one, other], shutdownTimeout: 1_000 });
    place.trigger?.(world, one);
    await world.net.settle();
    const seen = { isClosed: false };
    const closed = world.app.close().then(() => (seen.isClosed = true));
    await world.net.clock.advance(1_000);

    expect(seen.isClosed).toBe(true);
    await closed;
    expect(world.statuses).toEqual(['terminated', 'terminated']);
    expect(world.peer(other).transcript).toContain('<- close 1001 ""');
    const leftBehind = failures(world.logger).filter((line) => line.includes('left behind'));
    expect(leftBehind).toEqual(
      place.method === undefined
        ? []
        : [
            `warn One: the handler ${place.method} did not return within 1000 ms (shutdownTimeout) and was left behind`,
          ],
    );
    expect(world.net.clock.pending).toEqual([]);
    await world.net.dispose();
  });
});

it('app.close() waits for no options factory that hangs', async () => {
  let asked = 0;
  @WebSockexClient({
    useFactory: () => {
      asked++;
      return never();
    },
  })
  class AskingClient {}
  await using app = await bootOnNet({
    imports: [WebSockexModule.forFeature([AskingClient])],
    shutdownTimeout: 1_000,
  });
  await app.net.settle();
  expect(asked).toBe(1);
  const handle = app.manager.get(AskingClient);
  void app.close();
  await app.net.settle();
  const atOnce = handle?.status;
  await app.net.clock.advance(1_000);

  expect([atOnce, handle?.status]).toEqual(['terminated', 'terminated']);
  expect(app.net.clock.pending).toEqual([]);
});

it('app.close() waits for no onGiveUp that hangs', async () => {
  const one = member('One', { maxRestarts: 0 });
  let isAsked = false;
  const onGiveUp = (): Promise<never> => {
    isAsked = true;
    return never();
  };
  const world = await World.boot([one], { onGiveUp });
  await world.crash(one);
  expect(isAsked).toBe(true);
  await world.app.close();
  await world.net.dispose();
});
