import { type Awaitable, type Pending, toPromise } from '../async/deferred.js';
import type { RequestResult } from '../codec/protocol.port.js';
import type { Connection } from '../connection/connection.js';
import type { Wire } from '../connection/wire.js';
import type { RotationView } from '../connection/rotation.js';
import { BadResponseError } from '../errors/client.errors.js';
import { DisconnectedError, RequestFailedError } from '../errors/request.errors.js';
import { type MessageError, MessageFault } from '../errors/message.errors.js';
import { NotConnectedError, ShuttingDownError } from '../errors/connection.errors.js';
import { type DataFrame, type Frame, toFrame } from '../frame/frame.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { TurnBudget } from '../mailbox/turn.budget.js';
import type { ClientDefinition, Handler } from './client.definition.js';
import { type Directive, isDirective } from './directive.js';
import type { HandlerCalls } from './handler.calls.js';
import {
  type Greeting,
  HandlerStreams,
  type HandlerStreamsOwner,
  isStream,
  type StreamOrigin,
} from './handler.streams.js';
import type { Lifetime } from './lifetime.js';
import type { CallMessage, Message } from './message.js';
import type { Gaps } from '../session/gaps.js';
import type { SendingOptions } from '../session/session.feature.js';
import type { ProcessTools } from './process.port.js';
import type { Reconnect } from './reconnect.js';

/** The parts of a process that its handlers act on. */
export interface HandlerInvokerParts {
  readonly connection: Connection;
  readonly mailbox: Mailbox<Message>;
  readonly calls: HandlerCalls;
  readonly lifetime: Lifetime;
  readonly reconnect: Reconnect;
  /** Whether a session is open, and ready. */
  readonly isReady: boolean;
  /** The wire, while a frame may be handed to it at once. */
  readonly freeWire: Pick<Wire, 'sendOne'> | undefined;
  readonly rotation: RotationView;
  /** Of a class with an `@OnGap`. */
  readonly gaps: Pick<Gaps, 'unhandled'> | undefined;
  /** That of the session, or of the last one. */
  readonly login: { whenSettled(work: () => void): void } | undefined;
  /** @throws WebSockexError */
  send(frames: readonly Frame[], options: SendingOptions, greeting?: Greeting): void;
  /** What a handler was called for is a bad message, and it has not run. */
  rejected(handler: Handler, fault: MessageFault): MessageError;
  /** Frames that nobody waits for are not sent. */
  dropped(frames: readonly Frame[], error: Error): void;
}

const MAY_RETURN =
  'nothing, a directive (reply, accepted, close, ready, reconnect, rotate, terminate), a string, a Buffer, a frame, ' +
  'an Observable or an async iterable of those, or a promise of one';

const MAY_ANSWER = 'a value that its protocol can write, a directive, or a promise of one';

/**
 * Calls handlers and acts on what they return. Let it crash: what a handler throws, rejects with,
 * or may not return ends the incarnation. A handler that returns no promise costs none.
 */
export class HandlerInvoker implements HandlerStreamsOwner {
  readonly #streams: HandlerStreams;
  /** Whose promise the mailbox awaits, as it is. */
  #awaited: Handler | undefined;

  constructor(
    private readonly definition: ClientDefinition,
    private readonly tools: ProcessTools,
    private readonly parts: HandlerInvokerParts,
    budget: TurnBudget,
  ) {
    this.#streams = new HandlerStreams(this, parts.connection, budget);
  }

  /** Gives the handler's own promise, where it has returned one. {@link settled} or {@link rejected} is to follow. */
  run(handler: Handler, argument: unknown, frame?: DataFrame): Awaitable {
    const { calls } = this.parts;
    let value: unknown;
    try {
      calls.begin(handler);
      const { meter } = handler;
      // As in `counted`: a list of arguments would be made for every frame.
      value =
        calls.isPlain(handler) && (meter === undefined || --meter.left > 0)
          ? handler.invoke(argument as never, frame as never)
          : calls.attend(handler, argument, frame);
    } catch (thrown) {
      return this.#failed(handler, thrown);
    }
    // Most return nothing: then `over` is all that is to be done.
    if (value === undefined) return calls.over();
    calls.returned();
    return this.#returned(handler, value);
  }

  runWith(handler: Handler, args: readonly unknown[]): Awaitable {
    let value: unknown;
    try {
      value = this.parts.calls.invokeWith(handler, args);
    } catch (thrown) {
      return this.#failed(handler, thrown);
    }
    return this.#returned(handler, value);
  }

  /** Calls a handler whose return value is the answer to somebody; a directive is acted on instead. */
  answer(handler: Handler, call: CallMessage): Pending {
    const { args, answer } = call;
    const fail = (thrown: unknown): Pending => {
      call.isAnswered = true;
      const about = thrown instanceof MessageFault ? thrown.about : undefined;
      if (!(thrown instanceof MessageFault) || about === undefined) {
        answer.reject(thrown);
        return this.#failed(handler, thrown);
      }
      // The handler has not run: its caller is told, and nobody else.
      this.parts.calls.over();
      answer.reject(thrown.toError(this.definition.name, handler.method, about));
      return undefined;
    };
    const succeed = (value: unknown): Pending => {
      this.parts.calls.over();
      try {
        const isDirected = isDirective(value);
        if (isDirected && !this.parts.lifetime.isOver) this.#directCall(handler, value);
        answer.resolve(isDirected ? undefined : value);
        call.isAnswered = true;
      } catch (thrown) {
        return fail(thrown);
      }
      return undefined;
    };
    let value: unknown;
    try {
      value = this.parts.calls.invokeWith(handler, args);
    } catch (thrown) {
      return fail(thrown);
    }
    const promise = toPromise(value);
    if (promise === undefined) return succeed(value);
    this.parts.calls.suspended();
    return promise.then(succeed, fail);
  }

  /** Calls a handler whose return value, or what it throws, is for somebody else: neither is acted on here. */
  consult(
    handler: Handler,
    args: readonly unknown[],
    told: (outcome: RequestResult) => void,
  ): Pending {
    const { calls } = this.parts;
    const fail = (error: unknown): void => {
      calls.over();
      told({ error });
    };
    const succeed = (value: unknown): void => {
      calls.over();
      told({ value });
    };
    let value: unknown;
    try {
      value = calls.invokeWith(handler, args);
    } catch (thrown) {
      return fail(thrown);
    }
    const promise = toPromise(value);
    if (promise === undefined) return succeed(value);
    calls.suspended();
    return promise.then(succeed, fail);
  }

  /**
   * Calls a handler whose return value, or what it throws, is the answer to the peer.
   *
   * @param answer told what it is; `undefined`, where the handler has sent it itself
   */
  respond(
    handler: Handler,
    argument: unknown,
    frame: DataFrame,
    answer: (result: RequestResult | undefined) => void,
  ): Pending {
    return this.consult(handler, [argument, frame], (outcome) =>
      'error' in outcome
        ? this.#failedFor(handler, outcome.error, answer)
        : this.#returnedFor(handler, outcome.value, answer),
    );
  }

  #failedFor(handler: Handler, thrown: unknown, answer: (result: RequestResult) => void): void {
    const { connection, lifetime } = this.parts;
    const { telemetry, undelivered } = this.tools;
    if (lifetime.isOver) return telemetry.error(thrown, `${handler.method}, which was left behind`);
    if (thrown instanceof MessageFault) {
      return answer({ error: this.parts.rejected(handler, thrown) });
    }
    const isEnd = this.isEndOfSession(thrown);
    if (isEnd && !connection.isOpen) return undelivered.add('handler');
    answer({ error: thrown });
    // An error that is made for the peer is no fault of the program.
    if (isEnd || thrown instanceof RequestFailedError) return undefined;
    telemetry.error(thrown, `${handler.method}, whose request is answered with it`);
  }

  #returnedFor(
    handler: Handler,
    value: unknown,
    answer: (result: RequestResult | undefined) => void,
  ): void {
    if (!isDirective(value) && isStream(value)) {
      const { module } = this.definition;
      const error = new BadResponseError(module, handler.method, value, MAY_ANSWER);
      return this.#failedFor(handler, error, answer);
    }
    if (this.parts.lifetime.isOver) return undefined;
    if (!isDirective(value)) return answer({ value });
    answer(value.kind === 'reply' ? undefined : { value: undefined });
    void this.#accept(handler, value);
  }

  /** Sends frames that answer the peer. */
  reply(handler: Handler, frames: readonly Frame[]): void {
    this.#reply(handler, frames);
  }

  /**
   * Acts on what `@OnConnect` has returned.
   *
   * @param greeting told when that was handed to the socket, of a stream the first item
   */
  greet(handler: Handler, value: unknown, greeting: Greeting): Pending {
    try {
      if (!isDirective(value) && toFrame(value) === undefined && isStream(value)) {
        greeting.stream(handler, () => this.#streams.add(handler, value, greeting));
      } else {
        this.#act(handler, value, undefined, greeting);
        greeting.sent();
      }
    } catch (thrown) {
      // Beside the mailbox another handler may run: the crash has its turn after that.
      if (this.parts.rotation.isOf(greeting)) return this.onStreamError(thrown);
      return this.parts.lifetime.crash(thrown);
    }
    return undefined;
  }

  cancelStreams(isOver?: (origin: StreamOrigin) => boolean): void {
    this.#streams.cancel(isOver);
  }

  onItem(handler: Handler, item: unknown, taken?: () => void, greeting?: Greeting): void {
    if (isStream(item)) throw this.#badResponse(handler, item);
    // A stream may not give a promise either: nobody would listen to the rejection of this one.
    toPromise(item)?.catch(() => undefined);
    // Whoever feeds the stream may do so in a context of his own.
    this.tools.run(() => this.#act(handler, item, taken, greeting));
  }

  onStreamError(error: unknown): void {
    if (this.isEndOfSession(error)) return;
    const { lifetime, mailbox } = this.parts;
    if (lifetime.isOver) this.tools.telemetry.error(error, 'a stream that a handler returned');
    else this.tools.run(() => mailbox.putFirst([{ type: 'crash', error }]));
  }

  onTeardownError({ method }: Handler, error: unknown): void {
    if (this.isEndOfSession(error)) return;
    this.tools.telemetry.error(error, `the end of a stream that ${method} returned`);
  }

  /** Whether it is a handler's promise that the mailbox awaits. */
  get isAwaited(): boolean {
    return this.#awaited !== undefined;
  }

  /** What the mailbox has awaited has come: where it is a handler's, that is acted on. */
  settled(value: unknown): Pending {
    const handler = this.#awaited;
    if (handler === undefined) return undefined;
    this.#awaited = undefined;
    this.parts.calls.over();
    return value === undefined ? undefined : this.#accept(handler, value);
  }

  /** The handler's promise that the mailbox has awaited has failed. */
  rejected(thrown: unknown): Pending {
    const handler = this.#awaited as Handler;
    this.#awaited = undefined;
    return this.#failed(handler, thrown);
  }

  #returned(handler: Handler, value: unknown): Awaitable {
    const { calls } = this.parts;
    const promise = value instanceof Promise ? value : this.#promiseOf(value);
    if (promise === undefined) {
      calls.over();
      return value === undefined ? undefined : this.#accept(handler, value);
    }
    calls.suspended();
    this.#awaited = handler;
    return promise;
  }

  /** A directive is no promise: that is known sooner than whether something else is one. */
  #promiseOf(value: unknown): Promise<unknown> | undefined {
    return value === undefined || isDirective(value) ? undefined : toPromise(value);
  }

  #failed(handler: Handler, thrown: unknown): Pending {
    this.parts.calls.over();
    if (thrown instanceof MessageFault) {
      this.parts.rejected(handler, thrown);
      return undefined;
    }
    if (this.parts.lifetime.isOver) {
      this.tools.telemetry.error(thrown, `${handler.method}, which was left behind`);
      return undefined;
    }
    if (!this.isEndOfSession(thrown)) return this.parts.lifetime.crash(thrown);
    this.parts.gaps?.unhandled();
    this.tools.undelivered.add('handler');
    return undefined;
  }

  /**
   * Whether something failed because the session has ended, which is told as what it is: the network's
   * fault is none of the program's. So it is where the application ends, and another client ended first.
   */
  isEndOfSession(thrown: unknown): thrown is NotConnectedError | DisconnectedError {
    if (thrown instanceof DisconnectedError) return thrown.client === this.definition.name;
    if (!(thrown instanceof NotConnectedError)) return false;
    if (thrown instanceof ShuttingDownError && this.tools.host?.isClosing) return true;
    return thrown.client === this.definition.name && thrown.state !== 'open';
  }

  #accept(handler: Handler, value: unknown): Pending {
    if (value === undefined || this.parts.lifetime.isOver) return undefined;
    try {
      this.#act(handler, value);
    } catch (thrown) {
      return this.parts.lifetime.crash(thrown);
    }
    return undefined;
  }

  #act(handler: Handler, value: unknown, taken?: () => void, greeting?: Greeting): void {
    if (value === undefined) return taken?.();
    if (isDirective(value)) return this.#direct(handler, value, taken, greeting);
    const frame = toFrame(value);
    if (frame !== undefined) return this.#reply(handler, [frame], taken, greeting);
    if (!isStream(value)) throw this.#badResponse(handler, value);
    this.#streams.add(handler, value);
  }

  /** A call may come while `@OnConnect` is not done yet: what it sends comes after that. */
  #directCall(handler: Handler, directive: Directive): void {
    const { lifetime, login } = this.parts;
    if (directive.kind !== 'reply' || login === undefined) return this.#direct(handler, directive);
    login.whenSettled(() => {
      if (!lifetime.isOver) this.#reply(handler, directive.frames);
    });
  }

  #direct(handler: Handler, directive: Directive, taken?: () => void, greeting?: Greeting): void {
    const { rotation } = this.parts;
    const isBeside = rotation.isOf(greeting);
    switch (directive.kind) {
      case 'accepted':
        this.parts.reconnect.accepted();
        break;
      case 'reply':
        return this.#reply(handler, directive.frames, taken, greeting);
      case 'close':
        if (isBeside) rotation.refuse(directive.code, directive.reason);
        else this.parts.reconnect.close(directive.code, directive.reason);
        break;
      case 'reconnect':
        if (isBeside) rotation.refuse(directive.changes.code, directive.changes.reason ?? '');
        else this.parts.reconnect.request(directive.changes);
        break;
      case 'rotate':
        void rotation.rotate(directive.options, false);
        break;
      case 'ready':
        rotation.confirm();
        break;
      case 'terminate':
        this.parts.lifetime.endBy(directive.reason);
    }
    taken?.();
  }

  #reply(
    handler: Handler,
    frames: readonly Frame[],
    taken?: () => void,
    greeting?: Greeting,
  ): void {
    const { answersPeer: isAnswer = false } = handler;
    const { trace } = this.tools;
    if (trace.tell !== undefined) trace.tell({ event: 'reply', method: handler.method, frames });
    const isOfConnect = !isAnswer && handler === this.parts.lifetime.incarnation.connect;
    // There is one in a session that is ready: then nothing but what `@OnConnect` sends belongs to a login.
    const wire = frames.length === 1 && !taken && !isOfConnect ? this.parts.freeWire : undefined;
    try {
      if (wire !== undefined) return void wire.sendOne(frames[0], isAnswer);
      // Until the session is ready, what answers the peer's own frames belongs to its login.
      const isGreeting = isOfConnect || (isAnswer && !this.parts.isReady);
      this.parts.send(frames, { isAnswer, isGreeting, done: taken && (() => taken()) }, greeting);
    } catch (error) {
      // Nothing was sent. Without a session that is told and no more: its end is told as well.
      if (error instanceof NotConnectedError) {
        this.parts.dropped(frames, error);
      } else if (this.parts.rotation.isOf(greeting)) {
        this.parts.rotation.fail(error);
      } else this.parts.connection.fail(error);
      taken?.();
    }
  }

  #badResponse(handler: Handler, value: unknown): BadResponseError {
    return new BadResponseError(this.definition.module, handler.method, value, MAY_RETURN);
  }
}
