import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';

/**
 * Bounds what one client does in one turn of the event loop. A handler that tells itself the next
 * step, or a generator that yields without end, goes on in microtasks alone: without a bound no timer
 * and no socket of the process would ever have its turn again.
 */
export class TurnBudget {
  #steps = 0;
  #since = 0;
  #isArmed = false;
  #waiting: (() => void)[] = [];

  /**
   * @param steps how many are done in one turn of the event loop, before timers and sockets have theirs
   * @param milliseconds how long they may take together
   */
  constructor(
    private readonly steps = 256,
    private readonly milliseconds = 10,
  ) {}

  /** One more step is done. */
  spend(): void {
    this.#steps++;
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#since = performance.now();
    setImmediate(() => this.#renew());
  }

  /** Whether the turn is used up. */
  get isSpent(): boolean {
    if (!this.#isArmed) return false;
    return this.#steps >= this.steps || performance.now() - this.#since >= this.milliseconds;
  }

  /** Calls `next`, which must not throw, in the next turn of the event loop. */
  whenRenewed(next: () => void): void {
    this.#waiting.push(next);
  }

  #renew(): void {
    this.#steps = 0;
    this.#isArmed = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const next of waiting) next();
  }
}
