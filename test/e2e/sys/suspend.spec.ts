import { AsyncLocalStorage } from 'node:async_hooks';

import {
  OnCall,
  OnCast,
  OnDisconnect,
  OnFrame,
  OnPing,
  OnTerminate,
  terminate,
  type TextFrame,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { AT_ONCE } from '../../fixtures/scene.js';

/** A client class, and what its handlers noted; `work` is what the handler of 'slow' waits for. */
function noting() {
  const notes: string[] = [];
  const gate = new Gate();
  class FeedClient {
    @OnFrame('text', 'crash') crash(): void {
      throw new Error('boom');
    }

    @OnFrame('text', 'slow') async slow() {
      notes.push('slow');
      await gate.opened;
      notes.push('done');
    }

    @OnFrame('text') text({ data }: TextFrame) {
      notes.push(data);
    }

    @OnCast() publish(text: string) {
      notes.push(`cast ${text}`);
    }

    @OnCast() end() {
      return terminate();
    }

    @OnCall() ask() {
      notes.push('call');
      return 'answer';
    }

    @OnDisconnect() lost() {
      notes.push('disconnect');
    }

    @OnTerminate() gone() {
      notes.push('terminate');
    }
  }
  return { FeedClient, notes, gate };
}

const NOT_CONNECTED = { code: 'ERR_WEBSOCKEX_NOT_CONNECTED' };

describe('A client that is suspended', () => {
  it('keeps frames, casts and calls, and handles them in order once it is resumed', async () => {
    const { FeedClient, notes } = noting();
    await using scene = await NetScene.open(FeedClient);
    const { handle, net } = scene;
    await handle.sys.suspend();
    await scene.feed('1');
    handle.cast('publish', '2');
    await net.settle();
    const answer = handle.call('ask');
    await net.settle();
    await scene.feed('3');
    expect(notes).toEqual([]);
    expect(await handle.sys.getStatus()).toMatchObject({ isSuspended: true, waiting: 4 });
    await handle.sys.resume();
    expect(await answer).toBe('answer');
    expect(notes).toEqual(['1', 'cast 2', 'call', '3']);
    expect(await handle.sys.getStatus()).toMatchObject({ isSuspended: false, waiting: 0 });
    await scene.feed('4');
    expect(notes.at(-1)).toBe('4');
  });

  it('still sends, and answers pings', async () => {
    const { FeedClient } = noting();
    await using scene = await NetScene.open(FeedClient);
    await scene.handle.sys.suspend();
    scene.peer.ping('alive?');
    expect(await scene.peer.next()).toMatchObject({ type: 'pong', data: Buffer.from('alive?') });
    await scene.handle.sendFrame('yes');
    expect(await scene.peer.expectText()).toBe('yes');
  });

  it('keeps pings too where the class answers them', async () => {
    class Pinged {
      @OnPing() ping() {
        return 'pinged';
      }
    }
    await using scene = await NetScene.open(Pinged);
    await scene.handle.sys.suspend();
    scene.peer.ping('alive?');
    await scene.net.settle();
    expect(await scene.handle.sys.getStatus()).toMatchObject({ waiting: 1 });
    await scene.handle.sys.resume();
    expect(await scene.peer.expectText()).toBe('pinged');
  });

  it('finishes the handler that runs first', async () => {
    const { FeedClient, notes, gate } = noting();
    await using scene = await NetScene.open(FeedClient);
    await scene.feed('slow');
    let isSuspended = false;
    const suspended = scene.handle.sys.suspend().then(() => (isSuspended = true));
    await scene.feed('after');
    expect(isSuspended).toBe(false);
    gate.open();
    await suspended;
    await scene.net.settle();
    expect(notes).toEqual(['slow', 'done']);
    await scene.handle.sys.resume();
    expect(notes).toEqual(['slow', 'done', 'after']);
  });

  it('is so once its own handler has returned, where that asks for it', async () => {
    const notes: string[] = [];
    let suspend!: () => Promise<void>;
    class Modest {
      @OnFrame('text') any({ data }: TextFrame) {
        notes.push(data);
        if (data === 'hold') void suspend();
      }
    }
    await using scene = await NetScene.open(Modest);
    suspend = () => scene.handle.sys.suspend();
    await scene.feed('hold');
    await scene.feed('held');
    expect(notes).toEqual(['hold']);
    await scene.handle.sys.resume();
    expect(notes).toEqual(['hold', 'held']);
  });

  it('is resumed once, however often it was suspended, and may be resumed in vain', async () => {
    const { FeedClient, notes } = noting();
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await sys.resume();
    await sys.suspend();
    await sys.suspend();
    await scene.feed('1');
    await sys.resume();
    expect(notes).toEqual(['1']);
    await sys.resume();
    // What is asked for at once is done in this order.
    void sys.suspend();
    void sys.resume();
    void sys.suspend();
    await scene.feed('2');
    expect(notes).toEqual(['1']);
    await sys.resume();
    expect(notes).toEqual(['1', '2']);
  });

  it('handles nothing in the call of whoever resumes it, nor in its context', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    class Curious {
      @OnFrame() any() {
        seen.push(context.getStore());
      }
    }
    await using scene = await NetScene.open(Curious);
    await scene.handle.sys.suspend();
    await scene.feed('1', '2');
    const resumed = context.run('of the caller', () => scene.handle.sys.resume());
    expect(seen).toEqual([]);
    await resumed;
    expect(seen).toEqual([undefined, undefined]);
  });

  it('pauses the socket past the mark: the peer cannot fill its memory', async () => {
    const { FeedClient, notes } = noting();
    const mailbox = { highWaterMark: 8, lowWaterMark: 2 };
    await using scene = await NetScene.open(FeedClient, { mailbox });
    const { sys } = scene.handle;
    const flow: string[] = [];
    scene.handle.events$.subscribe(({ event }) => {
      if (event === 'pause' || event === 'resume') flow.push(event);
    });
    await sys.suspend();
    const texts = Array.from({ length: 200 }, (_, n) => `${n}`);
    // One at a time: what is read at once is kept, whatever the mark.
    for (const text of texts) await scene.feed(text);
    expect((await sys.getStatus()).waiting).toBeLessThanOrEqual(10);
    expect(flow).toEqual(['pause']);
    await sys.resume();
    await scene.net.settle();
    expect(notes).toEqual(texts);
    expect(flow.at(-1)).toBe('resume');
    expect(await sys.getStatus()).toMatchObject({ waiting: 0 });
  });

  it('has the end of its session wait, and connects again once it is resumed', async () => {
    const { FeedClient, notes } = noting();
    await using scene = await NetScene.open(FeedClient, { reconnect: AT_ONCE });
    const { handle, net } = scene;
    await handle.sys.suspend();
    await scene.feed('1');
    scene.peer.drop();
    await net.clock.advance('1s');
    expect([notes, handle.status]).toEqual([[], 'closing']);
    await handle.sys.resume();
    await net.clock.advance('1s');
    await handle.connected();
    expect(notes).toEqual(['1', 'disconnect']);
    expect(handle.session).toBe(2);
  });

  it('makes no attempt while it is suspended in backoff, and goes on when it is resumed', async () => {
    const { FeedClient } = noting();
    await using scene = await NetScene.boot(FeedClient, { reconnect: AT_ONCE });
    const { handle, net, server } = scene;
    await server.reject(503);
    await net.settle();
    expect(handle.status).toBe('backoff');
    await handle.sys.suspend();
    await net.clock.advance('1m');
    expect(server.attempts).toBe(1);
    server.acceptAll();
    await handle.sys.resume();
    await handle.connected();
    expect(server.attempts).toBe(2);
  });

  it('starts only once it is resumed', async () => {
    const { FeedClient } = noting();
    await using scene = await NetScene.boot(FeedClient, { startup: 'manual' });
    const { handle, server } = scene;
    server.acceptAll();
    await handle.sys.suspend();
    const started = handle.start();
    await scene.net.settle();
    expect(server.attempts).toBe(0);
    await handle.sys.resume();
    await started;
    expect(handle.status).toBe('open');
  });

  it('closes its session when it is told to', async () => {
    const { FeedClient, notes } = noting();
    await using scene = await NetScene.open(FeedClient);
    const { handle } = scene;
    await handle.sys.suspend();
    await scene.feed('1');
    await handle.close(4000, 'bye');
    expect(await scene.peer.expectClose(4000)).toMatchObject({ reason: 'bye' });
    expect([notes, handle.status]).toEqual([[], 'closing']);
    await handle.sys.resume();
    await handle.terminated;
    // What came before our close was not handled before it: it is dropped.
    expect(notes).toEqual(['disconnect', 'terminate']);
  });

  it('connects again when it is told to, once it is resumed', async () => {
    const { FeedClient } = noting();
    await using scene = await NetScene.open(FeedClient, { reconnect: AT_ONCE });
    const { handle } = scene;
    await handle.sys.suspend();
    const again = handle.reconnect();
    await scene.net.clock.advance('1s');
    expect(handle.session).toBe(1);
    await handle.sys.resume();
    await scene.net.clock.advance('1s');
    expect(await again).toMatchObject({ session: 2 });
  });

  it('handles what it kept, and ends, when it is stopped', async () => {
    const { FeedClient, notes } = noting();
    await using scene = await NetScene.open(FeedClient);
    const { handle } = scene;
    await handle.sys.suspend();
    await scene.feed('1');
    handle.cast('publish', '2');
    const stopped = handle.stop();
    await expect(handle.sys.suspend()).rejects.toMatchObject(NOT_CONNECTED);
    expect(await stopped).toMatchObject({ by: 'local', code: 1000 });
    expect(notes).toEqual(['1', 'cast 2', 'disconnect', 'terminate']);
    expect(scene.net.clock.pending).toEqual([]);
  });

  it('ends with its application, in a session or in backoff', async () => {
    for (const script of ['accept', 'reject'] as const) {
      const { FeedClient } = noting();
      await using scene = await NetScene.boot(FeedClient);
      const { handle, net, server } = scene;
      await (script === 'accept' ? server.accept() : server.reject(503));
      await net.settle();
      await handle.sys.suspend();
      await scene.app.close();
      expect(handle.status).toBe('terminated');
      expect(net.clock.pending).toEqual([]);
    }
  });

  it('ends between two sessions when it is closed', async () => {
    const { FeedClient } = noting();
    await using scene = await NetScene.boot(FeedClient);
    const { handle, net, server } = scene;
    await server.reject(503);
    await net.settle();
    await handle.sys.suspend();
    await handle.close();
    await handle.terminated;
    expect(net.clock.pending).toEqual([]);
  });

  it('is not suspended any more after a restart, whenever it was asked for', async () => {
    const { FeedClient, notes } = noting();
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await sys.suspend();
    await scene.feed('crash', 'lost');
    // It comes behind the frame that crashes: there is nothing to be held any more.
    const resumed = sys.resume();
    const suspended = sys.suspend();
    await resumed;
    await suspended;
    await sys.resume();
    await scene.net.clock.advance('1s');
    expect(await sys.getStatus()).toMatchObject({ incarnation: 2, isSuspended: false });
    await scene.feed('new');
    expect(notes).toEqual(['terminate', 'new']);
  });

  it('refuses to be so where its handler crashes after it has asked for it', async () => {
    let suspend!: () => Promise<void>;
    let outcome: unknown;
    const notes: string[] = [];
    class Rash {
      @OnFrame('text', 'hold') hold(): void {
        outcome = suspend().catch((error: unknown) => error);
        throw new Error('boom');
      }

      @OnFrame() any() {
        notes.push('handled');
      }
    }
    await using scene = await NetScene.open(Rash);
    suspend = () => scene.handle.sys.suspend();
    await scene.feed('hold');
    await scene.net.clock.advance('1s');
    expect(await outcome).toMatchObject(NOT_CONNECTED);
    await scene.feed('after');
    expect(notes).toEqual(['handled']);
  });

  it('refuses a call that waits too long', async () => {
    const { FeedClient } = noting();
    await using scene = await NetScene.open(FeedClient, { callTimeout: 100 });
    await scene.handle.sys.suspend();
    const answer = scene.handle.call('ask');
    await scene.net.clock.advance('100ms');
    await expect(answer).rejects.toMatchObject({ code: 'ERR_WEBSOCKEX_CALL_TIMEOUT' });
  });
});
