import { from, finalize, NEVER, Observable, of, Subject, concat, type Subscription } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { boom, member, raise, type Deeds, type Member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

type Source = Observable<string> | AsyncIterable<string>;

const pending = <T>(): Promise<T> => new Promise(() => undefined);

/** An iterable that waits for ever, and whose `return()` does this. */
const iterable = (back: () => unknown): AsyncIterable<string> => ({
  [Symbol.asyncIterator]: () => ({ next: pending, return: back as never }),
});

/** HandlerStreams whose teardown fails, in every way there is. */
const TEARDOWNS: Readonly<Record<string, () => Source>> = {
  'finalize()': () => NEVER.pipe(finalize(raise)),
  'a teardown of its own': () => new Observable(() => raise),
  'finalize(), twice': () => NEVER.pipe(finalize(raise), finalize(raise)),
  'finalize(), behind another operator': () => concat(of('x'), NEVER).pipe(finalize(raise)),
  'an Observable of another library': () =>
    ({
      lift: raise,
      subscribe: () => ({ unsubscribe: raise }),
    }) as unknown as Observable<string>,
  'return() that throws': () => iterable(raise),
  'return() that rejects': () => iterable(() => Promise.reject(boom)),
  'a thenable of return() that throws': () =>
    // oxlint-disable-next-line unicorn/no-thenable
    iterable(() => ({ then: () => raise() })),
  'the finally of a generator': async function* () {
    const step = new Subject<void>();
    steps.push(step);
    try {
      for (;;) {
        await new Promise<void>((resolve) => step.subscribe(() => resolve()));
        yield 'x';
      }
    } finally {
      raise();
    }
  },
};

/** Lets generators go on that wait. */
const steps: Subject<void>[] = [];

/** What ends the session, or the client, that a stream belongs to. */
const ENDS: Readonly<Record<string, (world: World, one: Member) => unknown>> = {
  'the session is lost': (world, one) => world.peer(one).drop(),
  'the peer closes': (world, one) => world.peer(one).close(1001),
  'the client crashes': (world, one) => world.crash(one),
  'the client reconnects': (world, one) => void world.handle(one).reconnect(),
};

async function streaming(stream: () => Source): Promise<{ world: World; one: Member }> {
  let isFirst = true;
  const deeds: Deeds = {
    connect: () => {
      if (!isFirst) return undefined;
      isFirst = false;
      return stream();
    },
  };
  const one = member('One', { reconnect: { initialDelay: 0, maxDelay: 0 } }, deeds);
  return { one, world: await World.boot([one]) };
}

describe.each(Object.entries(TEARDOWNS))('A stream whose teardown fails: %s', (_, stream) => {
  it.each(Object.entries(ENDS))('is told once, and the client goes on: %s', async (_how, end) => {
    const { world, one } = await streaming(stream);
    await using _world = world;
    void end(world, one);
    await world.net.settle();
    for (const step of steps.splice(0)) step.next();
    await world.net.clock.advance('1s');

    expect([world.handle(one).status, world.handle(one).session]).toEqual(['open', 2]);
    const told = world.all('error');
    expect(told).toHaveLength(1);
    expect(told[0]?.where).toBe('the end of a stream that connect returned');
    const { error } = told[0] as { error: { errors?: unknown[] } };
    expect(error.errors?.[0] ?? error).toBe(boom);
  });

  it.each(['stop', 'app.close()'])('is told once, and the client ends: %s', async (how) => {
    const { world, one } = await streaming(stream);
    await using _world = world;
    const ended = how === 'stop' ? world.handle(one).stop() : world.close();
    await world.net.settle();
    for (const step of steps.splice(0)) step.next();
    await world.net.clock.advance('10s');
    await ended;
    expect(world.handle(one).status).toBe('terminated');
    expect(world.logger.filter({ level: 'error' })).toHaveLength(1);
  });
});

it('A teardown that fails as the stream completes is told, and the client goes on', async () => {
  const source = new Subject<string>();
  const { world, one } = await streaming(() => source.pipe(finalize(raise)));
  await using _world = world;
  source.complete();
  await world.net.settle();
  expect(world.all('error')).toMatchObject([{ error: { errors: [boom] } }]);
  expect(world.handle(one).session).toBe(1);
});

it('A bad item crashes the client by itself, though the teardown fails as well', async () => {
  const { world, one } = await streaming(() => from([{} as string]).pipe(finalize(raise)));
  await using _world = world;
  await world.net.clock.advance('1s');
  expect(world.all('terminate')).toMatchObject([
    { reason: { error: { name: 'BadResponseError' } } },
  ]);
  expect(world.handle(one).status).toBe('open');
});

describe('Those who watch a client', () => {
  const WATCHED = ['frames$', 'status$', 'events$'] as const;

  it.each(WATCHED)('may fail in a teardown: %s', async (name) => {
    const one = member('One', { reconnect: { initialDelay: 0, maxDelay: 0 } });
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    const seen: unknown[] = [];
    const watch = (): Subscription =>
      (handle[name] as Observable<unknown>).pipe(finalize(raise)).subscribe();
    watch();
    (handle[name] as Observable<unknown>).subscribe((value) => seen.push(value));
    world.peer(one).send('hello');
    await world.net.settle();
    const stopped = handle.stop();
    await world.net.clock.advance('10s');
    expect(await stopped).toMatchObject({ by: 'local' });
    expect(seen.length).toBeGreaterThan(0);
    expect(world.logger.filter({ level: 'error' })).toHaveLength(1);
  });

  it('may fail in a teardown of the events of all', async () => {
    const one = member('One');
    const world = await World.boot([one]);
    world.manager.events$.pipe(finalize(raise)).subscribe();
    await world.close();
    expect(world.logger.filter({ level: 'error' })).toHaveLength(1);
    await world.net.dispose();
  });
});
