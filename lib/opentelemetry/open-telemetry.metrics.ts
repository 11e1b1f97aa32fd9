import type { OnApplicationShutdown } from '@nestjs/common';
import {
  type BatchObservableCallback,
  type BatchObservableResult,
  type Histogram,
  type Meter,
  metrics,
  type MeterProvider,
  type Observable,
} from '@opentelemetry/api';

import type { Metering } from '../manager/metering.js';
import { ClientMetrics, type ClientMetricsOptions } from '../metrics/client.metrics.js';
import {
  HISTOGRAMS,
  type HistogramName,
  METRICS,
  OBSERVED,
  type ObservedName,
} from '../metrics/metrics.table.js';
import type { Attributes } from '../metrics/series.js';
import { VERSION } from '../websockex.version.js';
import { Reservoir } from './reservoir.js';

/** The name of the meter, and of the tracer. */
export const SCOPE = 'nestjs-websockex';

/** What the metrics are made with. */
export interface OpenTelemetryMetricsOptions extends ClientMetricsOptions {
  readonly meterProvider?: MeterProvider | undefined;
}

/** Those that a feed of frames makes: they wait until somebody collects. */
const SAMPLED: ReadonlySet<HistogramName> = new Set<HistogramName>([
  'websockex.handler.duration',
  'websockex.mailbox.wait',
]);

/**
 * The metrics of the table as instruments of OpenTelemetry. All but histograms are observed: a frame makes no call here,
 * and what its handlers take waits, sampled, until it is collected.
 */
export class OpenTelemetryMetrics implements OnApplicationShutdown {
  readonly #meter: Meter;
  readonly #metrics: ClientMetrics;
  readonly #histograms: ReadonlyMap<HistogramName, Histogram>;
  readonly #observables: ReadonlyMap<ObservedName, Observable>;
  readonly #reservoirs = new Map<HistogramName, Map<Attributes, Reservoir>>();
  readonly #callback: BatchObservableCallback;

  constructor(metering: Metering, who: string, options: OpenTelemetryMetricsOptions) {
    const provider = options.meterProvider ?? metrics.getMeterProvider();
    const meter = (this.#meter = provider.getMeter(SCOPE, VERSION));
    this.#histograms = new Map(HISTOGRAMS.map((name) => [name, makeHistogram(meter, name)]));
    this.#observables = new Map(OBSERVED.map((name) => [name, makeObservable(meter, name)]));
    this.#metrics = new ClientMetrics(metering, who, options, (...values) =>
      this.#record(...values),
    );
    this.#callback = (result) => this.#collect(result);
    meter.addBatchObservableCallback(this.#callback, [...this.#observables.values()]);
  }

  /** All clients have ended. */
  onApplicationShutdown(): void {
    this.#metrics.end();
    this.#drain();
    this.#meter.removeBatchObservableCallback(this.#callback, [...this.#observables.values()]);
  }

  #record(name: HistogramName, values: readonly number[], attributes: Attributes): void {
    if (!SAMPLED.has(name)) {
      const histogram = this.#histograms.get(name);
      for (const value of values) histogram?.record(value, attributes);
      return;
    }
    let all = this.#reservoirs.get(name);
    if (all === undefined) this.#reservoirs.set(name, (all = new Map()));
    let reservoir = all.get(attributes);
    if (reservoir === undefined) all.set(attributes, (reservoir = new Reservoir()));
    for (const value of values) reservoir.add(value);
  }

  #collect(result: BatchObservableResult): void {
    this.#metrics.observe((name, value, attributes) => {
      const observable = this.#observables.get(name);
      if (observable !== undefined) result.observe(observable, value, attributes);
    });
    this.#drain();
  }

  /** What is recorded while somebody collects is collected with it. */
  #drain(): void {
    for (const [name, all] of this.#reservoirs) {
      const histogram = this.#histograms.get(name);
      for (const [attributes, reservoir] of all) {
        for (const value of reservoir.take()) histogram?.record(value, attributes);
      }
    }
  }
}

function makeHistogram(meter: Meter, name: HistogramName): Histogram {
  const { unit, help: description, boundaries = [] } = METRICS[name];
  const advice = { explicitBucketBoundaries: [...boundaries] };
  return meter.createHistogram(name, { unit, description, advice });
}

function makeObservable(meter: Meter, name: ObservedName): Observable {
  const { kind, unit, help: description } = METRICS[name];
  const options = { unit, description };
  if (kind === 'counter') return meter.createObservableCounter(name, options);
  if (kind === 'gauge') return meter.createObservableGauge(name, options);
  return meter.createObservableUpDownCounter(name, options);
}
