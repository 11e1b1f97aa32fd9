/**
 * Lets so many attempts of an application be under way at a time; the others wait their turn. A
 * thousand clients that start, or lose one server, do not dial in the same instant.
 */
export class ConnectGate {
  #inside = 0;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly limit: () => number) {}

  /** How many are inside. */
  get inside(): number {
    return this.#inside;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Enters: `true` at once where there is room, and later where a promise is returned. Who has
   * entered must {@link leave}, even if nobody wants it any more by then; who is aborted while
   * waiting is told `false`, and has not entered.
   */
  enter(signal: AbortSignal): Promise<boolean> | boolean {
    if (signal.aborted) return false;
    if (this.#inside < this.limit()) {
      this.#inside++;
      return true;
    }
    return new Promise((resolve) => {
      const stop = (): void => {
        this.#waiting.delete(enter);
        resolve(false);
      };
      const enter = (): void => {
        signal.removeEventListener('abort', stop);
        resolve(true);
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
