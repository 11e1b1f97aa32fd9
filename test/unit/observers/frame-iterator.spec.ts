import fc from 'fast-check';
import { type DataFrame, Frame } from 'nestjs-websockex';
import { beforeEach, describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { PauseLock } from '../../../lib/runtime/mailbox/pause.lock.js';
import { FrameIterator, FrameQueue } from '../../../lib/runtime/observers/frame-iterator.js';

const MARKS = { highWaterMark: 4, lowWaterMark: 1, maxBytes: 100 };
const text = (data: string): DataFrame => Frame.text(data);
const END = { done: true, value: undefined };

describe('PauseLock', () => {
  it('pauses with the first who holds it, and goes on when the last lets go', () => {
    const story: boolean[] = [];
    const flow = new PauseLock((paused) => story.push(paused));
    const [a, b] = [{}, {}];
    flow.release(a);
    flow.hold(a);
    flow.hold(b);
    flow.release(a);
    flow.release(a);
    expect(story).toEqual([true]);
    flow.release(b);
    expect(story).toEqual([true, false]);
  });

  it('is paused exactly while somebody holds it, however often they say so', () => {
    const holders = [{}, {}, {}];
    const act = fc.tuple(fc.boolean(), fc.nat(2));
    fc.assert(
      fc.property(fc.array(act), (acts) => {
        let isPaused = false;
        const flow = new PauseLock((paused) => (isPaused = paused));
        const holding = new Set<number>();
        for (const [hold, index] of acts) {
          const holder = holders[index] as object;
          if (hold) flow.hold(holder);
          else flow.release(holder);
          if (hold) holding.add(index);
          else holding.delete(index);
          expect(isPaused).toBe(holding.size > 0);
        }
      }),
      runs(100),
    );
  });
});

describe('FrameIterator', () => {
  let paused: boolean;
  let left: number;
  let queue: FrameQueue;
  let iterator: FrameIterator;

  beforeEach(() => {
    paused = false;
    left = 0;
    const flow = new PauseLock((now) => (paused = now));
    queue = new FrameQueue(MARKS, flow, () => left++);
    iterator = new FrameIterator(queue);
  });

  it('gives frames in order, to a loop that is ahead and to one that is behind', async () => {
    const early = [iterator.next(), iterator.next()];
    for (const data of ['a', 'b', 'c']) queue.push(text(data));
    const results = await Promise.all([...early, iterator.next()]);
    expect(results).toEqual(['a', 'b', 'c'].map((data) => ({ done: false, value: text(data) })));
  });

  it('keeps nothing of what comes once its loop has left, and holds up nobody', async () => {
    await iterator.return();
    for (let i = 0; i < MARKS.highWaterMark; i++) queue.push(text('late'));
    expect([paused, left, await iterator.next()]).toEqual([false, 1, END]);
  });

  it('works in a for await loop, and ends it after what still waits', async () => {
    const seen: string[] = [];
    const loop = (async () => {
      for await (const frame of iterator) seen.push(String(frame.data));
    })();
    queue.push(text('a'));
    queue.push(text('b'));
    queue.end();
    queue.end();
    await loop;
    expect([seen, left]).toEqual([['a', 'b'], 1]);
    await expect(iterator.next()).resolves.toEqual(END);
  });

  it('ends those who wait for a frame when there will be none', async () => {
    const waiting = [iterator.next(), iterator.next()];
    queue.end();
    await expect(Promise.all(waiting)).resolves.toEqual([END, END]);
  });

  it('pauses the source at the high mark, and lets it go on at the low one', async () => {
    for (const data of ['a', 'b', 'c']) queue.push(text(data));
    expect(paused).toBe(false);
    queue.push(text('d'));
    expect(paused).toBe(true);
    await iterator.next();
    await iterator.next();
    expect(paused).toBe(true);
    await iterator.next();
    expect(paused).toBe(false);
  });

  it('counts bytes too, and goes on at half of them', async () => {
    queue.push(text('x'.repeat(50)));
    queue.push(text('y'.repeat(50)));
    expect(paused).toBe(true);
    await iterator.next();
    expect(paused).toBe(false);
    queue.push(Frame.binary(Buffer.alloc(49)));
    expect(paused).toBe(false);
    queue.push(text('z'));
    expect(paused).toBe(true);
  });

  it('is not paused by frames that a loop was waiting for', () => {
    for (let i = 0; i < 10; i++) void iterator.next();
    for (let i = 0; i < 10; i++) queue.push(text('x'.repeat(100)));
    expect(paused).toBe(false);
  });

  it('lets the source go on when a loop is left early, and forgets what waited', async () => {
    for (let i = 0; i < 10; i++) queue.push(text('a'));
    expect(paused).toBe(true);
    for await (const _frame of iterator) break;
    expect([paused, left]).toEqual([false, 1]);
    await expect(iterator.next()).resolves.toEqual(END);
    await expect(iterator.return()).resolves.toEqual(END);
    expect(left).toBe(1);
  });

  it('gives every frame once and in order, and is paused as its marks say', async () => {
    const act = fc.oneof(
      fc.record({ push: fc.nat(60) }),
      fc.constant({ take: true } as const),
      fc.constant({ take: true } as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        let isPaused = false;
        let shouldPause = false;
        const flow = new PauseLock((now) => (isPaused = now));
        const one = new FrameQueue(MARKS, flow, () => undefined);
        const pushed: DataFrame[] = [];
        const taken: Promise<IteratorResult<DataFrame, undefined>>[] = [];
        for (const each of acts) {
          if ('push' in each) {
            pushed.push(text(`${pushed.length}${'x'.repeat(each.push)}`));
            one.push(pushed.at(-1) as DataFrame);
          } else taken.push(one.take());
          const waiting = pushed.slice(taken.length);
          const bytes = waiting.reduce((sum, { data }) => sum + data.length, 0);
          if ('push' in each) shouldPause ||= waiting.length >= 4 || bytes >= 100;
          else shouldPause &&= waiting.length > 1 || bytes > 50;
          expect(isPaused).toBe(shouldPause);
        }
        one.end();
        for await (const frame of new FrameIterator(one))
          taken.push(Promise.resolve({ done: false, value: frame }));
        const results = await Promise.all(taken);
        const values = results.flatMap(({ value }) => (value ? [value] : []));
        expect(values).toEqual(pushed);
      }),
      runs(100),
    );
  });
});
