import { afterEach, describe, expect, it } from 'vitest';

import { withoutStacks } from '../../../lib/runtime/errors/websockex.error.js';

const { stackTraceLimit } = Error;

afterEach(() => {
  Object.defineProperty(Error, 'stackTraceLimit', { value: stackTraceLimit, writable: true });
});

describe('withoutStacks', () => {
  it('makes errors of one line, and later ones have their stack', () => {
    let made: Error | undefined;
    withoutStacks(() => (made = new TypeError('no frames')));

    expect(made?.stack).toBe('TypeError: no frames');
    expect(new Error('frames').stack).toMatch(/^Error: frames\n +at /);
  });

  it('passes on what the work throws, and leaves the limit as it was', () => {
    Error.stackTraceLimit = 7;
    const fail = (): never => {
      throw new RangeError('a failure');
    };

    expect(() => withoutStacks(fail)).toThrow(RangeError);
    expect(Error.stackTraceLimit).toBe(7);
  });

  it('does the work where the limit may not be changed', () => {
    Object.defineProperty(Error, 'stackTraceLimit', { value: 10, writable: false });
    let isDone = false;
    withoutStacks(() => (isDone = true));

    expect(isDone).toBe(true);
  });
});
