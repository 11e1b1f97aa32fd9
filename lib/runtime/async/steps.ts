/** What goes on step by step, and may be overtaken: tells each whether it still counts. */
export class Steps {
  #step = 0;

  /** What has begun before counts no more. */
  next(): void {
    this.#step++;
  }

  /** Tells whether it is still the same step. */
  guard(): () => boolean {
    const step = this.#step;
    return () => step === this.#step;
  }
}
