// Writes bench/RESULTS.md, and the plots beside it, out of the JSON of a run.
//
//   npm run bench -- --json report.json && node bench/results.mjs report.json
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

import { plots } from './report/plot.mjs';
import { resultsPage } from './report/results.mjs';
import { BOUNDS } from './rows.mjs';

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('Which report? node bench/results.mjs <file of JSON>');
const report = JSON.parse(readFileSync(file, 'utf8'));
const pictures = plots(report);
mkdirSync(new URL('results/', import.meta.url), { recursive: true });
for (const [name, svg] of pictures)
  writeFileSync(new URL(`results/${name}.svg`, import.meta.url), svg);
const names = pictures.map(([name]) => name);
writeFileSync(new URL('RESULTS.md', import.meta.url), resultsPage(report, names, BOUNDS));
