import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { headerMap, mergeHeaders } from '../../../lib/runtime/transport/headers.js';

const name = fc.constantFrom('a', 'A', 'x-key', 'X-Key', 'X-KEY', '__proto__', '__PROTO__');
const value = fc.constantFrom('1', '2', '3');
const pair = fc.tuple(name, value);

describe('mergeHeaders', () => {
  it('takes a name for one, and the last spelling and value of it', () => {
    const merged = mergeHeaders({ Authorization: 'a', b: '1' }, undefined, { authorization: 'c' });
    expect(Object.entries(merged)).toEqual([
      ['b', '1'],
      ['authorization', 'c'],
    ]);
  });

  it('lets what is undefined take away what stood before', () => {
    expect(mergeHeaders({ Cookie: 'a' }, { cookie: undefined })).toEqual({ cookie: undefined });
  });
});

describe('headerMap', () => {
  it('is as an object whose keys have no case', () => {
    const deed = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), name, value }),
      fc.record({ kind: fc.constant('delete' as const), name }),
      fc.record({ kind: fc.constant('define' as const), name, value }),
    );
    fc.assert(
      fc.property(fc.array(pair), fc.array(deed), (start, deeds) => {
        const map = headerMap(...start.map((one) => Object.fromEntries([one])));
        const model = new Map(start.map(([key, one]) => [key.toLowerCase(), { key, one }]));
        for (const act of deeds) {
          const key = act.name.toLowerCase();
          if (act.kind === 'delete') {
            expect(delete map[act.name]).toBe(true);
            model.delete(key);
            continue;
          }
          const { name: spelled, value: one } = act;
          if (act.kind === 'set') map[spelled] = one;
          else {
            const rest = { enumerable: true, configurable: true, writable: true };
            Object.defineProperty(map, spelled, { value: one, ...rest });
          }
          model.set(key, { key: spelled, one });
        }
        expect(new Map(Object.entries(map))).toEqual(
          new Map([...model.values()].map(({ key, one }) => [key, one])),
        );
        for (const asked of ['a', 'A', 'X-kEy', '__Proto__']) {
          const found = model.get(asked.toLowerCase());
          expect(map[asked]).toBe(found?.one);
          expect(asked in map).toBe(found !== undefined);
          expect(Object.hasOwn(map, asked)).toBe(found !== undefined);
        }
      }),
    );
  });

  it('has nothing that was not given, and can be copied', () => {
    const map = headerMap({ 'X-A': 'b' });
    expect(map['constructor']).toBeUndefined();
    expect({ ...map }).toEqual({ 'X-A': 'b' });
    expect(JSON.stringify(map)).toBe('{"X-A":"b"}');
  });
});
