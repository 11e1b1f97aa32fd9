import type { Wire } from './wire.js';

/** A socket that was let go of after a crash, until it is gone. */
export class LingeringSocket {
  #wire: Wire | undefined;
  readonly #waiting: (() => void)[] = [];

  /** Closes a wire with 1011, and lets it go. */
  crash(wire: Wire | undefined): void {
    this.#wire = wire;
    wire?.crash(() => this.#gone());
  }

  destroy(): void {
    this.#wire?.destroy();
    this.#gone();
  }

  /** Calls `done` once none lingers: at once, where none does. */
  whenGone(done: () => void): void {
    if (this.#wire === undefined) done();
    else this.#waiting.push(done);
  }

  #gone(): void {
    this.#wire = undefined;
    for (const done of this.#waiting.splice(0)) done();
  }
}
