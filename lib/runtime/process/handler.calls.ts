import { AwaitChain } from '../async/await.chain.js';
import { Deferred, isThenable } from '../async/deferred.js';
import { DeadlockError } from '../errors/client.errors.js';
import type { Handler } from './client.definition.js';
import { HandlerContext } from './handler.context.js';
import { counted, timed } from './measured.call.js';

/** So many calls of a handler are tracked, until it has shown that it asks nothing of its own client. */
export const TRACKED = 16;

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
  /** Of one that is not tracked: whether it has been called, and has not returned. */
  #isRunning = false;
  /** Of one that is not tracked, and has returned a promise all the same: who is awaited by that. */
  #chain: AwaitChain | undefined;

  /** @param context where it is tracked: what belongs to it is known after an `await`, too */
  constructor(
    readonly handler: Handler,
    private readonly context: HandlerContext | undefined,
  ) {}

  get isTracked(): boolean {
    return this.context !== undefined;
  }

  /** Whether the code that runs now is part of it. */
  get isHere(): boolean {
    if (this.isOver) return false;
    if (this.context !== undefined) return this.context.current === this;
    return this.#isRunning || this.#chain?.isHere === true;
  }

  run<R>(work: () => R): R {
    if (this.context !== undefined) return this.context.run(this, work);
    this.#isRunning = true;
    try {
      return work();
    } finally {
      this.#isRunning = false;
    }
  }

  /**
   * It is not tracked, and has returned a promise all the same.
   *
   * @returns what is to be awaited in its place: of a promise that several await the stack tells nothing
   */
  promised(promise: PromiseLike<unknown>): Promise<unknown> {
    const passed = new Deferred<unknown>();
    // With the functions themselves Node would take whoever awaits what is passed on for the next in the chain.
    const pass = (value: unknown): void => passed.resolve(value);
    const fail = (reason: unknown): void => passed.reject(reason);
    this.#chain = new AwaitChain(promise.then(pass, fail));
    return passed.promise;
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.context?.left(this);
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
 *
 * What a handler does before its first `await` is known for nothing. What it does after that is known by
 * its async context, which costs a frame several times the rest of its way. So the calls of a handler are
 * not tracked any more once so many of them have asked nothing of their own client. When one does all the
 * same, the stack tells whether the mailbox awaits who asks; what comes back from a callback is not found
 * so. From then on its calls are tracked again: all of them, where it was the handler. One that runs for
 * long is tracked again, too.
 *
 * `@OnStart`, `@OnConnect` and `@OnDisconnect` are not tracked any more once so many calls of them, of all
 * instances of the class, have returned no promise: what they do in their own call is known without that. Of
 * the first call that returns one all the same the stack tells what belongs to it, and those after it are
 * tracked.
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
  /** Leaves the context of a call that has asked something before its first `await`. */
  #leave: (() => void) | undefined;
  /** Whether the one that runs may be asked for by the context, and is not known there. */
  #isUnknown = false;
  /** Whether anything is known of the one that runs, which is to be forgotten with it: of most there is nothing. */
  #isNoted = false;
  /** Whether a login goes on: what a handler may send in it depends on who sends. */
  isLoggingIn = false;

  /** Of those whom the mailbox awaits now, where somebody has asked. */
  #chain: AwaitChain | undefined;

  /** @param awaited resolves when what the handler that is awaited has promised has been dealt with */
  constructor(
    private readonly client: string,
    private readonly watch: CallWatch,
    private readonly awaited: () => PromiseLike<void> | undefined = () => undefined,
    private readonly context = new HandlerContext(),
  ) {}

  /** The call whose promise is awaited, where one is. */
  get running(): RunningCall | undefined {
    return this.#isAwaited ? this.#handler : undefined;
  }

  /**
   * Whether the code that runs now is part of a handler of a client of the same application. Of one that
   * runs since before {@link trackAll} it may not be known: then whatever runs may be part of it.
   */
  get isInHandler(): boolean {
    return this.context.isInCall;
  }

  /** From now on what belongs to a handler is known of each, whatever that costs. */
  trackAll(): void {
    this.#tracksAll = true;
    if (this.#handler !== undefined && this.#call?.isTracked !== true) this.#becomesUnknown();
  }

  /** Whether a handler can be invoked as it is: nothing of what follows needs to be known. */
  isPlain({ isAsync, toTrack }: Handler): boolean {
    return (isAsync === false || toTrack === 0) && !this.#tracksAll && !this.isLoggingIn;
  }

  /** The one that runs is tracked when it is called again, for a while. */
  suspect(): void {
    if (this.#handler !== undefined)
      this.#handler.toTrack = Math.max(this.#handler.toTrack ?? 0, TRACKED);
  }

  /** Who keeps the next message waiting, in words. */
  get busy(): string {
    return this.#handler === undefined ? 'a handler' : `the handler ${this.#handler.method}`;
  }

  /** Calls a handler. {@link over} is to follow; before that {@link suspended}, if it is awaited. */
  invoke(handler: Handler, ...args: readonly unknown[]): unknown {
    if (!this.#returnsAtOnce(handler)) {
      this.begin(handler);
      const tracked = this.track(handler, ...args);
      this.returned();
      return tracked;
    }
    // One that was left behind.
    this.forget();
    this.#call = undefined;
    this.begin(handler);
    const value = this.context.runUnknown(() => handler.invoke(...(args as never[])));
    if (isThenable(value)) this.#becomesUnknown();
    this.returned();
    return value;
  }

  /** Whether nothing goes on of it once it has returned, as far as is known. */
  #returnsAtOnce({ isAsync }: Handler): boolean {
    return isAsync === false && !this.#tracksAll;
  }

  /** What belongs to the handler that runs may be anything, until it is over. */
  #becomesUnknown(): void {
    if (this.#isUnknown) return;
    this.#isUnknown = this.#isNoted = true;
    this.context.unknown++;
  }

  /** The same of one for messages. Its promise is given to the mailbox. */
  invokeWith(handler: Handler, args: readonly unknown[]): unknown {
    this.begin(handler);
    const value = this.isPlain(handler)
      ? handler.invoke(...(args as never[]))
      : this.track(handler, ...args);
    this.returned();
    return value;
  }

  /**
   * The first step of {@link invokeWith}, for a caller that invokes the handler itself: that saves a call on
   * the way of every frame. {@link returned} is to follow, or {@link over}.
   */
  begin(handler: Handler): void {
    this.#handler = handler;
    this.#isSynchronous = true;
  }

  /** The same of one that is no {@link isPlain}, or whose meter is to look at this call. */
  attend(handler: Handler, ...args: readonly unknown[]): unknown {
    return handler.meter !== undefined && this.isPlain(handler)
      ? timed(handler, handler.meter, args)
      : this.track(handler, ...args);
  }

  /** The same of one that is no {@link isPlain}. */
  track(handler: Handler, ...args: readonly unknown[]): unknown {
    if (handler.toTrack !== undefined && handler.toTrack > 0) handler.toTrack--;
    const call = this.#set(new HandlerCall(handler, this.context));
    return call.run(() => counted(handler, args));
  }

  /** The handler has returned, a value or a promise. */
  returned(): void {
    this.#isSynchronous = false;
    if (this.#leave !== undefined) this.#left();
  }

  #left(): void {
    this.#leave?.();
    this.#leave = undefined;
  }

  /** It has returned a promise, which is awaited. */
  suspended(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    if (handler.isAsync !== true) {
      handler.isAsync = true;
      handler.toTrack = Math.max(handler.toTrack ?? 0, TRACKED);
    }
    this.#isAwaited = this.#isNoted = true;
    this.#call?.suspended();
    this.watch.suspended();
  }

  /** What the handler returned has settled, or it has thrown. */
  over(): void {
    if (this.#handler !== undefined) this.#handler.isAsync ??= false;
    this.#handler = undefined;
    this.#isSynchronous = false;
    if (this.#isNoted) this.#overNoted();
  }

  #overNoted(): void {
    this.#isNoted = false;
    if (this.#leave !== undefined) this.#left();
    if (this.#isUnknown) {
      this.#isUnknown = false;
      this.context.unknown--;
    }
    if (this.#isAwaited) {
      this.#isAwaited = false;
      this.#chain = undefined;
      this.watch.settled();
    }
    if (this.#call === undefined) return;
    this.#call.end();
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
    if (!this.#returnsAtOnce(handler)) return this.#invokeTracked(handler, args, begun);
    const call = new HandlerCall(handler, undefined);
    this.begin(handler);
    this.#set(call);
    begun(call);
    const value = this.context.runUnknown(() =>
      call.run(() => handler.invoke(...(args as never[]))),
    );
    this.returned();
    if (!isThenable(value)) return value;
    this.#becomesUnknown();
    return call.promised(value);
  }

  #invokeTracked(
    handler: Handler,
    args: readonly unknown[],
    begun: (call: KnownCall) => void,
  ): unknown {
    const call = new HandlerCall(handler, this.context);
    this.begin(handler);
    this.#set(call);
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
      return this.#invokeTracked(handler, args, begun);
    } finally {
      this.returned();
      this.#handler = undefined;
      this.#call = undefined;
    }
  }

  /** A handler that was called beside the mailbox has returned a stream: what goes on of it is a call. */
  goesOnBeside(handler: Handler): KnownCall {
    return new HandlerCall(handler, this.context);
  }

  /** It has returned, or is left behind: where it was, it may be another one that runs by now. */
  left(call: KnownCall): void {
    if (this.#call === call) this.over();
  }

  /** A handler has returned a stream that others wait for, as if it still ran: what goes on of it is a call. */
  goesOn(handler: Handler): KnownCall {
    const stream = new HandlerCall(handler, this.context);
    stream.suspended();
    this.#stream = stream;
    return stream;
  }

  /** Whether the code that runs now is part of a handler that the mailbox waits for. */
  get isHere(): boolean {
    return this.#here() !== undefined;
  }

  /** Whether the code that runs now is part of a handler that is called for a frame of the peer's. */
  get answersPeer(): boolean {
    return this.#here()?.handler.answersPeer === true;
  }

  /** Calls a handler, and waits for what it returns. */
  async settled(handler: Handler, ...args: readonly unknown[]): Promise<unknown> {
    let value: unknown;
    try {
      value = this.invoke(handler, ...args);
    } catch (thrown) {
      this.over();
      throw thrown;
    }
    if (!isThenable(value)) {
      this.over();
      return value;
    }
    return this.#until(handler, value);
  }

  /**
   * What keeps the mailbox waiting is no handler, and is told as one that runs for long.
   *
   * @param handler what it is, in the words of its method
   */
  waits(handler: Handler, value: PromiseLike<unknown>): Promise<unknown> {
    this.begin(handler);
    this.returned();
    return this.#until(handler, value);
  }

  async #until(handler: Handler, value: PromiseLike<unknown>): Promise<unknown> {
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
    // It has asked once, and so it may again.
    call.handler.toTrack = Infinity;
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

  /** Nothing is asked of it any more, whatever still runs. */
  forget(): void {
    if (this.#call !== undefined) this.context.left(this.#call);
  }

  #set(call: HandlerCall): HandlerCall {
    // One that was left behind.
    this.forget();
    this.#isNoted = true;
    return (this.#call = call);
  }

  /** The call that the code which runs now is part of. */
  #here(): HandlerCall | undefined {
    if (this.#isSynchronous) return (this.#call ??= this.#enter(this.#handler as Handler));
    if (this.#call?.isTracked === true && this.#call.isHere) return this.#call;
    if (this.#stream?.isHere) return this.#stream;
    return this.#isAwaited && this.#call?.isTracked !== true ? this.#suspected() : undefined;
  }

  /** The handler that runs asks before its first `await`: what it does after that is known from now on. */
  #enter(handler: Handler): HandlerCall {
    const call = new HandlerCall(handler, handler.isAsync === false ? undefined : this.context);
    this.#isNoted = true;
    if (call.isTracked) this.#leave = this.context.enter(call);
    return call;
  }

  /** Somebody asks while a handler is awaited that is not tracked, and may be that handler. */
  #suspected(): HandlerCall | undefined {
    this.suspect();
    if (this.#chain === undefined) {
      const awaited = this.awaited();
      if (awaited === undefined) return undefined;
      this.#chain = new AwaitChain(awaited);
    }
    if (!this.#chain.isHere) return undefined;
    this.#call ??= new HandlerCall(this.#handler as Handler, undefined);
    this.#call.suspended();
    return this.#call;
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
