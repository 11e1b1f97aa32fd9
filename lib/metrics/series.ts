import type { MeteredClient } from '../runtime/metering/client.meter.js';

/** What tells one series of a metric from the others. Of the same attributes there is one object: it is compared as such. */
export type Attributes = Readonly<Record<string, string | number>>;

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
  readonly #more = new Map<string, Attributes>();

  constructor(readonly attributes: Attributes) {}

  /** The same, and these. */
  with(more: Attributes): Attributes {
    const key = JSON.stringify(more);
    return this.as(key, () => more);
  }

  /** The same, by a key that says what they are: it takes less where they are asked for often. */
  as(key: string, more: () => Attributes): Attributes {
    let all = this.#more.get(key);
    if (all === undefined) {
      all = Object.freeze({ ...this.attributes, ...more() });
      this.#more.set(key, all);
    }
    return all;
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
