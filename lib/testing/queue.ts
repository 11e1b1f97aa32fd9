import { realTimer } from './turns.js';

/** Milliseconds of real time that an expectation waits, unless told otherwise. */
export const DEADLINE = 2_000;

interface Waiter<T> {
  readonly take: (item: T) => void;
}

/** Items in order of arrival, for whoever asks first; none is missed. */
export class Queue<T> {
  readonly #items: T[] = [];
  readonly #waiters: Waiter<T>[] = [];

  get length(): number {
    return this.#items.length;
  }

  push(item: T): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#items.push(item);
    else waiter.take(item);
  }

  /** Takes out everything that nobody has asked for yet. */
  clear(): T[] {
    return this.#items.splice(0);
  }

  /** The next item, now or later; rejects with `late()` after `timeout` ms of real time. */
  next(timeout: number, late: () => Error): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T);
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = {
        take: (item) => {
          cancel();
          resolve(item);
        },
      };
      this.#waiters.push(waiter);
      const cancel = realTimer(timeout, () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(late());
      });
    });
  }
}
