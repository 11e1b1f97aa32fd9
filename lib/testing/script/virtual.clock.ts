import type { Clock, Timer } from '../../runtime/clock/clock.port.js';
import type { Random } from '../../runtime/connection/backoff.policy.js';
import { inspectShort } from '../../runtime/errors/websockex.error.js';
import { turn } from './event-loop.js';
import { type HeapEntry, TimerHeap } from '../../runtime/clock/timer.heap.js';

/** A timer that waits on a {@link VirtualClock}. */
export interface PendingTimer {
  /** When it is due, in milliseconds on the clock. */
  readonly at: number;
  /** The milliseconds it was set for. */
  readonly delay: number;
  /** Whose it is; absent for one that no client has set. */
  readonly client?: string;
}

interface Entry extends HeapEntry {
  readonly shown: PendingTimer;
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
  readonly #timers = new TimerHeap<Entry>();
  /** How many have been set. */
  #count = 0;
  readonly #quiet: () => Promise<void>;
  #now = 0;
  /** The end of the moves that have been asked for. */
  #moves: Promise<unknown> = Promise.resolve();

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
      .toSorted((a, b) => (a.at === b.at ? a.order - b.order : a.at - b.at))
      .map(({ shown }) => shown);
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
   * instant, and lets promises and the net settle before, between and after them. Moves add up: one that is
   * asked for while another is under way, by a timer or a handler too, begins where that has ended.
   *
   * @throws TypeError for what is no duration; what a timer throws: the clock stands at its instant then
   */
  async advance(duration: Duration): Promise<void> {
    const milliseconds = toMilliseconds(duration);
    await this.#inTurn(() => this.#runUntil(this.#now + milliseconds));
  }

  /**
   * Moves on to the next timer, runs it and what else is due at its instant, and lets everything
   * settle.
   *
   * @returns milliseconds moved, or `undefined` when no timer waits that is ever due
   */
  advanceToNext(): Promise<number | undefined> {
    return this.#inTurn(async () => {
      const next = this.#timers.first;
      if (next === undefined || next.at === Infinity) return undefined;
      const moved = next.at - this.#now;
      await this.#runUntil(next.at);
      return moved;
    });
  }

  #inTurn<R>(move: () => Promise<R>): Promise<R> {
    const moved = this.#moves.then(async () => {
      await this.#quiet();
      return move();
    });
    this.#moves = moved.catch(() => undefined); // whoever has asked for it is told
    return moved;
  }

  #set(delay: number, fire: () => void, client?: string): Timer {
    // As the clock of the machine: what is not above 0 is due in the next turn.
    const at = this.#now + (delay > 0 ? delay : 0);
    const shown = { at, delay, ...(client !== undefined && { client }) };
    const entry = { at, order: this.#count++, place: 0, shown, fire };
    this.#timers.add(entry);
    return { cancel: () => this.#timers.delete(entry) };
  }

  async #runUntil(target: number): Promise<void> {
    for (;;) {
      const next = this.#timers.first;
      if (next === undefined || next.at > target) break;
      this.#now = next.at;
      this.#timers.delete(next);
      next.fire();
      await this.#quiet();
    }
    this.#now = target;
  }
}

/** Milliseconds, or a number with a unit: `'250ms'`, `'30s'`, `'5m'`, `'1.5h'`. */
export type Duration = number | string;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * A duration in milliseconds.
 *
 * @throws TypeError for what is none, and for one that is negative or without end
 */
function toMilliseconds(duration: Duration): number {
  if (typeof duration === 'number') return checked(duration, duration);
  if (typeof duration !== 'string') return checked(NaN, duration);
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(duration.trim()) ?? [];
  return checked(Number(amount) * (UNITS[unit ?? ''] ?? NaN), duration);
}

function checked(milliseconds: number, given: Duration): number {
  if (milliseconds >= 0 && milliseconds < Infinity) return milliseconds;
  throw new TypeError(
    `${inspectShort(given)} is no duration: give milliseconds, or '250ms', '30s', '5m', '1.5h'`,
  );
}

/** Numbers in [0, 1) that are the same for the same seed (the mulberry32 generator). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
