import { setImmediate } from 'node:timers';

import type { Clock } from '../clock/clock.port.js';
import type { Attempt, AttemptOutcome } from '../connection/attempt.js';
import type { BudgetClient, BudgetOptions, ConnectGate, Entrant } from './budget.port.js';
import { passLimiter } from './limiter.pass.js';
import { Origin, originOf, type Place, type Waiter } from './origin.js';
import type { OriginState } from './origin.state.js';
import { toEventType } from './outcome.js';
import { RateWindow } from './pace.js';

/** How many may enter in one turn of the event loop: a dial is some tenths of a millisecond of work. */
const PER_TURN = 16;

/** How many attempts to an origin may be under way before one has opened. */
const CONCURRENT = 64;

/** How many attempts of an application may be under way. */
const MAX_CONCURRENT_CONNECTS = 256;

/** What the options of the module say of attempts. */
export interface ConnectBudgetOptions {
  readonly budget?: BudgetOptions | undefined;
  /** How many attempts may be under way in all. */
  readonly maxConcurrentConnects?: number | undefined;
}

/** How one origin stands. */
export interface OriginReport {
  /** `ws://host:port` or `wss://host`, without the default port. */
  readonly origin: string;
  readonly state: OriginState['name'];
  /** Attempts that wait for their turn. */
  readonly waiting: number;
  /** Attempts that have been let in, and have neither opened nor failed yet. */
  readonly underWay: number;
}

/**
 * Lets the attempts of an application in, as many at a time as each origin can take: a thousand
 * clients that start, or lose one server, do not dial in the same instant, and one that does not
 * answer keeps no other waiting. What is known of an origin is an `OriginState`.
 *
 * A free place goes to the origin with fewest attempts under way; within one, to whoever waits longest.
 * An origin with none under way has a place in any case.
 */
export class ConnectBudget implements ConnectGate {
  readonly #origins = new Map<string, Origin>();
  /** Those with a queue. */
  readonly #waiting = new Set<Origin>();
  /** Those that nobody uses, but whose rate still counts. */
  readonly #idle = new Set<Origin>();
  /** The origin that was asked for last: ten thousand clients of one URL ask for the same. */
  #last = { url: '', name: '' };
  #inside = 0;
  /** How many have entered in this turn of the event loop. */
  #entered = 0;

  constructor(
    private readonly clock: Clock,
    private readonly options: ConnectBudgetOptions = {},
  ) {}

  /** How many attempts are under way. */
  get inside(): number {
    return this.#inside;
  }

  /** How many attempts wait. */
  get waiting(): number {
    return [...this.#waiting].reduce((sum, { queue }) => sum + queue.size, 0);
  }

  /** How many origins are known: those of clients that have not ended. */
  get origins(): number {
    return this.#origins.size;
  }

  /** How each of them stands, in the order in which they were first asked for. */
  report(): OriginReport[] {
    return [...this.#origins.values()].map(({ name, state, queue, inside }) => ({
      origin: name,
      state: state.name,
      waiting: queue.size,
      underWay: inside,
    }));
  }

  join(client: BudgetClient): Entrant {
    return new BudgetEntrant(this, client, this.clock);
  }

  /** The origin of a URL, with one member more. */
  visit(url: string): Origin {
    const name = this.nameOf(url);
    const { perSecond } = this.options.budget ?? {};
    const rate = perSecond === undefined ? undefined : RateWindow.of(perSecond);
    for (const idle of this.#idle) this.#forget(idle);
    const origin = this.#origins.get(name) ?? new Origin(name, rate);
    this.#origins.set(name, origin);
    this.#idle.delete(origin);
    origin.members++;
    return origin;
  }

  /** The name of the origin of a URL. */
  nameOf(url: string): string {
    if (this.#last.url !== url) this.#last = { url, name: originOf(url) };
    return this.#last.name;
  }

  /** One member less. */
  quit(origin: Origin): void {
    origin.members--;
    this.#tidy(origin);
  }

  enter(origin: Origin, place: Place, client: BudgetClient): Promise<boolean> | boolean {
    const { attempt } = place;
    const { limiter } = this.options.budget ?? {};
    const pass = (): Promise<boolean> | boolean =>
      limiter === undefined || passLimiter(limiter, origin.name, attempt, client, this.clock);
    origin.arrive(this.clock.now());
    origin.queue.add(place);
    this.#waiting.add(origin);
    attempt.whenSettled((outcome) => this.leave(origin, place, outcome));
    this.#admit();
    if (place.ticket !== undefined) return pass();
    const waited = new Promise<boolean>((resolve) => (place.enter = resolve));
    return limiter === undefined ? waited : waited.then((isIn) => isIn && pass());
  }

  /** An attempt is over, or goes elsewhere. */
  leave(origin: Origin, place: Place, outcome: AttemptOutcome): void {
    const { ticket } = place;
    if (place.isOver) return;
    place.isOver = true;
    if (ticket === undefined) {
      origin.queue.delete(place);
      place.enter?.(false);
    } else {
      origin.inside--;
      this.#inside--;
      origin.on({ type: toEventType(outcome), ticket }, this.clock.now());
    }
    this.#tidy(origin);
    this.#admit();
  }

  #letIn(origin: Origin, place: Place, now: number): void {
    origin.letIn(place, now);
    this.#inside++;
    if (this.#entered++ > 0) return;
    setImmediate(() => {
      this.#entered = 0;
      this.#admit();
    });
  }

  /** Lets in whoever may go now. */
  #admit(): void {
    const now = this.clock.now();
    for (;;) {
      const origin = this.#next(now);
      const place = origin?.queue.first;
      if (origin === undefined || place === undefined) return;
      this.#letIn(origin, place, now);
      // Behind the others that wait.
      this.#waiting.delete(origin);
      if (origin.queue.size > 0) this.#waiting.add(origin);
      this.#arm(origin, now);
      place.enter?.(true);
    }
  }

  /** Of the origins where somebody may go the one with fewest under way. */
  #next(now: number): Origin | undefined {
    if (this.#entered >= PER_TURN) return undefined;
    let best: Origin | undefined;
    for (const origin of this.#waiting) {
      const place = origin.queue.first;
      if (place === undefined || (best !== undefined && best.inside <= origin.inside)) continue;
      if (this.#hasRoom(origin, place, now)) best = origin;
      else this.#arm(origin, now);
    }
    return best;
  }

  #hasRoom(origin: Origin, place: Place, now: number): boolean {
    const { maxConcurrentConnects: most = MAX_CONCURRENT_CONNECTS, budget } = this.options;
    const { concurrent = CONCURRENT } = budget ?? {};
    const limit = origin.state.name === 'fresh' ? Math.min(concurrent, most) : most;
    return (
      this.#entered < PER_TURN &&
      (origin.inside === 0 || (origin.inside < limit && this.#inside < most)) &&
      origin.wait(place, now) === 0
    );
  }

  /** Forgets an origin that nobody uses, and what nobody waits for. */
  #tidy(origin: Origin): void {
    if (origin.queue.size === 0) this.#waiting.delete(origin);
    if (origin.isUnused && this.#origins.get(origin.name) === origin) {
      this.#idle.add(origin);
      this.#forget(origin);
    }
    this.#arm(origin, this.clock.now());
  }

  #forget(origin: Origin): void {
    if (!origin.isForgettable(this.clock.now())) return;
    this.#idle.delete(origin);
    this.#origins.delete(origin.name);
  }

  /** Sets the alarm of an origin where only time brings it on, and calls it off where it does not. */
  #arm(origin: Origin, now: number): void {
    const wait = origin.isUnused ? undefined : origin.due(now);
    const { alarm } = origin;
    // Who could go by the time waits for a place: whoever leaves one admits it.
    if (wait === 0 && origin.queue.size > 0) return;
    if (wait !== undefined && alarm !== undefined && alarm.at <= now + wait) return;
    alarm?.timer.cancel();
    origin.alarm = undefined;
    if (wait === undefined) return;
    const timer = this.clock.setTimer(wait, () => this.#onAlarm(origin));
    origin.alarm = { at: now + wait, timer };
  }

  #onAlarm(origin: Origin): void {
    origin.alarm = undefined;
    const now = this.clock.now();
    origin.on({ type: 'timer' }, now);
    origin.callNext(now);
    this.#admit();
    this.#tidy(origin);
  }
}

/** A client at the gate of {@link ConnectBudget}. */
class BudgetEntrant implements Entrant, Waiter {
  /** Where its last attempt went. */
  #origin: Origin | undefined;
  /** The ramp of that origin which has called it. */
  #calledOn: number | undefined;
  #place: Place | undefined;

  constructor(
    private readonly budget: ConnectBudget,
    private readonly client: BudgetClient,
    private readonly clock: Clock,
  ) {}

  enter(attempt: Attempt, url: string, isFirst: boolean): Promise<boolean> | boolean {
    if (attempt.isAbandoned) return false;
    if (this.#isInside(attempt, url)) return true;
    this.proceed();
    const before = this.#origin;
    const origin = (this.#origin = this.budget.visit(url));
    if (before !== undefined) this.budget.quit(before);
    const calledOn = origin === before ? this.#calledOn : undefined;
    this.#calledOn = undefined;
    const place: Place = { attempt, isFirst, calledOn };
    this.#place = place;
    const entering = this.budget.enter(origin, place, this.client);
    // Of an attempt that is over there is nothing to know: it does not come again.
    attempt.whenSettled(() => {
      if (this.#place === place) this.#place = undefined;
    });
    return entering;
  }

  /** Whether it is in already; where it is, but goes elsewhere now, it leaves. */
  #isInside(attempt: Attempt, url: string): boolean {
    const [origin, place] = [this.#origin, this.#place];
    if (origin === undefined || place?.attempt !== attempt) return false;
    if (origin.name === this.budget.nameOf(url) && place.ticket !== undefined) return true;
    this.budget.leave(origin, place, { type: 'abandoned' });
    return false;
  }

  backoff(held: number): void {
    this.#calledOn = undefined;
    this.#origin?.backoff(this, this.clock.now() + held);
  }

  proceed(): void {
    this.#origin?.proceed(this);
  }

  over(): void {
    const origin = this.#origin;
    this.#origin = undefined;
    origin?.proceed(this);
    if (origin !== undefined) this.budget.quit(origin);
  }

  call(ramp: number): void {
    this.#calledOn = ramp;
    this.client.call();
  }
}
