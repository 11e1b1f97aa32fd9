import {
  accepted,
  ConfigurationError,
  Frame,
  MailboxFullError,
  NotConnectedError,
  OnCall,
  OnCast,
  OnConnect,
  OnFrame,
  QueueFullError,
  reply,
  SendExpiredError,
  SessionOverError,
  SupersededError,
  type HandlerResult,
  type SendOptions,
  type TextFrame,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import type { ScriptedPeer } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { AT_ONCE } from '../../fixtures/scene.js';

class Feed {
  @OnConnect()
  greet() {
    return reply('hello', 'again');
  }

  @OnFrame('text')
  echo({ data }: TextFrame): HandlerResult {
    if (data === 'crash') throw new Error('boom');
    return `${data}!`;
  }

  @OnCast()
  say(text: string) {
    return reply(text);
  }

  @OnCall()
  ask(text: string): string {
    return text;
  }
}

const QUEUE: SendOptions = { whenDisconnected: 'queue' };
const OPTIONS: WebSockexClientOptions = { reconnect: AT_ONCE, restart: 'permanent' };

/** What the promises tell, by the name of the error; nothing for one that waits. */
function told(...promises: readonly Promise<unknown>[]): string[] {
  const story = promises.map(() => '');
  for (const [index, promise] of promises.entries()) {
    promise.then(
      () => (story[index] = 'sent'),
      (error: Error) => (story[index] = error.constructor.name),
    );
  }
  return story;
}

/** A client without a session: it has lost the first one, and its attempts wait for the script. */
async function lost(options: WebSockexClientOptions = {}): Promise<NetScene<Feed>> {
  const scene = await NetScene.boot(Feed, { ...OPTIONS, ...options });
  await scene.server.accept();
  await scene.handle.connected();
  for (const text of ['hello', 'again']) await scene.peer.expectText(text);
  await scene.server.drop();
  await scene.net.settle();
  expect(scene.handle.status).toBe('backoff');
  return scene;
}

/** The session that follows. */
async function reopened({ net, server }: NetScene<Feed>): Promise<ScriptedPeer> {
  await net.clock.advance(0);
  return await server.accept();
}

describe('A send without a session', () => {
  it('rejects, waits, replaces an older one, or is dropped: as it asks, or the client', async () => {
    await using scene = await lost({ whenDisconnected: 'drop' });
    const { handle } = scene;
    const dropped: unknown[] = [];
    handle.events$.subscribe((event) => {
      if (event.event === 'frame:dropped') dropped.push(event.frame);
    });
    const story = told(
      handle.sendFrame('a', { whenDisconnected: 'reject' }),
      handle.sendFrame('b', QUEUE),
      handle.sendFrame('c', { whenDisconnected: 'latest', key: 'k' }),
      handle.sendFrame('d'),
      handle.sendFrame('e', { whenDisconnected: 'latest', key: 'k' }),
      handle.sendFrame('f', { session: handle.session }),
    );
    await scene.net.settle();
    const before = [NotConnectedError, '', SupersededError, 'sent', '', SessionOverError];
    expect(story).toEqual(before.map((one) => (typeof one === 'string' ? one : one.name)));
    expect(dropped).toEqual([Frame.text('d')]);
    const peer = await reopened(scene);
    for (const text of ['hello', 'again', 'b', 'e']) await peer.expectText(text);
    await scene.net.settle();
    expect(story.filter((one) => one === 'sent')).toHaveLength(3);
  });

  it('goes after @OnConnect, before the casts that were postponed, in order', async () => {
    await using scene = await lost();
    const { handle } = scene;
    handle.cast('say', 'a cast');
    const sent = [1, 2, 3].map((n) => handle.sendFrame(`queued ${n}`, QUEUE));
    const peer = await reopened(scene);
    for (const text of ['hello', 'again', 'queued 1', 'queued 2', 'queued 3', 'a cast']) {
      await peer.expectText(text);
    }
    await Promise.all(sent);
  });

  it('is kept over a crash and the delay of the restart, and waits before the first start', async () => {
    await using scene = await NetScene.boot(Feed, { ...OPTIONS, startup: 'manual' });
    const { handle, server } = scene;
    const early = handle.sendFrame('early', QUEUE);
    void handle.start();
    const peer = await server.accept();
    for (const text of ['hello', 'again', 'early']) await peer.expectText(text);
    await early;
    peer.send('crash');
    await scene.net.settle();
    const late = handle.sendFrame('late', QUEUE);
    await scene.net.clock.advance('5s');
    const next = await server.accept();
    for (const text of ['hello', 'again', 'late']) await next.expectText(text);
    await late;
  });

  it('grows too old, finds the queue full, or is given up: each is told, and never sent', async () => {
    await using scene = await lost({ queue: { max: 3, ttl: 2_000 } });
    const { handle, net } = scene;
    const controller = new AbortController();
    const promises = [
      handle.sendFrame('old', QUEUE),
      handle.sendFrame('timeout', { ...QUEUE, timeout: 500 }),
      handle.sendFrame('signal', { ...QUEUE, signal: controller.signal }),
      handle.sendFrame('full', QUEUE),
    ];
    const story = told(...promises);
    controller.abort(new RangeError('enough'));
    await net.clock.advance(1_000);
    expect(story).toEqual(['', 'CallTimeoutError', 'RangeError', 'QueueFullError']);
    await expect(promises[3]).rejects.toThrow(/3 frames wait already \(queue\.max\)/);
    const young = handle.sendFrame('young', QUEUE);
    await net.clock.advance(1_000);
    await expect(promises[0]).rejects.toThrow(SendExpiredError);
    await expect(promises[3]).rejects.toThrow(QueueFullError);
    const peer = await scene.server.accept();
    for (const text of ['hello', 'again', 'young']) await peer.expectText(text);
    await young;
  });

  it.each([
    ['stop()', (scene: NetScene<Feed>) => scene.handle.stop()],
    ['close()', (scene: NetScene<Feed>) => scene.handle.close()],
    ['the shutdown', (scene: NetScene<Feed>) => scene.app.close()],
  ])('is told when %s ends the client, and none is taken after it', async (_what, end) => {
    await using scene = await lost({ restart: 'transient' });
    const waiting = scene.handle.sendFrame('x', QUEUE);
    await end(scene);
    await expect(waiting).rejects.toThrow(/feed|Feed/);
    await expect(waiting).rejects.toBeInstanceOf(NotConnectedError);
    await expect(scene.handle.sendFrame('y', QUEUE)).rejects.toThrow(NotConnectedError);
    expect(scene.net.clock.pending).toEqual([]);
  });

  it('is refused before anything has changed, where it asks for what cannot be', async () => {
    await using scene = await lost();
    const { handle } = scene;
    for (const [options, message] of [
      [
        { whenDisconnected: 'later' },
        /"whenDisconnected" is "later"; it must be 'reject', 'queue'/,
      ],
      [{ whenDisconnected: 'latest' }, /"key" is undefined; it must be a string: with/],
      [{ key: 7, whenDisconnected: 'latest' }, /"key" is 7; it must be a string/],
      [{ session: 'x' }, /"session" is "x"; it must be the number of a session/],
      [{ session: 9 }, /there is no session 9 yet, the last one is 1/],
    ] as const) {
      const sent = handle.sendFrame('x', options as never);
      await expect(sent).rejects.toThrow(ConfigurationError);
      await expect(sent).rejects.toThrow(message);
    }
    await expect(handle.sendFrame(7 as never, QUEUE)).rejects.toThrow(/is not a frame/);
  });
});

describe('A send in a session', () => {
  it('keeps to sendRate in order; the greeting, pings and heartbeats pass', async () => {
    await using scene = await NetScene.open(Feed, {
      sendRate: { limit: 2, per: 1_000 },
      heartbeat: { interval: 100, timeout: 50 },
    });
    const { handle, peer, net } = scene;
    for (const text of ['hello', 'again']) await peer.expectText(text);
    const story = told(...['a', 'b', 'c', 'd'].map((text) => handle.sendFrame(text)));
    await handle.sendFrame(Frame.ping('me'));
    peer.send('frame');
    await net.clock.advance(900);
    expect(story).toEqual(['sent', 'sent', '', '']);
    await net.clock.advance(100);
    expect(story).toEqual(['sent', 'sent', 'sent', 'sent']);
    await net.clock.advance(1_000);
    for (const text of ['a', 'b', 'c', 'd', 'frame!']) await peer.expectText(text);
    expect(peer.transcript.filter((line) => line.includes('ping')).length).toBeGreaterThan(9);
  });

  it('belongs to it where it asks for that, and rejects when it is over', async () => {
    await using scene = await NetScene.open(Feed, {
      ...OPTIONS,
      sendRate: { limit: 1, per: 1_000 },
    });
    const { handle } = scene;
    const { session } = handle;
    const bound = [
      handle.sendFrame('a', { session }),
      handle.sendFrame('b', { ...QUEUE, session }),
    ];
    const story = told(...bound, handle.sendFrame('c', QUEUE));
    await scene.net.settle();
    await scene.server.drop();
    await scene.net.clock.advance(1_000);
    expect(story).toEqual(['sent', 'SessionOverError', 'sent']);
    await expect(bound[1]).rejects.toThrow(/for session 1, which is over/);
  });

  it('that a handler returned is dropped with its session, and that is told', async () => {
    await using scene = await NetScene.open(Feed, { sendRate: { limit: 1, per: 1_000 } });
    const { handle, peer } = scene;
    const dropped: unknown[] = [];
    handle.events$.subscribe((event) => {
      if (event.event === 'frame:dropped') dropped.push([event.frame, event.error]);
    });
    await scene.feed('a', 'b');
    peer.close();
    await scene.net.settle();
    expect(dropped).toEqual([[Frame.text('b!'), expect.any(SessionOverError)]]);
  });
});

describe('What handlers return', () => {
  it('is dropped above maxBuffered, where it is no answer to the peer, and the log tells so', async () => {
    const warnings: string[] = [];
    const logger = { log() {}, error() {}, warn: (line: string) => warnings.push(line) };
    const marks = { sendHighWaterMark: 10, maxBuffered: 30 };
    await using scene = await NetScene.open(Feed, marks, { logger });
    const { handle, peer, net } = scene;
    const dropped: unknown[] = [];
    handle.events$.subscribe((event) => {
      if (event.event === 'frame:dropped') dropped.push(event.frame);
    });
    peer.stall();
    // What the net holds for a peer that reads nothing is more than a socket has taken.
    const sent = handle.sendFrame('x'.repeat(1024 * 1024));
    for (let n = 0; n < 4; n++) handle.cast('say', `${n}`.repeat(20));
    await net.settle();
    expect(dropped.length).toBeGreaterThan(0);
    expect(
      warnings.filter((line) => line.includes('what a handler returned was dropped')),
    ).toHaveLength(1);
    expect(warnings.join()).toMatch(/\(maxBuffered\)/);
    peer.unstall();
    await sent;
  });
});

describe('What waits at the end', () => {
  it.each([
    ['stop()', (scene: NetScene<Feed>) => scene.handle.stop(), 1000],
    ['the shutdown', (scene: NetScene<Feed>) => scene.app.close(), 1001],
  ])('is sent before the close frame, by %s', async (_what, end, code) => {
    await using scene = await NetScene.open(Feed, { sendRate: { limit: 1, per: 1_000 } });
    const { handle, peer, net } = scene;
    const sent = ['a', 'b', 'c'].map((text) => handle.sendFrame(text));
    const ended = end(scene);
    await net.clock.advance('2s');
    for (const text of ['hello', 'again', 'a', 'b', 'c']) await peer.expectText(text);
    await peer.expectClose(code);
    await Promise.all([...sent, ended]);
  });

  it('is told where the time does not suffice, and the log has the number', async () => {
    const warnings: unknown[] = [];
    const logger = { log() {}, error() {}, warn: (line: unknown) => warnings.push(line) };
    await using scene = await NetScene.open(
      Feed,
      { sendRate: { limit: 1, per: 60_000 } },
      { logger, root: { shutdownTimeout: 2_000 } },
    );
    const sent = ['a', 'b', 'c'].map((text) => scene.handle.sendFrame(text));
    const story = told(...sent);
    const ended = scene.app.close();
    await scene.net.clock.advance('2s');
    await ended;
    expect(story).toEqual(['sent', 'ShuttingDownError', 'ShuttingDownError']);
    expect(warnings).toContainEqual(expect.stringMatching(/2 sends/));
  });
});

describe('What waits in the mailbox', () => {
  it('is bounded by mailbox.maxWaiting: casts, infos and calls are refused above it', async () => {
    const gate = new Gate();
    class Busy extends Feed {
      @OnFrame('text', 'busy')
      async busy(): Promise<HandlerResult> {
        await gate.opened;
        return accepted();
      }
    }
    await using scene = await NetScene.open(Busy, { mailbox: { maxWaiting: 2 } });
    const { handle, peer } = scene;
    await scene.feed('busy');
    handle.cast('say', 'one');
    const call = handle.call('ask', 'two');
    expect(() => handle.cast('say', 'three')).toThrow(MailboxFullError);
    await expect(handle.call('ask', 'four')).rejects.toThrow(
      /cannot call "ask": 2 messages wait in its mailbox \(mailbox\.maxWaiting\)/,
    );
    gate.open();
    expect(await call).toBe('two');
    handle.cast('say', 'five');
    for (const text of ['hello', 'again', 'one', 'five']) await peer.expectText(text);
  });
});
