import { setImmediate } from 'node:timers';

import type { Pending } from '../async/deferred.js';
import { Fifo } from '../mailbox/fifo.js';

/** How many pass in one turn of the event loop: each is some hundredths of a millisecond of work. */
const PER_TURN = 128;

/**
 * Spreads over turns of the event loop what many clients of an application have to do at once: some
 * thousand sessions that end in the same moment must not keep timers, requests and sockets waiting.
 */
export class TurnGate {
  /** How many have passed in this turn of the event loop. */
  #passed = 0;
  readonly #waiting = new Fifo<() => void>();

  /** Whether somebody waits for a later turn. */
  get isBusy(): boolean {
    return this.#waiting.length > 0;
  }

  /** Does some work: now where there is room, else in a later turn, in order. */
  pass(work: () => Pending): Pending {
    if (this.isBusy || this.#passed >= PER_TURN) {
      return new Promise<void>((resolve, reject) =>
        this.#waiting.push(() => {
          try {
            resolve(work());
          } catch (error) {
            reject(error);
          }
        }),
      );
    }
    this.#count();
    return work();
  }

  #count(): void {
    if (this.#passed++ === 0) setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#passed = 0;
    while (this.isBusy && this.#passed < PER_TURN) {
      this.#count();
      this.#waiting.shift()?.();
    }
  }
}
