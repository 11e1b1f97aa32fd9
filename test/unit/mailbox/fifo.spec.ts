import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { Fifo } from '../../../lib/runtime/mailbox/fifo.js';

/** Bursts that make the ring grow far, and drains that make it shrink again. */
const bursts = fc.array(
  fc.tuple(
    fc.constantFrom('push', 'unshift', 'shift', 'shift', 'takeOut', 'clear'),
    fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 1, max: 40 }) },
      { weight: 1, arbitrary: fc.constant(2000) },
    ),
  ),
  { maxLength: 30 },
);

/** Does the same to a queue and to an array; gives what each let out. */
function burst(
  fifo: Fifo<number>,
  model: number[],
  name: string,
  times: number,
): readonly [unknown[], unknown[]] {
  const out: unknown[] = [];
  const expected: unknown[] = [];
  for (let i = 0; i < times; i++) {
    if (name === 'push') {
      fifo.push(i);
      model.push(i);
    } else if (name === 'unshift') {
      fifo.unshift(i);
      model.unshift(i);
    } else if (name === 'shift') {
      out.push(fifo.shift());
      expected.push(model.shift());
    }
  }
  if (name === 'takeOut') {
    // The middle one, and then none.
    const wanted = model[model.length >> 1];
    out.push(fifo.takeOut((item): item is number => item === wanted));
    expected.push(...(wanted === undefined ? [undefined] : model.splice(model.indexOf(wanted), 1)));
    out.push(fifo.takeOut((item): item is number => item < 0));
    expected.push(undefined);
  }
  if (name === 'clear') {
    out.push(...fifo.items());
    expected.push(...model);
    out.push(...fifo.clear());
    expected.push(...model.splice(0));
  }
  return [out, expected];
}

describe('Fifo', () => {
  it('is empty at first, and gives nothing then', () => {
    const fifo = new Fifo<number>();
    expect([fifo.length, fifo.shift(), fifo.clear()]).toEqual([0, undefined, []]);
  });

  it('does what an array does, through growing and shrinking', () => {
    fc.assert(
      fc.property(bursts, (all) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        for (const [name, times] of all) {
          const [out, expected] = burst(fifo, model, name, times);
          expect(out).toEqual(expected);
          expect(fifo.length).toBe(model.length);
        }
        expect(fifo.clear()).toEqual(model);
      }),
      runs(100),
    );
  });

  it('takes nothing out where what is asked throws', () => {
    const fifo = new Fifo<number>();
    for (const item of [1, 2, 3]) fifo.push(item);
    expect(() =>
      fifo.takeOut((item): item is number => {
        if (item === 2) throw new Error('boom');
        return false;
      }),
    ).toThrow('boom');
    expect(fifo.clear()).toEqual([1, 2, 3]);
  });

  it('lets go of what was taken', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const fifo = new Fifo<object>();
    const refs = Array.from({ length: 20 }, () => {
      const item = {};
      fifo.push(item);
      return new WeakRef(item);
    });
    for (let i = 0; i < 12; i++) fifo.shift();
    // A WeakRef holds on to what it refers to until its turn is over.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(refs.filter((ref) => ref.deref() !== undefined)).toHaveLength(8);
    expect(fifo).toHaveLength(8);
  });
});
