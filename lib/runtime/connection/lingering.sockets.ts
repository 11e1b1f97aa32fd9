import type { Wire } from './wire.js';

/** Sockets that were let go of after a crash, until they are gone. */
export class LingeringSockets {
  // Most connections never have one.
  #wires: Set<Wire> | undefined;
  #waiting: (() => void)[] | undefined;

  /** Closes a wire with 1011, and lets it go. */
  crash(wire: Wire): void {
    (this.#wires ??= new Set()).add(wire);
    wire.crash(() => this.#gone(wire));
  }

  destroy(): void {
    for (const wire of this.#wires ?? []) {
      wire.destroy();
      this.#gone(wire);
    }
  }

  /** Calls `done` once none lingers: at once, where none does. */
  whenGone(done: () => void): void {
    if (this.#wires === undefined || this.#wires.size === 0) done();
    else (this.#waiting ??= []).push(done);
  }

  #gone(wire: Wire): void {
    this.#wires?.delete(wire);
    if (this.#wires !== undefined && this.#wires.size > 0) return;
    for (const done of this.#waiting?.splice(0) ?? []) done();
  }
}
