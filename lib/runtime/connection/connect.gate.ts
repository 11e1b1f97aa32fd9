/**
 * Lets so many attempts of an application be under way at a time; the others wait their turn. A
 * thousand clients that start, or lose one server, do not dial in the same instant.
 */
export class ConnectGate {
  #inside = 0;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly limit: () => number) {}

  /**
   * Enters: at once where there is room, and later where a promise is returned. Who has entered
   * must {@link leave}; who is aborted while waiting has not entered, and is told by the signal.
   */
  enter(signal: AbortSignal): Promise<void> | undefined {
    if (this.#inside < this.limit()) {
      this.#inside++;
      return undefined;
    }
    return new Promise((resolve) => {
      const stop = (): void => {
        this.#waiting.delete(enter);
        resolve();
      };
      const enter = (): void => {
        signal.removeEventListener('abort', stop);
        resolve();
      };
      this.#waiting.add(enter);
      signal.addEventListener('abort', stop, { once: true });
    });
  }

  /** Makes room for the one who waits longest. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inside--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
