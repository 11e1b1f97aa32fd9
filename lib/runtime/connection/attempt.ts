/** One attempt to connect, from the wish for it on. */
export class Attempt {
  readonly #abort = new AbortController();

  /** Aborted when nobody wants the attempt any more. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  abandon(): void {
    this.#abort.abort();
  }
}
