// What many idle clients have on the heap, by constructor: how many objects a client, and how many bytes of their own.
// Objects that were there before the clients do not count. Build first.
//
//   node bench/heap.mjs [--clients 10000] [--subject ours] [--top 40] [--json <file>]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeHeapSnapshot } from 'node:v8';

import { serve } from './harness/run-once.mjs';
import { summarize } from './harness/snapshot.mjs';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '10000' },
    subject: { type: 'string', default: 'ours' },
    top: { type: 'string', default: '40' },
    json: { type: 'string' },
  },
});
const clients = Number(values.clients);

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

const [first, last] = [before, after].map(summarize);
rmSync(folder, { recursive: true });

/** What a client has, the most bytes first. */
function grown(of) {
  return [...last[of]]
    .map(([name, { count, bytes }]) => ({
      name,
      count: (count - (first[of].get(name)?.count ?? 0)) / clients,
      bytes: (bytes - (first[of].get(name)?.bytes ?? 0)) / clients,
    }))
    .toSorted((a, b) => b.bytes - a.bytes);
}

function print(title, rows) {
  console.log(`\n| ${title} | objects | bytes |\n| --- | --- | --- |`);
  for (const { name, count, bytes } of rows.slice(0, Number(values.top))) {
    console.log(`| ${name.slice(0, 80)} | ${count.toFixed(2)} | ${bytes.toFixed(0)} |`);
  }
}

const byName = grown('byName');
const byHolder = grown('byHolder');
const all = (of) => byName.reduce((sum, row) => sum + row[of], 0);
console.log(
  `${held.at(-1).length} idle clients of ${values.subject}: a client has ${all('count').toFixed(0)} objects,` +
    ` ${all('bytes').toFixed(0)} bytes`,
);
print('constructor', byName);
print('of those whose name says little: what holds it', byHolder);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ clients, byName, byHolder }, null, 2)}\n`);
}
process.exit();
