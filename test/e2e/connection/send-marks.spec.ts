import { BackpressureError, NotConnectedError, OnFrame, type TextFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { AT_ONCE, Scene } from '../../fixtures/scene.js';

/** More than the buffers of two sockets hold, in a few frames. */
const CHUNK = 'x'.repeat(256 * 1024);
const COUNT = 200;

class Feed {
  readonly heard: string[] = [];

  @OnFrame('text')
  hear({ data }: TextFrame): string {
    this.heard.push(data);
    return `heard ${data}`;
  }
}

/** What each promise has told, by its place. */
function told(promises: readonly Promise<void>[]): Map<number, string> {
  const story = new Map<number, string>();
  for (const [index, promise] of promises.entries()) {
    promise.then(
      () => story.set(index, 'sent'),
      (error: Error) => story.set(index, error.constructor.name),
    );
  }
  return story;
}

describe('A peer that does not read', { timeout: 30_000 }, () => {
  it('has sends wait above the mark and refused above the bound; once it reads on, it gets the rest in order', async () => {
    await using scene = await Scene.open(Feed, {
      sendHighWaterMark: 512 * 1024,
      maxBuffered: 16 * 1024 * 1024,
    });
    const { peer, handle } = scene;
    peer.pauseReading();
    const sent = Array.from({ length: COUNT }, (_, n) => handle.sendFrame(`${n} ${CHUNK}`));
    const story = told(sent);
    const refused = sent.at(-1) as Promise<void>;
    await expect(refused).rejects.toThrow(BackpressureError);
    await expect(refused).rejects.toThrow(/above 16777216 \(maxBuffered\)/);
    peer.resumeReading();
    await Promise.allSettled(sent);
    const taken = [...story].flatMap(([n, what]) => (what === 'sent' ? [n] : []));
    const others = new Set(story.values());
    expect(others).toEqual(new Set(['sent', 'BackpressureError']));
    expect(taken.length).toBeGreaterThan(60);
    for (const n of taken) {
      const { payload } = await peer.nextFrame('text');
      expect(payload.subarray(0, 8).toString().split(' ')[0]).toBe(`${n}`);
    }
    await handle.sendFrame('last');
    expect((await peer.nextFrame('text')).payload.toString()).toBe('last');
  });

  it('is read all the same: what others send waits, and its own frames are handled', async () => {
    await using scene = await Scene.open(Feed, { sendHighWaterMark: 512 * 1024 });
    const { peer, handle } = scene;
    const heard: string[] = [];
    const hundred = new Promise<void>((resolve) => {
      handle.frames$.subscribe(({ data }) => heard.push(String(data)) === 100 && resolve());
    });
    peer.pauseReading();
    const sent = Array.from({ length: 40 }, (_, n) => handle.sendFrame(`${n} ${CHUNK}`));
    for (let n = 0; n < 100; n++) peer.text(`${n}`);
    await hundred;
    peer.resumeReading();
    await Promise.all(sent);
  });

  it('and then is gone, gets in the next session what has not begun to leave, and nothing twice', async () => {
    await using scene = await Scene.open(Feed, {
      reconnect: AT_ONCE,
      whenDisconnected: 'queue',
      queue: { maxBytes: 64 * 1024 * 1024 },
    });
    const { peer, handle } = scene;
    peer.pauseReading();
    const sent = Array.from({ length: 60 }, (_, n) => handle.sendFrame(`${n} ${CHUNK}`));
    const story = told(sent);
    await sent[0];
    peer.reset();
    const next = await scene.accept();
    await Promise.allSettled(sent);
    const numbers: number[] = [];
    // Whatever the first socket took was told as sent, or as lost; the second one has what is left.
    const last = handle.sendFrame('last');
    for (;;) {
      const { payload } = await next.nextFrame('text');
      const text = payload.subarray(0, 8).toString();
      if (text === 'last') break;
      numbers.push(Number(text.split(' ')[0]));
    }
    await last;
    const lost = [...story].flatMap(([n, what]) => (what === 'sent' ? [] : [n]));
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    for (const n of numbers) expect(story.get(n)).toBe('sent');
    for (const n of lost) {
      expect(n).toBeLessThan(numbers[0] as number);
      await expect(sent[n]).rejects.toThrow(NotConnectedError);
    }
    // From the first that was lost, or had not left, on: each is one or the other.
    const begun = Math.min(...lost, ...numbers);
    const rest = [...lost, ...numbers].toSorted((a, b) => a - b);
    expect(rest).toEqual(Array.from({ length: 60 - begun }, (_, n) => begun + n));
  });

  it.each(['auto', 'ws'] as const)(
    'and then is gone, gets what the socket holds back in the next session: %s',
    async (transport) => {
      await using scene = await Scene.open(Feed, {
        transport,
        reconnect: AT_ONCE,
        whenDisconnected: 'queue',
        queue: { maxBytes: 64 * 1024 * 1024 },
        sendHighWaterMark: Infinity,
      });
      const { peer, handle } = scene;
      peer.pauseReading();
      const bulk = Array.from({ length: 60 }, () => handle.sendFrame(CHUNK));
      const story = told(bulk);
      // Whatever the system takes it has taken when it takes no more.
      let taken = -1;
      while (taken < story.size) {
        taken = story.size;
        for (let n = 0; n < 30; n++) await new Promise((resolve) => setImmediate(resolve));
      }
      const behind = ['a', 'b', 'c'].map((text) => handle.sendFrame(text));
      peer.reset();
      const next = await scene.accept();
      await Promise.all(behind);
      const got: string[] = [];
      while (got.at(-1) !== 'c') got.push((await next.nextFrame('text')).payload.toString());
      expect(got.slice(-3)).toEqual(['a', 'b', 'c']);
      await Promise.allSettled(bulk);
      // What had begun to leave nobody sends again.
      expect([...story.values()]).toContain('NotConnectedError');
    },
  );
});
