import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';

import type { Clock, Timer } from './clock.port.js';
import { type HeapEntry, TimerHeap } from './timer.heap.js';

/** `setTimeout` takes no longer delay; a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

/** One that is never due keeps no process alive. */
const NEVER: Timer = { cancel: () => undefined };

/**
 * The clock of the machine. All its timers share one of Node's, which is set for the next of them that
 * is due: ten thousand clients that only wait have one timer between them. Each fires in the async
 * context it was set in, as a timer of Node's does.
 */
export class SystemClock implements Clock {
  // No `#` names: an application may have a proxy put before each of its providers.
  private readonly timers = new TimerHeap<Entry>();
  private count = 0;
  private handle: NodeJS.Timeout | undefined;
  /** When the one of Node's fires. */
  private wakesAt = Infinity;
  /** So that whoever happens to set the first timer does not lend his context to the one of Node's. */
  private readonly run = AsyncLocalStorage.snapshot();

  epoch(): number {
    return Date.now();
  }

  now(): number {
    return performance.now();
  }

  setTimer(delay: number, fire: () => void): Timer {
    if (delay === Infinity) return NEVER;
    const entry = new Entry(this.now() + Math.max(0, delay), this.count++, this, fire);
    this.timers.add(entry);
    if (entry.at < this.wakesAt) this.wake(entry.at);
    return entry;
  }

  /** Takes out one of its timers. */
  cancel(entry: HeapEntry): void {
    this.timers.delete(entry as Entry);
    // With others it goes on as it is set: too early for them does no harm, and costs less.
    if (this.timers.first === undefined) this.sleep();
  }

  private wake(at: number): void {
    clearTimeout(this.handle);
    this.wakesAt = at;
    const delay = Math.min(LONGEST, Math.max(0, Math.ceil(at - this.now())));
    this.handle = this.run(() => setTimeout(() => this.fire(), delay));
  }

  private sleep(): void {
    clearTimeout(this.handle);
    this.handle = undefined;
    this.wakesAt = Infinity;
  }

  /** Fires those that are due, and none that they set. */
  private fire(): void {
    this.wakesAt = Infinity;
    const due = this.now() + 1; // Node counts whole milliseconds, and may be early by a part of one
    const set = this.count;
    try {
      for (let next = this.timers.first; next !== undefined; next = this.timers.first) {
        if (next.at >= due || next.order >= set) break;
        this.timers.delete(next);
        next.fire();
      }
    } finally {
      // Also where one has thrown: the others are due all the same.
      const next = this.timers.first;
      if (next === undefined) this.sleep();
      else if (next.at < this.wakesAt) this.wake(next.at);
    }
  }
}

/** A timer, which is its own handle: there may be thousands. */
class Entry extends AsyncResource implements HeapEntry, Timer {
  place = 0;
  readonly #clock: SystemClock;
  readonly #fire: () => void;

  constructor(
    readonly at: number,
    readonly order: number,
    clock: SystemClock,
    fire: () => void,
  ) {
    super('WebSockexTimer', { requireManualDestroy: true });
    this.#clock = clock;
    this.#fire = fire;
  }

  fire(): void {
    this.runInAsyncScope(this.#fire);
  }

  cancel(): void {
    this.#clock.cancel(this);
  }
}
