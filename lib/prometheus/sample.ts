import type { MetricName, MetricSpec } from '../metrics/metrics.table.js';
import type { Attributes } from '../metrics/series.js';

/** One line of what is scraped. */
export interface Sample {
  /** Where it is not that of the metric. */
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const UNITS: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };

/** The name of a metric as Prometheus has it: with its unit, where it has one, and `_total` where it only grows. */
export function prometheusName(
  name: MetricName,
  { kind, unit }: MetricSpec,
  prefix: string,
): string {
  const plain = prefix + name.replaceAll('.', '_');
  const suffix = UNITS[unit] ?? '';
  const named = plain.endsWith(suffix) ? plain : plain + suffix;
  return kind === 'counter' ? `${named}_total` : named;
}

/** Attributes as Prometheus has them. */
export function labelsOf(attributes: Attributes): Sample['labels'] {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name.replaceAll('.', '_'), String(value)]),
  );
}
