import {
  NotConnectedError,
  reply,
  type ConnectionInfo,
  type Dialogue,
  type HandlerItem,
  type HandlerResult,
} from 'nestjs-websockex';
import { concat, NEVER, Observable, of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { member, type Member, type MemberHandle } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';
import { watched } from '../../fixtures/watched.js';

/** Back at once. */
const QUICK = { initialDelay: 0, maxDelay: 0 } as const;

/** An `@OnConnect` that takes its time, and what it sends before the session is ready. */
interface Way {
  readonly connect: (gate: Gate, dialogue: Dialogue, handle: MemberHandle) => HandlerResult;
  readonly sends: readonly string[];
  /** Whether `@OnConnect` itself has returned, so that calls and frames are handled meanwhile. */
  readonly hasReturned?: boolean;
}

const WAYS: Readonly<Record<string, Way>> = {
  'returns nothing': { connect: (gate) => gate.opened, sends: [] },
  'returns a text': {
    connect: async (gate) => {
      await gate.opened;
      return 'hello';
    },
    sends: ['hello'],
  },
  'returns a reply': {
    connect: async (gate) => {
      await gate.opened;
      return reply('one', 'two');
    },
    sends: ['one', 'two'],
  },
  'sends by its dialogue': {
    connect: async (gate, dialogue) => {
      await dialogue.send(['one', 'two']);
      await gate.opened;
      await dialogue.send('three');
    },
    sends: ['one', 'two', 'three'],
  },
  'sends by its handle': {
    connect: async (gate, _, handle) => {
      await handle.sendFrame('one');
      await gate.opened;
      await handle.sendFrame('two');
    },
    sends: ['one', 'two'],
  },
  'is a generator': {
    connect: async function* (gate: Gate): AsyncGenerator<HandlerItem> {
      await gate.opened;
      yield 'first';
      await new Promise(() => undefined);
    },
    sends: ['first'],
    hasReturned: true,
  },
  'is a generator that sends by its handle and its dialogue': {
    connect: async function* (gate: Gate, dialogue: Dialogue, handle: MemberHandle) {
      await handle.sendFrame('one');
      await dialogue.send('two');
      await gate.opened;
      await handle.sendFrame('three');
      yield 'four';
    },
    sends: ['one', 'two', 'three', 'four'],
    hasReturned: true,
  },
  'is a generator that gives nothing, and ends': {
    // oxlint-disable-next-line require-yield
    connect: async function* (gate: Gate): AsyncGenerator<HandlerItem> {
      await gate.opened;
    },
    sends: [],
    hasReturned: true,
  },
  'returns an observable': {
    connect: (gate) =>
      concat(
        new Observable<string>((subscriber) => {
          void gate.opened.then(() => {
            subscriber.next('first');
            subscriber.complete();
          });
        }),
        NEVER,
      ),
    sends: ['first'],
    hasReturned: true,
  },
  'returns an observable that gives nothing, and completes': {
    connect: (gate) =>
      new Observable<string>((subscriber) => {
        void gate.opened.then(() => subscriber.complete());
      }),
    sends: [],
    hasReturned: true,
  },
  'promises a stream': {
    connect: async (gate) => {
      await gate.opened;
      return of('one', 'two');
    },
    sends: ['one', 'two'],
  },
};

/** What a peer was sent, in order. */
function texts(world: World, one: Member): string[] {
  return world
    .peer(one)
    .transcript.filter((line) => line.startsWith('<- text'))
    .map((line) => JSON.parse(line.slice('<- text '.length)) as string);
}

describe.each(Object.entries(WAYS))('While an @OnConnect that %s is not done', (_, way) => {
  it('nothing but what it sends leaves, at boot and after each reconnect', async () => {
    const gates = [new Gate(), new Gate(), new Gate()];
    const one = member('One', { reconnect: QUICK });
    await using world = await World.make([one]);
    const handle = world.handle(one);
    one.deeds.connect = (info: ConnectionInfo, dialogue) =>
      way.connect(gates[info.session - 1] as Gate, dialogue, handle);
    one.deeds.cast = (text) => `cast ${text}`;
    one.deeds.info = (message) => `info ${String(message)}`;
    one.deeds.call = (text) => reply(`call ${text}`);
    handle.cast('say', 'a');
    await world.app.init();
    for (const [index, gate] of gates.entries()) {
      await world.net.clock.advance(1);
      expect([handle.status, handle.session]).toEqual(['open', index + 1]);
      if (index > 0) handle.cast('say', 'a');
      handle.info('b');
      const called = watched(handle.call('ask', 'c'));
      const connected = watched(handle.connected());
      const sent = watched(handle.sendFrame('elsewhere'));
      await world.net.settle();
      expect(connected).toEqual({});
      expect(sent.error).toBeInstanceOf(NotConnectedError);
      expect(sent.error).toMatchObject({ state: 'not ready' });
      expect((sent.error as Error).message).toContain('not ready');
      expect(texts(world, one)).toEqual(way.sends.slice(0, texts(world, one).length));
      expect('value' in called).toBe(way.hasReturned === true);
      expect(one.ran.filter((line) => /cast|info/.test(line))).toHaveLength(index * 2);
      gate.open();
      await world.net.settle();
      expect(connected.value).toMatchObject({ session: index + 1 });
      await handle.sendFrame('now');
      await world.net.settle();
      const all = texts(world, one);
      expect(all.slice(0, way.sends.length)).toEqual(way.sends);
      expect(new Set(all.slice(way.sends.length))).toEqual(
        new Set(['cast a', 'info b', 'call c', 'now']),
      );
      expect(all.at(-1)).toBe('now');
      world.peer(one).drop();
    }
  });

  it('startup: required waits', async () => {
    const gate = new Gate();
    const one = member('One', { startup: 'required' });
    await using world = await World.make([one]);
    one.deeds.connect = (_info, dialogue) => way.connect(gate, dialogue, world.handle(one));
    const booted = watched(world.app.init());
    await world.net.settle();
    expect(['value' in booted, world.handle(one).status]).toEqual([false, 'open']);
    gate.open();
    await world.net.settle();
    expect('value' in booted).toBe(true);
  });
});

describe('A session is ready', () => {
  it.each<[string, () => HandlerResult, string[]]>([
    ['without a result', () => undefined, []],
    ['with a frame', () => 'hello', ['hello']],
    ['with a stream whose first item is there', () => concat(of('hello'), NEVER), ['hello']],
  ])('in the call that opens it: %s', async (_, connect, sends) => {
    const one = member('One', {}, { connect });
    one.deeds.cast = (text) => text;
    await using world = await World.make([one]);
    world.handle(one).cast('say', 'cast');
    await world.app.init();
    await world.net.settle();
    expect(texts(world, one)).toEqual([...sends, 'cast']);
  });

  it('not when what @OnConnect returns cannot be sent', async () => {
    const one = member('One', { reconnect: false });
    one.deeds.connect = () => ({ type: 'ping', data: Buffer.alloc(126) });
    await using world = await World.make([one]);
    const connected = watched(world.handle(one).connected());
    await world.app.init();
    await world.net.settle();
    expect(connected.value).toBeUndefined();
    expect((await world.handle(one).terminated).by).toBe('error');
  });

  it('not when the peer has closed it before', async () => {
    const gate = new Gate();
    const one = member('One', { reconnect: { initialDelay: 60_000, maxDelay: 60_000 } });
    one.deeds.connect = () => gate.opened;
    await using world = await World.boot([one]);
    const connected = watched(world.handle(one).connected());
    world.handle(one).cast('say', 'later');
    world.peer(one).close(4001, 'no');
    await world.net.settle();
    gate.open();
    await world.net.settle();
    expect([world.handle(one).status, connected]).toEqual(['backoff', {}]);
    expect(one.ran).not.toContain('cast 1 later');
    await world.net.clock.advance('60s');
    expect(connected.value).toMatchObject({ session: 2 });
    expect(one.ran).toContain('cast 1 later');
  });
});

it('No more casts are kept than maxPostponed while a session is not ready', async () => {
  const gate = new Gate();
  const one = member('One', { mailbox: { maxPostponed: 2 } }, { connect: () => gate.opened });
  await using world = await World.boot([one]);
  const handle = world.handle(one);
  handle.cast('say', 'a');
  handle.info('b');
  let refused: unknown;
  try {
    handle.cast('say', 'c');
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(NotConnectedError);
  expect(refused).toMatchObject({ state: 'not ready' });
  gate.open();
  await world.net.settle();
  handle.cast('say', 'd');
  await world.net.settle();
  expect(one.ran.filter((line) => /cast|info/.test(line))).toEqual([
    'cast 1 a',
    'info 1 b',
    'cast 1 d',
  ]);
});

describe('A send from elsewhere before the session is ready', () => {
  it('waits for it with whenDisconnected: queue, behind what @OnConnect sends', async () => {
    const gates = [new Gate(), new Gate()];
    const one = member('One', { reconnect: QUICK });
    one.deeds.connect = async ({ session }, dialogue) => {
      await dialogue.send('hello');
      await gates[session - 1]?.opened;
      return 'subscribe';
    };
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    for (const gate of gates) {
      const sent = ['a', 'b'].map((text) =>
        watched(handle.sendFrame(text, { whenDisconnected: 'queue' })),
      );
      await world.net.clock.advance(1);
      expect(sent).toEqual([{}, {}]);
      expect(texts(world, one)).toEqual(['hello']);
      gate.open();
      await world.net.settle();
      expect(texts(world, one)).toEqual(['hello', 'subscribe', 'a', 'b']);
      world.peer(one).drop();
      await world.net.settle();
    }
  });
});

describe('While the first item of a stream is waited for', () => {
  it('frames are handled, and what their handlers return and send leaves', async () => {
    const items = new Subject<string>();
    const one = member('One', {}, { connect: () => items });
    await using world = await World.boot([one]);
    one.deeds.frame = async (text) => {
      await world.handle(one).sendFrame(`sent ${text}`);
      return `reply ${text}`;
    };
    world.peer(one).send('challenge');
    await world.net.settle();
    expect(texts(world, one)).toEqual(['sent challenge', 'reply challenge']);
    items.next('first');
    await world.handle(one).connected();
  });

  it('so they are of an incarnation whose handlers have asked nothing so far, and others are refused', async () => {
    const connected = new Map<number, Subject<string>>();
    const one = member(
      'One',
      { reconnect: { initialDelay: 0, maxDelay: 0 } },
      {
        connect: ({ session }) => {
          connected.set(session, new Subject());
          return session === 1 ? undefined : connected.get(session);
        },
      },
    );
    await using world = await World.boot([one]);
    one.deeds.frame = () => Promise.resolve();
    for (let i = 0; i < 20; i++) world.peer(one).send('innocent');
    await world.net.settle();
    world.peer(one).drop();
    await world.net.settle();
    await world.net.clock.advance(1);
    const gate = new Gate();
    one.deeds.frame = (text) =>
      new Promise((resolve, reject) => {
        setImmediate(
          () =>
            void world
              .handle(one)
              .sendFrame(`sent ${text}`)
              .then(() => gate.opened)
              .then(() => resolve(undefined), reject),
        );
      });
    world.peer(one).send('challenge');
    await world.net.settle();
    expect(texts(world, one)).toEqual(['sent challenge']);
    await expect(world.handle(one).sendFrame('elsewhere')).rejects.toMatchObject({
      state: 'not ready',
    });
    gate.open();
    connected.get(2)?.next('first');
    await world.handle(one).connected();
  });

  it('a call that cannot send rejects, and crashes nobody', async () => {
    const items = new Subject<string>();
    const one = member('One', {}, { connect: () => items });
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    one.deeds.call = () => handle.sendFrame('buy');
    await expect(handle.call('ask', 'x')).rejects.toMatchObject({ state: 'not ready' });
    items.next('first');
    await world.net.settle();
    await handle.call('ask', 'x');
    await world.net.settle();
    expect(texts(world, one)).toEqual(['first', 'buy']);
    expect(world.all('terminate')).toEqual([]);
  });

  it('what a call returns is dropped when the session ends before', async () => {
    const one = member('One', { reconnect: QUICK }, { connect: () => NEVER });
    one.deeds.call = () => reply('buy');
    await using world = await World.boot([one]);
    await world.handle(one).call('ask', 'x');
    one.deeds.connect = () => undefined;
    world.peer(one).drop();
    await world.net.settle();
    expect(texts(world, one)).toEqual([]);
    expect(world.all('frame:dropped')).toMatchObject([{ frame: { data: 'buy' } }]);
  });
});

describe('Who sends', () => {
  it('in the @OnConnect of another client is elsewhere', async () => {
    const gate = new Gate();
    const [one, two] = [member('One'), member('Two')] as const;
    one.deeds.connect = () => gate.opened;
    await using world = await World.make([one, two]);
    let refused: unknown;
    two.deeds.connect = async () => {
      await gate.opened;
      refused = await world
        .handle(one)
        .sendFrame('x')
        .catch((error: unknown) => error);
    };
    one.deeds.connect = () => new Promise<void>(() => undefined);
    await world.app.init();
    await world.net.settle();
    gate.open();
    await world.net.settle();
    expect(refused).toMatchObject({ client: 'One', state: 'not ready' });
  });

  it('in an @OnConnect of an earlier session is elsewhere', async () => {
    const gates = [new Gate(), new Gate()];
    const one = member('One', { reconnect: QUICK });
    await using world = await World.make([one]);
    const handle = world.handle(one);
    const results: unknown[] = [];
    one.deeds.connect = ({ session }): HandlerResult => {
      const background = async (): Promise<void> => {
        await gates[0]?.opened;
        await handle.sendFrame('old').then(
          () => results.push('sent'),
          (error: unknown) => results.push(error),
        );
      };
      if (session > 1) return gates[1]?.opened;
      void background();
      return undefined;
    };
    await world.app.init();
    await world.net.settle();
    world.peer(one).drop();
    await world.net.clock.advance(1);
    gates[0]?.open();
    await world.net.settle();
    expect(results).toMatchObject([{ state: 'not ready' }]);
    gates[1]?.open();
    await world.net.settle();
  });
});

describe('An @OnConnect that has returned nothing in many sessions', () => {
  it('sends after an await, from the first session in which it returns a promise', async () => {
    const one = member('One', { reconnect: QUICK });
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    const next = async (): Promise<void> => {
      world.peer(one).drop();
      await world.net.clock.advance(1);
    };
    for (let session = 1; session < 40; session++) {
      await next();
      // It was stable.
      await world.net.clock.advance(60_000);
    }
    expect(await handle.connected()).toMatchObject({ session: 40 });

    const gates = [new Gate(), new Gate()];
    one.deeds.connect = async ({ session }) => {
      await gates[session - 41]?.opened;
      // Who is called back is not on the stack of who is awaited.
      if (session === 42) await new Promise((done) => void setImmediate(done));
      await handle.sendFrame(`hello ${session}`);
    };
    for (const [index, gate] of gates.entries()) {
      await next();
      // Of another, who is told so.
      await expect(handle.sendFrame('too soon')).rejects.toMatchObject({ state: 'not ready' });
      gate.open();
      expect(await handle.connected()).toMatchObject({ session: 41 + index });
      expect(world.peer(one).transcript).toContain(`<- text "hello ${41 + index}"`);
    }
    expect(world.all('error')).toEqual([]);
  });
});
