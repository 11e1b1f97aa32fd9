import { CapturingLogger, Test } from '@nestjs/testing';
import { getClientToken, WebSockexModule, type ClientHandle } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { failures, lines } from '../../fixtures/nest/log.js';
import { bootOnNet, ListeningClient } from '../../fixtures/nest/net-app.js';
import { member, type Member } from '../../fixtures/supervision/member.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { clientAt } from '../../fixtures/scene.js';
import { World } from '../../fixtures/supervision/world.js';

const SHUTDOWN = 4_000;

const LINE = 'the application has shut down, and this was left undone: ';

const bootAll = (...others: Member[]): Promise<World> =>
  World.boot([], { others, shutdownTimeout: SHUTDOWN });

/** Closes the application, and lets all of its time pass; gives what the log says then. */
async function closeLate(world: World): Promise<string[]> {
  const closed = world.app.close();
  await world.net.clock.advance(SHUTDOWN);
  await closed;
  const told = lines(world.logger).filter((line) => line.includes('left undone'));
  await world.net.dispose();
  return told.map((line) => line.replace(`warn ${LINE}`, ''));
}

const code = ({ code: told }: { code: string }): string => told;

describe('What a shutdown leaves undone is told in one line', () => {
  it('of what waits behind a handler that hangs', async () => {
    const one = member('One');
    const world = await bootAll(one);
    const handle = world.handle(one);
    one.deeds.frame = () => new Promise(() => undefined);
    for (const text of ['hangs', 'a', 'b']) world.peer(one).send(text);
    await world.net.settle();
    for (const text of ['a', 'b', 'c']) handle.cast('say', text);
    handle.info('x');
    const answers = [handle.call('ask', 'x'), handle.call('ask', 'y')].map((answer) =>
      answer.catch(code),
    );

    expect(await closeLate(world)).toEqual(['One: 3 casts, 1 info, 2 calls, 2 received frames']);
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['ERR_WEBSOCKEX_SHUTTING_DOWN']));
    // And that of each client is not told beside it.
    expect(failures(world.logger)).toHaveLength(2);
    expect(world.all('mailbox:dropped')).toMatchObject([{ dropped: 4 }]);
  });

  it('of a call whose handler hangs, and of none that was answered', async () => {
    const [one, other] = [member('One'), member('Other')];
    const world = await bootAll(one, other);
    for (const each of [one, other]) {
      each.deeds.call = () => 'answered';
      expect(await world.handle(each).call('ask', 'x')).toBe('answered');
    }
    one.deeds.call = other.deeds.frame = () => new Promise(() => undefined);
    const answer = world.handle(one).call('ask', 'x').catch(code);
    world.peer(other).send('hangs');
    await world.net.settle();

    expect(await closeLate(world)).toEqual(['One: 1 call']);
    expect(await answer).toBe('ERR_WEBSOCKEX_SHUTTING_DOWN');
  });

  it('of no call whose caller has given up', async () => {
    const one = member('One', { callTimeout: 10 });
    const world = await bootAll(one);
    one.deeds.call = () => new Promise(() => undefined);
    const answers = ['hangs', 'waits'].map((text) => world.handle(one).call('ask', text));
    const told = Promise.allSettled(answers);
    await world.net.clock.advance(10);
    await told;
    expect(await closeLate(world)).toEqual([]);
  });

  it('of no such call in a crowd either', async () => {
    const one = member('One', { callTimeout: 60_000 });
    const world = await bootAll(one);
    one.deeds.frame = () => new Promise(() => undefined);
    world.peer(one).send('hangs');
    await world.net.settle();
    const first = world.handle(one).call('ask', 'x').catch(code);
    await world.net.clock.advance(59_000);
    for (let i = 0; i < 2_000; i++) void world.handle(one).call('ask', 'x');
    await world.net.clock.advance(1_000);
    expect(await first).toBe('ERR_WEBSOCKEX_CALL_TIMEOUT');
    expect(await closeLate(world)).toEqual(['One: 2000 calls']);
  });

  it('of a reply that comes when the session is closed', async () => {
    const one = member('One');
    const world = await bootAll(one);
    const gate = new Gate();
    one.deeds.frame = async () => {
      await gate.opened;
      return 'too late';
    };
    for (const text of ['a', 'b']) world.peer(one).send(text);
    await world.net.settle();
    world.peer(one).silence();
    const closed = world.app.close();
    // By now the session is closed whatever waits.
    await world.net.clock.advance(SHUTDOWN - 1_000);
    gate.open();
    await world.net.settle();
    expect(await closeLate(world)).toEqual(['One: 1 received frame, 1 reply']);
    await closed;
  });

  it('of what the socket has not taken', async () => {
    const one = member('One');
    const world = await bootAll(one);
    world.peer(one).stall();
    const sent = world.handle(one).sendFrame('x'.repeat(1_000_000)).catch(code);
    await world.net.settle();

    expect(await closeLate(world)).toEqual(['One: 1 send']);
    expect(await sent).toBe('ERR_WEBSOCKEX_SHUTTING_DOWN');
  });

  it('of what the socket has not taken, where there is no time at all', async () => {
    const one = member('One');
    const world = await World.boot([], { others: [one], shutdownTimeout: 0 });
    world.peer(one).stall();
    void world.handle(one).sendFrame('x'.repeat(1_000_000));
    await world.net.settle();
    expect(await closeLate(world)).toEqual(['One: 1 send']);
  });

  it.each(['hangs', 'crashes'])(
    'of what a new session has brought, behind a handler of the old one that %s',
    async (how) => {
      const one = member('One');
      const world = await bootAll(one);
      const gate = new Gate();
      one.deeds.frame = async () => {
        await gate.opened;
        if (how === 'crashes') throw new Error('a fault');
      };
      const old = world.peer(one);
      void world.handle(one).rotate();
      await world.net.settle();
      old.send(how);
      for (const text of ['a', 'b', 'c']) world.peer(one).send(text);
      await world.net.settle();
      expect(world.handle(one).session).toBe(2);
      const { closed } = await world.ending();
      if (how === 'crashes') gate.open();
      expect(await closeLate(world)).toEqual(['One: 3 received frames']);
      await closed;
    },
  );

  it('of many clients together', async () => {
    await using app = await bootOnNet({ isOpen: false });
    const names = Array.from({ length: 12 }, (_, index) => `s${index}`);
    for (const name of names) {
      const handle = await app.manager.start(ListeningClient, { name });
      for (let i = 0; i < 2; i++) handle.info('x');
    }
    await app.close();
    const each = names.slice(0, 9).map((name) => `${name}: 2 infos`);
    expect(app.log('warn')).toEqual([`warn ${LINE}${each.join('; ')}; 3 more clients: 6 infos`]);
  });

  it('of nothing where nothing is, and not of what was left undone before', async () => {
    const [one, gone] = [member('One'), member('Gone')];
    const world = await bootAll(one, gone);
    world.peer(gone).drop();
    await world.net.settle();
    world.handle(gone).cast('say', 'x');
    await world.handle(gone).stop();
    expect(world.all('mailbox:dropped')).toHaveLength(1);
    world.handle(one).cast('say', 'x');
    await world.handle(one).sendFrame('x');
    world.peer(one).send('x');
    expect(await closeLate(world)).toEqual([]);
    expect(one.ran).toContain('cast 1 x');
  });
});

describe('What was sent over a real socket', () => {
  /** An application with one client, whose session is open. */
  async function openOne(server: RawServer) {
    class OneClient {}
    const client = clientAt(server.url(), OneClient, { heartbeat: false, maxBuffered: 128 << 20 });
    const logger = new CapturingLogger();
    const root = WebSockexModule.forRoot({ clients: [client], shutdownTimeout: 0 });
    const app = await Test.createTestingModule({ imports: [root] })
      .setLogger(logger)
      .compile();
    await app.init();
    const peer = await server.nextPeer();
    await peer.open();
    const handle = app.get<ClientHandle>(getClientToken(client));
    await handle.connected();
    return { app, handle, logger, peer };
  }

  it('and has not been taken is told, although its failure comes later', async () => {
    await using server = await RawServer.listen();
    const { app, handle, logger, peer } = await openOne(server);
    peer.pauseReading();
    const frames = ['of one tick', 'and of it', Buffer.alloc(64 << 20), 'behind it'];
    const sends = frames.map((frame) => handle.sendFrame(frame));
    const told = Promise.all(sends.map((sent) => sent.catch(code)));
    await app.close();

    const lost = (await told).filter((one) => one !== undefined);
    expect(lost.length).toBeGreaterThanOrEqual(2);
    expect(lost).toEqual(lost.map(() => 'ERR_WEBSOCKEX_SHUTTING_DOWN'));
    expect(failures(logger)).toEqual([`warn ${LINE}OneClient: ${lost.length} sends`]);
  });

  it('and has been taken is not told, however many went in one tick', async () => {
    await using server = await RawServer.listen();
    const { app, handle, logger } = await openOne(server);
    await Promise.all(['a', 'b', 'c', 'd'].map((frame) => handle.sendFrame(frame)));
    await app.close();
    expect(failures(logger)).toEqual([]);
  });
});
