import { Observable, type Observer, type Operator, Subscriber, type Subscription } from 'rxjs';

import { toPromise } from '../async/deferred.js';

/** Told what a subscriber threw. */
export type ErrorReport = (error: unknown) => void;

/**
 * An observable whose subscribers may throw: what they throw is reported, and neither the source
 * nor the process is harmed. RxJS would throw it again from a timer, which ends the process. What
 * is piped from it is safe as well; what is combined with another observable is not ours.
 */
export class SafeObservable<T> extends Observable<T> {
  constructor(
    private readonly report: ErrorReport,
    subscribe?: (subscriber: Subscriber<T>) => void | (() => void),
  ) {
    super(subscribe);
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new SafeObservable<R>(this.report);
    lifted.source = this;
    lifted.operator = operator;
    return lifted;
  }

  override subscribe(observerOrNext?: Partial<Observer<T>> | ((value: T) => void)): Subscription;
  override subscribe(
    next?: ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription;
  override subscribe(
    observerOrNext?: Partial<Observer<T>> | ((value: T) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    // A Subscriber is an operator's own, or one of RxJS' consumers: it passes errors on.
    if (observerOrNext instanceof Subscriber) return super.subscribe(observerOrNext);
    const observer: Partial<Observer<T>> =
      typeof observerOrNext === 'function'
        ? {
            next: observerOrNext,
            ...(error && { error }),
            ...(complete && { complete }),
          }
        : (observerOrNext ?? { ...(error && { error }), ...(complete && { complete }) });
    return super.subscribe({
      next: (value) => this.#guard(() => observer.next?.(value)),
      error: (thrown: unknown) =>
        observer.error ? this.#guard(() => observer.error?.(thrown)) : this.report(thrown),
      complete: () => this.#guard(() => observer.complete?.()),
    });
  }

  #guard(call: () => unknown): void {
    try {
      // An async function is a subscriber too; nobody else would hear of its rejection.
      toPromise(call())?.catch(this.report);
    } catch (thrown) {
      this.report(thrown);
    }
  }
}
