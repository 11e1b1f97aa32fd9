import { Backoff, type Random, type ReconnectPolicy } from '../connection/backoff.policy.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';

/**
 * Whether a client whose incarnation has ended gets another one, as OTP's child specifications
 * say it.
 *
 * - `permanent`: always.
 * - `transient`: after an abnormal end: a handler failed. What a client (`close()`, `terminate()`), its
 *   reconnect policy or a holder of its handle has decided is a normal end.
 * - `temporary`: never.
 *
 * A `stop()`, the end of the application and a start that somebody waits for and that fails are
 * never followed by a restart.
 *
 * @publicApi
 */
export type Restart = 'permanent' | 'transient' | 'temporary';

/**
 * How often a supervisor restarts before it gives up.
 *
 * @publicApi
 */
export interface RestartLimit {
  /** Restarts that are allowed `within` the time; one more, and it gives up. @default 9 */
  readonly maxRestarts: number;
  /** Milliseconds; a restart as old as that still counts. @default 300000 */
  readonly within: number;
}

/**
 * The tenth crash within five minutes is one too many. Elixir's `Supervisor` allows three restarts in
 * five seconds, because the next supervisor above starts all of it anew; here nobody is above, and a
 * client that is given up is gone. With delays that grow from 0, one that crashes as soon as it is
 * connected has crashed ten times after some 40 seconds on average, 126 at most: a burst of bad
 * frames is survived, and a program that can never work is given up. A client that lives for half a
 * minute each time is not.
 */
export const DEFAULT_LIMIT: RestartLimit = Object.freeze({ maxRestarts: 9, within: 300_000 });

/**
 * Whether those who are linked to a client end with it: by an error, or when the peer ended the
 * session with anything but an empty close frame or 1000. As the exit reasons of WebSockex.
 */
export function isPassedOn(reason: CloseReason): boolean {
  if (reason.by === 'error') return true;
  if (reason.by === 'local') return false;
  return reason.code !== undefined && reason.code !== CloseCode.normal;
}

/** Whether an incarnation that ended so is followed by another. */
export function isRestarted(restart: Restart, hasCrashed: boolean): boolean {
  return restart === 'permanent' || (restart === 'transient' && hasCrashed);
}

/** The restarts that still count, oldest first. Immutable. */
export class RestartHistory {
  static readonly none = new RestartHistory([]);

  private constructor(private readonly times: readonly number[]) {}

  /** How many count. */
  get count(): number {
    return this.times.length;
  }

  /** How many still count at `now`. */
  countAt(now: number, limit: RestartLimit): number {
    return this.#since(now, limit).length;
  }

  /** With one more, at `now`; those that are older than the time do not count any more. */
  add(now: number, limit: RestartLimit): RestartHistory {
    return new RestartHistory([...this.#since(now, limit), now]);
  }

  #since(now: number, { within }: RestartLimit): number[] {
    return this.times.filter((time) => time >= now - within);
  }

  isBeyond({ maxRestarts }: RestartLimit): boolean {
    return this.times.length > maxRestarts;
  }
}

/** The shortest delay there is, after the first, which is none. */
const BASE: Omit<ReconnectPolicy, 'maxDelay'> = {
  initialDelay: 100,
  jitter: 'decorrelated',
  maxAttempts: Infinity,
  slowDelay: 0,
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
