import type { MeteredClient } from '../runtime/metering/client.meter.js';
import type { MetricName } from './metrics.table.js';

/**
 * What tells one series of a metric from the others. Of the same metric and attributes there is one object: it is compared
 * as such.
 */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** So many series a class makes of a metric by what a peer, an error or a URL has said. */
const MOST = 500;

/** As OpenTelemetry tells all series after those that there is room for. */
const REST: Attributes = Object.freeze({ 'otel.metric.overflow': true });

/**
 * Whether, and how, the names of clients are shown: as the attribute `websockex.client.name`. Mind that each name makes
 * time series of its own, of every metric: `true` is for few clients, whose names do not change. A function may tell
 * them in fewer words.
 *
 * @publicApi
 */
export type ShownNames = boolean | ((client: string) => string);

/** The attributes of one client class, or of one name where names are shown, and what they are told with. */
export class ClientSeries {
  readonly #few = new Map<string, Attributes>();
  readonly #many = new Map<MetricName, Map<string, Attributes>>();

  constructor(readonly attributes: Attributes) {}

  /** The same, and these, which a peer may choose: of so many that are different the others are told as one. */
  with(metric: MetricName, more: Attributes): Attributes {
    let known = this.#many.get(metric);
    if (known === undefined) this.#many.set(metric, (known = new Map()));
    const key = JSON.stringify(more);
    let all = known.get(key);
    if (all === undefined) {
      if (known.size >= MOST) return this.as('rest', () => REST);
      all = this.#and(more);
      known.set(key, all);
    }
    return all;
  }

  /** The same, and these, of which there are few, by a key that says what they are. */
  as(key: string, more: () => Attributes): Attributes {
    let all = this.#few.get(key);
    if (all === undefined) {
      all = this.#and(more());
      this.#few.set(key, all);
    }
    return all;
  }

  #and(more: Attributes): Attributes {
    return Object.freeze({ ...this.attributes, ...more });
  }
}

/** The series of the clients of an application: never with more of a client than its class, and its name where that is wanted. */
export class AllSeries {
  readonly #byClient = new Map<string, ClientSeries>();

  constructor(private readonly names: ShownNames) {}

  of({ name, module }: MeteredClient): ClientSeries {
    const { names } = this;
    const shown = names === false ? undefined : names === true ? name : shownBy(names, name);
    const key = shown === undefined ? module : `${module} ${shown}`;
    let series = this.#byClient.get(key);
    if (series === undefined) {
      series = new ClientSeries(
        Object.freeze({
          'websockex.client.class': module,
          ...(shown !== undefined && { 'websockex.client.name': shown }),
        }),
      );
      this.#byClient.set(key, series);
    }
    return series;
  }
}

/** Whoever counts must not fail: what a function of the user's throws is a name as good as none. */
function shownBy(names: (client: string) => string, name: string): string {
  try {
    return names(name);
  } catch {
    return '_OTHER';
  }
}

/** Values by metric and series. */
export class Sums<N extends string> {
  readonly #sums = new Map<N, Map<Attributes, number>>();

  add(name: N, attributes: Attributes, value: number): void {
    const sums = this.#of(name);
    sums.set(attributes, (sums.get(attributes) ?? 0) + value);
  }

  /** Keeps the greatest. */
  most(name: N, attributes: Attributes, value: number): void {
    const sums = this.#of(name);
    sums.set(attributes, Math.max(sums.get(attributes) ?? 0, value));
  }

  each(tell: (name: N, value: number, attributes: Attributes) => void): void {
    for (const [name, sums] of this.#sums) {
      for (const [attributes, value] of sums) tell(name, value, attributes);
    }
  }

  copy(): Sums<N> {
    const copy = new Sums<N>();
    this.each((name, value, attributes) => copy.add(name, attributes, value));
    return copy;
  }

  #of(name: N): Map<Attributes, number> {
    let sums = this.#sums.get(name);
    if (sums === undefined) this.#sums.set(name, (sums = new Map()));
    return sums;
  }
}
