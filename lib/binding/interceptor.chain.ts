// Interceptors see what a handler returns as an Observable: a value or a directive as one item, a stream as its
// items. What comes out goes back to the runtime as what it was: one value, or a stream that goes on while the
// mailbox does.
import { AsyncResource } from 'node:async_hooks';

import type { NestInterceptor } from '@nestjs/common';
import { from, isObservable, mergeAll, Observable, type Subscriber } from 'rxjs';

import { isThenable } from '../runtime/async/deferred.js';
import type { CallContext } from './call.context.js';

/**
 * Calls a handler with interceptors around it: at once, as long as none of them, nor the handler, waits for
 * something. Then it returns, or throws, and gives a promise otherwise.
 */
export function intercept(
  interceptors: readonly NestInterceptor[],
  context: CallContext,
  call: () => unknown,
): unknown {
  const outcome = new Outcome();
  const next = (position: number): Observable<unknown> => {
    const interceptor = interceptors[position];
    if (interceptor === undefined) return outcome.itemsOf(call);
    const handle = (): Observable<unknown> => inScope(() => next(position + 1));
    const items = interceptor.intercept(context, { handle });
    return isObservable(items) ? items : from(items).pipe(mergeAll());
  };
  return outcome.of(next(0));
}

/**
 * Some call `handle()` in an async context of their own, and the handler is to run in that. `AsyncResource.bind` and
 * `AsyncLocalStorage.snapshot` would do the same, and take 25 times as long in Node 20.
 */
function inScope(work: () => Observable<unknown>): Observable<unknown> {
  const scope = new AsyncResource('HandlerCall');
  return new Observable((items) => scope.runInAsyncScope(() => work().subscribe(items)));
}

/** What comes of a call: its last item, or all of them where the handler has returned a stream. */
class Outcome {
  #last: unknown;
  #isOver = false;
  #failure: { readonly thrown: unknown } | undefined;
  /** Those of a handler that has returned a stream, once it has. */
  #stream: Observable<unknown> | undefined;
  /** What came of them before somebody listens. */
  #early: unknown[] | undefined;
  #listener: Subscriber<unknown> | undefined;
  #open: (() => void) | undefined;
  #stop: () => void = () => undefined;
  /** Settles what was promised, once: what follows the first call is for the listener alone. */
  #settle: { resolve(value: unknown): void; reject(reason: unknown): void } | undefined;

  /** What the innermost interceptor sees. */
  itemsOf(call: () => unknown): Observable<unknown> {
    return new Observable((items) => {
      const value = call();
      if (!isThenable(value)) return this.#pass(value, items);
      value.then(
        (late) => this.#pass(late, items),
        (thrown: unknown) => items.error(thrown),
      );
    });
  }

  /** What the outermost interceptor gives, as one value or a stream; a promise where that is not known yet. */
  of(items: Observable<unknown>): unknown {
    this.#follow(items);
    if (this.#stream !== undefined) return this.#stream;
    if (this.#failure !== undefined) throw this.#failure.thrown;
    if (this.#isOver) return this.#last;
    return new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
  }

  #follow(items: Observable<unknown>): void {
    const subscription = items.subscribe({
      next: (item) => {
        this.#last = item;
        if (this.#listener === undefined) this.#early?.push(item);
        else this.#listener.next(item);
      },
      error: (thrown: unknown) => {
        this.#failure = { thrown };
        this.#listener?.error(thrown);
        this.#settle?.reject(thrown);
      },
      complete: () => {
        this.#isOver = true;
        this.#listener?.complete();
        this.#settle?.resolve(this.#last);
      },
    });
    this.#stop = () => subscription.unsubscribe();
  }

  #pass(value: unknown, items: Subscriber<unknown>): void {
    const stream = toStream(value);
    if (stream !== undefined) return this.#hold(stream, items);
    items.next(value);
    items.complete();
  }

  /** Its items wait until the runtime asks for them. */
  #hold(stream: Observable<unknown>, items: Subscriber<unknown>): void {
    this.#early = [];
    this.#open = () => items.add(stream.subscribe(items));
    this.#stream = new Observable((listener) => this.#listen(listener));
    this.#settle?.resolve(this.#stream);
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
