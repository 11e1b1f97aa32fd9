import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';

/** So many steps are done at most without a look at the clock, which costs more than a short one. */
const UNSEEN = 16;

/**
 * Bounds what one client does in one turn of the event loop. A handler that tells itself the next
 * step, or a generator that yields without end, goes on in microtasks alone: without a bound no timer
 * and no socket of the process would ever have its turn again.
 */
export class TurnBudget {
  #steps = 0;
  #since = 0;
  /** At this step it is looked again whether the turn is used up. */
  #lookAt = 1;
  #isArmed = false;
  /** Who waits for the next turn; there is none most of the time. */
  #waiting: (() => void)[] | undefined;

  /**
   * A socket is read up to 32 times in a turn, 64 KiB each, and what has come is to be handled before it is read
   * again: what would wait then fills the mailbox, and pauses the socket, which costs each frame of it a fifth. So it
   * is the time that counts. The number is for a clock that stands still, as a fake one does, and for steps that take
   * next to nothing: some 32 times 64 KiB of short frames.
   *
   * @param steps how many are done in one turn of the event loop, before timers and sockets have theirs
   * @param milliseconds how long they may take together
   */
  constructor(
    private readonly steps = 65_536,
    private readonly milliseconds = 10,
  ) {}

  /** One more step is done. */
  spend(): void {
    if (this.#steps++ === 0) this.#arm();
  }

  /** Whether the turn is used up. */
  get isSpent(): boolean {
    return this.#steps >= this.#lookAt && this.#look();
  }

  #look(): boolean {
    if (this.#steps >= this.steps) return true;
    const elapsed = performance.now() - this.#since;
    const left = this.milliseconds - elapsed;
    if (left <= 0) return true;
    // As many as would fit into what is left, at the pace of those before.
    const fitting = Math.trunc((this.#steps * left) / elapsed);
    const next = this.#steps + Math.max(1, Math.min(UNSEEN, fitting));
    this.#lookAt = Math.min(next, this.steps);
    return false;
  }

  /** Whether anybody waits for the next turn. */
  get isAwaited(): boolean {
    return this.#waiting !== undefined;
  }

  /** Calls `next`, which must not throw, when this turn of the event loop is over. */
  whenRenewed(next: () => void): void {
    (this.#waiting ??= []).push(next);
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#since = performance.now();
    setImmediate(() => this.#renew());
  }

  #renew(): void {
    this.#steps = 0;
    this.#lookAt = 1;
    this.#isArmed = false;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) for (const next of waiting) next();
  }
}
