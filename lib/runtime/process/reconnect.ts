import {
  Backoff,
  DEFAULT_RECONNECT,
  MAX_RETRY_AFTER,
  type Random,
  type ReconnectPolicy,
} from '../connection/backoff.policy.js';
import type { Connection } from '../connection/connection.js';
import type { WireEnd } from '../connection/wire.end.js';
import { HandshakeError } from '../errors/connection.errors.js';
import { CloseCode } from '../frame/close-code.js';
import { type HeaderMap, mergeHeaders } from '../transport/headers.js';
import type { Dialer } from './dialer.js';
import type { ReconnectChanges } from './directive.js';
import type { Ending } from './shutdown.js';

/** Decides whether and when a client connects again, and what has changed until then. */
export class ReconnectPlan {
  #backoff = Backoff.none;
  #planned = Backoff.none;
  #retryAfter = 0;
  #wish: ReconnectChanges | undefined;
  #isRefused = false;
  /** What `reconnect({ url, headers })` has changed, for every attempt to come. */
  changes: Pick<ReconnectChanges, 'url' | 'headers'> = {};

  constructor(private readonly random: Random) {}

  /** Somebody asked to connect again once the session is over; of several each adds to the others. */
  wish(changes: ReconnectChanges): void {
    this.#wish = merged(this.#wish, changes);
    this.#isRefused = false;
  }

  /** Somebody closed: the last word counts. */
  refuse(): void {
    this.#wish = undefined;
    this.#isRefused = true;
  }

  /** Whether somebody asked to connect again, and nobody closed since. */
  get isWished(): boolean {
    return this.#wish !== undefined;
  }

  /** Whether somebody closed since the last attempt. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /**
   * Plans the next attempt.
   *
   * @param lasted milliseconds the session was open
   * @returns milliseconds until it, or `undefined` when policy and wishes want none
   */
  plan(end: WireEnd, policy: ReconnectPolicy | false, lasted: number): number | undefined {
    const rules = policy || DEFAULT_RECONNECT;
    if (end.opened && lasted >= rules.stableAfter) this.#backoff = Backoff.none;
    this.#planned = this.#backoff.next(rules, this.random);
    const asked = end.error instanceof HandshakeError ? (end.error.retryAfter ?? 0) : 0;
    this.#retryAfter = asked > 0 ? Math.min(asked, MAX_RETRY_AFTER) : 0;
    const byPolicy = policy !== false && !end.voluntary && this.#backoff.count < policy.maxAttempts;
    const isWanted = this.#wish !== undefined || (byPolicy && !this.#isRefused);
    return isWanted ? this.#delay(this.#wish?.delay) : undefined;
  }

  /** Takes what was planned, or what `@OnDisconnect` returned: milliseconds to wait. */
  take(returned?: ReconnectChanges): number {
    const wish = this.#wish;
    const delay = this.#delay(returned?.delay ?? wish?.delay);
    this.#backoff = this.#planned;
    this.#wish = undefined;
    this.#isRefused = false;
    // What `@OnDisconnect` returns adds to what a handler asked for before; its word is the last.
    for (const changes of [wish, returned]) if (changes !== undefined) this.change(changes);
    return delay;
  }

  /** What `reconnect({ url, headers })` says stays said. */
  change(changes: ReconnectChanges): void {
    const { delay: _, ...said } = merged(this.changes, changes);
    this.changes = said;
  }

  #delay(wanted: number | undefined): number {
    return wanted ?? Math.max(this.#planned.delay, this.#retryAfter);
  }
}

/** What two reconnects say together: the later one has the last word. */
function merged(before: ReconnectChanges | undefined, changes: ReconnectChanges): ReconnectChanges {
  const { url = before?.url, delay = before?.delay } = changes;
  return {
    headers: mergeHeaders(before?.headers, changes.headers) as HeaderMap,
    ...(url !== undefined && { url }),
    ...(delay !== undefined && { delay }),
  };
}

/**
 * What handlers, and holders of the handle, want of the session:
 *
 *     status      reconnect(changes)                                   close()
 *     open        the session is closed with 1000, then as `closing`   the session is closed
 *     closing     noted for what follows: the last word counts         noted for what follows
 *     backoff     the wait begins anew with `delay`, or is over        the client ends
 *     connecting  with changes: the attempt is given up, then as       the client ends
 *                 `backoff`; without any it is left alone
 *
 * While what follows a failed attempt is decided the status is `connecting`, but there is none to give
 * up: then a reconnect is noted. What a reconnect changes of URL and headers stays changed.
 */
export class SessionControl {
  constructor(
    private readonly connection: Connection,
    private readonly dialer: Dialer,
    private readonly ending: Ending,
    /** Makes the next attempt now. */
    private readonly retry: () => void,
  ) {}

  close(code: number | undefined, message: string): void {
    this.dialer.refuse();
    if (this.connection.isOpen) return this.connection.close(code, message);
    if (this.connection.status === 'closing') return;
    this.ending.finish({ by: 'local', message, ...(code !== undefined && { code }) });
  }

  reconnect(changes: ReconnectChanges): void {
    const { status, isAttempting } = this.connection;
    if (status === 'backoff' || isAttempting) return this.#redirect(changes);
    if (status !== 'open' && status !== 'closing' && status !== 'connecting') return;
    this.dialer.wish(changes);
    this.connection.close(CloseCode.normal);
  }

  /** There is no session: the next attempt is another one than was to be. */
  #redirect(changes: ReconnectChanges): void {
    const { url, headers, delay } = changes;
    const isChange = url !== undefined || headers !== undefined || delay !== undefined;
    if (this.connection.isAttempting && !isChange) return;
    this.dialer.change(changes);
    if (delay === undefined) this.retry();
    else this.connection.backoff(delay);
  }
}
