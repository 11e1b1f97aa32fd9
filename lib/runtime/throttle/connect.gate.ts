import { setImmediate } from 'node:timers';

import type { Attempt } from '../connection/attempt.js';

/** How many may enter in one turn of the event loop: a dial is some tenths of a millisecond of work. */
const PER_TURN = 16;

/**
 * Lets so many attempts of an application be under way at a time; the others wait their turn. A
 * thousand clients that start, or lose one server, do not dial in the same instant.
 */
export class ConnectGate {
  #inside = 0;
  /** How many have entered in this turn of the event loop. */
  #entered = 0;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly limit: () => number) {}

  /** How many are inside. */
  get inside(): number {
    return this.#inside;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Lets an attempt in: `true` at once where there is room, else a promise. The promise resolves
   * with `true` when the attempt is in, and with `false` when it was given up while it waited. Every
   * attempt that is in must {@link leave}, also one that was given up since.
   */
  enter(attempt: Attempt): Promise<boolean> | boolean {
    if (attempt.isAbandoned) return false;
    if (this.#hasRoom && this.#waiting.size === 0) {
      this.#count();
      return true;
    }
    return new Promise((resolve) => {
      const enter = (): void => resolve(true);
      this.#waiting.add(enter);
      attempt.whenSettled(() => {
        this.#waiting.delete(enter);
        resolve(false);
      });
    });
  }

  /** Makes room for the one who waits longest. */
  leave(): void {
    this.#inside--;
    this.#admit();
  }

  get #hasRoom(): boolean {
    return this.#inside < this.limit() && this.#entered < PER_TURN;
  }

  #admit(): void {
    for (const enter of this.#waiting) {
      if (!this.#hasRoom) return;
      this.#waiting.delete(enter);
      this.#count();
      enter();
    }
  }

  #count(): void {
    this.#inside++;
    if (this.#entered++ > 0) return;
    setImmediate(() => {
      this.#entered = 0;
      this.#admit();
    });
  }
}
