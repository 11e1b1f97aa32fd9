import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { inspectShort, toError } from '../../../lib/runtime/errors/websockex.error.js';

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

const cycle = (): object => {
  const ring: Record<string, unknown> = {};
  ring.self = ring;
  return ring;
};

const hostile = {
  get [Symbol.toStringTag](): string {
    throw new Error('no');
  },
  toJSON(): never {
    throw new Error('no');
  },
};

describe('inspectShort', () => {
  it.each([
    ['text', '"text"'],
    [7, '7'],
    [undefined, 'undefined'],
    [null, 'null'],
    [10n, '10'],
    [Symbol('s'), 'Symbol(s)'],
    [{ a: [1] }, '{"a":[1]}'],
    [{ n: 1n }, '[object]'],
    [{ toJSON: () => undefined }, '[object Object]'],
    [Object.create(null), '{}'],
    [{}, '{}'],
    [new TypeError('no'), 'TypeError: no'],
    [Object.assign(new Error('no'), { code: 'E' }), 'Error: no'],
    [new Map([[1, 2]]), '[object Map]'],
    [Promise.resolve(), '[object Promise]'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ])('shows %o as %s', (value, text) => {
    expect(inspectShort(value)).toBe(text);
  });

  it('is never longer than 100 characters', () => {
    expect(inspectShort('x'.repeat(98))).toBe(`"${'x'.repeat(98)}"`);
    expect(inspectShort('x'.repeat(99))).toBe(`"${'x'.repeat(98)}…`);
    fc.assert(fc.property(fc.anything(), (value) => inspectShort(value).length <= 100));
  });

  it.each([
    ['a cycle', cycle()],
    ['a revoked proxy', revoked()],
    ['an object that throws at every look', hostile],
    ['a function that cannot be shown', Object.assign(() => 1, { toString: () => revoked() })],
  ])('does not throw at %s', (_name, value) => {
    expect(inspectShort(value)).toEqual(expect.any(String));
  });
});

describe('toError', () => {
  it('gives an Error as it is', () => {
    const error = new TypeError('no');
    expect(toError(error)).toBe(error);
  });

  it('makes anything else the cause of one', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const error = toError(thrown);
        expect(error).toBeInstanceOf(Error);
        expect(error.cause).toBe(thrown);
        expect(error.message).toContain(inspectShort(thrown));
      }),
    );
  });
});
