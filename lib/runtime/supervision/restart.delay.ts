import { Backoff, type Random, type ReconnectPolicy } from '../connection/backoff.policy.js';

/** The shortest delay there is, after the first, which is none. */
const BASE: Omit<ReconnectPolicy, 'maxDelay'> = {
  initialDelay: 100,
  jitter: 'decorrelated',
  maxAttempts: Infinity,
  stableAfter: Infinity,
};

/**
 * How long to wait before a restart: not at all before the first, then decorrelated delays that
 * grow up to a cap, so that what crashes at once never loops without a pause. Immutable.
 */
export class RestartDelay {
  static readonly none = new RestartDelay(undefined, 0);

  private constructor(
    private readonly backoff: Backoff | undefined,
    /** Milliseconds. */
    readonly delay: number,
  ) {}

  next(maxDelay: number, random: Random): RestartDelay {
    if (this.backoff === undefined) return new RestartDelay(Backoff.none, 0);
    const initialDelay = Math.min(BASE.initialDelay, maxDelay);
    const next = this.backoff.next({ ...BASE, initialDelay, maxDelay }, random);
    return new RestartDelay(next, next.delay);
  }
}
