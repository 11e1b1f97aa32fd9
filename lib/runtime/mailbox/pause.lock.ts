/** Pauses a source while anybody holds it, and lets it go on when the last one has let go. */
export class PauseLock {
  /** There is none while nobody holds it. */
  #holders: Set<object> | undefined;

  constructor(private readonly setPaused: (paused: boolean) => void) {}

  /** Whether anybody holds it. */
  get isHeld(): boolean {
    return this.#holders !== undefined;
  }

  hold(holder: object): void {
    if (this.#holders !== undefined) {
      this.#holders.add(holder);
      return;
    }
    this.#holders = new Set([holder]);
    this.setPaused(true);
  }

  release(holder: object): void {
    if (this.#holders?.delete(holder) !== true || this.#holders.size > 0) return;
    this.#holders = undefined;
    this.setPaused(false);
  }
}
