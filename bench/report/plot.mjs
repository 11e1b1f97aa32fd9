// Plots as SVG, on logarithmic scales. A subject has a `color`, the same in every plot.

const WIDTH = 900;
const LEFT = 320;
const RIGHT = 30;

const escape = (text) =>
  text.replaceAll('`', '').replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

const label = (x, y, text, more = '') =>
  `<text x="${round(x)}" y="${round(y)}" ${more}>${escape(text)}</text>`;
const round = (at) => Number(at.toFixed(1));

/** Where a value of a range stands, on a logarithmic scale that ends at round values. */
export function scale(values, from, to) {
  const low = floor(Math.min(...values));
  const high = Math.max(ceil(Math.max(...values)), low * 2);
  const share = (value) => Math.log(value / low) / Math.log(high / low);
  const ticks = [];
  for (let tick = low; tick <= high * 1.001; tick = next(tick)) ticks.push(tick);
  return { ticks, at: (value) => from + share(value) * (to - from) };
}

/** 1, 2, 5, 10, 20, … */
const steps = Array.from({ length: 40 }, (_, index) =>
  Number(`${[1, 2, 5][index % 3]}e${Math.floor(index / 3) - 3}`),
);
const floor = (value) => steps.findLast((step) => step <= value) ?? steps[0];
const ceil = (value) => steps.find((step) => step >= value) ?? steps.at(-1);
const next = (value) => steps[steps.indexOf(value) + 1] ?? Infinity;

function svg(height, title, body) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    label(16, 24, title, 'font-size="16"'),
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

function legend(subjects, y) {
  return subjects.flatMap(({ title, color }, index) => {
    const x = 16 + (index % 5) * 175;
    const top = y + Math.floor(index / 5) * 18;
    return [`<circle cx="${x}" cy="${top - 4}" r="5" fill="${color}"/>`, label(x + 10, top, title)];
  });
}

/** One line a row: a bar for the first subject, a dot for each other, a stroke for what is aimed at. */
export function bars(title, subjects, rows) {
  const [first, ...others] = subjects;
  const ratio = (row, name) => row.subjects[name]?.ratio?.median;
  const values = rows.flatMap((row) => [
    ...subjects.map(({ name }) => ratio(row, name)),
    row.aim,
    1,
  ]);
  const { ticks, at } = scale(
    values.filter((value) => value > 0),
    LEFT,
    WIDTH - RIGHT,
  );
  const top = 90;
  const height = top + rows.length * 26 + 20;
  const grid = ticks.flatMap((tick) => [
    `<line x1="${round(at(tick))}" y1="${top - 8}" x2="${round(at(tick))}" y2="${height - 16}" stroke="${tick === 1 ? '#333' : '#ddd'}"/>`,
    label(at(tick), top - 12, String(tick), 'text-anchor="middle"'),
  ]);
  const marks = rows.flatMap((row, index) => {
    const y = top + index * 26;
    const own = ratio(row, first.name);
    const from = Math.min(at(1), at(own ?? 1));
    return [
      label(LEFT - 10, y + 13, row.title, 'text-anchor="end"'),
      own > 0 &&
        `<rect x="${round(from)}" y="${y + 2}" width="${round(Math.abs(at(own) - at(1)))}" height="14" fill="${first.color}"/>`,
      row.aim > 0 &&
        `<line x1="${round(at(row.aim))}" y1="${y}" x2="${round(at(row.aim))}" y2="${y + 18}" stroke="#000" stroke-width="2"/>`,
      ...others.map(
        ({ name, color }) =>
          ratio(row, name) > 0 &&
          `<circle cx="${round(at(ratio(row, name)))}" cy="${y + 9}" r="4" fill="${color}" fill-opacity="0.8"/>`,
      ),
    ].filter(Boolean);
  });
  return svg(height, title, [...legend(subjects, 46), ...grid, ...marks]);
}

/** Lines over a growing number; `points` of a subject are `[x, y]`. */
export function lines(title, unit, subjects) {
  const height = 400;
  const all = subjects.flatMap(({ points }) => points);
  const x = scale(
    all.map(([value]) => value),
    70,
    WIDTH - RIGHT,
  );
  const y = scale(
    all.map(([, value]) => value),
    height - 40,
    80,
  );
  return svg(height, `${title}, ${unit}`, [
    ...legend(subjects, 46),
    ...x.ticks.map((tick) => label(x.at(tick), height - 18, String(tick), 'text-anchor="middle"')),
    ...y.ticks.flatMap((tick) => [
      `<line x1="70" y1="${round(y.at(tick))}" x2="${WIDTH - RIGHT}" y2="${round(y.at(tick))}" stroke="#ddd"/>`,
      label(62, y.at(tick) + 4, String(tick), 'text-anchor="end"'),
    ]),
    ...subjects.flatMap(({ points, color }) => {
      const path = points.map(([one, two]) => `${round(x.at(one))},${round(y.at(two))}`);
      return [
        `<polyline points="${path.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`,
        ...path.map((point) => {
          const [cx, cy] = point.split(',');
          return `<circle cx="${cx}" cy="${cy}" r="3" fill="${color}"/>`;
        }),
      ];
    }),
  ]);
}

/** How a figure grows along the rows of one name. */
function growth({ rows, subjects }, name, count) {
  const along = rows.filter((row) => row.name.startsWith(name));
  return subjects
    .map(({ name: subject, title, color }) => ({
      title,
      color,
      points: along.flatMap((row) => {
        const median = row.subjects[subject]?.figures?.median;
        return median > 0 ? [[count(row.work), median]] : [];
      }),
    }))
    .filter(({ points }) => points.length > 1);
}

/** All plots of a report, by name; none without what it would show. */
export function plots(report) {
  const { rows, subjects } = report;
  const others = subjects.filter(({ name }) => name !== 'ws');
  const judged = (better) =>
    rows.filter((row) => row.better === better && !row.name.startsWith('growth'));
  const clients = growth(report, 'growth-clients', ({ clients: count }) => count);
  const handlers = growth(report, 'growth-patterns', ({ patterns }) => patterns);
  const unit = 'ns of CPU a frame';
  return [
    judged('more').length > 0 && [
      'more',
      bars('How many times as fast as ws; the stroke is the aim', others, judged('more')),
    ],
    judged('less').length > 0 && [
      'less',
      bars('How many times as much as ws; the stroke is the aim', others, judged('less')),
    ],
    clients.length > 0 && ['clients', lines('Receive 100 B over so many clients', unit, clients)],
    handlers.length > 0 && [
      'handlers',
      lines('Receive 100 B with so many handlers', unit, handlers),
    ],
  ].filter(Boolean);
}
