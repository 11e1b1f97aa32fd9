import { describe, expect, it } from 'vitest';

import { load } from './load.js';

type Better = 'more' | 'less';

interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: readonly number[];
}

const { percentile, summarize, ratios, holds } = await load<{
  percentile(figures: readonly number[], share: number): number;
  summarize(figures: readonly number[]): Summary;
  ratios(better: Better, subject: readonly number[], base: readonly number[]): Summary;
  holds(better: Better, ratio: number | undefined, floor: number | undefined): boolean;
}>('report/statistics.mjs');

interface Row {
  readonly title: string;
  readonly aim?: number;
  readonly subjects: Record<string, { readonly ratio?: { readonly median: number } }>;
}

const { bars, lines, scale } = await load<{
  bars(title: string, subjects: readonly object[], rows: readonly Row[]): string;
  lines(title: string, unit: string, subjects: readonly object[]): string;
  scale(
    values: readonly number[],
    from: number,
    to: number,
  ): { readonly ticks: readonly number[]; at(value: number): number };
}>('report/plot.mjs');

const { ROWS, quickly } = await load<{
  ROWS: readonly {
    name: string;
    better: Better;
    floor?: number;
    must?: number;
    aim?: number;
    work: object;
  }[];
  quickly<T>(row: T): T;
}>('rows.mjs');

describe('percentile', () => {
  it('is the one in the middle, whatever the order and without changing it', () => {
    const figures = [30, 1, 200];
    expect(percentile(figures, 50)).toBe(30);
    expect(figures).toEqual([30, 1, 200]);
  });

  it('is the mean of the two in the middle', () => {
    expect(percentile([4, 1, 2, 100], 50)).toBe(3);
  });

  it('goes from the least to the most', () => {
    expect(percentile([5, 1, 3], 0)).toBe(1);
    expect(percentile([5, 1, 3], 100)).toBe(5);
    expect(percentile([7], 99)).toBe(7);
  });

  it('sorts numbers as numbers', () => {
    expect(summarize([9, 10, 100])).toEqual({ median: 10, min: 9, max: 100, rounds: [9, 10, 100] });
  });
});

describe('ratios', () => {
  it('are of a round each: how many times as fast', () => {
    const { median, rounds } = ratios('more', [100, 50, 400], [200, 200, 400]);
    expect(rounds).toEqual([2, 4, 1]);
    expect(median).toBe(2);
  });

  it('are of a round each: how many times as much', () => {
    expect(ratios('less', [100, 50], [200, 200]).rounds).toEqual([0.5, 0.25]);
    // The third has nothing to be compared with.
    expect(ratios('less', [100, 50, 70], [200, 200]).rounds).toEqual([0.5, 0.25]);
    expect(ratios('less', [100], [200, 200]).rounds).toEqual([0.5]);
  });
});

describe('holds', () => {
  it('asks for at least the floor where more is better', () => {
    expect(holds('more', 2.8, 2.8)).toBe(true);
    expect(holds('more', 2.79, 2.8)).toBe(false);
  });

  it('asks for at most the floor where less is better', () => {
    expect(holds('less', 0.9, 0.9)).toBe(true);
    expect(holds('less', 0.91, 0.9)).toBe(false);
  });

  it('does not take a figure that is not there', () => {
    for (const better of ['more', 'less'] as const) {
      expect(holds(better, undefined, 1)).toBe(false);
      expect(holds(better, Number.NaN, 1)).toBe(false);
      expect(holds(better, undefined, undefined)).toBe(true);
    }
  });
});

describe('The rows', () => {
  it('have names of their own', () => {
    const names = ROWS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('have a floor where something must hold, and never one that is harder', () => {
    for (const { name, better, floor = Number.NaN, must, aim = Number.NaN } of ROWS) {
      if (must === undefined) continue;
      expect(holds(better, must, floor), `${name}: floor`).toBe(true);
      expect(holds(better, aim, must), `${name}: aim`).toBe(true);
    }
  });

  it('are smaller for a quick verdict, and in whole numbers', () => {
    for (const row of ROWS.filter(({ must }) => must !== undefined)) {
      const quick = quickly(row);
      expect(quick.work).not.toEqual(row.work);
      for (const count of Object.values(quick.work)) {
        if (typeof count === 'number') expect(Number.isInteger(count), row.name).toBe(true);
      }
    }
  });
});

describe('scale', () => {
  it('is logarithmic between round values', () => {
    const { ticks, at } = scale([0.3, 8], 0, 100);
    expect(ticks).toEqual([0.2, 0.5, 1, 2, 5, 10]);
    expect(at(0.2)).toBe(0);
    expect(at(10)).toBe(100);
    expect(at(2) - at(1)).toBeCloseTo(at(10) - at(5));
  });

  it('has room for one value alone', () => {
    const { at } = scale([1, 1], 0, 100);
    expect(Number.isFinite(at(1))).toBe(true);
  });
});

describe('A plot', () => {
  const subjects = [
    { name: 'ours', title: 'ours & <others>', color: '#f00' },
    { name: 'peer', title: '`peer`', color: '#00f' },
  ];
  const row = (ours: number, peer?: number): Row => ({
    title: 'a row',
    aim: 2,
    subjects: { ours: { ratio: { median: ours } }, peer: peer ? { ratio: { median: peer } } : {} },
  });
  const widths = (svg: string): number[] =>
    [...svg.matchAll(/<rect x="[\d.]+"[^>]* width="(-?[\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
  const circles = (svg: string): number => svg.match(/<circle/g)?.length ?? 0;

  it('has a bar on either side of 1, as long for half as for twice', () => {
    const [half = 0, twice = 0] = widths(bars('title', subjects, [row(0.5), row(2)]));
    expect(half).toBeGreaterThan(0);
    expect(half).toBeCloseTo(twice, 0);
  });

  it('leaves out what was not measured', () => {
    const legend = subjects.length;
    expect(circles(bars('title', subjects, [row(1, 3), row(1)]))).toBe(legend + 1);
    expect(bars('title', subjects, [{ title: 'none', subjects: {} }])).not.toMatch(/NaN|undefined/);
  });

  it('is well-formed, whatever the titles', () => {
    const svg = bars('a "title" & <more>', subjects, [row(1)]);
    expect(svg).not.toMatch(/& |<others>|<more>|NaN|undefined/);
    expect(svg).toContain('ours &#38; &#60;others&#62;');
  });

  it('draws lines over a growing number, less further down', () => {
    const svg = lines('title', 'ns', [
      {
        title: 'ours',
        color: '#f00',
        points: [
          [1, 100],
          [10, 200],
          [100, 400],
        ],
      },
    ]);
    const points = /<polyline points="([^"]+)"/.exec(svg)?.[1]?.split(' ') ?? [];
    const heights = points.map((point) => Number(point.split(',')[1]));
    expect(heights).toHaveLength(3);
    expect(heights).toEqual(heights.toSorted((a, b) => b - a));
    expect(svg).not.toContain('NaN');
  });
});

interface Measured {
  readonly name: string;
  readonly title: string;
  readonly better: Better;
  readonly aim?: number;
  readonly must?: number;
  readonly unit: string;
  readonly subjects: Record<string, { readonly figures?: Summary; readonly ratio?: Summary }>;
}

const { ahead, isBelowAim, resultsPage } = await load<{
  ahead(row: Measured, subjects: readonly object[]): { title: string; times: number }[];
  isBelowAim(row: Measured): boolean;
  resultsPage(report: object, plots: readonly string[], bounds: Record<string, string>): string;
}>('report/results.mjs');

describe('The page of results', () => {
  const subjects = [
    { name: 'ours', title: 'ours' },
    { name: 'ws', title: '`ws`' },
    { name: 'beast', title: 'Beast' },
  ];
  const measured = (better: Better, aim: number, figures: Record<string, number>): Measured => ({
    name: 'a-row',
    title: 'a row',
    better,
    aim,
    must: 1,
    unit: 'ns',
    subjects: Object.fromEntries(
      Object.entries(figures).map(([name, figure]) => [
        name,
        {
          figures: summarize([figure]),
          ratio: ratios(better, [figure], [figures['ws'] ?? figure]),
        },
      ]),
    ),
  });
  const fast = measured('more', 2, { ours: 100, ws: 300, beast: 80 });
  const slow = measured('less', 1.3, { ours: 200, ws: 100, beast: 198 });

  it('tells who is ahead, the first first, and nobody who is as good as equal', () => {
    expect(ahead(fast, subjects)).toEqual([{ title: 'Beast', times: 1.25 }]);
    expect(ahead(slow, subjects)).toEqual([{ title: '`ws`', times: 2 }]);
    expect(ahead({ ...fast, subjects: { ws: {} } }, subjects)).toEqual([]);
  });

  it('knows an aim that is not reached, whichever is better', () => {
    expect([fast, slow].map(isBelowAim)).toEqual([false, true]);
    expect(isBelowAim(measured('more', 3.5, { ours: 100, ws: 300 }))).toBe(true);
  });

  it('has what is lost, what bounds it, and the figures with their spread', () => {
    const report = {
      date: '2026-01-02T03:04:05.000Z',
      command: 'npm run bench --',
      rounds: 5,
      load: { before: [0.5], after: [1] },
      machine: { node: 'v20', commit: 'abc', peers: { undici: '7' } },
      absent: [{ name: 'gorilla', why: 'No go.' }],
      subjects,
      rows: [fast, slow],
    };
    const page = resultsPage(report, ['more'], { 'a-row': 'the system call' });
    expect(page).toContain('| a row | `ws` | 2.00 times |');
    expect(page).toContain('| a row | 2.00 | 1 | 1.3 | the system call |');
    expect(page).toContain('100 (100 to 100)');
    expect(page).toContain('(results/more.svg)');
    expect(page).toContain('| undici | 7 |');
    expect(page).toContain('Not measured: gorilla. No go.');
    expect(page).not.toMatch(/undefined|NaN|\[object/);
  });
});
