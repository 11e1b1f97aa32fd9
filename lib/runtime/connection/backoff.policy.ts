import type { EndClass } from '../frame/disconnect.status.js';

/**
 * When a lost connection is tried again.
 *
 * @publicApi
 */
export interface ReconnectOptions {
  /** The first delay, in milliseconds; jitter is drawn above it. @default 500 */
  readonly initialDelay?: number;
  /**
   * No delay is longer, in milliseconds, save one that a peer asks for by `Retry-After`, which is
   * heeded up to an hour, or by a close with 1012 or 1013, after which the first delay is 5 to 30
   * seconds; and those after an end that is `slow`, which begin here. Where only `initialDelay` is
   * given, it is at least that. @default 30000
   */
  readonly maxDelay?: number;
  /**
   * How delays are spread, so that clients that lost the same server do not come back together.
   *
   * - `decorrelated`: between the last delay and three times as much.
   * - `full`: between 0 and a bound that doubles.
   * - `none`: a bound that doubles, exactly.
   *
   * After an end that is `slow`: with `none` a bound that doubles, exactly, else up to half as much
   * again.
   *
   * @default 'decorrelated'
   */
  readonly jitter?: 'decorrelated' | 'full' | 'none';
  /**
   * Reconnect attempts in a row after which the client gives up. After so many more failed attempts than the
   * first a rotation is given up, and its session stays. @default Infinity
   */
  readonly maxAttempts?: number;
  /**
   * After an end that is `slow`, such as a 404, the delay is `maxDelay` at once, and doubles from there
   * up to this, in milliseconds. Where only `maxDelay` is given, it is at least that. @default 300000
   */
  readonly slowDelay?: number;
  /**
   * A session must have been open for so many milliseconds before the delay falls back to the
   * first and attempts are counted anew: a peer that accepts and drops at once is no success.
   * @default 5000
   */
  readonly stableAfter?: number;
}

/** {@link ReconnectOptions} with every default in place. */
export type ReconnectPolicy = Required<ReconnectOptions>;

export const DEFAULT_RECONNECT: ReconnectPolicy = Object.freeze({
  initialDelay: 500,
  maxDelay: 30_000,
  jitter: 'decorrelated',
  maxAttempts: Infinity,
  slowDelay: 300_000,
  stableAfter: 5_000,
});

/**
 * No `Retry-After` is waited for longer, in milliseconds: a number of 23 digits, or a date of the year
 * 9999, would stop a client for ever.
 */
export const MAX_RETRY_AFTER = 3_600_000;

/** What a peer that restarts (1012), or has no room (1013), is given before the first attempt: from, to. */
export const RESTART_PAUSE = [5_000, 30_000] as const;

/**
 * A number in [0, 1), as `Math.random` gives: what `WEBSOCKEX_RANDOM` stands for.
 *
 * @publicApi
 */
export type Random = () => number;

/** Where a row of delays stands. Immutable: {@link next} gives the next one. No timers in here. */
export class Backoff {
  static readonly none = new Backoff(0, 0, 0);

  private constructor(
    /** How many delays came before and with this one. */
    readonly count: number,
    /** Milliseconds to wait, whole. */
    readonly delay: number,
    /** How many of them followed an end that is `slow`. */
    private readonly slow: number,
  ) {}

  next(policy: ReconnectPolicy, random: Random, after: EndClass = 'passing'): Backoff {
    const isSlow = after !== 'passing';
    const delay = isSlow ? this.#drawSlow(policy, random) : this.#draw(policy, random);
    return new Backoff(this.count + 1, Math.round(delay), this.slow + (isSlow ? 1 : 0));
  }

  #draw({ initialDelay: first, maxDelay, jitter }: ReconnectPolicy, random: Random): number {
    // The first delay may be none at all; from there on there is something to grow.
    const initialDelay = this.count === 0 ? first : Math.max(1, first);
    if (jitter === 'decorrelated') {
      const last = this.count === 0 ? initialDelay : Math.max(1, this.delay);
      // At the cap a draw between cap and cap would spread nothing: the lower half keeps it wide.
      const low = Math.min(maxDelay, Math.max(initialDelay, Math.min(last, maxDelay / 2)));
      const high = Math.max(low, Math.min(maxDelay, last * 3));
      return low + random() * (high - low);
    }
    const bound = doubled(initialDelay, this.count, maxDelay);
    return jitter === 'full' ? random() * bound : bound;
  }

  #drawSlow({ maxDelay, slowDelay, jitter }: ReconnectPolicy, random: Random): number {
    const cap = Math.max(maxDelay, slowDelay);
    const bound = doubled(this.slow === 0 ? maxDelay : Math.max(1, maxDelay), this.slow, cap);
    // Above the bound: no slow delay is below `maxDelay`. Whoever is spread so stays so at the cap.
    return jitter === 'none' ? bound : Math.min(cap, bound + (random() * bound) / 2);
  }
}

function doubled(first: number, times: number, cap: number): number {
  // 2 ** 1024 is Infinity, and no number of times 0.
  return Math.min(cap, first * 2 ** Math.min(times, 1000));
}
