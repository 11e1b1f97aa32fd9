// What many idle clients have on the heap, by constructor: how many objects a client, and how many bytes of their own.
// Objects that were there before the clients do not count. Build first.
//
//   node bench/heap.mjs [--clients 10000] [--subject ours] [--top 40] [--json <file>]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeHeapSnapshot } from 'node:v8';

import { serve } from './harness/run-once.mjs';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '10000' },
    subject: { type: 'string', default: 'ours' },
    top: { type: 'string', default: '40' },
    json: { type: 'string' },
  },
});
const clients = Number(values.clients);

/** The constructor of an object; the name of a function; of anything else what it is. */
function nameOf(type, name) {
  if (type === 'object' || type === 'native') return name;
  return type === 'closure' ? `${name || '(anonymous)'}()` : `(${type})`;
}

/** Sums a snapshot up by constructor. It is read as bytes: it may be longer than a string can be. */
function summarize(file) {
  const bytes = readFileSync(file);
  const nodes = bytes.indexOf('"nodes":[') + '"nodes":['.length;
  const strings = JSON.parse(bytes.subarray(bytes.lastIndexOf('"strings":[') + 10, -1).toString());
  const { meta } = JSON.parse(
    `${bytes
      .subarray(0, nodes)
      .toString()
      .replace(/,\s*"nodes":\[$/, '')}}`,
  ).snapshot;
  const fields = meta.node_fields;
  const [types] = meta.node_types;
  const at = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field));
  const sums = new Map();
  const node = fields.map(() => 0);
  let field = 0;
  let number = 0;
  const close = () => {
    node[field++] = number;
    number = 0;
    if (field < node.length) return;
    field = 0;
    const [type, name, size] = at.map((index) => node[index]);
    const key = nameOf(types[type], strings[name]);
    const sum = sums.get(key) ?? { count: 0, bytes: 0 };
    sum.count++;
    sum.bytes += size;
    sums.set(key, sum);
  };
  for (let index = nodes; ; index++) {
    const byte = bytes[index];
    if (byte >= 48 && byte <= 57) number = number * 10 + byte - 48;
    else if (byte === 44) close();
    else if (byte === 93) {
      close();
      return sums;
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), 'websockex-heap-'));
const snapshot = (name) => writeHeapSnapshot(join(folder, name));

const { connect } = await import(new URL(`subjects/${values.subject}.mjs`, import.meta.url).href);
const { child, url } = await serve();
const options = {
  url: `${url}/idle`,
  work: { kind: 'idle' },
  receive: () => () => false,
  opened: () => undefined,
};
const held = [await connect({ ...options, count: 10, at: 0 })];
const before = snapshot('before.heapsnapshot');
held.push(await connect({ ...options, count: clients, at: 10 }));
const after = snapshot('after.heapsnapshot');
child.kill();

const base = summarize(before);
const rows = [...summarize(after)]
  .map(([name, { count, bytes }]) => ({
    name,
    count: (count - (base.get(name)?.count ?? 0)) / clients,
    bytes: (bytes - (base.get(name)?.bytes ?? 0)) / clients,
  }))
  .toSorted((a, b) => b.bytes - a.bytes);
rmSync(folder, { recursive: true });

const total = (of) => rows.reduce((sum, row) => sum + row[of], 0);
console.log(`${held.at(-1).length} idle clients of ${values.subject}: a client has`);
console.log('\n| constructor | objects | bytes |\n| --- | --- | --- |');
for (const { name, count, bytes } of rows.slice(0, Number(values.top))) {
  console.log(`| ${name.slice(0, 60)} | ${count.toFixed(2)} | ${bytes.toFixed(0)} |`);
}
console.log(`| all | ${total('count').toFixed(1)} | ${total('bytes').toFixed(0)} |`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
process.exit();
