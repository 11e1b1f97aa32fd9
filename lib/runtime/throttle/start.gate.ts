import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';

/** Milliseconds of work in one turn of the event loop. */
const SLICE = 8;

/**
 * Spreads the starts of many clients over turns of the event loop: whoever starts thousands in one
 * go must not keep timers, requests and sockets waiting meanwhile.
 */
export class StartGate {
  readonly #waiting: (() => void)[] = [];
  #next = 0;
  #isRunning = false;

  /** Resolves when it is the caller's turn, in order of the calls. */
  turn(): Promise<void> {
    const mine = new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (!this.#isRunning) {
      this.#isRunning = true;
      void this.#run();
    }
    return mine;
  }

  async #run(): Promise<void> {
    let since = performance.now();
    for (; this.#next < this.#waiting.length; this.#next++) {
      if (performance.now() - since > SLICE) {
        await new Promise((resolve) => setImmediate(resolve));
        since = performance.now();
      }
      this.#waiting[this.#next]?.();
      // Whose turn it is works in the promises that follow.
      await Promise.resolve();
    }
    this.#waiting.length = 0;
    this.#next = 0;
    this.#isRunning = false;
  }
}
