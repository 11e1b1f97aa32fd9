/** Pauses a source while anybody holds it, and lets it go on when the last one has let go. */
export class PauseLock {
  readonly #holders = new Set<object>();

  constructor(private readonly setPaused: (paused: boolean) => void) {}

  /** Whether anybody holds it. */
  get isHeld(): boolean {
    return this.#holders.size > 0;
  }

  hold(holder: object): void {
    this.#holders.add(holder);
    if (this.#holders.size === 1) this.setPaused(true);
  }

  release(holder: object): void {
    if (this.#holders.delete(holder) && this.#holders.size === 0) this.setPaused(false);
  }
}
