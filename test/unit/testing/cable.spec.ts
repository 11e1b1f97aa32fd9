import { once } from 'node:events';
import type { Duplex } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { cable, type Cable } from '../../../lib/testing/script/cable.js';
import { turn } from '../../../lib/testing/script/event-loop.js';

const BIG = Buffer.alloc(300_000, 1);

function watched(): Cable & { errors: string[] } {
  const both = cable();
  const errors: string[] = [];
  for (const [name, end] of Object.entries(both) as [string, Duplex][]) {
    end.on('error', (error) => errors.push(`${name} ${error.message}`));
  }
  return { ...both, errors };
}

/** Writes so much that the other end, which does not read, leaves some of it under way. */
function writeMuch(end: Duplex, count = 5): number[] {
  const calledBack = Array.from({ length: count }, () => 0);
  for (let index = 0; index < count; index++) {
    end.write(BIG, () => void calledBack[index]!++);
  }
  return calledBack;
}

describe('A cable', () => {
  const ends: Record<string, (both: Cable) => unknown> = {
    'the end that writes is destroyed': ({ near }) => near.destroy(),
    'it is destroyed by an error': ({ near }) => near.destroy(new Error('reset')),
    'the other end is destroyed': ({ far }) => far.destroy(),
    'both are destroyed': ({ near, far }) => [near.destroy(), far.destroy()],
    'the other end reads at last': ({ far }) => far.resume(),
    'it is ended, and read': ({ near, far }) => [near.end(), far.resume()],
    'it is ended, and destroyed': ({ near }) => [near.end(), near.destroy()],
    'the other end is ended, and reads': ({ far }) => [far.end(), far.resume()],
  };

  it.each(Object.keys(ends))('calls every write back exactly once: %s', async (what) => {
    const both = watched();
    const calledBack = writeMuch(both.near);
    await turn();
    expect(calledBack).toContain(0);
    ends[what]?.(both);
    for (let turns = 0; turns < 20; turns++) await turn();

    expect(calledBack).toEqual([1, 1, 1, 1, 1]);
  });

  it('gives everything in order, and then the end, both ways', async () => {
    const { near, far } = watched();
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const chunks: Buffer[] = [];
      to.on('data', (chunk: Buffer) => chunks.push(chunk));
      for (const text of ['a', '', 'b', 'c']) from.write(text);
      from.end(BIG);
      await once(to, 'end');
      expect(Buffer.concat(chunks).equals(Buffer.concat([Buffer.from('abc'), BIG]))).toBe(true);
    }
    await turn();
    expect([near.destroyed, far.destroyed]).toEqual([true, true]);
  });

  it('lets one side go on when the other is ended', async () => {
    const { near, far } = watched();
    near.end();
    far.resume();
    await once(far, 'end');
    far.write('still here');
    const [data] = (await once(near, 'data')) as [Buffer];
    expect(data.toString()).toBe('still here');
  });

  it('tells the other end that one is gone, once it has read; what it writes then fails', async () => {
    const { near, far, errors } = watched();
    near.write('last words');
    await turn();
    near.destroy();
    const ended = once(far, 'end');
    const [data] = (await once(far, 'data')) as [Buffer];
    expect(data.toString()).toBe('last words');
    await ended;
    const error = await new Promise((resolve) => far.write('x', resolve));
    expect(error).toMatchObject({ code: 'EPIPE' });
    await turn();
    expect([errors, far.destroyed]).toEqual([['far write EPIPE'], true]);
  });

  it('holds back who writes faster than is read', async () => {
    const { near, far } = watched();
    expect(near.write(BIG)).toBe(false);
    const calledBack = writeMuch(near);
    await turn();
    expect(calledBack).toEqual([0, 0, 0, 0, 0]);
    far.resume();
    await once(near, 'drain');
    expect(calledBack).toEqual([1, 1, 1, 1, 1]);
  });
});
