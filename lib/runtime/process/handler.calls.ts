import { AsyncLocalStorage } from 'node:async_hooks';

import { Deferred } from '../async/deferred.js';
import { DeadlockError } from '../errors/client.errors.js';
import type { Handler } from './client.definition.js';

/** Which call of a handler some code belongs to; also after an `await` in it. */
const context = new AsyncLocalStorage<HandlerCall>();

/** A call of a handler, or of what it has returned, as others may know it. */
export interface KnownCall {
  readonly handler: Handler;
  /** Whether the code that runs now is part of it. */
  readonly isHere: boolean;
  /** Something is awaited that can only come after it: tells, if that is awaited in it. */
  awaits(tell: () => void): void;
  /** Runs some code as part of it. */
  run<R>(work: () => R): R;
  /** Nothing is part of it any more. */
  end(): void;
}

/** One call of a handler, until what it returned has settled. */
class HandlerCall implements KnownCall {
  /** Tells those who wait for this very call, once it is known that its mailbox does. */
  #waiting: (() => void)[] | undefined = [];
  isOver = false;

  constructor(
    readonly handler: Handler,
    /** Whether what belongs to it is known after an `await`, too. */
    readonly isTracked: boolean,
    /** Who runs the client. */
    readonly host: object | undefined,
  ) {}

  /** Whether the code that runs now is part of it. */
  get isHere(): boolean {
    return !this.isOver && context.getStore() === this;
  }

  run<R>(work: () => R): R {
    return context.run(this, work);
  }

  end(): void {
    this.isOver = true;
  }

  /** Something is awaited that can only come after this call: tells, if that is awaited in it. */
  awaits(tell: () => void): void {
    if (this.isOver) return;
    // Nobody waits for a handler that returns no promise.
    if (this.#waiting !== undefined) this.#waiting.push(tell);
    else if (!this.isTracked || this.isHere) tell();
  }

  /** It has returned a promise: its mailbox waits for it. */
  suspended(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const tell of waiting) tell();
  }
}

/** A call whose promise is awaited. */
export interface RunningCall {
  readonly method: string;
}

/** Told of calls that are awaited. */
export interface CallWatch {
  /** A handler has returned a promise. */
  suspended(): void;
  /** It has settled. */
  settled(): void;
}

/** What a handler would wait for, in words, and what to do in its place. */
export interface SelfWait {
  /** "call("position")" */
  readonly what: string;
  readonly remedy: string;
  /** What is not wanted any more. */
  readonly giveUp?: (error: DeadlockError) => void;
  /** A call beside the mailbox that it waits for, too. */
  readonly beside?: KnownCall | undefined;
}

/**
 * Calls the handlers of one process, and knows which one the mailbox waits for: whoever awaits in it
 * what can only come after it is told so, in place of waiting for himself.
 */
export class HandlerCalls {
  /** The handler that runs, or whose promise is awaited. */
  #handler: Handler | undefined;
  #call: HandlerCall | undefined;
  /** What a handler has returned that others wait for, where they do. */
  #stream: HandlerCall | undefined;
  #isSynchronous = false;
  /** Whether its promise is awaited. */
  #isAwaited = false;
  #tracksAll = false;

  constructor(
    private readonly client: string,
    private readonly watch: CallWatch,
    private readonly host?: object,
  ) {}

  /** The call whose promise is awaited, where one is. */
  get running(): RunningCall | undefined {
    return this.#isAwaited ? this.#handler : undefined;
  }

  /**
   * Whether the code that runs now is part of a handler of a client of the same host. Of one that runs
   * since before {@link trackAll} it is not known: then whatever runs may be part of it.
   */
  get isInHandler(): boolean {
    if (this.#isAwaited && this.#call?.isTracked !== true) return true;
    const call = context.getStore();
    return call !== undefined && !call.isOver && call.host === this.host;
  }

  /** From now on what belongs to a handler is known of each, whatever that costs. */
  trackAll(): void {
    this.#tracksAll = true;
  }

  /** Whether a handler can be invoked as it is: it has returned no promise so far. */
  isPlain({ isAsync }: Handler): boolean {
    return isAsync === false && !this.#tracksAll;
  }

  /** Who keeps the next message waiting, in words. */
  get busy(): string {
    return this.#handler === undefined ? 'a handler' : `the handler ${this.#handler.method}`;
  }

  /** Calls a handler. {@link over} is to follow; before that {@link suspended}, if it is awaited. */
  invoke(handler: Handler, argument: unknown): unknown {
    this.begin(handler);
    const value = this.isPlain(handler)
      ? handler.invoke(argument as never)
      : this.track(handler, argument);
    this.returned();
    return value;
  }

  /** The same with several arguments. */
  invokeWith(handler: Handler, args: readonly unknown[]): unknown {
    this.begin(handler);
    const value = this.isPlain(handler)
      ? handler.invoke(...(args as never[]))
      : this.track(handler, ...args);
    this.returned();
    return value;
  }

  /**
   * The first step of {@link invoke}, for a caller that invokes the handler itself: that saves a call on
   * the way of every frame. {@link returned} is to follow, or {@link over}.
   */
  begin(handler: Handler): void {
    this.#handler = handler;
    this.#isSynchronous = true;
  }

  /** To know after an `await` what belongs to a call costs a frame more than the rest of its way. */
  track(handler: Handler, ...args: readonly unknown[]): unknown {
    this.#call = new HandlerCall(handler, true, this.host);
    return context.run(this.#call, () => handler.invoke(...(args as never[])));
  }

  /** The handler has returned, a value or a promise. */
  returned(): void {
    this.#isSynchronous = false;
  }

  /** It has returned a promise, which is awaited. */
  suspended(): void {
    if (this.#handler === undefined) return;
    this.#handler.isAsync = true;
    this.#isAwaited = true;
    this.#call?.suspended();
    this.watch.suspended();
  }

  /** What the handler returned has settled, or it has thrown. */
  over(): void {
    if (this.#handler !== undefined) this.#handler.isAsync ??= false;
    this.#isSynchronous = false;
    this.#handler = undefined;
    if (this.#isAwaited) {
      this.#isAwaited = false;
      this.watch.settled();
    }
    if (this.#call === undefined) return;
    this.#call.isOver = true;
    this.#call = undefined;
  }

  /**
   * Calls a handler that may be left behind. {@link left} is to follow in the place of {@link over}.
   *
   * @param begun told the call before the handler runs
   */
  invokeKnown(
    handler: Handler,
    args: readonly unknown[],
    begun: (call: KnownCall) => void,
  ): unknown {
    const call = new HandlerCall(handler, true, this.host);
    this.begin(handler);
    this.#call = call;
    begun(call);
    const value = call.run(() => handler.invoke(...(args as never[])));
    this.returned();
    return value;
  }

  /**
   * Calls a handler beside the mailbox, which does not wait for it: others run while it awaits. To be
   * called in a turn of its own. Nothing it awaits of its client waits for it, so it is told of no
   * deadlock. The `end()` of its call is to follow.
   *
   * @param begun told the call before the handler runs
   */
  invokeBeside(
    handler: Handler,
    args: readonly unknown[],
    begun: (call: KnownCall) => void,
  ): unknown {
    try {
      return this.invokeKnown(handler, args, begun);
    } finally {
      this.#isSynchronous = false;
      this.#handler = undefined;
      this.#call = undefined;
    }
  }

  /** A handler that was called beside the mailbox has returned a stream: what goes on of it is a call. */
  goesOnBeside(handler: Handler): KnownCall {
    return new HandlerCall(handler, true, this.host);
  }

  /** It has returned, or is left behind: where it was, it may be another one that runs by now. */
  left(call: KnownCall): void {
    if (this.#call === call) this.over();
  }

  /** A handler has returned a stream that others wait for, as if it still ran: what goes on of it is a call. */
  goesOn(handler: Handler): KnownCall {
    const stream = new HandlerCall(handler, true, this.host);
    stream.suspended();
    this.#stream = stream;
    return stream;
  }

  /** Whether the code that runs now is part of a handler that is called for a frame of the peer's. */
  get answersPeer(): boolean {
    return this.#here()?.handler.answersPeer === true;
  }

  /** Calls a handler, and waits for what it returns. */
  async settled(handler: Handler, ...args: readonly unknown[]): Promise<unknown> {
    let value: unknown;
    try {
      value = this.invokeWith(handler, args);
    } catch (thrown) {
      this.over();
      throw thrown;
    }
    this.suspended();
    const call = this.#call;
    try {
      return await value;
    } finally {
      // One that was left behind is not the one that runs now.
      if (this.#handler === handler && this.#call === call) this.over();
    }
  }

  /**
   * A promise that is given to a holder of the handle. In a handler of this process it rejects with
   * `DeadlockError` when it is awaited there; who does not await it is not concerned.
   */
  guard<T>(promise: Promise<T>, { what, remedy, giveUp, beside }: SelfWait): Promise<T> {
    const aside = beside?.isHere === true ? beside : undefined;
    const call = aside ?? this.#here();
    if (call === undefined) return promise;
    const guarded = new Deferred<T>();
    promise.then(guarded.resolve, guarded.reject);
    const watched = new WatchedPromise<T>(guarded.promise, () => {
      const tell = (): void => {
        const error = new DeadlockError(this.client, what, call.handler.method, remedy);
        giveUp?.(error);
        guarded.reject(error);
      };
      if (aside === undefined) call.awaits(tell);
      else tell();
    });
    // Unheard it ends no process, as no promise of a handle does.
    watched.catch(() => undefined);
    return watched;
  }

  /** The call that the code which runs now is part of. */
  #here(): HandlerCall | undefined {
    if (this.#isSynchronous)
      return (this.#call ??= new HandlerCall(this.#handler as Handler, false, this.host));
    if (this.#call?.isHere) return this.#call;
    return this.#stream?.isHere ? this.#stream : undefined;
  }
}

/** A promise that tells when it, or what is made of it, is awaited. */
class WatchedPromise<T> extends Promise<T> {
  readonly #onAwaited: () => void;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  constructor(promise: Promise<T>, onAwaited: () => void) {
    super((resolve, reject) => promise.then(resolve, reject));
    this.#onAwaited = onAwaited;
  }

  // oxlint-disable-next-line unicorn/no-thenable
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    // `await`, `return` and `Promise.all` give both callbacks. With one alone the handler may go on.
    if (onFulfilled && onRejected) {
      this.#onAwaited();
      return super.then(onFulfilled, onRejected);
    }
    return new WatchedPromise(super.then(onFulfilled, onRejected), this.#onAwaited);
  }

  override finally(onFinally?: (() => void) | null): Promise<T> {
    // That of `Promise` would call `then` with both, as who waits does.
    const done = async (): Promise<void> => onFinally?.();
    const next = super.then(
      (value) => done().then(() => value),
      (reason: unknown) => done().then(() => Promise.reject(reason)),
    );
    return new WatchedPromise(next, this.#onAwaited);
  }
}
