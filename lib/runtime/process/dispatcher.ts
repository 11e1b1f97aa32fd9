import { type Awaitable, Deferred, isThenable, type Pending } from '../async/deferred.js';
import type { Attempt } from '../connection/attempt.js';
import type { Connection } from '../connection/connection.js';
import type { RotationView } from '../connection/rotation.js';
import type { WireEnd } from '../connection/wire.end.js';
import { NoHandlerError } from '../errors/client.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import { type DataFrame, Frame, type PingFrame, type PongFrame } from '../frame/frame.js';
import type { Mailbox, MailboxOwner } from '../mailbox/mailbox.js';
import type { PauseLock } from '../mailbox/pause.lock.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { Gaps } from '../session/gaps.js';
import type { Handler } from './client.definition.js';
import type { Dialer } from './dialer.js';
import type { HandlerCalls } from './handler.calls.js';
import type { HandlerInvoker } from './handler.invoker.js';
import type { Lifetime } from './lifetime.js';
import type { ConnectionInfo } from './handler.arguments.js';
import type { Login } from './login.js';
import {
  type CallerMessage,
  type CallMessage,
  isData,
  isFromCaller,
  isWanted,
  type LeaveMessage,
  type Message,
  type MessageOrigin,
  type OpenedSession,
  type ReleasedMessage,
  sizeOf,
} from './message.js';
import { unanswered } from './postponed.js';
import { type FrameRouter, MessageRouter } from './message.router.js';
import type { ProcessOwner, ProcessTools } from './process.port.js';
import type { Reconnect } from './reconnect.js';

/** The parts of a process that its dispatcher works with. */
export interface DispatcherParts {
  readonly connection: Connection;
  readonly mailbox: Mailbox<Message>;
  readonly pauseLock: PauseLock;
  readonly calls: HandlerCalls;
  readonly lifetime: Lifetime;
  readonly reconnect: Reconnect;
  readonly dialer: Dialer;
  readonly rotation: RotationView;
  /** The same, where anybody has wanted one. */
  readonly madeRotation: RotationView | undefined;
  readonly invoker: HandlerInvoker;
  readonly settings: ClientSettings;
  /** Of a class with an `@OnGap`. */
  readonly gaps: Gaps | undefined;
  /** That of the session, or of the last one. */
  readonly login: Login | undefined;
  /** Whether a session is open, and ready. */
  readonly isReady: boolean;
}

/**
 * Takes the messages of a mailbox, one at a time: gives frames and what callers ask to the handler they
 * are for, and what the connection tells to the part it concerns.
 */
export class Dispatcher implements MailboxOwner<Message>, FrameRouter {
  // There are none of either for most of the life of most clients.
  #postponed: CallerMessage[] | undefined;
  /** Calls that came before there was an incarnation to answer them. */
  #early: CallerMessage[] | undefined;
  /** How many casts and infos have reached their handler. */
  handled = 0;
  /** How many casts and infos there were. */
  taken = 0;
  /** The call that was handled last; it is over unless its handler hangs. */
  #answering: CallMessage | undefined;
  #unhandled = 0;
  #messages: MessageRouter | undefined;
  /** Whether frames may be answers, of which no handler is told. */
  #knowsAnswers = false;
  /** Whether it waits for what features still have to send: no handler runs. */
  isFlushing = false;
  readonly sizeOf = sizeOf;

  constructor(
    private readonly client: string,
    private readonly tools: ProcessTools,
    private readonly parts: DispatcherParts,
    private readonly owner: ProcessOwner,
  ) {}

  /** Casts and infos that have not reached their handler; some have no session yet. */
  get waiting(): number {
    return this.taken - this.handled;
  }

  /** What was taken out of the mailbox to be handled later. */
  get held(): number {
    return (this.#postponed?.length ?? 0) + (this.#early?.length ?? 0);
  }

  /**
   * Frames have a short way, and what is seldom one of its own: V8 puts the functions that a frame passes into
   * one, as long as that stays small, and each of them it has to call in place of that costs 3 ns.
   */
  handle(message: Message): Awaitable {
    if (message.type !== 'text' && message.type !== 'binary') return this.#seldom(message);
    const { parts, tools } = this;
    const { lifetime } = parts;
    if (lifetime.isOver) return undefined;
    if (parts.connection.isClosedByUs) return tools.undelivered.add('frame');
    // As in `handOver`, which is one call more.
    if (tools.telemetry.wantsFrame('frame:received')) this.received(message);
    const { features, observers } = tools;
    const passed = features.receives ? features.received(message) : message;
    if (passed === undefined) return undefined;
    observers.frame(passed);
    const isRead = lifetime.incarnation.readsMessages === true || this.#knowsAnswers;
    const isMessage = isRead || observers.seesMessages || tools.channels !== undefined;
    return isMessage ? this.messages.frame(passed) : this.route(passed);
  }

  #seldom(message: Exclude<Message, DataFrame>): Awaitable {
    const { connection, lifetime } = this.parts;
    if (lifetime.isOver) return this.#late(message);
    switch (message.type) {
      case 'ping':
        return this.#control(lifetime.incarnation.ping, message);
      case 'pong':
        return this.#control(lifetime.incarnation.pong, message);
      case 'cast':
      case 'info':
        return this.#cast(message);
      case 'call':
        return this.#call(message);
      case 'released':
        return this.#released(message);
      case 'further':
        return connection.isClosedByUs ? undefined : this.messages.further(message);
      case 'start':
        return this.#start(message.args, message.attempt);
      case 'attempt':
        return this.parts.dialer.attempt(message.attempt);
      case 'open':
        return this.#open(message.login);
      case 'peer-close':
      case 'end':
      case 'stop':
        return this.#leave(message);
      case 'beside':
        return message.work();
      case 'conclude':
        return lifetime.due && lifetime.end(lifetime.due);
      case 'crash':
        return lifetime.crash(message.error);
    }
  }

  /** Made for the first frame of which messages are made. */
  get messages(): MessageRouter {
    return (this.#messages ??= new MessageRouter(this.client, this.tools, this.parts, this));
  }

  /** Gives a frame, as it is, to the `@OnFrame` that takes it. */
  route(frame: DataFrame): Awaitable {
    const { invoker, lifetime } = this.parts;
    const { all } = lifetime.incarnation.frames;
    return all === undefined ? this.#find(frame) : invoker.run(all, frame);
  }

  /** The same where it is to be found. */
  #find(frame: DataFrame): Awaitable {
    const { invoker, lifetime } = this.parts;
    const { frames, messages } = lifetime.incarnation;
    if (frames.isEmpty) return messages === undefined ? undefined : this.#noClause(frame);
    let handler: Handler | undefined;
    try {
      handler = frames.find(frame);
    } catch (thrown) {
      return lifetime.crash(thrown);
    }
    return handler === undefined ? this.#noClause(frame) : invoker.run(handler, frame);
  }

  onSettled(value: unknown): Pending {
    const pending = this.parts.invoker.settled(value);
    // Without a handler of messages nothing has been admitted.
    if (this.#messages !== undefined) this.#messages.handled();
    return pending;
  }

  onEscape(error: unknown): Pending {
    const { calls, lifetime, invoker } = this.parts;
    if (invoker.isAwaited) {
      const pending = invoker.rejected(error);
      if (this.#messages !== undefined) this.#messages.handled();
      return pending;
    }
    calls.over();
    if (!lifetime.isOver) return lifetime.crash(error);
    this.tools.telemetry.error(error, 'the end of the client');
    return undefined;
  }

  onHighWater(): void {
    this.parts.pauseLock.hold(this.parts.mailbox);
  }

  onLowWater(): void {
    this.parts.pauseLock.release(this.parts.mailbox);
  }

  #control(handler: Handler | undefined, frame: PingFrame | PongFrame): Awaitable {
    if (this.parts.connection.isClosedByUs) return undefined;
    this.received(frame);
    if (handler !== undefined) return this.parts.invoker.run(handler, frame);
    // A ping is only here because the class had an `@OnPing`, before a change of code.
    if (frame.type === 'ping' && this.parts.connection.isOpen) {
      this.parts.connection.send([Frame.pong(frame.data)], undefined, true);
    }
    return undefined;
  }

  /**
   * A cast or an info acts on the session, so it is postponed until there is one, as `gen_statem`
   * postpones an event.
   */
  #cast(message: Exclude<CallerMessage, { type: 'call' }>): Awaitable {
    if (!this.parts.isReady) {
      (this.#postponed ??= []).push(message);
      return undefined;
    }
    this.handled++;
    this.#traced(message);
    const { incarnation } = this.parts.lifetime;
    if (message.type === 'info') {
      const { info } = incarnation;
      return info ? this.parts.invoker.run(info, message.message) : this.#missed('an info');
    }
    const handler = incarnation.casts.get(message.name);
    return handler === undefined
      ? this.#missed(`the cast "${message.name}"`)
      : this.parts.invoker.runWith(handler, message.args);
  }

  /** What we have closed takes none of them; then those behind it are missing again, until another session. */
  #released({ release, group }: ReleasedMessage): Awaitable {
    group.isBroken ||= this.parts.connection.isClosedByUs;
    if (group.isBroken) return undefined;
    if ('done' in release) return release.done();
    return this.messages.message(release.origin as MessageOrigin, release.value, release.as);
  }

  /** A call asks the process, which answers in every state. */
  #call(message: CallMessage): Pending {
    if (!isWanted(message)) return undefined;
    if (!this.parts.lifetime.hasBegun) {
      (this.#early ??= []).push(message);
      return undefined;
    }
    this.#traced(message);
    const handler = this.parts.lifetime.incarnation.calls.get(message.name);
    this.#answering = message;
    if (handler !== undefined) return this.parts.invoker.answer(handler, message);
    message.answer.reject(this.noTaker(`the call "${message.name}"`));
    return undefined;
  }

  /** The handler that is running is left behind: whoever waits for its answer is told. */
  leaveBehind(reason: CloseReason): void {
    const call = this.#answering;
    if (call === undefined || call.isAnswered) return;
    this.tools.undelivered.add('call', isWanted(call) ? 1 : 0);
    const { status } = this.parts.connection;
    call.answer.reject(unanswered(this.client, status, call.name, reason, this.tools.host));
  }

  /** Takes out what nobody wants any more. */
  sweep(): void {
    this.#early = this.#early?.filter(isWanted);
  }

  /** The incarnation is over: gives what callers have asked and nobody has handled, in order. */
  over(): CallerMessage[] {
    const { mailbox } = this.parts;
    const waiting = [...(this.#early ?? []), ...(this.#postponed ?? []), ...mailbox.clear()];
    this.tools.undelivered.add('frame', waiting.filter(isData).length);
    this.#early = undefined;
    this.#postponed = undefined;
    // Nothing waits for it any more.
    this.taken = this.handled;
    return waiting.filter(isFromCaller);
  }

  received(frame: DataFrame | PingFrame | PongFrame): void {
    if (this.tools.telemetry.wantsFrame('frame:received'))
      this.tools.telemetry.emit('frame:received', { frame });
  }

  #start(args: unknown, attempt: Attempt): Pending {
    this.tools.features.begin();
    const pending = this.parts.lifetime.start(args);
    return isThenable(pending)
      ? pending.then(() => this.#started(attempt))
      : this.#started(attempt);
  }

  /** `@OnStart` is done: who called before is answered, and the first attempt made. */
  #started(attempt: Attempt): Pending {
    const { lifetime, mailbox, dialer } = this.parts;
    if (lifetime.isOver) return undefined;
    const early = this.#early;
    this.#early = undefined;
    mailbox.putFirst(early ?? []);
    return dialer.attempt(attempt);
  }

  #open(login: OpenedSession): Pending {
    this.parts.lifetime.opened();
    this.parts.calls.isLoggingIn = true;
    this.#knowsAnswers = this.parts.settings.protocol.answer !== undefined;
    this.tools.features.open(login.info.session);
    return login.begin();
  }

  /** The session is ready: what was postponed until then is handled. */
  ready(info: ConnectionInfo): void {
    const { calls, connection, mailbox, reconnect, settings } = this.parts;
    calls.isLoggingIn = false;
    this.tools.features.ready(info.session);
    connection.ready();
    this.tools.urls.worked();
    reconnect.ready();
    const rotates = settings.maxAge !== Infinity;
    (rotates ? this.parts.rotation : this.parts.madeRotation)?.ready(info);
    this.owner.onReady(info);
    const postponed = this.#postponed;
    this.#postponed = undefined;
    mailbox.putFirst(postponed ?? []);
  }

  /** A frame has its turn. @returns what its handler gets, or `undefined` where a feature has taken it */
  handOver(frame: DataFrame): DataFrame | undefined {
    this.received(frame);
    const { features } = this.tools;
    const passed = features.receives ? features.received(frame) : frame;
    if (passed !== undefined) this.tools.observers.frame(passed);
    return passed;
  }

  /** Its own method: a closure in `handle` would cost every frame an allocation. */
  #leave(message: LeaveMessage): Pending {
    return this.tools.turns.pass(() => this.#left(message));
  }

  #left(message: LeaveMessage): Pending {
    const { connection, invoker, lifetime, login, reconnect } = this.parts;
    // What hangs at the shutdown is not waited for.
    if (lifetime.isOver) return undefined;
    if (message.type === 'peer-close') {
      // That of a session before has been answered by whoever has its wire.
      return message.session === connection.session ? connection.answerClose() : undefined;
    }
    if (message.type === 'stop') return this.#drained(message.code);
    invoker.cancelStreams();
    const end = asLoginFailed(message.end, login);
    this.tools.features.end(end);
    return reconnect.ended(end);
  }

  /** What waited has been handled. What features still have to send goes before the close frame. */
  #drained(code: number): Pending {
    const { connection, isReady, lifetime } = this.parts;
    const drained = isReady ? this.tools.features.drain() : undefined;
    if (!isThenable(drained)) return lifetime.drained(code);
    const over = new Deferred<void>();
    drained.then(over.resolve, over.reject);
    // When the session has ended, by the deadline or by the peer, there is nothing to wait for.
    connection.whenNoWire(() => over.resolve());
    this.isFlushing = true;
    return over.promise.then(() => {
      this.isFlushing = false;
      lifetime.drained(code);
    });
  }

  /** What was posted before the end and comes after it. */
  #late(message: Message): void {
    const { reason } = this.parts.lifetime;
    if (isFromCaller(message) && reason) this.owner.onLeftovers([message], reason);
  }

  #traced(message: CallerMessage): void {
    if (this.tools.trace.tell === undefined) return;
    if (message.type === 'info') this.tools.trace.tell({ event: 'info', message: message.message });
    else this.tools.trace.tell({ event: message.type, name: message.name, args: message.args });
  }

  #missed(what: string): void {
    this.tools.telemetry.emit('error', { error: this.noTaker(what), where: what });
  }

  /** The class had a handler for it when it was taken, before a change of code. */
  noTaker(what: string): NoHandlerError {
    return new NoHandlerError(
      this.client,
      `nothing takes ${what} any more`,
      'The class that has taken over should have a handler for it too.',
    );
  }

  #noClause(frame: DataFrame): Pending {
    const { unhandled } = this.parts.settings;
    if (unhandled === 'ignore') return undefined;
    this.tools.telemetry.emit('frame:unhandled', { frame, count: ++this.#unhandled });
    if (unhandled === 'warn') return undefined;
    return this.parts.lifetime.crash(
      new NoHandlerError(
        this.client,
        `no @OnFrame matches a ${frame.type} frame of ${frame.data.length}, nor any @OnMessage`,
        "Add a clause for it, or a last @OnFrame(), or set unhandled: 'warn'.",
      ),
    );
  }
}

/** What `@OnConnect` says of the peer is what the session ended by, unless we wanted it to end. */
function asLoginFailed(end: WireEnd, login: Login | undefined): WireEnd {
  const error = login?.refusal;
  if (error === undefined || !end.opened || end.voluntary) return end;
  return { ...end, reason: { by: 'error', error }, error };
}
