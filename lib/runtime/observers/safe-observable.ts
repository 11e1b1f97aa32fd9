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
    return super.subscribe(new GuardedSubscriber(observer, this.report));
  }
}

/**
 * Tells one observer, with nothing of RxJS' own between: what RxJS puts there costs a frame more than the rest
 * of its way.
 */
class GuardedSubscriber<T> extends Subscriber<T> {
  constructor(
    private readonly observer: Partial<Observer<T>>,
    private readonly report: ErrorReport,
  ) {
    super();
  }

  protected override _next(value: T): void {
    try {
      const returned: unknown = this.observer.next?.(value);
      if (returned !== undefined) this.#returned(returned);
    } catch (thrown) {
      this.report(thrown);
    }
  }

  protected override _error(thrown: unknown): void {
    try {
      if (this.observer.error) this.#guard(() => this.observer.error?.(thrown));
      else this.report(thrown);
    } finally {
      this.unsubscribe();
    }
  }

  protected override _complete(): void {
    try {
      this.#guard(() => this.observer.complete?.());
    } finally {
      this.unsubscribe();
    }
  }

  #guard(call: () => unknown): void {
    try {
      this.#returned(call());
    } catch (thrown) {
      this.report(thrown);
    }
  }

  /** An async function is a subscriber too; nobody else would hear of its rejection. */
  #returned(value: unknown): void {
    toPromise(value)?.catch(this.report);
  }
}
