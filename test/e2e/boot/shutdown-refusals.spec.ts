import {
  NotConnectedError,
  OnTerminate,
  ShuttingDownError,
  WebSockexClient,
  WebSockexError,
  type ClientStatus,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { bootOnNet, SESSIONS, SessionClient } from '../../fixtures/nest/net-app.js';
import { member, type MemberHandle } from '../../fixtures/supervision/member.js';
import { prepare, reach, type State } from '../../fixtures/supervision/states.js';
import { World } from '../../fixtures/supervision/world.js';

/** What is asked of a client of an application that shuts down. */
const ASKED = {
  cast: (one) => one.cast('say', 'late'),
  info: (one) => one.info('late'),
  call: (one) => one.call('ask', 'late'),
  sendFrame: (one) => one.sendFrame('late'),
  start: (one) => one.start(),
  connected: (one) => one.connected(),
  reconnect: (one) => one.reconnect(),
  'reconnect, by force': (one) => one.reconnect({ force: true }),
  rotate: (one) => one.rotate(),
  'the state': (one) => one.sys.getState(),
  close: (one) => one.close(4000),
  stop: (one) => one.stop(),
} satisfies Record<string, (one: MemberHandle) => unknown>;

type Asked = keyof typeof ASKED;

/** What is no new work. */
const ENDS: readonly Asked[] = ['close', 'stop'];

const REFUSED = Object.keys(ASKED).filter(
  (asked) => !['the state', ...ENDS].includes(asked as Asked),
) as Asked[];

/** Where the client is when the shutdown begins, and its status from then on. */
const STATES: Readonly<Partial<Record<State | 'with a mailbox', ClientStatus>>> = {
  idle: 'terminated',
  starting: 'closing',
  connecting: 'terminated',
  open: 'closing',
  'running a handler': 'open',
  'with a mailbox': 'open',
  closing: 'closing',
  backoff: 'terminated',
  'in @OnTerminate': 'closing',
  'waiting for its restart': 'terminated',
  stopped: 'terminated',
  failed: 'failed',
};

const SHUTDOWN = 10_000;

/** An application that is not through with its shutdown yet, whatever becomes of the client. */
async function closing(state: State | 'with a mailbox') {
  const options = state === 'idle' ? { startup: 'manual' as const } : { maxRestarts: 3 };
  const [one, holder] = [member('One', options), member('Holder')];
  const gate = new Gate();
  holder.deeds.terminate = () => gate.opened;
  const world = await World.make([], { others: [one, holder], shutdownTimeout: SHUTDOWN });
  const held = state === 'with a mailbox' ? 'running a handler' : state;
  const releases = [prepare(held, one, world)];
  await world.app.init();
  await world.net.settle();
  releases.push(await reach(held, one, world));
  const handle = world.handle(one);
  if (state === 'with a mailbox') for (const text of ['a', 'b']) handle.cast('say', text);
  if (state === 'open') world.peer(one).silence();
  const { closed } = await world.ending();
  const end = async (): Promise<void> => {
    for (const release of releases) release();
    gate.open();
    await world.net.clock.advance(SHUTDOWN);
    await closed;
    await world.net.dispose();
  };
  return { world, one, handle, end };
}

/** What it is answered with at once, if anything. */
async function answerOf(asked: Asked, { handle, world }: Awaited<ReturnType<typeof closing>>) {
  let answer: unknown = 'waits';
  try {
    Promise.resolve(ASKED[asked](handle)).then(
      () => (answer = 'done'),
      (error: unknown) => (answer = error),
    );
  } catch (error) {
    answer = error;
  }
  await world.net.settle();
  return answer;
}

describe.each(Object.entries(STATES))(
  'From beforeApplicationShutdown on, a client that was %s',
  (state, status) => {
    it.each(REFUSED)('refuses %s', async (asked) => {
      const scene = await closing(state as State);
      expect(scene.handle.status).toBe(status);
      const before = scene.one.ran.length;
      const error = await answerOf(asked, scene);

      expect(error).toBeInstanceOf(ShuttingDownError);
      expect(error).toBeInstanceOf(NotConnectedError);
      expect(error).toMatchObject({ client: 'One', code: 'ERR_WEBSOCKEX_SHUTTING_DOWN' });
      expect((error as Error).message).toMatch(/^One: .*the application shuts down/);
      expect(scene.one.ran.length).toBe(before);
      await scene.end();
      expect(scene.handle.status).toBe(status === 'failed' ? 'failed' : 'terminated');
    });

    it.each(ENDS)('takes %s', async (asked) => {
      const scene = await closing(state as State);
      const answer = await answerOf(asked, scene);
      expect(answer).not.toBeInstanceOf(WebSockexError);
      await scene.end();
    });
  },
);

it('The error says what state the client is in, and what to do', async () => {
  const scene = await closing('running a handler');
  expect(await answerOf('cast', scene)).toMatchObject({
    // It is open, but takes no more.
    state: 'closing',
    message:
      'One: cannot cast "say": the client is closing: the application shuts down, and its clients take ' +
      'nothing new; what has to be done at the end, do in onModuleDestroy',
  });
  await scene.end();
});

it('Bad names are told as such, in a shutdown too', async () => {
  const scene = await closing('open');
  expect(() => scene.handle.cast('nope' as 'say', 'x')).toThrow(/no @OnCast named "nope"/);
  await expect(scene.handle.call('nope' as 'ask', 'x')).rejects.toThrow(/no @OnCall named "nope"/);
  await scene.end();
});

it('No client is started any more, and one whose start was under way is told', async () => {
  const gate = new Gate();
  @WebSockexClient(SESSIONS)
  class HoldingClient {
    @OnTerminate()
    gone() {
      return gate.opened;
    }
  }
  await using app = await bootOnNet({ clients: [HoldingClient], isOpen: false });
  const [holder] = app.manager.clients();
  await app.sessions.accept();
  const starting = app.manager.start(SessionClient, { name: 'under way', startup: 'required' });
  const underWay = starting.catch((error: unknown) => error);
  await app.net.settle();
  const { closed } = await app.ending();
  const refused = { code: 'ERR_WEBSOCKEX_SHUTTING_DOWN' };

  expect(await underWay).toMatchObject({ ...refused, client: 'under way' });
  await expect(app.manager.start(SessionClient)).rejects.toMatchObject(refused);
  await expect(app.manager.startLink(holder!, SessionClient)).rejects.toMatchObject(refused);
  gate.open();
  await closed;
  await expect(app.manager.start(SessionClient)).rejects.toMatchObject(refused);
});

it('Who waited before the shutdown is told by it, too', async () => {
  const [waiting, answering] = [member('Waiting'), member('Answering')];
  const world = await World.make([], { others: [waiting, answering], shutdownTimeout: 4_000 });
  const releases = [prepare('connecting', waiting, world)];
  await world.app.init();
  await world.net.settle();
  releases.push(await reach('running a handler', answering, world));
  const waits = {
    connected: world.handle(waiting).connected(),
    start: world.handle(waiting).start(),
    call: world.handle(answering).call('ask', 'x'),
  };
  const told = Promise.allSettled(Object.values(waits));
  const closed = world.app.close();
  await world.net.clock.advance(SHUTDOWN);
  await closed;

  for (const one of await told) {
    expect(one).toMatchObject({ reason: { code: 'ERR_WEBSOCKEX_SHUTTING_DOWN' } });
  }
  for (const release of releases) release();
  await world.net.dispose();
});

it('Shutting one application down refuses nothing of another in the process', async () => {
  const [mine, yours] = [member('Mine'), member('Yours')];
  const closingWorld = await World.boot([mine]);
  await using world = await World.boot([yours]);
  const other = closingWorld.handle(mine);
  // A handler of the one that goes on is somebody else to the one that closes.
  const gate = new Gate();
  mine.deeds.frame = () => gate.opened;
  closingWorld.peer(mine).send('work');
  await closingWorld.net.settle();
  yours.deeds.call = () => other.sendFrame('x').catch((error: unknown) => error);
  const closed = closingWorld.app.close();
  await closingWorld.net.settle();

  expect(other.status).toBe('open');
  expect(await world.handle(yours).call('ask', 'x')).toBeInstanceOf(ShuttingDownError);
  await world.handle(yours).sendFrame('still here');
  world.handle(yours).cast('say', 'still here');
  await world.net.settle();
  expect(world.statuses).toEqual(['open']);
  expect(yours.ran).toContain('cast 1 still here');
  gate.open();
  await closed;
  await closingWorld.net.dispose();
});
