import { isObservable, type Observable } from 'rxjs';

import type { Handler } from './incarnation.js';

/** What a stream a handler returned needs of its client. */
export interface StreamOwner {
  /** Acts on one item. Throws for one that is nothing to act on. */
  onItem(handler: Handler, item: unknown, taken?: () => void): void;
  /** The stream failed, or one of its items was refused. */
  onStreamError(error: unknown): void;
}

type Source = Observable<unknown> | AsyncIterable<unknown>;

/** Whether a handler returned something that yields items over time. */
export function isStream(value: unknown): value is Source {
  if (typeof value !== 'object' || value === null) return false;
  return isObservable(value) || Symbol.asyncIterator in value;
}

/** The streams that handlers of one session returned: each item as it comes, until it ends. */
export class Streams {
  readonly #cancels = new Set<() => void>();

  constructor(private readonly owner: StreamOwner) {}

  add(handler: Handler, source: Source): void {
    if (isObservable(source)) this.#subscribe(handler, source);
    else void this.#iterate(handler, source);
  }

  /** The session is over. */
  cancel(): void {
    const cancels = [...this.#cancels];
    this.#cancels.clear();
    for (const cancel of cancels) cancel();
  }

  #subscribe(handler: Handler, source: Observable<unknown>): void {
    const cancel = (): void => subscription?.unsubscribe();
    let isOver = false;
    const over = (): void => {
      isOver = true;
      this.#cancels.delete(cancel);
    };
    const subscription = source.subscribe({
      next: (item) => {
        if (!isOver) this.#item(handler, item, over, cancel);
      },
      error: (error: unknown) => {
        over();
        this.owner.onStreamError(error);
      },
      complete: over,
    });
    if (!isOver) this.#cancels.add(cancel);
    else cancel();
  }

  #item(handler: Handler, item: unknown, over: () => void, cancel: () => void): void {
    try {
      this.owner.onItem(handler, item);
    } catch (error) {
      over();
      // `subscribe` may still be running: then the subscription is not there yet.
      void Promise.resolve().then(cancel);
      this.owner.onStreamError(error);
    }
  }

  async #iterate(handler: Handler, source: AsyncIterable<unknown>): Promise<void> {
    let isOver = false;
    let iterator: AsyncIterator<unknown> | undefined;
    const cancel = (): void => {
      isOver = true;
      // Runs the generator's `finally`; what that throws is told like any failure of it.
      void Promise.resolve(iterator?.return?.()).catch((error: unknown) =>
        this.owner.onStreamError(error),
      );
    };
    this.#cancels.add(cancel);
    try {
      iterator = source[Symbol.asyncIterator]();
      for (;;) {
        const { done, value } = await iterator.next();
        if (done || isOver) break;
        await new Promise<void>((taken) => this.owner.onItem(handler, value, taken));
        if (isOver) break;
      }
    } catch (error) {
      if (!isOver) {
        isOver = true;
        void Promise.resolve(iterator?.return?.()).catch(() => undefined);
        this.owner.onStreamError(error);
      }
    } finally {
      this.#cancels.delete(cancel);
    }
  }
}
