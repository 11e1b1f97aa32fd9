import type { SendRateSettings } from '../options/client-settings.js';

/**
 * Says when the next message may go: never more than `limit` (or `burst`, where that is more) in any
 * `per` milliseconds, and never more than `burst` at once, after which they are spread evenly. A bucket
 * alone would let twice as many through in one window, and peers count in windows.
 */
export class SendRate {
  /** When the last ones went, in a ring. */
  readonly #times: number[] = [];
  #next = 0;
  /** How many may go at once now, as of {@link #at}. */
  #tokens: number;
  #at: number;

  /** @param now of the clock that is asked with later */
  constructor(
    private readonly settings: SendRateSettings,
    now: number,
  ) {
    this.#tokens = settings.burst;
    this.#at = now;
  }

  /** Milliseconds until so many messages may go together; 0: now. More than ever may go as many as may. */
  left(count: number, now: number): number {
    const { limit, per, burst } = this.settings;
    this.#refill(now);
    const missing = Math.min(count, burst) - this.#tokens;
    // Sums of fractions are never quite what they should be.
    const forTokens = missing > 1e-6 ? (missing * per) / limit : 0;
    // Of those that went, the one that must have left the window before as many may go.
    const last = this.#times.length - this.#size + Math.min(count, this.#size) - 1;
    const gone = last < 0 ? undefined : this.#times[(this.#next + last) % this.#times.length];
    const forWindow = gone === undefined ? 0 : gone + per - now;
    return Math.max(0, forTokens, forWindow);
  }

  /** So many go now. */
  take(count: number, now: number): void {
    this.#refill(now);
    this.#tokens = Math.max(0, this.#tokens - count);
    const size = this.#size;
    for (let i = Math.min(count, size); i > 0; i--) {
      if (this.#times.length < size) this.#times.push(now);
      else {
        this.#times[this.#next] = now;
        this.#next = (this.#next + 1) % size;
      }
    }
  }

  get #size(): number {
    return Math.max(this.settings.limit, this.settings.burst);
  }

  #refill(now: number): void {
    const { limit, per, burst } = this.settings;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) * limit) / per);
    this.#at = now;
  }
}
