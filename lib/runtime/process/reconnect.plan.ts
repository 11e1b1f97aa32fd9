import {
  Backoff,
  DEFAULT_RECONNECT,
  MAX_RETRY_AFTER,
  type Random,
  type ReconnectPolicy,
  RESTART_PAUSE,
} from '../connection/backoff.policy.js';
import type { WireEnd } from '../connection/wire.end.js';
import { HandshakeError } from '../errors/connection.errors.js';
import type { EndClass } from '../frame/disconnect.status.js';
import { type HeaderMap, mergeHeaders } from '../transport/headers.js';
import type { ReconnectChanges } from './directive.js';

/** The service restarts; it has no room for now: try again later. */
const PAUSING: ReadonlySet<number> = new Set([1012, 1013]);

const NO_CHANGES = Object.freeze({});

/** What an end says of the next attempt. */
interface EndVerdict {
  /** @default 'passing' */
  readonly after?: EndClass | undefined;
  /** Whether there is another URL to be tried at once, in the same round. */
  readonly movesOn?: boolean;
}

/** Decides whether and when a client connects again, and what has changed until then. */
export class ReconnectPlan {
  #backoff = Backoff.none;
  #planned = Backoff.none;
  /** What the peer asks to wait. */
  #asked = 0;
  /** What is waited in any case, where nobody wants another delay. */
  #held = 0;
  /** What would be planned if the kind of the end were of no account; absent where it is of none. */
  #plain: { readonly planned: Backoff; readonly asked: number } | undefined;
  /** Whether there is another URL to be tried at once. */
  #movesOn = false;
  #requested: ReconnectChanges | undefined;
  #isCancelled = false;
  /** Milliseconds of the wait that was committed last which the peer, or a handler, has asked for. */
  held = 0;
  /** What `reconnect({ url, headers })` has changed, for every attempt to come. */
  changes: Pick<ReconnectChanges, 'url' | 'headers'> = NO_CHANGES;

  constructor(private readonly random: Random) {}

  /** Somebody asked to connect again once the session is over; of several each adds to the others. */
  request(changes: ReconnectChanges): void {
    this.#requested = merged(this.#requested, changes);
    this.#isCancelled = false;
  }

  /** Somebody closed: the last word counts. */
  cancel(): void {
    this.#requested = undefined;
    this.#isCancelled = true;
  }

  /** Whether somebody asked to connect again, and nobody closed since. */
  get isRequested(): boolean {
    return this.#requested !== undefined;
  }

  /** Whether nobody wants the next attempt to be another one than that of the policy. */
  isPlain(returned: ReconnectChanges = {}): boolean {
    return [this.#requested ?? {}, returned].every(
      ({ url, headers = {}, delay }) =>
        url === undefined && delay === undefined && Object.keys(headers).length === 0,
    );
  }

  /** Whether somebody closed since the last attempt. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** The session that is there is a good one: its end is the first of a row. */
  accepted(): void {
    this.#backoff = Backoff.none;
  }

  /**
   * Plans the next attempt.
   *
   * @param lasted milliseconds the session was open
   * @param verdict what the end says of the next attempt
   * @returns milliseconds until it, or `undefined` when policy and wishes want none
   */
  plan(
    end: WireEnd,
    policy: ReconnectPolicy | false,
    lasted: number,
    { after = 'passing', movesOn = false }: EndVerdict = {},
  ): number | undefined {
    const rules = policy || DEFAULT_RECONNECT;
    if (end.opened && lasted >= rules.stableAfter) this.#backoff = Backoff.none;
    this.#planned = movesOn ? this.#backoff : this.#backoff.next(rules, this.random, after);
    // What one URL has asked for is waited for when all have failed.
    const before = this.#movesOn ? this.#asked : 0;
    this.#asked = Math.max(before, askedFor(end, this.random));
    this.#held = Math.max(this.#asked, after === 'passing' ? 0 : this.#planned.delay);
    const asked = Math.max(before, retryAfterOf(end));
    // One that is fatal is as slow as a slow one, whoever goes on after it.
    const isPlain = movesOn || after === 'fatal' || (after === 'passing' && asked === this.#asked);
    this.#plain = isPlain ? undefined : { planned: this.#backoff.next(rules, this.random), asked };
    this.#movesOn = movesOn;
    const mayFollow = policy !== false && !end.voluntary && after !== 'fatal';
    const byPolicy = movesOn || (mayFollow && this.#backoff.count < policy.maxAttempts);
    const isWanted = this.#requested !== undefined || (byPolicy && !this.#isCancelled);
    return isWanted ? this.#delay(this.#requested?.delay) : undefined;
  }

  /** Takes what was planned, or what `@OnDisconnect` returned: milliseconds to wait. */
  commit(returned?: ReconnectChanges): number {
    const requested = this.#requested;
    const wanted = returned?.delay ?? requested?.delay;
    // `@OnDisconnect` knows what the end was: its reconnect() is as after any other one.
    if (returned !== undefined && this.#plain !== undefined) {
      this.#planned = this.#plain.planned;
      this.#asked = this.#held = this.#plain.asked;
    }
    const delay = this.#delay(wanted);
    this.held = wanted ?? this.#held;
    this.#backoff = this.#planned;
    this.#requested = undefined;
    this.#isCancelled = false;
    // What `@OnDisconnect` returns adds to what a handler asked for before; its word is the last.
    for (const changes of [requested, returned]) if (changes !== undefined) this.change(changes);
    return delay;
  }

  /** What `reconnect({ url, headers })` says stays said. */
  change(changes: ReconnectChanges): void {
    const { delay: _, ...said } = merged(this.changes, changes);
    this.changes = said;
  }

  #delay(wanted: number | undefined): number {
    if (wanted !== undefined) return wanted;
    return this.#movesOn ? 0 : Math.max(this.#planned.delay, this.#asked);
  }
}

/** Milliseconds of a `Retry-After`; 0 where there is none. */
function retryAfterOf({ error }: WireEnd): number {
  const { retryAfter = 0 } = error instanceof HandshakeError ? error : {};
  return retryAfter > 0 ? Math.min(retryAfter, MAX_RETRY_AFTER) : 0;
}

/** Milliseconds the peer asks to wait, whatever the policy says; 0 where it asks for nothing. */
function askedFor(end: WireEnd, random: Random): number {
  const { error, reason } = end;
  if (error instanceof HandshakeError) return retryAfterOf(end);
  if (reason.by !== 'remote' || !PAUSING.has(reason.code ?? 0)) return 0;
  // Drawn, as the registration of 1012 wants it: all its clients would come back at one time.
  const [from, to] = RESTART_PAUSE;
  return Math.round(from + random() * (to - from));
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
