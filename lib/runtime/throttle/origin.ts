import type { Timer } from '../clock/clock.port.js';
import type { Attempt } from '../connection/attempt.js';
import { Line } from './line.js';
import {
  follow,
  FRESH,
  type OriginEvent,
  type OriginState,
  type Ticket,
  waitOf,
} from './origin.state.js';
import { Pace, type RateWindow, TOP_RATE } from './pace.js';

/** An attempt at the gate. */
export interface Place {
  readonly attempt: Attempt;
  /** Whether its client has neither had a session nor failed to open one. */
  readonly isFirst: boolean;
  /** The ramp that has called it, by number, where one has: it has had its place in the row. */
  readonly calledOn: number | undefined;
  /** Tells the one who waits. */
  enter?: (isIn: boolean) => void;
  /** Absent while it waits. */
  ticket?: Ticket;
  /** Whether it has left. */
  isOver?: boolean;
}

/** A client that may be called before its backoff is over. */
export interface Waiter {
  /** @param ramp the number of the ramp that calls it */
  call(ramp: number): void;
}

/** One origin: who is under way to it, who waits, and when the next one may go. */
export class Origin {
  #state: OriginState = FRESH;
  /** Attempts under way. */
  inside = 0;
  /** Clients whose last attempt went there: one without any is forgotten. */
  members = 0;
  /** Attempts that wait, in order. */
  readonly queue = new Line<Place>();
  /** When somebody is to be let in or called, and nothing else tells. */
  alarm: { readonly at: number; readonly timer: Timer } | undefined;
  /** Clients in backoff, in order, each with the instant until which it may not be called. */
  readonly #backoffs = new Map<Waiter, number>();
  /** Those of them that were there when the ramp began. */
  #toCall = new Line<Waiter>();
  /** However the origin is, nobody comes back to it faster. */
  #guard = Pace.unused;

  constructor(
    readonly name: string,
    /** What the options allow in a second, where they say so. */
    private rate: RateWindow | undefined,
  ) {}

  get state(): OriginState {
    return this.#state;
  }

  /** Whether nobody wants anything of it any more. */
  get isUnused(): boolean {
    return this.members === 0 && this.inside === 0;
  }

  /** Whether it would be as good as new; what has gone there lately counts for those who come. */
  isForgettable(now: number): boolean {
    return this.isUnused && (this.rate?.isEmpty(now) ?? true);
  }

  on(event: OriginEvent, now: number): void {
    const { name } = this.#state;
    this.#state = follow(this.#state, event, now);
    if (this.#state.name === name) return;
    this.#toCall = new Line();
    if (this.#state.name !== 'ramp') return;
    for (const [waiter, until] of this.#backoffs) if (until <= now) this.#toCall.add(waiter);
  }

  /** Somebody comes; when nobody has waited the ramp may be over. */
  arrive(now: number): void {
    if (this.queue.size === 0 && this.#toCall.size === 0) this.on({ type: 'quiet' }, now);
  }

  /** Milliseconds until time lets an attempt in, whatever else keeps it waiting; 0: now. */
  wait(place: Place, now: number): number {
    const byState = this.#isCalled(place) ? 0 : waitOf(this.#state, now);
    const byGuard = this.#isGuarded(place) ? this.#guard.wait(now) : 0;
    return Math.max(byState, byGuard, this.rate?.wait(now) ?? 0);
  }

  letIn(place: Place, now: number): void {
    const ticket = { ramps: this.#state.ramps, since: now };
    this.queue.delete(place);
    this.on({ type: 'entered', ticket, isCalled: this.#isCalled(place) }, now);
    // First attempts may be more than that; those that come back do not pay for them.
    if (this.#guard.wait(now) === 0) this.#guard = this.#guard.take(now, TOP_RATE);
    this.rate = this.rate?.take(now);
    this.inside++;
    place.ticket = ticket;
  }

  /** A client waits for the end of a backoff. */
  backoff(waiter: Waiter, heldUntil: number): void {
    this.proceed(waiter);
    this.#backoffs.set(waiter, heldUntil);
  }

  /** It does not any more. */
  proceed(waiter: Waiter): void {
    this.#backoffs.delete(waiter);
    this.#toCall.delete(waiter);
  }

  /** Calls those whose turn it is, as long as nobody else waits. */
  callNext(now: number): void {
    while (this.#callWait(now) === 0) {
      const { first: waiter } = this.#toCall;
      if (waiter === undefined) return;
      this.proceed(waiter);
      this.on({ type: 'called' }, now);
      waiter.call(this.#state.ramps);
    }
  }

  /** Milliseconds until time lets the next one in, or calls it; `undefined`: nobody waits. */
  due(now: number): number | undefined {
    const { first } = this.queue;
    return first === undefined ? this.#callWait(now) : this.wait(first, now);
  }

  #callWait(now: number): number | undefined {
    if (this.queue.size > 0 || this.#toCall.size === 0) return undefined;
    return waitOf(this.#state, now);
  }

  #isCalled({ calledOn }: Place): boolean {
    return this.#state.name === 'ramp' && calledOn === this.#state.ramps;
  }

  /** A first attempt is not held up by the guard, unless there is something to be careful of. */
  #isGuarded({ isFirst }: Place): boolean {
    return !isFirst || this.#state.name === 'doubtful' || this.#state.name === 'ramp';
  }
}

/**
 * The origin of a URL that has been checked: `ws://host:port` or `wss://host`, without the default
 * port; `ws+unix:/path` of a socket in the file system.
 */
export function originOf(url: string): string {
  const { protocol, origin, pathname } = new URL(url);
  if (protocol === 'ws+unix:') return `${protocol}${pathname.split(':', 1)[0]}`;
  return origin.replace(/^http/, 'ws');
}
