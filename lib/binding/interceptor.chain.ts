// Interceptors see what a handler returns as an Observable: a value or a directive as one item, a stream as its
// items. What comes out goes back to the runtime as what it was: one value, or a stream that goes on while the
// mailbox does.
import { AsyncLocalStorage } from 'node:async_hooks';

import type { NestInterceptor } from '@nestjs/common';
import { defer, from, isObservable, mergeAll, Observable, of, type Subscriber } from 'rxjs';

import type { CallContext } from './call.context.js';

/** Calls a handler with interceptors around it. */
export function intercept(
  interceptors: readonly NestInterceptor[],
  context: CallContext,
  call: () => unknown,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outcome = new Outcome(resolve, reject);
    const next = (position: number): Observable<unknown> => {
      const interceptor = interceptors[position];
      if (interceptor === undefined) return outcome.itemsOf(call);
      // Some call `handle()` in an async context of their own, and the handler is to run in that.
      const handle = (): Observable<unknown> => {
        const run = AsyncLocalStorage.snapshot();
        return new Observable((items) => run(() => next(position + 1).subscribe(items)));
      };
      const intercepted = async (): Promise<Observable<unknown>> =>
        interceptor.intercept(context, { handle });
      return defer(intercepted).pipe(mergeAll());
    };
    outcome.follow(next(0));
  });
}

/**
 * What comes of a call: its last item, or all of them where the handler has returned a stream. The promise of it
 * settles once: what follows the first `resolve` or `reject` is for the listener alone.
 */
class Outcome {
  #last: unknown;
  /** What came before somebody listens. */
  #early: unknown[] | undefined;
  #listener: Subscriber<unknown> | undefined;
  #open: (() => void) | undefined;
  #isOver = false;
  #failure: { readonly thrown: unknown } | undefined;
  #stop: () => void = () => undefined;

  constructor(
    private readonly resolve: (value: unknown) => void,
    private readonly reject: (reason: unknown) => void,
  ) {}

  /** What the innermost interceptor sees. */
  itemsOf(call: () => unknown): Observable<unknown> {
    return defer(async () => {
      const value = await call();
      const stream = toStream(value);
      // Its items wait until the runtime asks for them.
      return stream === undefined ? of(value) : this.#held(stream);
    }).pipe(mergeAll());
  }

  follow(items: Observable<unknown>): void {
    const subscription = items.subscribe({
      next: (item) => {
        this.#last = item;
        if (this.#listener === undefined) this.#early?.push(item);
        else this.#listener.next(item);
      },
      error: (thrown: unknown) => {
        this.#failure = { thrown };
        this.#listener?.error(thrown);
        this.reject(thrown);
      },
      complete: () => {
        this.#isOver = true;
        this.#listener?.complete();
        this.resolve(this.#last);
      },
    });
    this.#stop = () => subscription.unsubscribe();
  }

  #held(stream: Observable<unknown>): Observable<unknown> {
    return new Observable((inner) => {
      this.#early = [];
      this.#open = () => inner.add(stream.subscribe(inner));
      this.resolve(new Observable((listener) => this.#listen(listener)));
    });
  }

  #listen(listener: Subscriber<unknown>): () => void {
    const early = this.#early ?? [];
    this.#listener = listener;
    this.#early = undefined;
    for (const item of early) listener.next(item);
    if (this.#failure !== undefined) listener.error(this.#failure.thrown);
    else if (this.#isOver) listener.complete();
    else this.#open?.();
    return () => this.#stop();
  }
}

function toStream(value: unknown): Observable<unknown> | undefined {
  if (isObservable(value)) return value;
  const isIterable = typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
  return isIterable ? from(value as AsyncIterable<unknown>) : undefined;
}
