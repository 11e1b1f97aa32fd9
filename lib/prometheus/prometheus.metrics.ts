import type { OnApplicationShutdown } from '@nestjs/common';
import { type Metric, register, type Registry, type RegistryContentType } from 'prom-client';

import type { Metering } from '../manager/metering.js';
import { ClientMetrics, type ClientMetricsOptions } from '../metrics/client.metrics.js';
import {
  HISTOGRAMS,
  type HistogramName,
  type MetricName,
  METRICS,
  OBSERVED,
  type ObservedName,
} from '../metrics/metrics.table.js';
import type { Attributes } from '../metrics/series.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { BucketHistogram } from './bucket.histogram.js';
import { labelsOf, prometheusName, type Sample } from './sample.js';

/** What the metrics are made with. */
export interface PrometheusMetricsOptions extends ClientMetricsOptions {
  readonly registry?: Registry<RegistryContentType> | undefined;
  readonly prefix?: string | undefined;
}

/** What a registry asks of a metric. It may change the name of a counter, as OpenMetrics has it. */
interface Registered {
  name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly aggregator: 'sum' | 'max';
  /** It has no methods: workers of a cluster send it to who tells what all of them have. */
  get(): Promise<
    Pick<Registered, 'name' | 'help' | 'type' | 'aggregator'> & {
      readonly values: readonly Sample[];
    }
  >;
  reset(): void;
}

/** Of several processes the oldest counts; all else is a sum. */
const GREATEST: ReadonlySet<MetricName> = new Set<MetricName>(['websockex.last_received.age']);

/** The metrics of the table in a registry of prom-client: what it is asked for when somebody scrapes is read then. */
export class PrometheusMetrics implements OnApplicationShutdown {
  readonly #registry: Registry<RegistryContentType>;
  readonly #metrics: ClientMetrics;
  readonly #histograms: ReadonlyMap<HistogramName, BucketHistogram>;
  /** By the names by which they are registered: for OpenMetrics a registry takes the `_total` off that of a counter. */
  readonly #registered: ReadonlyMap<string, Registered>;
  /** What has been read for this scrape, which asks for one metric after the other. */
  #now: ReadonlyMap<ObservedName, readonly Sample[]> | undefined;

  constructor(metering: Metering, who: string, options: PrometheusMetricsOptions) {
    const { registry = register, prefix = '' } = options;
    this.#registry = registry;
    this.#histograms = new Map(
      HISTOGRAMS.map((name) => [name, new BucketHistogram(METRICS[name].boundaries ?? [])]),
    );
    this.#metrics = new ClientMetrics(metering, who, options, (name, values, attributes) => {
      const histogram = this.#histograms.get(name);
      for (const value of values) histogram?.add(value, attributes);
    });
    const all = [
      ...OBSERVED.map((name) => registered(name, prefix, () => this.#observe().get(name) ?? [])),
      ...HISTOGRAMS.map((name) => {
        const histogram = this.#histograms.get(name) as BucketHistogram;
        const read = (named: string): Sample[] => histogram.samples(named, labelsOf);
        return registered(name, prefix, read, () => histogram.clear());
      }),
    ];
    this.#registered = new Map(all.map((one) => [one.name, one]));
    const taken = all.find(({ name }) => registry.getSingleMetric(name) !== undefined);
    if (taken !== undefined) {
      this.#metrics.end();
      throw new ConfigurationError(
        `${who}: the registry has a metric ${taken.name} already: your own, or that of another application of this process ` +
          'that has not been closed. Give the module another registry, or a prefix: forRoot({ registry: new Registry() })',
      );
    }
    for (const one of all) registry.registerMetric(one as unknown as Metric);
  }

  /** All clients have ended. */
  onApplicationShutdown(): void {
    this.#metrics.end();
    for (const [name, one] of this.#registered) {
      // Whoever has cleared the registry may have registered others by these names.
      const isOurs = (this.#registry.getSingleMetric(name) as unknown) === one;
      if (isOurs) this.#registry.removeSingleMetric(name);
    }
  }

  /** Once for a scrape, which asks for all of them in one call. */
  #observe(): ReadonlyMap<ObservedName, readonly Sample[]> {
    if (this.#now !== undefined) return this.#now;
    const now = new Map<ObservedName, Sample[]>();
    this.#metrics.observe((name, value, attributes: Attributes) => {
      const sample = { labels: labelsOf(attributes), value };
      const samples = now.get(name);
      if (samples === undefined) now.set(name, [sample]);
      else samples.push(sample);
    });
    this.#now = now;
    // Not `queueMicrotask`: the fake timers of a test runner take its place.
    void Promise.resolve().then(() => (this.#now = undefined));
    return now;
  }
}

function registered(
  metric: MetricName,
  prefix: string,
  read: (name: string) => readonly Sample[],
  reset: () => void = () => undefined,
): Registered {
  const spec = METRICS[metric];
  const { kind, help } = spec;
  const named = prometheusName(metric, spec, prefix);
  const told = {
    help,
    type: kind === 'updown' ? 'gauge' : kind,
    aggregator: GREATEST.has(metric) ? 'max' : 'sum',
  } as const;
  return {
    name: named,
    ...told,
    reset,
    async get() {
      return { name: this.name, ...told, values: read(named) };
    },
  };
}
