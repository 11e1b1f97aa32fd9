import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { equalsPlainly } from '../../../lib/testing/script/equality.js';
import { stateless, withoutMemory } from '../../../lib/testing/script/stateless.js';

const FLAGS = ['', 'g', 'y', 'gy', 'gi', 'u', 'ms', 'gv'];

describe('A stateless expression', () => {
  it('finds what a new one finds, whatever was matched before, and leaves the given one alone', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...FLAGS),
        fc.constantFrom('a', '^a', 'b$', 'ab?', '(?:)', '[ab]+'),
        fc.array(fc.constantFrom('', 'a', 'b', 'ab', 'ba', 'xab', 'A\nb'), { maxLength: 8 }),
        (flags, source, texts) => {
          const given = new RegExp(source, flags);
          given.lastIndex = 2;
          const one = stateless(given);
          for (const text of texts) {
            expect(one.test(text)).toBe(new RegExp(source, flags).test(text));
          }
          expect(given.lastIndex).toBe(2);
        },
      ),
    );
  });

  it('is made of one that is frozen, too', () => {
    const tick = stateless(Object.freeze(/tick/g));
    expect([tick.test('tick'), tick.test('tick')]).toEqual([true, true]);
  });
});

describe('What is expected, without memory', () => {
  const tick = (): unknown => expect.stringMatching(/tick/g);

  it.each([
    { what: 'a matcher', expected: tick(), actual: 'tick' },
    { what: 'in a record', expected: { a: { b: tick() } }, actual: { a: { b: 'tick' } } },
    { what: 'in an array', expected: [[tick()], 1], actual: [['tick'], 1] },
    {
      what: 'in a matcher',
      expected: expect.objectContaining({
        a: expect.arrayContaining([tick()]) as unknown,
      }) as unknown,
      actual: { a: ['x', 'tick'], b: 1 },
    },
  ])('fits as often as it is tried: $what', ({ expected, actual }) => {
    const fits = Array.from({ length: 4 }, () => equalsPlainly(actual, withoutMemory(expected)));
    expect(fits).toEqual([true, true, true, true]);
  });

  it('fits in each of its places', () => {
    const one = tick();
    expect(equalsPlainly(['tick', 'tick'], withoutMemory([one, one]))).toBe(true);
  });

  it('is what was given, where there is nothing to forget', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const values = ['a', null, { a: [1, expect.any(Number)] }, [/a/g], new Map(), cycle];
    for (const value of values) expect(withoutMemory(value)).toBe(value);
  });

  it('keeps what it is an instance of', () => {
    class Order {
      readonly id = tick();
    }
    expect(withoutMemory(new Order())).toBeInstanceOf(Order);
  });
});
