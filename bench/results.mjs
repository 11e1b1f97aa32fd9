// Writes bench/RESULTS.md, and the plots beside it, out of the JSON of a run: npm run bench -- --json report.json
//
//   node bench/results.mjs <file of JSON> [<folder>]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { plots } from './report/plot.mjs';
import { resultsPage } from './report/results.mjs';
import { BOUNDS } from './rows.mjs';

const [file, folder = fileURLToPath(new URL('.', import.meta.url))] = process.argv.slice(2);
if (file === undefined) throw new Error('Which report? node bench/results.mjs <file of JSON>');
const report = JSON.parse(readFileSync(file, 'utf8'));
const pictures = plots(report);
mkdirSync(join(folder, 'results'), { recursive: true });
for (const [name, svg] of pictures) writeFileSync(join(folder, 'results', `${name}.svg`), svg);
const names = pictures.map(([name]) => name);
writeFileSync(join(folder, 'RESULTS.md'), resultsPage(report, names, BOUNDS));
