/** One attempt to connect, from the wish for it on. */
export class Attempt {
  #abort: AbortController | undefined;
  #isAbandoned = false;
  #reason: unknown;
  #settled: (() => void)[] | undefined = [];

  /** Whether nobody wants the attempt any more. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** Aborted when nobody wants the attempt any more; made when it is first asked for. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isAbandoned) this.#abort.abort(this.#reason);
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

  /** @param reason of the signal, where there is more to say than that it is given up */
  abandon(reason?: unknown): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    this.#reason = reason;
    this.#abort?.abort(reason);
    this.settle();
  }
}
