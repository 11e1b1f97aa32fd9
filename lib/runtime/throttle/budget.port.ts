import type { Attempt } from '../connection/attempt.js';

/**
 * Tells a {@link ConnectLimiter} that the attempt it let in has opened, failed or been given up.
 * Called once. What it throws or rejects with is an `error` event of the client.
 *
 * @publicApi
 */
export type Leave = () => unknown;

/**
 * Lets attempts to connect in, in place of nobody or of a whole fleet: a limit that several processes
 * share. Each attempt asks it last, when the budget of this application has let it in.
 *
 * It does not replace that budget: an attempt that waits here keeps its place of `concurrent` and
 * `maxConcurrentConnects`.
 *
 * @example
 * const limiter: ConnectLimiter = {
 *   async enter(origin, signal) {
 *     const lease = await fleet.acquire(origin, { signal });
 *     return () => lease.release();
 *   },
 * };
 *
 * @publicApi
 */
export interface ConnectLimiter {
  /**
   * Resolves when the attempt may go, with what it is to call when it is over. What it rejects with,
   * throws, or resolves with that is no function, fails the attempt with a `ConnectionError`, and so
   * does no answer within five minutes; the reconnect policy goes on. One that is let in after its
   * signal was aborted leaves at once.
   *
   * @param origin where it goes to: `ws://host:port` or `wss://host`, without the default port;
   * `ws+unix:/path` for a socket in the file system
   * @param signal aborted when nobody wants the attempt any more
   */
  enter(origin: string, signal: AbortSignal): Promise<Leave>;
}

/**
 * How many attempts to connect go to one origin: a scheme, a host and a port.
 *
 * @publicApi
 */
export interface BudgetOptions {
  /**
   * How many attempts may be under way to an origin before one of them has opened a session; from then on
   * `maxConcurrentConnects` is the limit. @default 64
   */
  readonly concurrent?: number;
  /**
   * How many attempts go to an origin in any second, first ones too; a part of one is allowed: 0.2 is
   * one in five seconds. For a peer that counts connections. @default none
   */
  readonly perSecond?: number;
  /** Asked for every attempt, in addition: a limit that a fleet shares. @default none */
  readonly limiter?: ConnectLimiter;
}

/** What the budget asks of a client. */
export interface BudgetClient {
  /** Makes the next attempt now, in place of waiting for the end of its backoff. */
  call(): void;
  /** Takes what failed beside the attempt. */
  failed(error: unknown, where: string): void;
}

/** One client at the gate: it makes one attempt at a time. */
export interface Entrant {
  /**
   * Lets an attempt in: `true` at once where it may go, else a promise. The promise resolves with
   * `true` when it may, with `false` when it was given up while it waited, and rejects with what the
   * limiter failed with. The attempt leaves by being settled. One that is in, and is prepared anew, has
   * its place still, unless it now goes elsewhere.
   *
   * @param url where it goes to
   * @param isFirst whether the client has neither had a session nor failed to open one
   */
  enter(attempt: Attempt, url: string, isFirst: boolean): Promise<boolean> | boolean;
  /**
   * It waits for the end of a backoff, and may be called before, when its origin is back.
   *
   * @param held milliseconds in which it may not
   */
  backoff(held: number): void;
  /** Its backoff is over. */
  proceed(): void;
  /** It makes no more attempts. */
  over(): void;
}

/** Bounds the attempts of an application. */
export interface ConnectGate {
  join(client: BudgetClient): Entrant;
}
