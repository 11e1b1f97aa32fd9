import { beforeEach, describe, expect, it } from 'vitest';

import { HeldQueue } from '../../../lib/runtime/mailbox/held.queue.js';

interface Item {
  readonly data: string;
}

const marks = { highWaterMark: 3, lowWaterMark: 1, maxBytes: 20 };

describe('HeldQueue', () => {
  let queue: HeldQueue<Item>;
  /** Each time a mark was crossed. */
  let told: ('high' | 'low' | 'full')[];

  beforeEach(() => {
    told = [];
    queue = new HeldQueue<Item>(() => marks, {
      onHighWater: () => told.push('high'),
      onLowWater: () => told.push('low'),
    });
  });

  const push = (...texts: string[]): void => {
    for (const data of texts) queue.push({ data });
  };
  const take = (text: string): string | undefined =>
    queue.takeOut((item): item is Item => item.data === text)?.data;
  const texts = (): string[] => queue.clear().map(({ data }) => data);

  it('gives all that waits, in order, once', () => {
    push('a', 'b', 'c');
    expect(texts()).toEqual(['a', 'b', 'c']);
    expect(texts()).toEqual([]);
  });

  it('takes out one of which that holds, and leaves the others in order', () => {
    push('a', 'b', 'a', 'c');
    expect(take('b')).toBe('b');
    expect(take('x')).toBeUndefined();
    expect(take('a')).toBe('a');
    expect(texts()).toEqual(['a', 'c']);
  });

  it('tells once that so many wait, and once that few do again', () => {
    push('a', 'b');
    expect(told).toEqual([]);
    push('c', 'd');
    expect(told).toEqual(['high']);
    take('a');
    take('b');
    expect(told).toEqual(['high']);
    take('c');
    expect(told).toEqual(['high', 'low']);
    push('e', 'f');
    expect(told).toEqual(['high', 'low', 'high']);
  });

  it('tells the same of bytes, of which half is few', () => {
    push('x'.repeat(20));
    expect(told).toEqual(['high']);
    push('yyyyy');
    take('x'.repeat(20));
    expect(told).toEqual(['high', 'low']);
    push('z'.repeat(14));
    expect(told).toEqual(['high', 'low']);
    push('.');
    expect(told).toEqual(['high', 'low', 'high']);
  });

  it('begins anew when all is taken out', () => {
    push('x'.repeat(19), 'a', 'b');
    queue.clear();
    expect(told).toEqual(['high', 'low']);
    push('a', 'b');
    expect(told).toEqual(['high', 'low']);
    push('c');
    expect(told).toEqual(['high', 'low', 'high']);
  });

  it('stretched, looks at bytes alone, and tells who has stretched it; then at numbers again', () => {
    push('a', 'b', 'c');
    queue.stretch(() => told.push('full'));
    expect(told).toEqual(['high', 'low']);
    push('d', 'e');
    expect(told).toEqual(['high', 'low']);
    push('x'.repeat(15));
    expect(told).toEqual(['high', 'low', 'high', 'full']);
    take('x'.repeat(15));
    expect(told).toEqual(['high', 'low', 'high', 'full']);
    queue.clear();
    expect(told.splice(0)).toEqual(['high', 'low', 'high', 'full', 'low']);
    push('a', 'b', 'c');
    queue.stretch(undefined);
    expect(told).toEqual(['high']);
  });
});
