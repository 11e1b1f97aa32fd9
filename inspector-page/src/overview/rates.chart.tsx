import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';

import { clock } from '../format.js';

export interface Series {
  readonly title: string;
  /** A custom property of the style sheet. */
  readonly color: string;
  readonly values: readonly number[];
}

interface RatesChartProps {
  readonly title: string;
  /** Seconds since the epoch, oldest first. */
  readonly times: readonly number[];
  readonly series: readonly [Series, Series];
  readonly format: (value: number) => string;
  /** What may lie between two lines of the grid. */
  readonly steps: number[];
}

const HEIGHT = 150;

/** Two rates over the last minutes. What the drawing says now, or under the pointer, the legend says in words. */
export function RatesChart({ title, times, series, format, steps }: RatesChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<uPlot>();
  const [pointed, setPointed] = useState<number | null | undefined>(null);
  const scheme = useScheme();
  const [{ color: first }, { color: second }] = series;

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const plot = new uPlot(
      {
        ...options([first, second], format, steps, element.clientWidth),
        hooks: { setCursor: [({ cursor }) => setPointed(cursor.idx)] },
      },
      [[], [], []],
      element,
    );
    setChart(plot);
    const resized = new ResizeObserver(() => {
      plot.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
    // Colours are read once: another scheme is another drawing.
  }, [first, second, format, steps, scheme]);

  useEffect(() => {
    chart?.setData([[...times], ...series.map(({ values }) => [...values])] as uPlot.AlignedData);
  }, [chart, times, series]);

  const at = pointed ?? times.length - 1;
  const words = series.map(({ title: name, values }) => `${name} ${format(values[at] ?? 0)}`);
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <ul class="legend">
          {series.map(({ title: name, color, values }) => (
            <li key={name}>
              <span class={`key ${color.slice(2)}`} aria-hidden="true" />
              {name} <b>{format(values[at] ?? 0)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label={`${title}: ${words.join(', ')}`} />
    </figure>
  );
}

function options(
  colors: readonly [string, string],
  format: (value: number) => string,
  steps: number[],
  width: number,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
    font: `11px ${style.fontFamily}`,
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, max) => [0, Math.max(max, 1) * 1.1] } },
    axes: [
      { ...axis, size: 28, space: 60, values: (_, splits) => splits.map((time) => clockOf(time)) },
      { ...axis, size: 64, space: 34, incrs: steps, values: (_, splits) => splits.map(format) },
    ],
    series: [
      {},
      ...colors.map((name, n) => ({
        stroke: color(name),
        width: 1.5,
        points: { show: false },
        // Which is which is to be seen without colours, too.
        ...(n === 1 && { dash: [5, 3] }),
      })),
    ],
  };
}

/** Seconds matter where the lines are no minutes apart. */
function clockOf(time: number): string {
  const text = clock(time * 1000);
  return time % 60 === 0 ? text.slice(0, 5) : text;
}

/** Light or dark, as the reader wishes; the chart is drawn anew when that changes. */
function useScheme(): boolean {
  const [isDark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const changed = (): void => setDark(query.matches);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  return isDark;
}
