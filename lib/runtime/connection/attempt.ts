/** What became of an attempt. */
export type AttemptOutcome =
  /** There is a session. */
  | { readonly type: 'opened' }
  /** It was dialled, and failed. */
  | { readonly type: 'failed'; readonly error: unknown }
  /** It could not be dialled: its request could not be had. */
  | { readonly type: 'unmade' }
  /** Nobody wants it any more. */
  | { readonly type: 'abandoned' };

/** One attempt to connect, from the wish for it on. */
export class Attempt {
  #abort: AbortController | undefined;
  #isAbandoned = false;
  #reason: unknown;
  #outcome: AttemptOutcome | undefined;
  #watchers: readonly ((outcome: AttemptOutcome) => void)[] | undefined;

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
  whenSettled(done: (outcome: AttemptOutcome) => void): void {
    if (this.#outcome !== undefined) done(this.#outcome);
    // As long as it must be: it is kept while the attempt waits, and an array that grows has room for 17.
    else this.#watchers = [...(this.#watchers ?? []), done];
  }

  /** It has come to its end. Only the first outcome counts. */
  settle(outcome: AttemptOutcome): void {
    this.#outcome ??= outcome;
    const watchers = this.#watchers;
    this.#watchers = undefined;
    for (const done of watchers ?? []) done(this.#outcome);
  }

  /** @param reason of the signal, where there is more to say than that it is given up */
  abandon(reason?: unknown): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    this.#reason = reason;
    this.#abort?.abort(reason);
    this.settle({ type: 'abandoned' });
  }
}
