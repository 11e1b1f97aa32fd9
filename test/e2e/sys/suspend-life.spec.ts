import { OnFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';
import { AT_ONCE } from '../../fixtures/scene.js';
import { noting } from './noting.js';

const NOT_CONNECTED = { code: 'ERR_WEBSOCKEX_NOT_CONNECTED' };

describe('The life of a client that is suspended', () => {
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

  it('has the next incarnation wait where it is asked for between two', async () => {
    const { FeedClient } = noting();
    await using scene = await NetScene.open(FeedClient);
    const { handle, net, server } = scene;
    for (let crash = 1; crash <= 2; crash++) {
      await scene.feed('crash');
      if (crash === 1) await net.clock.advance('1ms');
    }
    expect(handle.status).toBe('backoff');
    await handle.sys.suspend();
    await net.clock.advance('1m');
    expect([server.attempts, await handle.sys.getStatus()]).toMatchObject([
      2,
      { incarnation: 3, isSuspended: true },
    ]);
    await handle.sys.resume();
    await handle.connected();
    expect([server.attempts, await handle.sys.getStatus()]).toMatchObject([
      3,
      { incarnation: 3, isSuspended: false },
    ]);
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
