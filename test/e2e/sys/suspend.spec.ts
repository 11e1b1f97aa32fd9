import { AsyncLocalStorage } from 'node:async_hooks';

import { OnFrame, OnPing, type TextFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';
import { noting } from './noting.js';

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
    await net.settle();
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
    // A turn that has taken its time leaves the rest to the next.
    await scene.net.settle();
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
});
