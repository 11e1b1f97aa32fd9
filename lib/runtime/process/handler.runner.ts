import { type ContextRunner, type Deferred, type Pending, toPromise } from '../async/deferred.js';
import type { Connection } from '../connection/connection.js';
import { BadResponseError } from '../errors/client.errors.js';
import { NotConnectedError } from '../errors/connection.errors.js';
import { Frame, toFrame } from '../frame/frame.js';
import type { TurnBudget } from '../mailbox/turn.budget.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { TraceHook } from '../telemetry/trace.hook.js';
import type { Handler } from './client.definition.js';
import { type Directive, isDirective } from './directive.js';
import type { HandlerCalls } from './handler.calls.js';
import { isStream, type HandlerStreamsOwner, HandlerStreams } from './handler.streams.js';
import type { SessionControl } from './reconnect.js';

/** What handlers ask of their process. */
export interface HandlerRunnerOwner {
  /** The class, for errors. */
  readonly module: string;
  /** Whether the incarnation is over: what its handlers still return does not count. */
  readonly isOver: boolean;
  crash(error: unknown): Pending;
  readonly session: SessionControl;
  endClient(reason: string | Error | undefined): void;
  /** A stream failed, outside of any message's turn. */
  onStreamError(error: unknown): void;
  /** Something failed that has no other place to go. */
  onError(error: unknown, where: string): void;
}

const MAY_RETURN =
  'nothing, a directive (reply, close, reconnect, terminate), a string, a Buffer, a frame, ' +
  'an Observable or an async iterable of those, or a promise of one';

/**
 * Calls handlers and acts on what they return. Let it crash: what a handler throws, rejects with,
 * or may not return ends the incarnation. A handler that returns no promise costs none.
 */
export class HandlerRunner implements HandlerStreamsOwner {
  readonly #streams: HandlerStreams;
  /** The last session under whose end a handler has failed; 0 for none. */
  lostSession = 0;

  constructor(
    private readonly client: string,
    private readonly connection: Connection,
    private readonly telemetry: Telemetry,
    private readonly trace: TraceHook,
    private readonly inBoot: ContextRunner,
    private readonly calls: HandlerCalls,
    budget: TurnBudget,
    private readonly owner: HandlerRunnerOwner,
  ) {
    this.#streams = new HandlerStreams(this, budget);
  }

  get isOpen(): boolean {
    return this.connection.isOpen;
  }

  run(handler: Handler, argument: unknown): Pending {
    let value: unknown;
    try {
      value = this.calls.invoke(handler, argument);
    } catch (thrown) {
      return this.#failed(handler, thrown);
    }
    return this.#returned(handler, value);
  }

  runWith(handler: Handler, args: readonly unknown[]): Pending {
    let value: unknown;
    try {
      value = this.calls.invokeWith(handler, args);
    } catch (thrown) {
      return this.#failed(handler, thrown);
    }
    return this.#returned(handler, value);
  }

  /** Calls a handler whose return value is the answer to somebody; a directive is acted on instead. */
  answer(handler: Handler, args: readonly unknown[], answer: Deferred<unknown>): Pending {
    const fail = (thrown: unknown): Pending => {
      answer.reject(thrown);
      return this.#failed(handler, thrown);
    };
    const succeed = (value: unknown): Pending => {
      this.calls.over();
      try {
        const isDirected = isDirective(value);
        if (isDirected && !this.owner.isOver) this.#direct(handler, value);
        answer.resolve(isDirected ? undefined : value);
      } catch (thrown) {
        return fail(thrown);
      }
      return undefined;
    };
    let value: unknown;
    try {
      value = this.calls.invokeWith(handler, args);
    } catch (thrown) {
      return fail(thrown);
    }
    const promise = toPromise(value);
    if (promise === undefined) return succeed(value);
    this.calls.suspended();
    return promise.then(succeed, fail);
  }

  cancelStreams(): void {
    this.#streams.cancel();
  }

  onItem(handler: Handler, item: unknown, taken?: () => void): void {
    if (isStream(item)) throw this.#badResponse(handler, item);
    // It may not be one either: then what it rejects with is nobody's.
    toPromise(item)?.catch(() => undefined);
    // Whoever feeds the stream may do so in a context of his own.
    this.inBoot(() => this.#act(handler, item, taken));
  }

  onStreamError(error: unknown): void {
    if (!this.#isEndOfSession(error)) this.owner.onStreamError(error);
  }

  onTeardownError({ method }: Handler, error: unknown): void {
    if (this.#isEndOfSession(error)) return;
    this.owner.onError(error, `the end of a stream that ${method} returned`);
  }

  #returned(handler: Handler, value: unknown): Pending {
    const promise = value === undefined ? undefined : toPromise(value);
    if (promise === undefined) {
      this.calls.over();
      return value === undefined ? undefined : this.#accept(handler, value);
    }
    this.calls.suspended();
    return promise.then(
      (resolved) => {
        this.calls.over();
        return this.#accept(handler, resolved);
      },
      (thrown: unknown) => this.#failed(handler, thrown),
    );
  }

  #failed(handler: Handler, thrown: unknown): Pending {
    this.calls.over();
    if (this.owner.isOver) {
      this.owner.onError(thrown, `${handler.method}, which was left behind`);
      return undefined;
    }
    if (!this.#isEndOfSession(thrown)) return this.owner.crash(thrown);
    this.lostSession = this.connection.session;
    return undefined;
  }

  /**
   * Whether something failed because the session has ended, which is told as what it is: the network's
   * fault is none of the program's.
   */
  #isEndOfSession(thrown: unknown): boolean {
    return (
      thrown instanceof NotConnectedError &&
      thrown.client === this.client &&
      thrown.state !== 'open'
    );
  }

  #accept(handler: Handler, value: unknown): Pending {
    if (value === undefined || this.owner.isOver) return undefined;
    try {
      this.#act(handler, value);
    } catch (thrown) {
      return this.owner.crash(thrown);
    }
    return undefined;
  }

  #act(handler: Handler, value: unknown, taken?: () => void): void {
    if (value === undefined) return taken?.();
    if (isDirective(value)) return this.#direct(handler, value, taken);
    const frame = toFrame(value);
    if (frame !== undefined) return this.#reply(handler, [frame], taken);
    if (!isStream(value)) throw this.#badResponse(handler, value);
    this.#streams.add(handler, value);
  }

  #direct(handler: Handler, directive: Directive, taken?: () => void): void {
    switch (directive.kind) {
      case 'reply':
        return this.#reply(handler, directive.frames, taken);
      case 'close':
        this.owner.session.close(directive.code, directive.reason);
        break;
      case 'reconnect':
        this.owner.session.reconnect(directive.changes);
        break;
      case 'terminate':
        this.owner.endClient(directive.reason);
    }
    taken?.();
  }

  #reply({ method, answersPeer }: Handler, frames: readonly Frame[], taken?: () => void): void {
    this.trace.tell?.({ event: 'reply', method, frames });
    try {
      this.connection.send(frames, taken && (() => taken()), answersPeer);
    } catch (error) {
      // Nothing was sent. Without a session that is told and no more: its end is told as well.
      if (error instanceof NotConnectedError) {
        for (const frame of frames) this.telemetry.emit('frame:dropped', { frame, error });
      } else this.connection.fail(error);
      taken?.();
    }
  }

  #badResponse(handler: Handler, value: unknown): BadResponseError {
    return new BadResponseError(this.owner.module, handler.method, value, MAY_RETURN);
  }
}
