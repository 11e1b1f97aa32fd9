import {
  LoginError,
  LoginTimeoutError,
  NotConnectedError,
  reconnect,
  WebSockexError,
  type DisconnectStatus,
  type HandlerItem,
  type HandlerResult,
} from 'nestjs-websockex';
import { NEVER, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { boom, member, raise, type Deeds, type Member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

const DOUBLING = { initialDelay: 100, maxDelay: 100_000, jitter: 'none' } as const;

/** A member that notes what its `@OnDisconnect` is told. */
function noting(
  options: Parameters<typeof member>[1],
  connect: Deeds['connect'],
): Member & { statuses: DisconnectStatus[] } {
  const statuses: DisconnectStatus[] = [];
  const disconnect = (status: DisconnectStatus): void => void statuses.push(status);
  return Object.assign(member('One', options, { connect, disconnect }), { statuses });
}

function messageOf(status: DisconnectStatus | undefined): string {
  return status?.error instanceof Error ? status.error.message : '';
}

const refused = new LoginError('the key was refused');

/** The ways in which an `@OnConnect` says that it was not let in. */
const REFUSALS: Readonly<Record<string, () => HandlerResult>> = {
  'throws it': () => raise(refused),
  'rejects with it': () => Promise.reject(refused),
  'is a generator that throws it': async function* (): AsyncGenerator<HandlerItem> {
    await Promise.resolve();
    yield raise(refused);
  } as never,
  'returns an observable that fails with it': () => throwError(() => refused),
};

describe.each(Object.entries(REFUSALS))('A LoginError of an @OnConnect that %s', (_, connect) => {
  it('closes the session, is an attempt that failed, and no crash', async () => {
    const one = noting({ reconnect: DOUBLING }, connect);
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    expect(handle.status).toBe('backoff');
    expect(world.peer(one).transcript).toContain('<- close 1000 ""');
    expect(one.statuses).toEqual([
      {
        reason: { by: 'error', error: refused },
        error: refused,
        attempt: 1,
        session: 1,
        class: 'passing',
        retryIn: 100,
      },
    ]);
    expect([world.all('terminate'), world.all('error')]).toEqual([[], []]);
    for (const delay of [100, 200, 400, 800]) await world.net.clock.advance(delay);
    expect(
      one.statuses.map(({ attempt, session, retryIn }) => [attempt, session, retryIn]),
    ).toEqual([
      [1, 1, 100],
      [2, 2, 200],
      [3, 3, 400],
      [4, 4, 800],
      [5, 5, 1600],
    ]);
    one.deeds.connect = () => undefined;
    await world.net.clock.advance(1600);
    expect(await handle.connected()).toMatchObject({ session: 6 });
    world.peer(one).drop();
    await world.net.settle();
    expect(one.statuses.at(-1)).toMatchObject({ attempt: 1, session: 6 });
  });
});

it('A LoginError is a WebSockexError, with a code and a cause', () => {
  const error = new LoginError('no', { cause: boom });
  expect(error).toBeInstanceOf(WebSockexError);
  expect(error).toMatchObject({
    name: 'LoginError',
    code: 'ERR_WEBSOCKEX_LOGIN',
    message: 'no',
    cause: boom,
  });
});

describe('What is a crash', () => {
  it.each<[string, () => HandlerResult]>([
    ['any other error of @OnConnect', () => Promise.reject(boom)],
    ['one of the stream that it returns', () => throwError(() => boom)],
  ])('%s', async (_, connect) => {
    const one = noting({ restart: 'temporary' }, connect);
    await using world = await World.boot([one]);
    expect(world.all('terminate')).toMatchObject([{ reason: { error: boom }, crashed: true }]);
    expect(one.statuses).toEqual([]);
  });

  it('a LoginError of another handler', async () => {
    const one = noting({ restart: 'temporary' }, undefined);
    one.deeds.frame = () => raise(refused);
    await using world = await World.boot([one]);
    world.peer(one).send('x');
    await world.net.settle();
    expect(world.all('terminate')).toMatchObject([{ reason: { error: refused }, crashed: true }]);
  });

  it('a LoginError of a stream whose first item was sent', async () => {
    const one = noting({ restart: 'temporary' }, async function* () {
      yield 'hello';
      await Promise.resolve();
      yield raise(refused);
    } as never);
    await using world = await World.boot([one]);
    expect(world.all('terminate')).toMatchObject([{ reason: { error: refused }, crashed: true }]);
  });
});

describe('What stands over what', () => {
  it('classify is asked, and may call it fatal', async () => {
    const asked: unknown[] = [];
    const one = noting(
      {
        classify: ({ error }) => {
          asked.push(error);
          return error instanceof LoginError ? 'fatal' : undefined;
        },
      },
      () => raise(refused),
    );
    await using world = await World.boot([one], { onGiveUp: () => undefined });
    expect([world.handle(one).status, asked]).toEqual(['failed', [refused]]);
  });

  it('@OnDisconnect decides', async () => {
    const one = noting({ reconnect: false }, () => raise(refused));
    one.deeds.disconnect = () => reconnect({ delay: 7 });
    await using world = await World.boot([one]);
    one.deeds.connect = () => undefined;
    await world.net.clock.advance(7);
    expect(world.handle(one).status).toBe('open');
  });

  it('a LoginError stands over the close of the peer that came with the answer', async () => {
    const one = noting({ reconnect: DOUBLING }, async (_, dialogue) => {
      const { data } = await dialogue.next();
      throw new LoginError(String(data));
    });
    await using world = await World.boot([one]);
    world.peer(one).send('bad key');
    world.peer(one).close(4401, 'go away');
    await world.net.settle();
    expect(one.statuses).toMatchObject([
      { reason: { by: 'error', error: { message: 'bad key' } } },
    ]);
  });

  it('and over the loss of the session, where it came after the answer', async () => {
    const gate = new Gate();
    const one = noting({ reconnect: DOUBLING }, async (_, dialogue) => {
      const { data } = await dialogue.next();
      await gate.opened;
      throw new LoginError(String(data));
    });
    await using world = await World.boot([one]);
    world.peer(one).send('bad key');
    await world.net.settle();
    world.peer(one).drop();
    await world.net.settle();
    gate.open();
    await world.net.settle();
    expect(one.statuses).toMatchObject([{ reason: { error: { message: 'bad key' } } }]);
  });

  it('what is made of the end of the session is told as that end', async () => {
    const one = noting({ reconnect: DOUBLING }, async (_, dialogue) => {
      await dialogue.next().catch((cause: unknown) => {
        throw new LoginError('no answer', { cause });
      });
    });
    await using world = await World.boot([one]);
    world.peer(one).close(1013, 'full');
    await world.net.settle();
    expect(one.statuses).toMatchObject([{ reason: { by: 'remote', code: 1013, message: 'full' } }]);
    expect(world.all('terminate')).toEqual([]);
  });

  it('a close of ours stands over a LoginError', async () => {
    const gate = new Gate();
    const one = noting({ reconnect: DOUBLING }, async () => {
      await gate.opened;
      throw refused;
    });
    await using world = await World.boot([one]);
    void world.handle(one).close(1000, 'enough');
    await world.net.settle();
    gate.open();
    await world.net.settle();
    expect(await world.handle(one).terminated).toMatchObject({ by: 'local', message: 'enough' });
    expect(world.all('error')).toEqual([]);
  });
});

describe('loginTimeout', () => {
  it('is 30 s, and ends the session without a close frame', async () => {
    const one = noting({ reconnect: DOUBLING }, () => NEVER);
    await using world = await World.boot([one]);
    await world.net.clock.advance(29_999);
    expect([world.handle(one).status, one.statuses]).toEqual(['open', []]);
    await world.net.clock.advance(1);
    const [status] = one.statuses;
    expect(status?.error).toBeInstanceOf(LoginTimeoutError);
    expect(status?.error).toBeInstanceOf(LoginError);
    expect(status).toMatchObject({
      reason: { by: 'error', error: { code: 'ERR_WEBSOCKEX_LOGIN_TIMEOUT', timeout: 30_000 } },
      attempt: 1,
      class: 'passing',
    });
    expect(messageOf(status)).toContain('has given no first item');
    expect(world.peer(one).transcript.join('\n')).not.toContain('<- close');
    expect(world.all('terminate')).toEqual([]);
  });

  it('the delays go on though the session was open for longer than stableAfter', async () => {
    const one = noting({ reconnect: DOUBLING, loginTimeout: 6_000 }, () => NEVER);
    await using world = await World.boot([one]);
    for (const delay of [100, 200, 400]) await world.net.clock.advance(6_000 + delay);
    await world.net.clock.advance(6_000);
    expect(one.statuses.map(({ attempt, retryIn }) => [attempt, retryIn])).toEqual([
      [1, 100],
      [2, 200],
      [3, 400],
      [4, 800],
    ]);
  });

  it('counts on after a session that was ready', async () => {
    const one = noting({ reconnect: DOUBLING, loginTimeout: 6_000 }, undefined);
    await using world = await World.boot([one]);
    one.deeds.connect = () => NEVER;
    await world.net.clock.advance(10_000);
    world.peer(one).drop();
    for (const delay of [100, 200, 400]) await world.net.clock.advance(delay + 6_000);
    expect(one.statuses.map(({ attempt, retryIn }) => [attempt, retryIn])).toEqual([
      [1, 100],
      [2, 200],
      [3, 400],
      [4, 800],
    ]);
  });

  it.each([0, Infinity])('%s: none', async (loginTimeout) => {
    const one = noting({ loginTimeout }, () => NEVER);
    await using world = await World.boot([one]);
    await world.net.clock.advance('1h');
    expect([world.handle(one).status, one.statuses]).toEqual(['open', []]);
  });

  it('does not count once the session is ready', async () => {
    const one = noting({}, async function* () {
      yield 'hello';
      await new Promise(() => undefined);
    } as never);
    await using world = await World.boot([one]);
    await world.net.clock.advance('1h');
    expect([world.handle(one).status, one.statuses]).toEqual(['open', []]);
  });

  it('leaves an @OnConnect behind that hangs, and the policy goes on', async () => {
    const gates: Gate[] = [];
    const one = noting({ reconnect: DOUBLING, loginTimeout: 1_000 }, () => {
      const gate = new Gate();
      gates.push(gate);
      return gate.opened.then(() => 'late');
    });
    await using world = await World.boot([one]);
    await world.net.clock.advance(1_000);
    expect(one.statuses).toMatchObject([{ error: { code: 'ERR_WEBSOCKEX_LOGIN_TIMEOUT' } }]);
    expect(messageOf(one.statuses[0])).toBe(
      'One: the session was not ready within 1000 ms (loginTimeout): @OnConnect (connect) has not returned',
    );
    await world.net.clock.advance(100);
    expect(world.handle(one).session).toBe(2);
    // What the first returns is for nobody, and the second still runs.
    gates[0]?.open();
    await world.net.settle();
    expect(world.peer(one).transcript.join('\n')).not.toContain('late');
    const connected = world.handle(one).connected();
    gates[1]?.open();
    expect(await connected).toMatchObject({ session: 2 });
    await world.net.settle();
    expect(world.peer(one).transcript).toContain('<- text "late"');
    expect(world.all('terminate')).toEqual([]);
  });

  it('what one that was left behind fails with is told, and ends nothing', async () => {
    const gate = new Gate();
    const one = noting({ reconnect: DOUBLING, loginTimeout: 1_000 }, async () => {
      await gate.opened;
      throw boom;
    });
    await using world = await World.boot([one]);
    await world.net.clock.advance(1_000);
    one.deeds.connect = () => undefined;
    await world.net.clock.advance(100);
    gate.open();
    await world.net.settle();
    expect(world.all('error')).toMatchObject([
      { error: boom, where: 'connect, which was left behind' },
    ]);
    expect(world.handle(one).status).toBe('open');
  });

  it('counts on when the session ends under an @OnConnect that hangs', async () => {
    const one = noting(
      { reconnect: DOUBLING, loginTimeout: 1_000 },
      () => new Promise<void>(() => undefined),
    );
    await using world = await World.boot([one]);
    world.peer(one).close(4000, 'bye');
    await world.net.clock.advance(999);
    expect(one.statuses).toEqual([]);
    await world.net.clock.advance(1);
    expect(one.statuses).toMatchObject([{ reason: { by: 'remote', code: 4000 } }]);
    expect(world.all('error')).toMatchObject([{ error: { code: 'ERR_WEBSOCKEX_LOGIN_TIMEOUT' } }]);
    one.deeds.connect = () => undefined;
    await world.net.clock.advance(100);
    expect(await world.handle(one).connected()).toMatchObject({ session: 2 });
  });

  it('leaves no timer behind', async () => {
    const one = noting({}, async (_, dialogue) => {
      await dialogue.next();
    });
    await using world = await World.boot([one]);
    world.peer(one).send('hello');
    await world.net.settle();
    expect(await world.net.clock.advanceToNext()).toBeUndefined();
  });
});

describe('A login that failed', () => {
  it('at boot fails it where the client is required, with its error', async () => {
    const one = noting({ startup: 'required' }, () => raise(refused));
    const world = await World.make([one]);
    // The `close()` of an application of Nest 11 rejects by what its `init()` has.
    await using _net = world.net;
    await expect(world.app.init()).rejects.toBe(refused);
    expect(one.statuses).toEqual([]);
  });

  it('at boot goes to the policy with handleInitialFailure, and the boot waits', async () => {
    let logins = 0;
    const one = noting(
      { startup: 'required', handleInitialFailure: true, reconnect: DOUBLING },
      () => (++logins < 3 ? raise(refused) : undefined),
    );
    await using world = await World.make([one]);
    const booted = world.app.init();
    await world.net.settle();
    await world.net.clock.advance(100);
    await world.net.clock.advance(200);
    await booted;
    expect([world.handle(one).session, one.statuses.length]).toEqual([3, 2]);
  });

  it('counts for maxAttempts', async () => {
    const one = noting({ reconnect: { ...DOUBLING, maxAttempts: 2 } }, () => raise(refused));
    await using world = await World.boot([one]);
    await world.net.clock.advance(100);
    await world.net.clock.advance(200);
    expect(one.statuses).toHaveLength(3);
    expect(await world.handle(one).terminated).toEqual({ by: 'error', error: refused });
  });

  it('moves on to the next URL', async () => {
    const tried: string[] = [];
    const one = noting({ reconnect: DOUBLING, urls: ['wss://two.example/'] }, ({ url }) => {
      tried.push(url);
      if (url.includes('one')) throw refused;
    });
    await using world = await World.make([one]);
    world.net.server('One').acceptAll();
    await world.app.init();
    await world.net.clock.advance(0);
    expect(tried).toEqual(['wss://one.example/', 'wss://two.example/']);
    expect(one.statuses).toMatchObject([{ retryIn: 0 }]);
    world.peer(one).drop();
    await world.net.clock.advance(100);
    expect(tried.at(-1)).toBe('wss://two.example/');
    // The one that worked begins the next round.
    one.deeds.connect = ({ url }) => {
      tried.push(url);
      throw refused;
    };
    world.peer(one).drop();
    await world.net.clock.advance(200);
    await world.net.clock.advance(0);
    expect(tried.slice(3)).toEqual(['wss://two.example/', 'wss://one.example/']);
  });

  it('says nothing of its origin: others go on as before', async () => {
    const reconnects = { initialDelay: 100, maxDelay: 100, jitter: 'none' } as const;
    const clients = ['One', 'Two', 'Three'].map((name) =>
      member(
        name,
        { reconnect: reconnects },
        { beforeConnect: (request) => void (request.url = 'wss://same.example/') },
      ),
    );
    const [one, two, three] = clients as [Member, Member, Member];
    one.deeds.connect = () => raise(refused);
    await using world = await World.boot([one, two, three]);
    await world.net.clock.advance(1_000);
    expect(world.handle(one).session).toBeGreaterThan(5);
    // Of an origin that is in doubt one attempt at a time would be made.
    for (const other of [two, three]) {
      world.peer(other).drop();
      world.net.server(other.name).waitAgain();
    }
    await world.net.clock.advance(100);
    const dialled = world.all('connecting').filter(({ client }) => client !== 'One');
    expect(dialled).toHaveLength(4);
    for (const other of [two, three]) world.net.server(other.name).acceptAll();
  });

  it.each<[string, (world: World, one: Member) => void, object]>([
    ['a close', (world, one) => world.peer(one).close(4001, 'no'), { by: 'remote', code: 4001 }],
    ['a cut', (world, one) => world.peer(one).drop(), { by: 'remote', code: 1006 }],
  ])('by %s of the peer is as any', async (_, end, reason) => {
    const one = noting({ reconnect: DOUBLING }, async (_info, dialogue) => {
      await dialogue.next();
    });
    await using world = await World.boot([one]);
    for (const delay of [100, 200, 400]) {
      end(world, one);
      await world.net.clock.advance(delay);
    }
    expect(one.statuses.map(({ attempt, retryIn }) => [attempt, retryIn])).toEqual([
      [1, 100],
      [2, 200],
      [3, 400],
    ]);
    expect(one.statuses[0]).toMatchObject({ reason });
    expect([world.all('terminate'), world.all('error')]).toEqual([[], []]);
  });

  it('is no NotConnectedError of its own session, which crashes while that is open', async () => {
    const one = noting({ restart: 'temporary' }, () =>
      Promise.reject(new NotConnectedError('One', 'not ready', 'cannot send')),
    );
    await using world = await World.boot([one]);
    expect(world.all('terminate')).toMatchObject([{ crashed: true }]);
  });
});
