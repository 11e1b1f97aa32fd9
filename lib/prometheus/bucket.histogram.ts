import type { Attributes } from '../metrics/series.js';
import type { Sample } from './sample.js';

/** The values of one series. */
interface Series {
  /** Of each bucket alone; the last is for what is above all boundaries. */
  readonly counts: number[];
  sum: number;
}

/** A histogram with fixed buckets: a value costs a search in a dozen numbers. */
export class BucketHistogram {
  readonly #series = new Map<Attributes, Series>();

  constructor(private readonly boundaries: readonly number[]) {}

  add(value: number, attributes: Attributes): void {
    const { boundaries } = this;
    let series = this.#series.get(attributes);
    if (series === undefined) {
      series = { counts: Array.from({ length: boundaries.length + 1 }, () => 0), sum: 0 };
      this.#series.set(attributes, series);
    }
    let bucket = 0;
    while (bucket < boundaries.length && value > (boundaries[bucket] as number)) bucket++;
    series.counts[bucket]!++;
    series.sum += value;
  }

  clear(): void {
    this.#series.clear();
  }

  /** As Prometheus reads it: each bucket counts those below it, too. */
  samples(name: string, labelsOf: (attributes: Attributes) => Sample['labels']): Sample[] {
    return [...this.#series].flatMap(([attributes, { counts, sum }]) => {
      const labels = labelsOf(attributes);
      let count = 0;
      const buckets = counts.map((own, bucket): Sample => {
        count += own;
        const le = String(this.boundaries[bucket] ?? '+Inf');
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
      });
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
    });
  }
}
