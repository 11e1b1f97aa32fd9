import { DeadlockError } from 'nestjs-websockex';
import { defer, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import {
  member,
  type Deeds,
  type Member,
  type MemberHandle,
} from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

type Work = () => unknown;

/** What a handler may ask of its own client that can only come after it. */
const WAITS: Readonly<Record<string, (handle: MemberHandle, world: World) => Promise<unknown>>> = {
  'call()': (handle) => handle.call('ask', 'x'),
  'reconnect()': (handle) => handle.reconnect(),
  'stop()': (handle) => handle.stop(),
  'manager.stop()': (handle, world) => world.manager.stop(handle),
  terminated: (handle) => handle.terminated,
  'an iteration': (handle) => handle[Symbol.asyncIterator]().next(),
  'sys.getState()': (handle) => handle.sys.getState(),
  'sys.getStatus()': (handle) => handle.sys.getStatus(),
  'sys.replaceState()': (handle) => handle.sys.replaceState((state) => state),
  'sys.changeCode()': (handle) => handle.sys.changeCode(member('Next').type),
  'sys.suspend()': (handle) => handle.sys.suspend(),
  'sys.resume()': (handle) => handle.sys.resume(),
};

/** The same, where there is no session that is ready. */
const UNREADY: typeof WAITS = {
  'connected()': (handle) => handle.connected(),
  'connected({ timeout })': (handle) => handle.connected({ timeout: 60_000 }),
  'start()': (handle) => handle.start(),
};

const later = (): Promise<void> => Promise.resolve();

/** The ways in which a handler waits. */
const WAYS: Readonly<Record<string, (wait: () => Promise<unknown>) => Work>> = {
  'at once': (wait) => async () => {
    await wait();
  },
  'after another await': (wait) => async () => {
    await later();
    await wait();
  },
  'in a function it awaits': (wait) => async () => {
    const helper = async (): Promise<void> => {
      await later();
      await wait();
    };
    await helper();
  },
  'with others': (wait) => async () => {
    await Promise.all([later(), wait()]);
  },
  'for what it makes of it': (wait) => async () => {
    await wait()
      .then((value) => value)
      .finally(() => undefined);
  },
  'by returning it': (wait) => () => wait().then(() => undefined, Promise.reject.bind(Promise)),
};

const asResult = (work: Work): never => work as never;

/** Handlers that run in a session, and how they are called. */
const HANDLERS: Readonly<
  Record<
    string,
    { deeds: (work: Work) => Deeds; trigger?: (world: World, h: MemberHandle) => void }
  >
> = {
  frame: {
    deeds: (work) => ({ frame: asResult(work) }),
    trigger: (world) => world.peer(world.members[0]!).send('go'),
  },
  say: { deeds: (work) => ({ cast: asResult(work) }), trigger: (_, h) => h.cast('say', 'go') },
  info: { deeds: (work) => ({ info: asResult(work) }), trigger: (_, h) => h.info('go') },
  ask: {
    deeds: (work) => ({ call: asResult(work) }),
    trigger: (_, h) => void h.call('ask', 'go').catch(() => undefined),
  },
};

async function crashOf(
  place: (typeof HANDLERS)[string],
  wait: (handle: MemberHandle, world: World) => Promise<unknown>,
  way: (wait: () => Promise<unknown>) => Work,
): Promise<unknown> {
  const one = member('One');
  await using world = await World.boot([one]);
  const handle = world.handle(one);
  Object.assign(one.deeds, place.deeds(way(() => wait(handle, world))));
  place.trigger?.(world, handle);
  // No timer is needed for it.
  await world.net.settle();
  const reason = world.all('terminate')[0]?.reason;
  for (const key of Object.keys(one.deeds)) Object.assign(one.deeds, { [key]: undefined });
  return reason?.by === 'error' ? reason.error : reason;
}

describe.each(Object.entries(HANDLERS))('The handler %s', (method, place) => {
  describe.each(Object.entries(WAYS))('that waits %s', (_way, way) => {
    it.each(Object.entries(WAITS))(
      'is told at once that it waits for itself: %s',
      async (_what, wait) => {
        const error = await crashOf(place, wait, way);
        expect(error).toBeInstanceOf(DeadlockError);
        expect(error).toMatchObject({ client: 'One', method, code: 'ERR_WEBSOCKEX_DEADLOCK' });
      },
    );
  });
});

/** More calls than are needed to take a handler for one that asks nothing of its own client. */
const MANY = 20;

/** A client whose frame handler has returned promises so often, and asked nothing. */
async function innocent(): Promise<{ one: Member; world: World; handle: MemberHandle }> {
  const one = member('One');
  const world = await World.boot([one]);
  one.deeds.call = (text) => `${text}!`;
  one.deeds.frame = later;
  for (let i = 0; i < MANY; i++) world.peer(one).send('innocent');
  await world.net.settle();
  return { one, world, handle: world.handle(one) };
}

/** What asks the client, and all that it was refused with. */
function asking(handle: MemberHandle): { ask: () => Promise<void>; refused: unknown[] } {
  const refused: unknown[] = [];
  const ask = async (): Promise<void> => {
    try {
      await handle.call('ask', 'x');
    } catch (error) {
      refused.push(error);
    }
  };
  return { ask, refused };
}

/** A handler that waits for a callback in which it asks: only one that is tracked is known there. */
const byCallback = (ask: () => Promise<void>) => (): Promise<undefined> =>
  new Promise((resolve) => setImmediate(() => void ask().then(() => resolve(undefined))));

describe('A handler that has asked nothing of its client so far', () => {
  const ASKED = { 'call()': WAITS['call()']!, 'reconnect()': WAITS['reconnect()']! };

  describe.each(Object.entries(WAYS))('and waits %s', (_way, way) => {
    it.each(Object.entries(ASKED))('is told at once: %s', async (_what, wait) => {
      const { one, world, handle } = await innocent();
      await using _ = world;
      one.deeds.frame = asResult(way(() => wait(handle, world)));
      world.peer(one).send('go');
      await world.net.settle();
      expect(world.all('terminate')).toMatchObject([
        { reason: { by: 'error', error: { code: 'ERR_WEBSOCKEX_DEADLOCK', method: 'frame' } } },
      ]);
      one.deeds.frame = undefined;
    });
  });

  it('is told of each that it asks in one call, and in a later one by way of a callback', async () => {
    const { one, world, handle } = await innocent();
    await using _ = world;
    const { ask, refused } = asking(handle);
    one.deeds.frame = async () => {
      await later();
      await ask();
      await ask();
    };
    world.peer(one).send('go');
    await world.net.settle();
    expect(refused).toMatchObject([{ method: 'frame' }, { method: 'frame' }]);
    one.deeds.frame = byCallback(ask);
    world.peer(one).send('go');
    await world.net.settle();
    expect(refused).toHaveLength(3);
  });

  it('is told of it for good once it has asked, however often it has asked nothing since', async () => {
    const { one, world, handle } = await innocent();
    await using _ = world;
    const { ask, refused } = asking(handle);
    one.deeds.frame = async () => {
      await later();
      await ask();
    };
    world.peer(one).send('go');
    await world.net.settle();
    one.deeds.frame = later;
    for (let i = 0; i < MANY; i++) world.peer(one).send('innocent');
    await world.net.settle();
    one.deeds.frame = byCallback(ask);
    world.peer(one).send('go');
    await world.net.settle();
    expect(refused).toMatchObject([{ method: 'frame' }, { method: 'frame' }]);
  });

  it('is told of it by way of a callback, too, once it has been running for long', async () => {
    const { one, world, handle } = await innocent();
    await using _ = world;
    const gate = new Gate();
    one.deeds.frame = () => gate.opened;
    world.peer(one).send('slow');
    await world.net.settle();
    await world.net.clock.advance(10_000);
    gate.open();
    await world.net.settle();
    const { ask, refused } = asking(handle);
    one.deeds.frame = byCallback(ask);
    world.peer(one).send('go');
    await world.net.settle();
    expect(refused).toEqual([expect.any(DeadlockError)]);
  });

  it('concerns nobody else who asks while it runs', async () => {
    const two = member('Two');
    const one = member('One');
    await using world = await World.boot([one, two]);
    const handle = world.handle(one);
    const answers: unknown[] = [];
    one.deeds.call = (text) => `${text}!`;
    for (const each of [one, two]) {
      each.deeds.frame = later;
      for (let i = 0; i < MANY; i++) world.peer(each).send('innocent');
    }
    await world.net.settle();
    const gate = new Gate();
    one.deeds.frame = () => gate.opened.then(() => undefined);
    two.deeds.frame = async () => {
      await later();
      answers.push(await handle.call('ask', 'two'));
    };
    const ask = async (who: string): Promise<void> => {
      await later();
      answers.push(await handle.call('ask', who));
    };
    for (const who of ['first', 'second']) {
      world.peer(one).send('go');
      world.peer(two).send('go');
      await world.net.settle();
      const asked = Promise.all([
        ask(who),
        handle.call('ask', 'caller').then((a) => answers.push(a)),
      ]);
      await world.net.settle();
      gate.open();
      await asked;
    }
    await world.net.settle();
    const expected = ['caller!', 'first!', 'two!', 'caller!', 'second!', 'two!'];
    expect(answers).toHaveLength(expected.length);
    expect(answers).toEqual(expect.arrayContaining(expected));
    expect(world.all('terminate')).toEqual([]);
  });

  it('concerns nobody who awaits what it has asked for, and lets go of', async () => {
    const { one, world, handle } = await innocent();
    await using _ = world;
    const gate = new Gate();
    let asked: Promise<unknown> | undefined;
    one.deeds.frame = async () => {
      asked = handle.call('ask', 'x');
      await gate.opened;
    };
    world.peer(one).send('go');
    await world.net.settle();
    const answer = (async () => asked)();
    await world.net.settle();
    gate.open();
    expect(await answer).toBe('x!');
  });
});

describe('A handler that runs while there is no session', () => {
  const PLACES: Readonly<Record<string, (work: Work) => Deeds>> = {
    '@OnStart': (work) => ({ start: asResult(work) }),
    '@BeforeConnect': (work) => ({ beforeConnect: asResult(work) }),
    '@OnConnect': (work) => ({ connect: asResult(work) }),
    '@OnDisconnect': (work) => ({ disconnect: asResult(work) }),
  };

  describe.each(Object.entries(PLACES))('%s', (where, deeds) => {
    it.each(Object.entries(UNREADY))(
      'is told at once that it waits for itself: %s',
      async (_, wait) => {
        const one = member('One', { reconnect: { maxAttempts: 1 } });
        await using world = await World.make([one]);
        const handle = world.handle(one);
        const failures: unknown[] = [];
        Object.assign(
          one.deeds,
          deeds(async () => {
            try {
              await wait(handle, world);
            } catch (error) {
              failures.push(error);
            }
          }),
        );
        await world.app.init();
        await world.net.settle();
        if (where === '@OnDisconnect') world.peer(one).drop();
        await world.net.settle();
        expect(failures[0]).toBeInstanceOf(DeadlockError);
        for (const key of Object.keys(one.deeds)) Object.assign(one.deeds, { [key]: undefined });
      },
    );
  });
});

describe('An @OnConnect, which its session waits for', () => {
  /** How it is written; each runs the work before the session is ready. */
  const KINDS: Readonly<Record<string, (work: Work) => Deeds['connect']>> = {
    'an async method': (work) => async () => void (await work()),
    'a generator': (work) =>
      async function* () {
        await work();
        yield 'hello';
      },
    'an observable': (work) => () => defer(async () => void (await work())),
  };
  // While a stream goes on, calls are answered, and another session may follow.
  const OTHERS = { 'call()': WAITS['call()']!, 'reconnect()': WAITS['reconnect()']! };

  const cases = Object.entries(KINDS).flatMap(([kind, connect]) =>
    Object.entries(kind === 'an async method' ? { ...UNREADY, ...OTHERS } : UNREADY).map(
      ([what, wait]) => [kind, what, connect, wait] as const,
    ),
  );

  it.each(cases)('%s is told at once that it waits for itself: %s', async (...row) => {
    const [_kind, _what, connect, wait] = row;
    const one = member('One');
    await using world = await World.make([one]);
    const handle = world.handle(one);
    const failures: unknown[] = [];
    one.deeds.connect = connect(async () => {
      await later();
      await wait(handle, world).catch((error: unknown) => failures.push(error));
    });
    await world.app.init();
    await world.net.settle();
    expect(failures[0]).toBeInstanceOf(DeadlockError);
    expect(failures).toMatchObject([{ method: 'connect' }]);
    one.deeds.connect = undefined;
  });

  it('is not concerned once the first item of its stream was sent', async () => {
    const gate = new Gate();
    const one = member('One', { reconnect: { initialDelay: 0, maxDelay: 0 } });
    await using world = await World.make([one]);
    const handle = world.handle(one);
    const outcomes: unknown[] = [];
    one.deeds.connect = async function* () {
      yield 'hello';
      await gate.opened;
      outcomes.push(await handle.connected().catch((error: unknown) => error));
    };
    await world.app.init();
    await world.net.settle();
    one.deeds.connect = undefined;
    world.peer(one).drop();
    await world.net.settle();
    expect(handle.status).toBe('backoff');
    gate.open();
    await world.net.settle();
    expect(outcomes).toEqual([]);
    await world.net.clock.advance(1);
    expect(outcomes).toMatchObject([{ session: 2 }]);
  });

  it('that has returned a stream leaves its background work alone', async () => {
    const one = member('One');
    await using world = await World.make([one]);
    const handle = world.handle(one);
    const items = new Subject<string>();
    let info: unknown;
    one.deeds.connect = () => {
      const background = async (): Promise<void> => {
        await later();
        info = await handle.connected();
      };
      void background();
      return items;
    };
    await world.app.init();
    await world.net.settle();
    expect(info).toBeUndefined();
    items.next('hello');
    await world.net.settle();
    expect(info).toMatchObject({ session: 1 });
  });
});

describe('Who does not wait in a handler is not concerned', () => {
  it('with a promise that is let go of: all of it is done once the handler has returned', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    const answers: unknown[] = [];
    one.deeds.call = (text) => `${text}!`;
    one.deeds.frame = async (text) => {
      void handle.call('ask', text);
      void handle.call('ask', text).then((answer) => answers.push(answer));
      await later();
      void handle.call('ask', 'later').then((answer) => answers.push(answer));
    };
    world.peer(one).send('x');
    await world.net.settle();
    expect(answers).toEqual(['x!', 'later!']);
    expect(world.all('terminate')).toEqual([]);
  });

  it('in a handler that returns no promise', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    let all: unknown;
    one.deeds.call = (text) => `${text}!`;
    one.deeds.frame = () => {
      const both = Promise.all([handle.call('ask', 'a'), handle.call('ask', 'b')]);
      void both.then((answers) => (all = answers));
    };
    world.peer(one).send('x');
    await world.net.settle();
    expect(all).toEqual(['a!', 'b!']);
  });

  it('in work that an earlier handler has left to itself', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    let go!: () => void;
    const answers: unknown[] = [];
    one.deeds.call = (text) => `${text}!`;
    one.deeds.frame = async (text) => {
      if (text === 'second') return later();
      const background = async (): Promise<void> => {
        await new Promise<void>((resolve) => (go = resolve));
        answers.push(await handle.call('ask', 'background'));
      };
      void background();
    };
    world.peer(one).send('first');
    await world.net.settle();
    world.peer(one).send('second');
    go();
    await world.net.settle();
    expect(answers).toEqual(['background!']);
  });

  it('outside of handlers, in a subscriber, and in the handler of another client', async () => {
    const [one, two] = [member('One'), member('Two')] as const;
    await using world = await World.boot([one, two]);
    const handle = world.handle(one);
    const answers: unknown[] = [];
    one.deeds.call = (text) => `${text}!`;
    const ask = async (): Promise<void> => {
      answers.push(await handle.call('ask', 'subscriber'));
    };
    handle.frames$.subscribe(() => void ask());
    two.deeds.frame = async () => {
      answers.push(await handle.call('ask', 'two'));
    };
    one.deeds.frame = later;
    world.peer(one).send('x');
    world.peer(two).send('x');
    await world.net.settle();
    expect(new Set(answers)).toEqual(new Set(['subscriber!', 'two!']));
  });

  it('with connected(), where the session is ready', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    let info: unknown;
    one.deeds.frame = async () => {
      info = await handle.connected();
    };
    world.peer(one).send('x');
    await world.net.settle();
    expect(info).toMatchObject({ session: 1 });
  });

  it('a refused iteration takes no frame from who asks again', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const frames = world.handle(one)[Symbol.asyncIterator]();
    one.deeds.cast = async () => {
      await frames.next().catch(() => undefined);
    };
    world.handle(one).cast('say', 'x');
    await world.net.settle();
    const next = frames.next();
    world.peer(one).send('a frame');
    await world.net.settle();
    expect(await next).toMatchObject({ value: { data: 'a frame' } });
  });

  it('a refused call, and a refused look, are not done later', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    const looked: unknown[] = [];
    const refused: unknown[] = [];
    one.deeds.frame = async () => {
      await handle.call('ask', 'x').catch((error: unknown) => refused.push(error));
      await handle.sys
        .replaceState((state) => (looked.push('looked'), state))
        .catch((error: unknown) => refused.push(error));
    };
    world.peer(one).send('x');
    await world.net.settle();
    expect(refused.map((error) => error instanceof DeadlockError)).toEqual([true, true]);
    expect([one.ran.filter((line) => line.startsWith('call')), looked]).toEqual([[], []]);
  });
});
