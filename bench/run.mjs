// The benchmark: this library and its peers, in turn. Build first.
//
//   npm run bench -- [--quick] [--row <name> …] [--subject <name> …] [--rounds 5] [--json <file>]
//
// `--quick`: `ws` alone as the peer, fewer frames, three rounds; fails where a row is below its floor. `--row` takes the
// row of that name, or else all whose names begin so. It fails, too, where a subject loses a frame. Ratios are to bare `ws` in the same round.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';

import { prepare } from './harness/peers.mjs';
import { runOnce, unpinned } from './harness/run-once.mjs';
import { holds, ratios, summarize } from './report/statistics.mjs';
import { figureTable, ratioTable, verdictTable } from './report/table.mjs';
import { quickly, ROWS, UNITS } from './rows.mjs';
import { SUBJECTS } from './subjects.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    row: { type: 'string', multiple: true, default: [] },
    subject: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));

/** Those of exactly these names, or else those whose names begin so. */
function chosen(all, names) {
  if (names.length === 0) return all;
  const some = new Set(
    names.flatMap((name) => {
      const same = all.filter((one) => one.name === name);
      const found = same.length > 0 ? same : all.filter((one) => one.name.startsWith(name));
      if (found.length === 0) throw new Error(`There is no ${name}`);
      return found;
    }),
  );
  return all.filter((one) => some.has(one));
}

/** The works of rows that are compared with the same work of `ws` are run side by side. */
function grouped(rows) {
  const groups = new Map();
  for (const row of rows) {
    const key = JSON.stringify(row.base);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

/** What a subject does for a row: the work, and what that is compared with. */
function worksOf({ against, base, work }, { name }) {
  if (name !== against) return [work];
  return name === 'ws' ? [base] : [work, base];
}

/** Each work of each subject once, though rows share it. */
function runsOf(group, subjects) {
  const runs = new Map();
  for (const row of group) {
    for (const subject of subjects) {
      for (const work of worksOf(row, subject)) {
        if (subject.cannot(work) !== undefined) continue;
        const key = keyOf(subject, work);
        runs.set(key, { key, subject, work });
      }
    }
  }
  return [...runs.values()];
}

const keyOf = (subject, work) => `${subject.name} ${JSON.stringify(work)}`;

/** Adds the rounds of these rows to `results`. */
async function measure(some, subjects, results) {
  for (const group of grouped(some)) {
    const runs = runsOf(group, subjects);
    for (let round = 0; round < rounds; round++) {
      const first = round % runs.length;
      for (const { key, subject, work } of [...runs.slice(first), ...runs.slice(0, first)]) {
        const result = results.get(key) ?? { rounds: [] };
        results.set(key, result);
        // Once it has failed, a subject is asked no more for this work.
        if (result.failed !== undefined) continue;
        try {
          result.rounds.push(await runOnce(subject, work));
        } catch (error) {
          result.failed = error.message;
          console.error(error.message);
        }
      }
    }
    process.stderr.write(`${group.map(({ name }) => name).join(', ')}\n`);
  }
}

/** What a row has of each subject. */
function evaluate(row, subjects, results) {
  const base = results.get(keyOf({ name: row.against }, row.base));
  const figuresOf = (result) => result.rounds.map((figures) => figures[row.figure]);
  const outcome = (subject) => {
    const [work] = worksOf(row, subject);
    const cannot = subject.cannot(work);
    if (cannot !== undefined) return { cannot };
    const result = results.get(keyOf(subject, work));
    if (result.failed !== undefined) return { failed: result.failed };
    const figures = summarize(figuresOf(result));
    // It is not measured where nobody has asked for the subject.
    if (base === undefined || base.failed !== undefined) return { figures };
    return { figures, ratio: ratios(row.better, figures.rounds, figuresOf(base)) };
  };
  const of = Object.fromEntries(subjects.map((subject) => [subject.name, outcome(subject)]));
  return {
    ...row,
    unit: UNITS[row.work.kind][row.figure],
    subjects: of,
    holds: holds(row.better, of.ours?.ratio?.median, row.floor),
  };
}

function machine() {
  const [{ model }] = cpus();
  const version = (path) =>
    JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version;
  return {
    cpu: `${model}, ${cpus().length} cores`,
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    system: `${process.platform} ${release()} ${arch()}`,
    node: process.version,
    pinned: unpinned === undefined ? 'server on core 0, client on core 1' : `no: ${unpinned}`,
    commit: git('rev-parse', '--short', 'HEAD'),
    ws: version('../node_modules/ws/package.json'),
    nest: version('../node_modules/@nestjs/core/package.json'),
    rxjs: version('../node_modules/rxjs/package.json'),
    peers: JSON.parse(readFileSync(new URL('peers/package.json', import.meta.url), 'utf8'))
      .dependencies,
  };
}

function git(...args) {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}

const all = values.quick ? ROWS.filter(({ must }) => must !== undefined).map(quickly) : ROWS;
const rows = chosen(all, values.row);
const peers = values.quick
  ? SUBJECTS.filter(({ name }) => ['ours', 'ws'].includes(name))
  : SUBJECTS;
const wanted = chosen(peers, values.subject);
// All are compared with it.
if (!wanted.some(({ name }) => name === 'ws')) wanted.push(...chosen(SUBJECTS, ['ws']));

if (!existsSync(new URL('../dist/index.js', import.meta.url))) {
  throw new Error('There is no built package: npm run build');
}
const { present: subjects, absent } = await prepare(wanted);
for (const { name, why } of absent) console.log(`Not measured: ${name}. ${why}`);
if (unpinned !== undefined) console.log(`Nothing is pinned to a core: ${unpinned}.`);

const began = performance.now();
const loadBefore = loadavg();
const results = new Map();
const evaluated = () => rows.map((row) => evaluate(row, subjects, results));
await measure(rows, subjects, results);
// A machine with other things to do: what seems too slow is measured once more, and all rounds count.
const doubtful = values.quick ? evaluated().filter((row) => !row.holds) : [];
await measure(doubtful, subjects, results);
const report = {
  date: new Date().toISOString(),
  command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
  machine: machine(),
  rounds,
  load: { before: loadBefore, after: loadavg() },
  absent,
  subjects: subjects.map(({ name, title, color }) => ({ name, title, color })),
  rows: evaluated(),
};

if (values.quick) console.log(verdictTable(report.rows));
else console.log(`${ratioTable(report)}\n\n${figureTable(report)}`);
const seconds = ((performance.now() - began) / 1_000).toFixed(0);
console.log(
  `\n${rounds} rounds in ${seconds} s, load ${loadBefore[0].toFixed(1)} before, ${loadavg()[0].toFixed(1)} after`,
);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);

const failed = [...results.values()].filter((result) => result.failed !== undefined);
const below = values.quick ? report.rows.filter((row) => !row.holds) : [];
for (const { failed: message } of failed) console.error(`Failed: ${message}`);
for (const { title } of below) console.error(`Below its floor: ${title}`);
process.exitCode = failed.length + below.length > 0 ? 1 : 0;
