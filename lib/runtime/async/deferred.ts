import type { Clock } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import { SignalWatchers } from './signal.watchers.js';

/** What limits a wait. */
export interface WaitOptions {
  /** Milliseconds after which the wait fails. @default none */
  readonly timeout?: number;
  /** Ends the wait; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A promise from outside, which nobody has to listen to: a rejection unheard ends no process. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (reason: unknown) => void;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => undefined);
  }
}

/** A rejection that ends no process when nobody listens. */
export function rejected(error: unknown): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(() => undefined);
  return promise;
}

/**
 * A deferred that gives up after a time or by a signal. Whatever comes first settles it.
 *
 * @param signals who else watches the signal, where it is one that others give
 */
export function limited<T>(
  clock: Clock,
  options: WaitOptions,
  onTimeout: (timeout: number) => Error,
  signals?: SignalWatchers,
): Deferred<T> {
  const { timeout, signal } = options;
  const deferred = new Deferred<T>();
  if (signal === undefined && (timeout === undefined || timeout === Infinity)) return deferred;
  const timer =
    timeout === undefined || timeout === Infinity
      ? undefined
      : setDeadline(clock, timeout, () => deferred.reject(onTimeout(timeout)));
  const unwatch =
    signal?.aborted === false
      ? (signals ?? new SignalWatchers()).add(signal, (reason) => deferred.reject(reason))
      : undefined;
  const forget = (): void => {
    timer?.cancel();
    unwatch?.();
  };
  const { resolve, reject } = deferred;
  deferred.resolve = (value) => {
    forget();
    resolve(value);
  };
  deferred.reject = (reason) => {
    forget();
    reject(reason);
  };
  if (signal?.aborted) deferred.reject(signal.reason);
  return deferred;
}

/** Those who wait for one thing to happen. */
export class Waiters<T> {
  /** There is none while nobody waits. */
  #waiting: Set<Deferred<T>> | undefined;

  get size(): number {
    return this.#waiting?.size ?? 0;
  }

  add(deferred: Deferred<T>): Promise<T> {
    (this.#waiting ??= new Set()).add(deferred);
    const forget = (): void => void this.#waiting?.delete(deferred);
    deferred.promise.then(forget, forget);
    return deferred.promise;
  }

  resolve(value: T): void {
    for (const deferred of this.#take()) deferred.resolve(value);
  }

  reject(reason: unknown): void {
    for (const deferred of this.#take()) deferred.reject(reason);
  }

  #take(): Iterable<Deferred<T>> {
    const all = this.#waiting ?? [];
    this.#waiting = undefined;
    return all;
  }
}

/** Whether a value must be waited for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/**
 * What user code has returned, as a promise where it must be waited for. The `then` of another
 * library may throw, return nothing, or call back at once; that of the promise given does not.
 */
export function toPromise(value: unknown): Promise<unknown> | undefined {
  if (value instanceof Promise) return value;
  try {
    return isThenable(value) ? Promise.resolve(value) : undefined;
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * What a function of the user's has returned that is to say it here and now.
 *
 * @param who that is
 * @throws TypeError for a promise: nobody would wait for it, and it would count as a yes
 */
export function atOnce<T>(who: string, value: T): T {
  const promise = toPromise(value);
  if (promise === undefined) return value;
  promise.catch(() => undefined);
  throw new TypeError(`${who} returned a promise; it must not be async, and say it at once`);
}

/** Runs a function in the async context the application was booted in. */
export type ContextRunner = <R>(fn: () => R) => R;

/** Work that is done, or a promise of its end. */
export type Pending = void | PromiseLike<void>;

/** The same, of which it does not matter what it comes to. */
export type Awaitable = void | PromiseLike<unknown>;
