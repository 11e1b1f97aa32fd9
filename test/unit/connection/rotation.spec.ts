import {
  CallTimeoutError,
  close,
  ConnectionError,
  type ConnectionInfo,
  DeadlockError,
  type Dialogue,
  Frame,
  LoginError,
  NotConnectedError,
  ready,
  reconnect,
  rotate,
  SessionOverError,
} from 'nestjs-websockex';
import { map, Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import { STANDARD_FEATURES } from '../../../lib/runtime/session/standard.features.js';
import { Attempt } from '../../../lib/runtime/connection/attempt.js';
import { ConnectBudget } from '../../../lib/runtime/throttle/connect.budget.js';
import { settle, VirtualClock } from '../../fixtures/virtual-clock.js';
import { watched } from '../../fixtures/watched.js';
import { ScriptedClient } from '../client/scripted-client.js';
import { dialling, greeting, opened, overlapping, textsOf } from './rotation-scene.js';

describe('a rotation', () => {
  test('the new session takes over with its first frame, and the old one is closed after the overlap', async () => {
    const scripted = await opened();
    const { old, next, rotated } = await dialling(scripted);
    expect(next).not.toBe(old);
    next.playOpen();
    await settle();
    expect(scripted.handle.session).toBe(1);
    old.playText('1');
    next.playText('2');
    await settle();
    expect(scripted.handle.session).toBe(2);
    expect(rotated.value).toMatchObject({ session: 2 });
    old.playText('1b');
    await settle();
    expect(textsOf(scripted)).toEqual(['1', '1b']);
    await scripted.clock.advance(1_000);
    expect(textsOf(scripted)).toEqual(['1', '1b', '2']);
    expect(old.sent).toEqual([{ type: 'close', code: 1000, reason: '' }]);
    expect(scripted.statuses).toEqual(['idle', 'connecting', 'open']);
    expect(scripted.callbacks).not.toContain('disconnect');
    expect(scripted.events).toContainEqual(
      expect.objectContaining({ event: 'rotated', from: 1, to: 2, overlapped: 1, deduped: 0 }),
    );
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test('it takes over five seconds after @OnConnect, where nothing comes', async () => {
    const scripted = await opened({ connect: () => 'hello' });
    void scripted.handle.rotate();
    await settle();
    scripted.transport.last.playOpen();
    await settle();
    await scripted.clock.advance(4_999);
    expect(scripted.handle.session).toBe(1);
    await scripted.clock.advance(1);
    expect(scripted.handle.session).toBe(2);
    expect(scripted.transport.last.sent).toEqual([{ type: 'text', data: 'hello' }]);
    await scripted.leave();
  });

  test('ready() of @OnConnect has it take over at once', async () => {
    const scripted = await opened({ connect: () => ready() });
    const rotated = scripted.handle.rotate();
    await settle();
    scripted.transport.last.playOpen();
    expect((await rotated).session).toBe(2);
    await scripted.leave();
  });

  test('while its @OnConnect waits, the old session goes on; the new one is spoken to alone', async () => {
    const scripted: ScriptedClient = new ScriptedClient(
      {
        connect: async ({ session }: ConnectionInfo, dialogue: Dialogue) => {
          if (session === 1) return;
          await scripted.handle.sendFrame('by the handle');
          await dialogue.send('by the dialogue');
          await dialogue.next(({ data }) => data === 'in');
          await scripted.handle.sendFrame('after the wait');
          return 'returned';
        },
        frame: ({ data }: { data: string }) => `echo ${data}`,
      },
      { heartbeat: false },
    );
    await scripted.open();
    const old = scripted.transport.last;
    void scripted.handle.rotate();
    await settle();
    const next = scripted.transport.last;
    next.playOpen();
    await settle();
    old.playText('a');
    await scripted.handle.sendFrame('from elsewhere');
    next.playText('waits');
    next.playText('in');
    await settle();
    expect(next.sent.map((frame) => 'data' in frame && frame.data)).toEqual([
      'by the handle',
      'by the dialogue',
      'after the wait',
      'returned',
    ]);
    expect(scripted.handle.session).toBe(2);
    old.playText('b');
    await settle();
    expect(old.sent.map((frame) => 'data' in frame && frame.data)).toEqual([
      'echo a',
      'from elsewhere',
      'echo b',
    ]);
    await scripted.clock.advance(1_000);
    await settle();
    expect(next.sent.at(-1)).toEqual({ type: 'text', data: 'echo waits' });
    await scripted.leave();
  });

  test('begins by itself at maxAge, more or less by a tenth', async () => {
    const scripted = await opened({ connect: () => ready() }, { maxAge: 10_000, random: () => 0 });
    await scripted.clock.advance(8_999);
    expect(scripted.transport.sockets).toHaveLength(1);
    await scripted.clock.advance(1);
    expect(scripted.transport.sockets).toHaveLength(2);
    scripted.transport.last.playOpen();
    await settle();
    expect(scripted.handle.session).toBe(2);
    await scripted.clock.advance(9_000);
    expect(scripted.transport.sockets).toHaveLength(3);
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test('a handler asks for it, at a URL for this once', async () => {
    const scripted = await opened({
      frame: ({ data }: { data: string }) =>
        data === 'move' ? rotate({ url: 'ws://other/' }) : undefined,
      connect: () => ready(),
    });
    scripted.transport.last.playText('move');
    await settle();
    expect(scripted.transport.last.request.url).toBe('ws://other/');
    scripted.transport.last.playOpen();
    await scripted.clock.advance(1_000);
    expect(scripted.handle.session).toBe(2);
    scripted.transport.sockets[0]?.playEnd();
    scripted.transport.last.playEnd();
    await settle();
    await scripted.clock.advance(500);
    expect(scripted.transport.last.request.url).toBe('ws://feed/');
    await scripted.leave();
  });

  test('is refused where nothing can be rotated, and what it is given is checked', async () => {
    const scripted = new ScriptedClient({}, { heartbeat: false });
    await expect(scripted.handle.rotate()).rejects.toThrow(NotConnectedError);
    await scripted.launch();
    await expect(scripted.handle.rotate()).rejects.toThrow(/cannot rotate.*connecting/);
    scripted.transport.last.playOpen();
    await settle();
    expect(() => scripted.handle.rotate({ within: 0 })).toThrow(/within is 0/);
    expect(() => scripted.handle.rotate({ url: 'http//x' })).toThrow(/feed: rotate\(\)/);
    expect(scripted.transport.sockets).toHaveLength(1);
    await scripted.leave();
  });

  test('cannot be awaited in a handler', async () => {
    const thrown: unknown[] = [];
    const scripted: ScriptedClient = new ScriptedClient(
      {
        connect: async ({ session }: ConnectionInfo) => {
          if (session === 1) return;
          await scripted.handle.rotate().catch((error: unknown) => thrown.push(error));
        },
        beforeConnect: async () => {
          if (scripted.handle.session === 0) return;
          await scripted.handle.rotate().catch((error: unknown) => thrown.push(error));
        },
        cast: async () => {
          await scripted.handle.rotate().catch((error: unknown) => thrown.push(error));
        },
      },
      { heartbeat: false },
    );
    await scripted.open();
    scripted.handle.cast('say', 'rotate');
    await settle();
    scripted.transport.last.playOpen();
    await settle();
    scripted.transport.last.playText('first');
    await settle();
    expect(scripted.handle.session).toBe(2);
    expect(thrown).toHaveLength(3);
    for (const error of thrown) expect(error).toBeInstanceOf(DeadlockError);
    await scripted.leave();
  });

  test('tells by CallTimeoutError why it could not be made in time, and tries no more', async () => {
    const scripted = await opened({}, { reconnect: { initialDelay: 1_000, jitter: 'none' } });
    const rotated = watched(scripted.handle.rotate({ within: 2_500 }));
    await settle();
    scripted.transport.last.playEnd(new ConnectionError('feed', 'no way'));
    await scripted.clock.advance(1_000);
    scripted.transport.last.playEnd(new ConnectionError('feed', 'no way'));
    await scripted.clock.advance(1_500);
    expect(rotated.error).toBeInstanceOf(CallTimeoutError);
    expect(String(rotated.error)).toMatch(/no new session took over within 2500 ms.*no way/);
    await scripted.clock.advance(60_000);
    expect(scripted.transport.sockets).toHaveLength(3);
    expect(scripted.handle.status).toBe('open');
    await scripted.leave();
  });

  test('a second call joins the first, with a time of its own', async () => {
    const scripted = await opened();
    const first = watched(scripted.handle.rotate());
    const second = watched(scripted.handle.rotate({ within: 100 }));
    await settle();
    expect(scripted.transport.sockets).toHaveLength(2);
    await scripted.clock.advance(100);
    expect(second.error).toBeInstanceOf(CallTimeoutError);
    scripted.transport.last.playOpen();
    await settle();
    scripted.transport.last.playText('first');
    await settle();
    expect(first.value).toMatchObject({ session: 2 });
    await scripted.leave();
  });

  test('a login that is refused is tried again, and one that fails crashes', async () => {
    let isRefused = true;
    const scripted = await opened(
      {
        connect: async ({ session }: ConnectionInfo) => {
          if (session === 1) return;
          if (isRefused) throw new LoginError('not now');
          throw new Error('a fault');
        },
      },
      { reconnect: { initialDelay: 1_000, jitter: 'none' }, closeTimeout: 0 },
    );
    void scripted.handle.rotate();
    await settle();
    scripted.transport.last.playOpen();
    await settle();
    expect(scripted.transport.last.sent).toEqual([{ type: 'close', code: 1000, reason: '' }]);
    scripted.transport.last.playEnd();
    await settle();
    isRefused = false;
    await scripted.clock.advance(1_000);
    expect(scripted.handle.session).toBe(1);
    scripted.transport.last.playOpen();
    await settle();
    await expect(scripted.handle.terminated).resolves.toMatchObject({
      by: 'error',
      error: { message: 'a fault' },
    });
    expect(scripted.transport.held.filter(({ sent }) => sent.length === 0)).toEqual([]);
  });

  test('what @OnConnect returns may close the new session: the old one stays', async () => {
    const scripted = await opened({
      connect: ({ session }: ConnectionInfo) => (session === 1 ? undefined : close(4001, 'no')),
    });
    void scripted.handle.rotate();
    await settle();
    scripted.transport.last.playOpen();
    await settle();
    expect(scripted.transport.last.sent).toEqual([
      expect.objectContaining({ type: 'close', code: 4001 }),
    ]);
    scripted.transport.last.playEnd();
    await settle();
    expect(scripted.handle.status).toBe('open');
    expect(scripted.handle.session).toBe(1);
    await scripted.leave();
  });

  test('streams of the old session end with the switch, that of the new login goes on', async () => {
    const items = new Subject<string>();
    const scripted = await opened({
      connect: ({ session }: ConnectionInfo) => items.pipe(map((item) => `${session} ${item}`)),
    });
    items.next('a');
    await settle();
    const { old, next } = await greeting(scripted);
    items.next('b');
    next.playText('first');
    await settle();
    items.next('c');
    await settle();
    const texts = (sent: readonly object[] = []): unknown[] =>
      sent.flatMap((frame) => ('data' in frame ? [frame.data] : []));
    expect(texts(old.sent)).toEqual(['1 a', '1 b']);
    expect(texts(next.sent)).toEqual(['2 b', '2 c']);
    await scripted.leave();
  });

  test('pings are answered on the session they came on; so is @OnPing', async () => {
    const scripted = await opened({ ping: ({ data }: { data: Buffer }) => Frame.pong(data) });
    const { old, next } = await greeting(scripted);
    next.playPing('early');
    next.playText('first');
    await settle();
    old.playPing('old');
    next.playPing('new');
    await settle();
    expect(old.sent).toEqual([Frame.pong('old')]);
    expect(next.sent).toEqual([Frame.pong('early'), Frame.pong('new')]);
    await scripted.leave();
  });

  test('a send bound to the old session is over, one that waits its turn goes on the new one', async () => {
    const scripted = await opened(
      {},
      { sendRate: { limit: 1, per: 60_000 }, features: STANDARD_FEATURES },
    );
    const { handle, transport } = scripted;
    await handle.sendFrame('1');
    const bound = watched(handle.sendFrame('bound', { session: 1 }));
    const waits = watched(handle.sendFrame('waits'));
    await overlapping(scripted);
    expect(bound.error).toBeInstanceOf(SessionOverError);
    expect(waits).toHaveProperty('value');
    expect(transport.last.sent).toEqual([Frame.text('waits')]);
    await expect(handle.sendFrame('late', { session: 1 })).rejects.toThrow(SessionOverError);
    await scripted.leave();
  });

  test('what a handler answers to the old session, when that is over, is dropped and told', async () => {
    const answered = new Deferred<string>();
    const scripted = await opened({ frame: () => answered.promise });
    const { old, next } = await greeting(scripted);
    old.playText('question');
    next.playText('first');
    await settle();
    await scripted.clock.advance(1_000);
    answered.resolve('answer');
    await settle();
    expect(scripted.events).toContainEqual(
      expect.objectContaining({
        event: 'frame:dropped',
        frame: Frame.text('answer'),
        error: expect.any(SessionOverError),
      }),
    );
    expect(next.sent).toEqual([Frame.text('answer')]);
    await scripted.leave();
  });

  test('what answers the old session passes its sendRate, and nothing of that of the new one', async () => {
    const scripted = await opened(
      { frame: ({ data }: { data: string }) => `echo ${data}` },
      { sendRate: { limit: 2, per: 1_000 }, overlap: 1_800, features: STANDARD_FEATURES },
    );
    const { handle, clock } = scripted;
    await handle.sendFrame('1');
    const { old, next } = await greeting(scripted);
    for (const text of ['a', 'b']) old.playText(text);
    next.playText('first');
    await settle();
    expect(handle.session).toBe(2);
    for (const text of ['c', 'd']) old.playText(text);
    await handle.sendFrame('x');
    await handle.sendFrame('y');
    expect(next.sent).toEqual(['x', 'y'].map((text) => Frame.text(text)));
    expect(old.sent).toEqual(['1', 'echo a'].map((text) => Frame.text(text)));
    // One that had its turn before the switch goes before the others.
    await clock.advance(1_000);
    expect(old.sent.slice(2)).toEqual(['echo b', 'echo c'].map((text) => Frame.text(text)));
    await clock.advance(800);
    expect(old.sent.slice(4)).toEqual([{ type: 'close', code: 1000, reason: '' }]);
    expect(scripted.events.filter(({ event }) => event === 'frame:dropped')).toEqual([
      expect.objectContaining({
        frame: Frame.text('echo d'),
        error: expect.any(SessionOverError),
      }),
    ]);
    await scripted.leave();
    expect(clock.pending).toEqual([]);
  });

  test('answers to the old session that wait for their turn hold up reading', async () => {
    const scripted = await opened(
      { frame: ({ data }: { data: string }) => `echo ${data}` },
      {
        sendRate: { limit: 1, per: 1_000 },
        mailbox: { maxBytes: 20 },
        overlap: 10_000,
        features: STANDARD_FEATURES,
      },
    );
    const { old } = await overlapping(scripted);
    for (const text of ['one', 'two', 'six']) old.playText(text);
    expect(old.isPaused).toBe(false);
    old.playText('ten');
    await settle();
    expect(old.isPaused).toBe(true);
    await scripted.clock.advance(2_000);
    expect(old.isPaused).toBe(false);
    expect(old.sent).toHaveLength(3);
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test('so do many of them that are empty', async () => {
    const scripted = await opened(
      { frame: () => '' },
      {
        sendRate: { limit: 1, per: 1_000 },
        mailbox: { maxBytes: 1_024 },
        overlap: 10_000,
        features: STANDARD_FEATURES,
      },
    );
    const { old } = await overlapping(scripted);
    for (let count = 0; count < 1_024; count++) old.playText('x');
    expect(old.isPaused).toBe(false);
    old.playText('x');
    expect(old.isPaused).toBe(true);
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test('frames of the new session wait within the marks of the mailbox', async () => {
    const scripted = await opened({}, { mailbox: { highWaterMark: 3 } });
    const { next } = await greeting(scripted);
    for (const text of ['1', '2']) next.playText(text);
    expect(next.isPaused).toBe(false);
    next.playText('3');
    await settle();
    expect(next.isPaused).toBe(true);
    expect(textsOf(scripted)).toEqual([]);
    await scripted.clock.advance(1_000);
    expect(next.isPaused).toBe(false);
    expect(textsOf(scripted)).toEqual(['1', '2', '3']);
    await scripted.leave();
  });

  test('the old session is read for no time that the client does not read in', async () => {
    const handled = new Deferred<void>();
    const scripted = await opened(
      { frame: ({ data }: { data: string }) => (data === 'slow' ? handled.promise : undefined) },
      { mailbox: { highWaterMark: 2 } },
    );
    const { old, next } = await greeting(scripted);
    for (const text of ['slow', 'a']) old.playText(text);
    next.playText('first');
    await settle();
    await scripted.clock.advance(400);
    old.playText('b');
    expect(old.isPaused).toBe(true);
    await scripted.clock.advance(10_000);
    expect(old.sent).toEqual([]);
    handled.resolve();
    await settle();
    expect(old.isPaused).toBe(false);
    await scripted.clock.advance(599);
    old.playText('c');
    expect(old.sent).toEqual([]);
    await scripted.clock.advance(1);
    expect(old.sent).toHaveLength(1);
    expect(textsOf(scripted)).toEqual(['slow', 'a', 'b', 'c', 'first']);
    await scripted.leave();
  });

  test('where the peer closes the old session, its last frames are answered before', async () => {
    const handled = new Deferred<void>();
    const scripted = await opened({
      frame: async ({ data }: { data: string }) => {
        await handled.promise;
        return `echo ${data}`;
      },
    });
    const { old, next } = await overlapping(scripted);
    old.playText('last');
    old.playPeerClose(1001);
    await settle();
    handled.resolve();
    await settle();
    expect(old.sent).toEqual([
      Frame.text('echo last'),
      expect.objectContaining({ type: 'close', code: 1001 }),
    ]);
    await settle();
    expect(next.sent).toEqual([Frame.text('echo first')]);
    await scripted.leave();
  });

  test('where the new session ends in the overlap the old one is closed, and what came is handled before', async () => {
    const scripted = await opened({ disconnect: () => undefined });
    const { old, next } = await overlapping(scripted);
    old.playText('last');
    next.playEnd();
    await settle();
    expect(old.sent).toEqual([{ type: 'close', code: 1000, reason: '' }]);
    expect(textsOf(scripted)).toEqual(['last', 'first']);
    expect(scripted.callbacks.slice(-2)).toEqual(['frame', 'disconnect']);
    await scripted.leave();
  });

  test('where the old session is lost in the overlap, that is over', async () => {
    const scripted = await opened();
    const { old, next } = await overlapping(scripted);
    old.playText('last');
    old.playEnd();
    await settle();
    expect(textsOf(scripted)).toEqual(['last', 'first']);
    next.playText('second');
    expect(textsOf(scripted)).toEqual(['last', 'first', 'second']);
    expect(scripted.callbacks).not.toContain('disconnect');
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test.each(['is lost', 'is closed by its peer'])(
    'what the old socket does not take holds up reading, until that %s',
    async (how) => {
      const scripted = await opened(
        { frame: ({ data }: { data: string }) => `echo ${data}` },
        { mailbox: { maxBytes: 20 } },
      );
      const { old, next } = await overlapping(scripted);
      scripted.transport.holdsSends = true;
      for (const text of ['one', 'two', 'six', 'ten']) old.playText(text);
      await settle();
      expect([old.isPaused, next.isPaused]).toEqual([true, true]);
      scripted.transport.holdsSends = false;
      if (how === 'is lost') old.playEnd();
      else old.playPeerClose(1001);
      await settle();
      expect(next.isPaused).toBe(false);
      expect(next.sent).toEqual([Frame.text('echo first')]);
      await scripted.leave();
    },
  );

  test('the old session is lost: @OnDisconnect may want another attempt than the one under way', async () => {
    const scripted = await opened({ disconnect: () => reconnect({ url: 'ws://other/' }) });
    const { old, next, rotated } = await greeting(scripted);
    old.playEnd();
    await settle();
    expect(rotated.error).toBeInstanceOf(NotConnectedError);
    expect(next.sent).toEqual([{ type: 'close', code: 1000, reason: '' }]);
    await scripted.clock.advance(500);
    expect(scripted.transport.last.request.url).toBe('ws://other/');
    await scripted.leave();
  });

  test('the old session is lost while the new one logs in: frames wait until it is ready', async () => {
    const loggedIn = new Deferred<void>();
    const scripted = await opened({
      connect: async ({ session }: ConnectionInfo) => {
        if (session === 2) await loggedIn.promise;
      },
      disconnect: () => undefined,
    });
    const { old, next, rotated } = await greeting(scripted);
    next.playText('early');
    old.playText('last');
    old.playEnd();
    await settle();
    expect(scripted.handle.status).toBe('open');
    expect(scripted.handle.session).toBe(2);
    await expect(scripted.handle.sendFrame('x')).rejects.toThrow(/not ready/);
    scripted.handle.cast('say', 'later');
    await settle();
    expect(scripted.callbacks).not.toContain('cast');
    next.playText('more');
    loggedIn.resolve();
    await settle();
    expect(rotated.value).toMatchObject({ session: 2 });
    expect(textsOf(scripted)).toEqual(['last', 'early', 'more']);
    expect(scripted.callbacks).toContain('cast');
    expect(scripted.statuses).toEqual([
      'idle',
      'connecting',
      'open',
      'closing',
      'connecting',
      'open',
    ]);
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test('dedupe drops what the old session has delivered, for as long again after its end', async () => {
    const scripted = await opened({}, { dedupe: ({ data }) => data.toString().slice(0, 1) });
    const { old, next } = await greeting(scripted);
    old.playText('1 old');
    next.playText('1 new');
    await settle();
    old.playText('2 old');
    next.playText('3 new');
    await scripted.clock.advance(1_000);
    next.playText('2 new');
    await scripted.clock.advance(1_000);
    expect(scripted.events).toContainEqual(
      expect.objectContaining({ event: 'rotated', overlapped: 1, deduped: 2 }),
    );
    next.playText('1 again');
    expect(textsOf(scripted)).toEqual(['1 old', '2 old', '3 new', '1 again']);
    await scripted.leave();
  });

  test.each(['succeeds', 'fails'])(
    'dedupe goes on with what a session before has delivered while the next rotation %s',
    async (how) => {
      const scripted = await opened(
        {},
        { dedupe: ({ data }) => data.toString(), classify: () => 'fatal' },
      );
      const { old, next } = await overlapping(scripted);
      for (const text of ['1', '2', '3']) old.playText(text);
      await scripted.clock.advance(1_000);
      next.playText('1');
      const { next: third } = await greeting(scripted);
      next.playText('2');
      next.playText('4');
      if (how === 'fails') third.playEnd();
      else for (const text of ['2', '4', '5']) third.playText(text);
      await settle();
      next.playText('3');
      await scripted.clock.advance(1_000);
      expect(textsOf(scripted)).toEqual([
        '1',
        '2',
        '3',
        'first',
        '4',
        ...(how === 'fails' ? [] : ['5']),
      ]);
      // Its time is over.
      scripted.transport.held.at(-1)?.playText('1');
      expect(textsOf(scripted).at(-1)).toBe('1');
      await scripted.clock.advance(1_000);
      const told = scripted.events.filter(({ event }) => event === 'rotated');
      expect(told).toMatchObject([
        { from: 1, deduped: 3 },
        ...(how === 'fails' ? [] : [{ from: 2, deduped: 2 }]),
      ]);
      await scripted.leave();
      expect(scripted.clock.pending).toEqual([]);
    },
  );

  test('what the old socket had, and gives back unsent, goes by the new one', async () => {
    const scripted = await opened({}, { features: STANDARD_FEATURES, sendHighWaterMark: 1_000 });
    scripted.transport.holdsSends = true;
    const sent = watched(scripted.handle.sendFrame('kept', { whenDisconnected: 'queue' }));
    const { old, next } = await overlapping(scripted);
    expect(sent).toEqual({});
    const gone = Object.assign(new ConnectionError('feed', 'gone'), { isUnsent: true });
    old.playEnd(gone);
    await settle();
    expect(next.sent).toEqual([Frame.text('kept')]);
    next.take();
    await settle();
    expect(sent).toHaveProperty('value');
    await scripted.leave();
  });

  test('an application that ends still handles what the new session has brought', async () => {
    const handled = new Deferred<void>();
    const scripted = await opened({
      frame: ({ data }: { data: string }) => (data === 'slow' ? handled.promise : undefined),
    });
    const { old, next } = await greeting(scripted);
    old.playText('slow');
    next.playText('first');
    await settle();
    const stopped = scripted.handle.stop();
    next.playText('too late');
    handled.resolve();
    await settle();
    expect(textsOf(scripted)).toEqual(['slow', 'first']);
    for (const socket of scripted.transport.held) socket.playEnd();
    await stopped;
    expect(scripted.clock.pending).toEqual([]);
  });

  test('the old session is lost, and the new one is good before @OnDisconnect has returned', async () => {
    const decided = new Deferred<void>();
    const scripted = await opened({ disconnect: () => decided.promise });
    const { old, next, rotated } = await greeting(scripted);
    old.playEnd();
    await settle();
    next.playText('first');
    await settle();
    expect(scripted.handle.status).toBe('closing');
    expect(rotated).toEqual({});
    decided.resolve();
    await settle();
    expect(rotated.value).toMatchObject({ session: 2 });
    expect(textsOf(scripted)).toEqual(['first']);
    expect(scripted.handle.status).toBe('open');
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test('who closes closes the new session at once, and waits for the old one alone', async () => {
    const scripted = await opened();
    const { old, next, rotated } = await greeting(scripted);
    const closed = scripted.handle.close(4000);
    await settle();
    expect(next.sent).toEqual([{ type: 'close', code: 1000, reason: '' }]);
    expect(rotated.error).toBeInstanceOf(NotConnectedError);
    old.playEnd();
    await closed;
    await scripted.handle.terminated;
    expect(next.isTerminated).toBe(true);
    expect(scripted.clock.pending).toEqual([]);
  });

  test('an old session whose peer does not answer the close is cut when the client ends', async () => {
    const scripted = await opened({}, { closeTimeout: 60_000 });
    const { old, next } = await overlapping(scripted);
    await scripted.clock.advance(1_000);
    expect(old.isTerminated).toBe(false);
    const stopped = scripted.handle.stop();
    await settle();
    next.playEnd();
    await stopped;
    expect(old.isTerminated).toBe(true);
    expect(scripted.clock.pending).toEqual([]);
  });

  test('it passes the budget, and leaves nothing there', async () => {
    const clock = new VirtualClock();
    const gate = new ConnectBudget(clock, { maxConcurrentConnects: 1 });
    const scripted = await opened({ connect: () => ready() }, { gate });
    const other = gate.join({ call: () => undefined, failed: () => undefined });
    const attempt = new Attempt();
    expect(other.enter(attempt, 'ws://feed/', true)).toBe(true);
    const rotated = scripted.handle.rotate();
    await settle();
    expect(scripted.transport.sockets).toHaveLength(1);
    attempt.settle({ type: 'opened' });
    await settle();
    scripted.transport.last.playOpen();
    expect((await rotated).session).toBe(2);
    expect(gate.inside).toBe(0);
    other.over();
    await scripted.leave();
    expect(gate.origins).toBe(0);
  });

  test('heartbeats go to the session that is open', async () => {
    const scripted = await opened(
      {},
      {
        features: STANDARD_FEATURES,
        heartbeat: { interval: 300, timeout: 100, payload: 'beat' },
        random: () => 0.5,
      },
    );
    await scripted.clock.advance(150);
    scripted.transport.last.playPong('beat');
    const { old, next } = await overlapping(scripted);
    expect(old.sent).toEqual([Frame.ping('beat')]);
    await scripted.clock.advance(150);
    expect(next.sent).toEqual([Frame.ping('beat')]);
    next.bytesRead = 1;
    next.playPong('beat');
    await scripted.clock.advance(299);
    expect(old.sent).toEqual([Frame.ping('beat')]);
    // That nothing is read of the old one kills nothing; of the new one it does.
    await scripted.clock.advance(1_000);
    expect(next.isTerminated).toBe(true);
    await scripted.leave();
  });

  test('a stream that a frame of the overlap has begun goes to the old session, and ends with it', async () => {
    const items = new Subject<string>();
    const scripted = await opened({
      frame: ({ data }: { data: string }) => (data === 'stream' ? items : undefined),
    });
    const { old, next } = await overlapping(scripted);
    old.playText('stream');
    await settle();
    items.next('item');
    await settle();
    expect(old.sent).toEqual([Frame.text('item')]);
    expect(items.observed).toBe(true);
    await scripted.clock.advance(1_000);
    expect(items.observed).toBe(false);
    expect(next.sent).toEqual([]);
    await scripted.leave();
  });
});
