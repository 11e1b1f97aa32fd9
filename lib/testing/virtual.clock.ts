import type { Clock, Timer } from '../runtime/clock/clock.port.js';
import { Deferred } from '../runtime/clock/waiters.js';
import { toMilliseconds, type Duration } from './duration.js';
import { turn } from './turns.js';

/** A timer that waits on a {@link VirtualClock}. */
export interface PendingTimer {
  /** When it is due, in milliseconds on the clock. */
  readonly at: number;
  /** The milliseconds it was set for. */
  readonly delay: number;
  /** Whose it is; absent for one that no client has set. */
  readonly client?: string;
}

interface Entry extends PendingTimer {
  readonly fire: () => void;
}

/**
 * A clock that stands until a test moves it. Every timer of a client runs on it: backoff, deadlines,
 * shutdown. Fake timers of a test runner are not needed, and do not disturb it.
 *
 * @example
 * await net.clock.advance('30s');
 *
 * @publicApi
 */
export class VirtualClock implements Clock {
  readonly #epoch: number;
  /** In the order they were set. */
  readonly #timers = new Set<Entry>();
  readonly #quiet: () => Promise<void>;
  #now = 0;
  /** The end of the move that is under way. */
  #moved: Deferred<undefined> | undefined;

  /**
   * @param epoch what `epoch()` tells at the beginning, in milliseconds
   * @param quiet waits until nothing moves any more; one turn of the event loop unless given
   */
  constructor(epoch = Date.UTC(2026, 0, 1), quiet: () => Promise<void> = turn) {
    this.#epoch = epoch;
    this.#quiet = quiet;
  }

  /** The timers that wait, the next one first; those of one instant in the order they were set. */
  get pending(): readonly PendingTimer[] {
    return [...this.#timers]
      .toSorted((a, b) => a.at - b.at)
      .map(({ fire: _fire, ...timer }) => timer);
  }

  epoch(): number {
    return this.#epoch + this.#now;
  }

  now(): number {
    return this.#now;
  }

  setTimer(delay: number, fire: () => void): Timer {
    return this.#set(delay, fire);
  }

  /** This clock, as one client has it: its timers are shown as that client's. */
  for(client: string): Clock {
    return {
      epoch: () => this.epoch(),
      now: () => this.now(),
      setTimer: (delay, fire) => this.#set(delay, fire, client),
    };
  }

  /**
   * Moves on: runs the timers that come due, those set on the way too, in order, each at its own
   * instant, and lets promises and the net settle before, between and after them. While another
   * move is under way it waits for its turn: moves add up.
   *
   * @throws TypeError for what is no duration
   */
  async advance(duration: Duration): Promise<void> {
    const milliseconds = toMilliseconds(duration);
    while (this.#moved !== undefined) await this.#moved.promise;
    this.#moved = new Deferred();
    try {
      await this.#quiet();
      await this.#runUntil(this.#now + milliseconds);
    } finally {
      this.#endMove();
    }
  }

  /**
   * Moves on to the next timer, runs it and what else is due at its instant, and lets everything
   * settle.
   *
   * @returns milliseconds moved, or `undefined` when no timer waits that is ever due
   */
  async advanceToNext(): Promise<number | undefined> {
    while (this.#moved !== undefined) await this.#moved.promise;
    this.#moved = new Deferred();
    try {
      await this.#quiet();
      const next = this.#next(Infinity);
      if (next === undefined || next.at === Infinity) return undefined;
      const moved = next.at - this.#now;
      await this.#runUntil(next.at);
      return moved;
    } finally {
      this.#endMove();
    }
  }

  #endMove(): void {
    this.#moved?.resolve(undefined);
    this.#moved = undefined;
  }

  #set(delay: number, fire: () => void, client?: string): Timer {
    // As the clock of the machine: what is not above 0 is due in the next turn.
    const at = this.#now + (delay > 0 ? delay : 0);
    const owner = client === undefined ? {} : { client };
    const entry = { at, delay, fire, ...owner };
    this.#timers.add(entry);
    return { cancel: () => void this.#timers.delete(entry) };
  }

  async #runUntil(target: number): Promise<void> {
    for (let next = this.#next(target); next !== undefined; next = this.#next(target)) {
      this.#now = next.at;
      this.#timers.delete(next);
      next.fire();
      await this.#quiet();
    }
    this.#now = target;
  }

  /** The first timer due until then; of those of one instant the one that was set first. */
  #next(target: number): Entry | undefined {
    let first: Entry | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= target && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  }
}
