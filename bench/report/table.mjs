// The figures as tables of Markdown.

const digits = (figure) => (figure >= 100 ? 0 : figure >= 10 ? 1 : 2);
const number = (figure) => figure.toFixed(digits(figure));

const line = (cells) => `| ${cells.join(' | ')} |`;
export const table = (head, rows) =>
  [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');

/** Ratios to bare `ws`, or to what the row names: the median of the rounds. */
export function ratioTable({ rows, subjects }) {
  const others = subjects.filter(({ name }) => name !== 'ws');
  return table(
    ['row', 'must', 'aim', ...others.map(({ title }) => title)],
    rows.map((row) => [
      `${row.title}${row.better === 'less' ? ' (less is better)' : ''}`,
      row.must ?? '',
      row.aim ?? '',
      ...others.map(({ name }) => ratioCell(row.subjects[name])),
    ]),
  );
}

function ratioCell(result) {
  if (result?.failed !== undefined) return 'failed';
  if (result?.ratio === undefined) return '–';
  return spread(result.ratio);
}

/** The median, the least and the most. */
function spread({ median, min, max }) {
  return `${number(median)} (${number(min)} to ${number(max)})`;
}

/** The figures themselves. */
export function figureTable({ rows, subjects }) {
  return table(
    ['row', 'unit', ...subjects.map(({ title }) => title)],
    rows.map((row) => [
      row.title,
      row.unit,
      ...subjects.map(({ name }) => {
        const { failed, figures } = row.subjects[name] ?? {};
        if (failed !== undefined) return 'failed';
        return figures === undefined ? '–' : spread(figures);
      }),
    ]),
  );
}

/** What `--quick` says of a row. */
export function verdictTable(rows) {
  return table(
    ['row', 'ratio to `ws`', 'rounds', 'floor', 'must', 'aim', ''],
    rows.map((row) => {
      const { ratio, failed } = row.subjects.ours ?? {};
      return [
        row.title,
        ratio === undefined ? '–' : number(ratio.median),
        failed === undefined ? (ratio?.rounds.map(number).join(' ') ?? '–') : 'failed',
        row.floor === undefined ? '' : `${row.better === 'more' ? '≥' : '≤'} ${row.floor}`,
        row.must ?? '',
        row.aim ?? '',
        row.holds ? '' : 'BELOW',
      ];
    }),
  );
}
