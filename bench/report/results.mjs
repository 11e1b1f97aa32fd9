// The page of a report: what was measured on what, where this library loses, and what bounds it.
import { figureTable, ratioTable, table } from './table.mjs';

const AHEAD = 1.03;

/**
 * Who does a row better than this library, best first; within three per cent nobody does.
 *
 * @returns {{ title: string, times: number }[]}
 */
export function ahead(row, subjects) {
  const own = row.subjects.ours?.figures?.median;
  if (own === undefined) return [];
  return subjects
    .filter(({ name }) => name !== 'ours')
    .map(({ name, title }) => ({ title, times: own / row.subjects[name]?.figures?.median }))
    .filter(({ times }) => times > AHEAD)
    .toSorted((a, b) => b.times - a.times);
}

/** Whether a row has an aim that it does not reach. */
export function isBelowAim({ aim, better, subjects }) {
  const ratio = subjects.ours?.ratio?.median;
  if (aim === undefined || ratio === undefined) return false;
  return better === 'more' ? ratio < aim : ratio > aim;
}

const times = (figure) => `${figure.toFixed(2)} times`;

/** @param bounds by the name of a row: what bounds it, in words */
export function resultsPage(report, plots, bounds) {
  const { machine, rows, subjects, absent } = report;
  const lost = rows.flatMap((row) =>
    ahead(row, subjects)
      .slice(0, 3)
      .map((one) => [row.title, one.title, times(one.times)]),
  );
  const below = rows
    .filter(isBelowAim)
    .map((row) => [
      row.title,
      row.subjects.ours.ratio.median.toFixed(2),
      row.must ?? '',
      row.aim,
      bounds[row.name] ?? 'not known yet',
    ]);
  const { peers = {}, ...rest } = machine;
  return [
    '# Results of the benchmark',
    `Measured on ${report.date.slice(0, 10)} with \`${report.command}\`, at commit ${machine.commit}: ${report.rounds} rounds a row, all
subjects in turn. The load of the machine was ${report.load.before[0].toFixed(1)} before and ${report.load.after[0].toFixed(1)} after. \`node bench/results.mjs\` has written
this page out of the JSON of that run. [Performance](../docs/performance.md) says what the rows are, and what follows for an application.`,
    'Figures are of the process of the client. A ratio is to bare `ws` in the same round, the median of the rounds, with the least and the most; where a row says what it stands next to, to that.',
    ...plots.map((name) => `![${PICTURES[name] ?? name}](results/${name}.svg)`),
    '## Where this library loses',
    lost.length === 0
      ? 'In no row is another subject more than three per cent ahead.'
      : `The three that are most ahead, in each row in which somebody is by more than three per cent:\n\n${table(['row', 'subject', 'takes less by'], lost)}`,
    '## What bounds the rows below their aim',
    below.length === 0
      ? 'Every row has reached its aim.'
      : table(['row', 'ratio', 'must', 'aim', 'what bounds it'], below),
    '## Ratios to bare `ws`',
    ratioTable(report),
    '## Figures',
    figureTable(report),
    '## Machine and versions',
    table(
      ['what', 'which'],
      [...Object.entries(rest), ...Object.entries(peers)].map(([what, which]) => [what, which]),
    ),
    ...absent.map(({ name, why }) => `Not measured: ${name}. ${why}`),
    '',
  ].join('\n\n');
}

const PICTURES = {
  more: 'How many times as fast as ws, by row',
  less: 'How many times as much as ws, by row',
  clients: 'CPU a frame over a growing number of clients',
  handlers: 'CPU a frame over a growing number of string patterns',
};
