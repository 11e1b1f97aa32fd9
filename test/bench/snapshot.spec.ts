import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { load } from './load.js';

type Sums = Map<string, { readonly count: number; readonly bytes: number }>;

const { summarize } = await load<{
  summarize(file: string): { readonly byName: Sums; readonly byHolder: Sums };
}>('harness/snapshot.mjs');

const strings = ['', 'Client', 'Set', 'table', 'fire', 'names', 'nodes'];
const [object, closure, array, synthetic] = [0, 1, 2, 3];
const [property, element, weak] = [0, 1, 2];

/** `[type, name, self_size, edges]` of each node; an edge is `[type, name, node]`. */
const heap: readonly [number, number, number, readonly [number, number, number][]][] = [
  [synthetic, 0, 0, [[property, 5, 3]]],
  [
    object,
    1,
    40,
    [
      [property, 5, 3],
      [property, 4, 5],
    ],
  ],
  [
    object,
    1,
    44,
    [
      [weak, 5, 4],
      [element, 7, 6],
    ],
  ],
  [object, 2, 32, [[property, 3, 4]]],
  [array, 6, 200, []],
  [closure, 4, 56, []],
  [closure, 0, 64, []],
];

const FIELDS = ['type', 'name', 'self_size', 'edge_count'];

const snapshot = {
  snapshot: {
    meta: {
      node_fields: FIELDS,
      node_types: [['object', 'closure', 'array', 'synthetic'], 'string', 'number', 'number'],
      edge_fields: ['type', 'name_or_index', 'to_node'],
      edge_types: [['property', 'element', 'weak'], 'string_or_number', 'node'],
    },
    node_count: heap.length,
  },
  nodes: heap.flatMap(([type, name, size, edges]) => [type, name, size, edges.length]),
  edges: heap.flatMap(([, , , edges]) =>
    edges.flatMap(([type, name, to]) => [type, name, to * FIELDS.length]),
  ),
  strings,
};

describe('A heap snapshot', () => {
  let folder = '';
  const sums = async (text: string) => {
    const file = join(folder, 'one.heapsnapshot');
    await writeFile(file, text);
    return summarize(file);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'websockex-snapshot-'));
  });

  afterAll(() => rm(folder, { recursive: true }));

  it('is summed up by constructor', async () => {
    const { byName } = await sums(JSON.stringify(snapshot));
    expect(Object.fromEntries(byName)).toEqual({
      '(synthetic)': { count: 1, bytes: 0 },
      Client: { count: 2, bytes: 84 },
      Set: { count: 1, bytes: 32 },
      '(array)': { count: 1, bytes: 200 },
      'fire()': { count: 1, bytes: 56 },
      '(anonymous)()': { count: 1, bytes: 64 },
    });
  });

  it('tells what holds that whose name says little: no root, and not weakly', async () => {
    const { byHolder } = await sums(JSON.stringify(snapshot));
    expect(Object.fromEntries(byHolder)).toEqual({
      'Set of Client.names': { count: 1, bytes: 32 },
      '(array) of Set.table': { count: 1, bytes: 200 },
      'fire() of Client.fire': { count: 1, bytes: 56 },
      '(anonymous)() of Client.[]': { count: 1, bytes: 64 },
    });
  });

  it('may have line breaks between its numbers, as V8 writes it', async () => {
    const { byName } = await sums(JSON.stringify(snapshot).replaceAll(',', ',\n'));
    expect(byName.get('Client')).toEqual({ count: 2, bytes: 84 });
  });
});
