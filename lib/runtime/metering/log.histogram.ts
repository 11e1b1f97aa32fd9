/** The least that is told apart, in seconds. */
const LEAST = 1e-6;

/** Buckets to a doubling: a quantile is off by a tenth at most. */
const STEPS = 4;

/** Up to some 20 minutes; what is longer counts as that. */
const BUCKETS = 30 * STEPS;

/** Counts durations in buckets that grow with them: half a kilobyte, however many there are. */
export class LogHistogram {
  readonly #buckets = new Uint32Array(BUCKETS);
  count = 0;

  add(seconds: number): void {
    const step = seconds <= LEAST ? 0 : Math.ceil(Math.log2(seconds / LEAST) * STEPS);
    this.#buckets[Math.min(step, BUCKETS - 1)]!++;
    this.count++;
  }

  /** Seconds that this part of all took at most, from 0 to 1; `undefined` where there are none. */
  quantile(part: number): number | undefined {
    const rank = Math.max(1, Math.ceil(part * this.count));
    let seen = 0;
    for (let step = 0; step < BUCKETS; step++) {
      seen += this.#buckets[step] as number;
      if (seen >= rank) return LEAST * 2 ** (step / STEPS);
    }
    return undefined;
  }
}
