import { Agent } from 'node:http';

import fc from 'fast-check';
import type { ClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { mergeOptions } from '../../../lib/runtime/options/options.merger.js';

const NAMES = ['a', 'b', 'c'] as const;

const value = fc.oneof(
  fc.integer(),
  fc.string({ maxLength: 3 }),
  fc.boolean(),
  fc.constant(undefined),
  fc.constant(Buffer.from('key')),
  fc.array(fc.integer(), { maxLength: 2 }),
);
const table = fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 3 });
const TABLES = ['mailbox', 'reconnect', 'socket', 'tls', 'ws', 'perMessageDeflate'] as const;

/** Layers as the checks let them pass, with tables whose names do not matter here. */
const layer = fc.record(
  {
    callTimeout: fc.option(fc.nat(), { nil: undefined }),
    ...Object.fromEntries(
      TABLES.map((name) => [name, fc.oneof(table, fc.constantFrom(false, true, undefined))]),
    ),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<ClientOptions>;

/** What a name in a table is after these layers, told as simply as it can be. */
function expected(layers: readonly ClientOptions[], option: string): unknown {
  let told: unknown;
  for (const one of layers as readonly Record<string, unknown>[]) {
    const said = one[option];
    if (said === undefined) continue;
    if (typeof said !== 'object') {
      told = said;
      continue;
    }
    const before = typeof told === 'object' ? (told as Record<string, unknown>) : {};
    told = { ...before };
    for (const [name, each] of Object.entries(said as object)) {
      if (each !== undefined) (told as Record<string, unknown>)[name] = each;
    }
  }
  return told;
}

describe('mergeOptions', () => {
  it('has of each name what the last layer says that says anything', () => {
    fc.assert(
      fc.property(fc.array(layer, { maxLength: 4 }), (layers) => {
        const merged = mergeOptions(...layers) as Record<string, unknown>;
        for (const name of [...TABLES, 'callTimeout']) {
          expect(merged[name]).toEqual(expected(layers, name));
        }
      }),
    );
  });

  it('changes no layer, and shares no table with one', () => {
    fc.assert(
      fc.property(fc.array(layer, { minLength: 1, maxLength: 4 }), (layers) => {
        const before = structuredClone(layers);
        const merged = mergeOptions(...layers) as Record<string, unknown>;
        for (const name of TABLES) {
          const mine = merged[name];
          if (typeof mine !== 'object') continue;
          for (const one of layers) expect(mine).not.toBe(one[name]);
        }
        expect(structuredClone(layers)).toEqual(before);
      }),
    );
  });

  it('changes nothing by layers that say nothing, wherever they lie', () => {
    const silent = fc.constantFrom<ClientOptions>(
      {},
      { tls: undefined, callTimeout: undefined },
      { headers: { a: undefined as never } },
    );
    fc.assert(
      fc.property(layer, layer, silent, (one, other, nothing) => {
        const merged = mergeOptions(one, other);
        expect(mergeOptions(nothing, one, nothing, other, nothing)).toEqual(merged);
      }),
    );
  });

  it('takes an instance of a class, a Buffer and an array whole', () => {
    class Settings {
      maxDelay = 1;
    }
    const agent = new Agent();
    const lookup = (): void => undefined;
    const ca = [Buffer.from('one')];
    const reconnect = new Settings();
    const merged = mergeOptions(
      { agent: new Agent(), tls: { ca: [Buffer.from('two')], cert: 'cert' }, reconnect: {} },
      { agent, tls: { ca, key: Buffer.from('key') }, socket: { lookup }, reconnect },
    );
    expect(merged.agent).toBe(agent);
    expect(merged.tls).toEqual({ ca, cert: 'cert', key: Buffer.from('key') });
    expect(merged.tls?.ca).toBe(ca);
    expect(merged.socket?.lookup).toBe(lookup);
    expect(merged.reconnect).toBe(reconnect);
  });

  it('takes a table of another realm, and one without a prototype, for a table', () => {
    const bare = Object.assign(Object.create(null) as object, { initialDelay: 1 });
    const foreign = Object.setPrototypeOf(
      { maxDelay: 2 },
      Object.create(null) as object,
    ) as ClientOptions['reconnect'];
    expect(mergeOptions({ reconnect: bare }, { reconnect: foreign })).toEqual({
      reconnect: { initialDelay: 1, maxDelay: 2 },
    });
  });

  it('merges the options of zlib, and nothing that is deeper', () => {
    const one = { perMessageDeflate: { zlibDeflateOptions: { level: 1 }, threshold: 5 } };
    const other = { perMessageDeflate: { zlibDeflateOptions: { memLevel: 2 } } };
    expect(mergeOptions(one, other)).toEqual({
      perMessageDeflate: { zlibDeflateOptions: { level: 1, memLevel: 2 }, threshold: 5 },
    });
    const deep = (inner: object): ClientOptions => ({ ws: { deep: inner } as object });
    expect(mergeOptions(deep({ a: 1 }), deep({ b: 2 }))).toEqual(deep({ b: 2 }));
  });

  it('switches off and on again', () => {
    const some = { reconnect: { maxDelay: 1 } };
    expect(mergeOptions(some, { reconnect: false })).toEqual({ reconnect: false });
    expect(mergeOptions(some, { reconnect: false }, { reconnect: { jitter: 'none' } })).toEqual({
      reconnect: { jitter: 'none' },
    });
  });

  it('knows headers by their names, whatever the case: the last spelling stands', () => {
    const below = { headers: { 'X-From': 'defaults', Cookie: 'a', 'x-kept': ['1', '2'] } };
    const above = { headers: { 'x-from': 'client', COOKIE: undefined as never } };
    expect(mergeOptions(below, above)).toEqual({
      headers: { Cookie: 'a', 'x-kept': ['1', '2'], 'x-from': 'client' },
    });
  });

  it.each([
    [{ log: 5 }, true, { log: 5, trace: true }],
    [{ log: 5, trace: false }, ['trace'], { log: 5, trace: true }],
    [['trace'], { statistics: true }, { trace: true, statistics: true }],
    [true, ['log'], { trace: true, log: true }],
    [{ log: 5 }, false, false],
    [false, ['log'], { log: true }],
  ] as const)('merges debug in all its forms: %j and %j', (below, above, debug) => {
    expect(mergeOptions({ debug: below }, { debug: above })).toEqual({ debug });
  });

  it('takes no name for more than a name', () => {
    const tls = JSON.parse('{"__proto__":{"polluted":1},"constructor":2}') as object;
    const merged = mergeOptions({ tls: { servername: 'a' } }, { tls });
    expect(Object.entries(merged.tls as object)).toEqual([
      ['servername', 'a'],
      ['__proto__', { polluted: 1 }],
      ['constructor', 2],
    ]);
    expect(Object.getPrototypeOf(merged.tls)).toBe(Object.prototype);
  });
});
