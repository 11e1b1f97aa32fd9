import { describe, expect, it } from 'vitest';

import { checkFields, fieldsOf, setFields } from '../../../lib/runtime/sys/fields.js';

describe('fieldsOf', () => {
  it('gives own fields, symbols too, and no accessor of the class', () => {
    const key = Symbol('key');
    class One {
      a = 1;
      [key] = 2;
      #hidden = 3;

      get twice() {
        return this.#hidden * 2;
      }
    }
    expect(fieldsOf(new One())).toEqual({ a: 1, [key]: 2 });
  });
});

describe('setFields', () => {
  it('sets, adds and deletes', () => {
    const key = Symbol('key');
    const instance = { a: 1, b: 2, [key]: 3 };
    setFields(instance, { b: 5, c: 6 });
    expect(instance).toEqual({ b: 5, c: 6 });
  });

  it('is not misled by what an object inherits', () => {
    const instance = { toString: 1, a: 1 };
    setFields(instance, { a: 2 });
    expect(Object.keys(instance)).toEqual(['a']);
    setFields(instance, Object.assign(Object.create(null) as object, { b: 1 }));
    expect(Object.keys(instance)).toEqual(['b']);
  });

  it('leaves all as it was where one cannot be set', () => {
    class Guarded {
      a = 1;

      set fussy(_value: number) {
        throw new Error('no');
      }
    }
    const instance = new Guarded();
    expect(() => setFields(instance, { b: 2, fussy: 3 })).toThrow('no');
    expect(instance).toEqual({ a: 1 });
  });

  it('leaves all as it was where one cannot be deleted', () => {
    const instance: object = { a: 1 };
    Object.defineProperty(instance, 'fixed', { enumerable: true, value: 1 });
    expect(() => setFields(instance, { a: 2, fixed: 1, b: 3 })).toThrow(TypeError);
    expect(() => setFields(instance, { b: 3 })).toThrow(TypeError);
    expect(instance).toEqual({ a: 1, fixed: 1 });
  });
});

describe('checkFields', () => {
  it('takes an object, and nothing else, no promise either', () => {
    const fields = { a: 1 };
    expect(checkFields('Feed', fields)).toBe(fields);
    for (const value of [
      undefined,
      null,
      5,
      'text',
      () => undefined,
      Promise.reject(new Error('no')),
    ]) {
      expect(() => checkFields('Feed', value)).toThrow(/^Feed\.sys\.replaceState\(\) returned/);
    }
  });
});
