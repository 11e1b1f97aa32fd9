/** One attempt to connect, from the wish for it on. */
export class Attempt {
  readonly #abort = new AbortController();
  #settled: (() => void)[] | undefined = [];

  /** Aborted when nobody wants the attempt any more. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Calls `done` once it has led to a session, failed or been given up: at once, where it has. */
  whenSettled(done: () => void): void {
    if (this.#settled === undefined) done();
    else this.#settled.push(done);
  }

  /** It has led to a session, or failed. */
  settle(): void {
    const settled = this.#settled ?? [];
    this.#settled = undefined;
    for (const done of settled) done();
  }

  abandon(): void {
    this.#abort.abort();
    this.settle();
  }
}
