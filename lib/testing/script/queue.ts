import { realTimer } from './event-loop.js';

/** Milliseconds of real time that an expectation waits, unless told otherwise. */
export const DEADLINE = 2_000;

interface Waiter<T> {
  readonly take: (item: T) => void;
  readonly fail: (error: Error) => void;
}

/** Items in order of arrival, for whoever asks first; none is missed. */
export class Queue<T> {
  readonly #items: T[] = [];
  readonly #waiters = new Set<Waiter<T>>();
  /** Makes the error of those who ask for what will not come any more. */
  #over: (() => Error) | undefined;

  get length(): number {
    return this.#items.length;
  }

  /** Whether somebody waits for an item. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  push(item: T): void {
    const [waiter] = this.#waiters;
    if (waiter === undefined) this.#items.push(item);
    else waiter.take(item);
  }

  /** Takes out everything that nobody has asked for yet. */
  clear(): T[] {
    return this.#items.splice(0);
  }

  /** Takes out those that nobody has asked for yet, and that somebody else has a use for. */
  sift(isTaken: (item: T) => boolean): void {
    const kept = this.#items.splice(0).filter((item) => !isTaken(item));
    this.#items.push(...kept);
  }

  /** Nothing will come any more: whoever waits is told, and whoever asks once nothing is left. */
  end(toError: () => Error): void {
    this.#over ??= toError;
    for (const waiter of this.#waiters) waiter.fail(this.#over());
  }

  /** The next item, now or later; rejects with `late()` after `timeout` ms of real time. */
  next(timeout: number, late: () => Error): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T);
    if (this.#over !== undefined) return Promise.reject(this.#over());
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        cancel();
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter<T> = {
        take: (item) => {
          leave();
          resolve(item);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      const cancel = realTimer(timeout, () => waiter.fail(late()));
    });
  }
}
