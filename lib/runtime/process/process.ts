import { Connection } from '../connection/connection.js';
import { Rotation } from '../connection/rotation.js';
import type { ConnectionOwner, SessionInfo, SessionWire } from '../connection/connection.port.js';
import type { WireEnd } from '../connection/wire.end.js';
import type { FrameInbox } from '../connection/wire.port.js';
import type { Wire } from '../connection/wire.js';
import { InvalidFrameError } from '../errors/frame.errors.js';
import type { MessageError, MessageFault } from '../errors/message.errors.js';
import { HandlerTimeoutError } from '../errors/timeout.errors.js';
import { WebSockexError } from '../errors/websockex.error.js';
import type { CloseReason } from '../frame/close-reason.js';
import { type DataFrame, Frame, type PingFrame, type PongFrame, toFrame } from '../frame/frame.js';
import { Mailbox } from '../mailbox/mailbox.js';
import { PauseLock } from '../mailbox/pause.lock.js';
import { TurnBudget } from '../mailbox/turn.budget.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { Gaps } from '../session/gaps.js';
import type { SendingOptions } from '../session/session.feature.js';
import type { BudgetClient, Entrant } from '../throttle/budget.port.js';
import { BesideCalls } from './beside.calls.js';
import type { ClientDefinition, Handler } from './client.definition.js';
import type { DialoguePort, FrameListener } from './dialogue.js';
import { Dialer } from './dialer.js';
import { Dispatcher } from './dispatcher.js';
import { HandlerCalls, type KnownCall, type RunningCall } from './handler.calls.js';
import { HandlerWatch } from './handler.watch.js';
import { HandlerInvoker } from './handler.invoker.js';
import { Lifetime } from './lifetime.js';
import { Login, type LoginOwner } from './login.js';
import { type CallerMessage, isWanted, type Message } from './message.js';
import type { Greeting } from './handler.streams.js';
import type { ProcessOwner, ProcessTools } from './process.port.js';
import { Reconnect } from './reconnect.js';
import { ProcessRotation } from './rotation.host.js';
import { SessionHandlers } from './session.handlers.js';
import { Shutdown } from './shutdown.js';
import type { UrlRound } from './url.round.js';
import { WireDialogue } from './wire.dialogue.js';

/** Where frames go that nobody takes any more. */
const NOWHERE: FrameInbox = { post: () => undefined };

/**
 * The process behind a handle: one incarnation with its mailbox and its connection, one message at a
 * time. Every callback of the class runs here, in the turn of a message. It has its parts made, and
 * gives each of them all those it works with:
 *
 *     connection   the session, over many sockets          calls       which handler runs
 *     mailbox      what waits for its turn                 lifetime    from the start to `@OnTerminate`
 *     pauseLock    who keeps the socket from being read    reconnect   what follows a session
 *     dispatcher   which handler a message is for          dialer      attempts
 *     invoker      what a handler returns                  entrant     when an attempt may go
 *     login        how a session becomes ready, one for each
 *     rotation     a new session in the place of the old one, with its second socket
 */
export class Process implements ConnectionOwner, BudgetClient, LoginOwner {
  readonly connection: Connection;
  readonly entrant: Entrant;
  /** Of its turns of the event loop. */
  readonly budget: TurnBudget;
  readonly mailbox: Mailbox<Message>;
  readonly calls: HandlerCalls;
  readonly watch: HandlerWatch;
  readonly lifetime: Lifetime;
  readonly reconnect: Reconnect;
  readonly dialer: Dialer;
  readonly invoker: HandlerInvoker;
  readonly dispatcher: Dispatcher;
  // Made for the first who wants one: most clients never rotate.
  #rotation: Rotation<Login> | undefined;
  #besides: ProcessRotation | undefined;
  #beside: BesideCalls | undefined;
  #sessionHandlers: SessionHandlers | undefined;
  /** That of the session, or of the last one. */
  login: Login | undefined;
  #settings: ClientSettings | undefined;
  #shutdown: Shutdown | undefined;
  #pauseLock: PauseLock | undefined;
  #isDraining = false;
  /** Who wants reading to go on however many messages wait. */
  #stretchers: Map<object, () => void> | undefined;
  /** Who waits for a frame in `@OnConnect`. */
  #listener: FrameListener | undefined;

  /**
   * @param session the number of the last session of the client, before this process
   * @param isTrusted whether the peer has let it in since it refused it last
   */
  constructor(
    private readonly definition: ClientDefinition,
    private readonly tools: ProcessTools,
    private readonly owner: ProcessOwner,
    session: number,
    isTrusted = false,
  ) {
    const { name } = definition;
    const { telemetry } = tools;
    const budget = (this.budget = tools.budget?.() ?? new TurnBudget());
    this.dispatcher = new Dispatcher(name, tools, this, owner);
    const marks = (): ClientSettings['mailbox'] => this.settings.mailbox;
    this.mailbox = new Mailbox<Message>(this.dispatcher, marks, budget, tools.meter?.waits);
    this.connection = new Connection(name, tools, this, session);
    this.entrant = tools.gate.join(this);
    this.watch = new HandlerWatch(tools.clock, telemetry, this, budget);
    this.calls = new HandlerCalls(name, this.watch, () => this.mailbox.awaited, tools.context);
    this.lifetime = new Lifetime(definition, telemetry, this, owner);
    this.reconnect = new Reconnect(definition, tools, this, owner, isTrusted);
    this.dialer = new Dialer(definition, tools, this);
    this.invoker = new HandlerInvoker(definition, tools, this, budget);
  }

  /** Calls handlers that its mailbox does not wait for. */
  get beside(): BesideCalls {
    return (this.#beside ??= new BesideCalls(this.definition.name, this.tools, this));
  }

  /** What channels and gaps ask of the class. */
  get sessionHandlers(): SessionHandlers {
    return (this.#sessionHandlers ??= new SessionHandlers(this.tools, this));
  }

  /** What replaces its sessions. */
  get rotation(): Rotation<Login> {
    return this.#rotation ?? this.#makeRotation();
  }

  /** The same, where anybody has wanted one. */
  get madeRotation(): Rotation<Login> | undefined {
    return this.#rotation;
  }

  #makeRotation(): Rotation<Login> {
    const { definition, tools } = this;
    this.#besides = new ProcessRotation(definition, tools, this);
    this.#rotation = new Rotation(definition.name, tools, this.connection, this.#besides);
    return this.#rotation;
  }

  /** Made for the first who holds it. */
  get pauseLock(): PauseLock {
    const { run } = this.tools;
    return (this.#pauseLock ??= new PauseLock((paused) => run(() => this.#setPaused(paused))));
  }

  get settings(): ClientSettings {
    return this.#settings ?? this.definition.settings();
  }

  set settings(settings: ClientSettings) {
    this.#settings = settings;
  }

  /** Whether a session is open, and ready. */
  get isReady(): boolean {
    return this.connection.isOpen && this.login?.isReady === true;
  }

  /**
   * Whether what the code that runs now sends may go: the session is ready, or is being made so by that
   * code; or it answers a frame of the peer's.
   */
  get maySend(): boolean {
    if (this.isReady || this.#rotation?.isHere === true) return true;
    return this.connection.isOpen && (this.login?.isHere === true || this.calls.answersPeer);
  }

  /** Where the code that runs now makes the session ready that is to take the place of this one: aborted at its end. */
  get rotatingHere(): AbortSignal | undefined {
    const rotation = this.madeRotation;
    return rotation?.isHere === true ? rotation.login?.dialogue.signal : undefined;
  }

  /** The wire, while a frame of somebody who asks for nothing may be handed to it at once. */
  get freeWire(): Pick<Wire, 'batch' | 'sendOne'> | undefined {
    const { connection, tools } = this;
    return tools.features.isFree() && this.#rotation?.isActive !== true && this.isReady
      ? connection.wire
      : undefined;
  }

  /** Which of its URLs is tried. */
  get urls(): UrlRound {
    return this.tools.urls;
  }

  /** The handler that runs beside the mailbox, for a rotation. */
  get besideCall(): KnownCall | undefined {
    return this.#besides?.call;
  }

  /** @param announced tells of the incarnation, before it does anything */
  start(args: unknown, announced: () => void): void {
    const attempt = this.connection.begin();
    announced();
    // First, whatever those ask for who see us begin: there is no incarnation before.
    this.mailbox.putFirst([{ type: 'start', args, attempt }]);
  }

  /** Takes what somebody casts, tells or calls; it is handled soon, after the call of the caller has returned. */
  post(message: CallerMessage): void {
    if (message.type !== 'call') this.dispatcher.taken++;
    const { mailbox } = this;
    // Those that are handled soon have their context already, which costs more than the rest.
    if (mailbox.isScheduled) mailbox.postLater(message);
    else this.tools.run(() => mailbox.postLater(message));
  }

  /** Of a class with an `@OnGap`. */
  get gaps(): Gaps | undefined {
    return this.lifetime.incarnation.gaps === undefined ? undefined : this.owner.gaps;
  }

  /** Takes out what nobody wants any more. */
  sweep(): void {
    this.mailbox.sweep(isWanted);
    this.dispatcher.sweep();
  }

  /**
   * Handles what waits, and takes no more frames: what arrives from now on is dropped, but for what a
   * feature waits for. Reading goes on, so that pings are answered, and the peer's close is seen.
   */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.calls.trackAll();
    this.#rotation?.abandon();
    this.connection.divert();
  }

  /**
   * Ends the incarnation in so many milliseconds: at once between sessions; in one, after what waits
   * has been handled.
   */
  stop(code: number, timeout: number): void {
    if (!this.lifetime.isOver) this.lifetime.stop(code);
    // A login that nobody's work waits for is not waited for either.
    const hasWork = this.dispatcher.waiting > 0 || this.tools.undelivered.isSending;
    if (!hasWork) this.#leaveLogin({ by: 'local', code, message: '' });
    this.#limit(timeout);
  }

  /** Ends the incarnation in so many milliseconds, by an error of somebody else's. */
  exit(error: Error, timeout: number): void {
    if (!this.lifetime.isOver) this.lifetime.endBy(error);
    this.#limit(timeout);
  }

  /**
   * Ends the incarnation now. `@OnTerminate` runs, and is not waited for; it does not where another
   * handler still runs, which is left behind.
   */
  abandon(): void {
    const { lastReason } = this.lifetime;
    if (!this.mailbox.isBusy) void this.lifetime.end(lastReason);
    this.dispatcher.leaveBehind(lastReason);
    this.lifetime.abandon(lastReason);
  }

  /**
   * Hands frames to the socket, all of them or none, unless a feature keeps them until it may.
   *
   * @throws WebSockexError
   */
  send(values: readonly unknown[], options: SendingOptions, greeting?: Greeting): void {
    if (this.#rotation?.isActive === true && this.#besides?.send(values, options, greeting)) {
      return;
    }
    const passed = this.passed(values, options);
    if (passed !== undefined) this.connection.send(passed, options.done, options.isAnswer);
  }

  /**
   * What may be handed to a socket now; `undefined` where a feature keeps it.
   *
   * @throws WebSockexError
   */
  passed(values: readonly unknown[], options: SendingOptions): readonly unknown[] | undefined {
    if (!this.tools.features.sends) return values;
    const frames = values.map((value) => {
      const frame = toFrame(value);
      if (frame === undefined) throw new InvalidFrameError(value, this.definition.name);
      return frame;
    });
    return this.#sending(frames, options);
  }

  /** It is left behind, whatever it still does; @OnTerminate runs, unless it is that. */
  onHandlerTimeout({ method }: RunningCall): void {
    const { handlerTimeout } = this.settings;
    const error = new HandlerTimeoutError(this.definition.name, method, handlerTimeout);
    if (this.lifetime.isOver) {
      this.tools.telemetry.error(error, '@OnTerminate');
      return this.lifetime.abandon(this.lifetime.lastReason);
    }
    this.dispatcher.leaveBehind({ by: 'error', error });
    this.tools.run(() => void this.lifetime.crash(error));
  }

  /** The incarnation is over: what waits goes back to whoever decides what becomes of it. */
  onOver(reason: CloseReason): void {
    this.noted(() => this.tools.features.over());
    this.login?.end(reason);
    this.#rotation?.over(reason, this.lifetime.hasCrashed);
    this.connection.giveUp();
    this.dialer.over();
    this.#besides?.over();
    this.#beside?.over();
    this.entrant.over();
    this.invoker.cancelStreams();
    this.mailbox.dropJobs();
    this.owner.onLeftovers(this.dispatcher.over(), reason);
  }

  /** Its `@OnTerminate` is done: nothing of it is left, save a socket that lingers after a crash. */
  onTerminated(reason: CloseReason): void {
    this.#shutdown?.over();
    this.watch.end();
    this.calls.forget();
    this.connection.terminate();
    this.#rotation?.terminate();
    this.owner.onTerminated(reason);
  }

  /** Who is told of the status. */
  get listener(): ProcessOwner {
    return this.owner;
  }

  onOpen(info: SessionInfo, wire: SessionWire): void {
    const login = new Login(info, this.tools, this, this.dialoguePort(wire), this);
    this.login = login;
    this.mailbox.post({ type: 'open', login });
  }

  loggedIn(_login: Login, info: SessionInfo): void {
    this.dispatcher.ready(info);
  }

  /**
   * Without an `@OnPing` it is answered here and now: a slow handler must not make a peer believe that
   * we are dead.
   */
  onPing(frame: PingFrame): void {
    const { hasPing } = this.definition.handlers;
    // What answers a frame goes to the old session while its frames are handled.
    const isMailed = hasPing && !this.#isDraining && this.#rotation?.isHolding !== true;
    if (isMailed) return this.mailbox.post(frame);
    this.dispatcher.received(frame);
    if (this.connection.isOpen) this.connection.send([Frame.pong(frame.data)], undefined, true);
  }

  /** A pong that a feature has asked for is nobody else's, save of those who watch. */
  onPong(frame: PongFrame): void {
    if (this.noted(() => this.tools.features.pong(frame)) === true) {
      this.dispatcher.received(frame);
    } else if (this.#rotation?.isHolding === true) this.#rotation?.keep(frame);
    else if (!this.#isDraining) this.mailbox.post(frame);
  }

  onPeerClose(reason: CloseReason): void {
    this.login?.closedByPeer(reason);
    this.#lost(reason);
    this.#rotation?.sessionEnds();
    this.mailbox.post({ type: 'peer-close', session: this.connection.session });
  }

  onLeaving(reason: CloseReason): void {
    this.login?.over(reason);
    this.#lost(reason);
    if (this.connection.isClosedByUs) this.#rotation?.abandon();
    else this.#rotation?.sessionEnds();
  }

  onEnd(end: WireEnd): void {
    if (end.opened) this.login?.over(end.reason);
    if (end.opened) this.#lost(end.error ?? end.reason);
    if (end.voluntary) this.#rotation?.abandon();
    else this.#rotation?.sessionEnds();
    this.mailbox.post({ type: 'end', end });
  }

  onRetry(): void {
    this.reconnect.retry();
  }

  /** Its origin is back before its backoff is over. */
  call(): void {
    this.tools.run(() => this.reconnect.retry());
  }

  failed(error: unknown, where: string): void {
    this.tools.telemetry.error(error, where);
  }

  onWritable(): void {
    this.noted(() => this.tools.features.writable());
  }

  onBackpressure(hasBackpressure: boolean): void {
    if (hasBackpressure) this.pauseLock.hold(this.connection);
    else this.pauseLock.release(this.connection);
  }

  /**
   * Where frames go: straight to the mailbox, or nowhere, unless somebody in `@OnConnect` waits for one, or a
   * feature looks at them before.
   */
  get inbox(): FrameInbox {
    const mailbox = this.#isDraining ? NOWHERE : this.mailbox;
    return this.behindFeatures(this.#tapped(this.#rotation?.inbox(mailbox) ?? mailbox));
  }

  /** Whether it takes no more frames. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** An inbox that the features have looked at before. */
  behindFeatures(inbox: FrameInbox): FrameInbox {
    const { arrived } = this.tools.features;
    if (arrived === undefined) return inbox;
    return {
      post: (frame) => {
        if (this.noted(() => arrived(frame)) === true) this.dispatcher.received(frame);
        else inbox.post(frame);
      },
    };
  }

  #tapped(inbox: FrameInbox): FrameInbox {
    const { tools } = this;
    const listener = this.#listener;
    if (listener === undefined) return inbox;
    return {
      post: (frame) => {
        if (!tools.run(() => listener.arrived(frame))) inbox.post(frame);
      },
    };
  }

  /** The session behind a socket, for the dialogue of its login. */
  dialoguePort(wire: SessionWire): DialoguePort {
    return new WireDialogue(this.definition.name, this.tools, this, wire);
  }

  /** From now on the listener is told of frames before anybody else is. */
  listen(listener: FrameListener | undefined, wire: SessionWire): void {
    this.#listener = listener;
    wire.divert(this.inbox);
    this.stretch(this, listener && (() => listener.full()));
  }

  /** As long as anybody wants it, the number of what waits does not pause reading. */
  stretch(who: object, onFull: (() => void) | undefined): void {
    const all = (this.#stretchers ??= new Map<object, () => void>());
    if (onFull === undefined) all.delete(who);
    else all.set(who, onFull);
    const tell = (): void => [...all.values()].forEach((full) => full());
    this.mailbox.stretch(all.size === 0 ? undefined : tell);
  }

  /** A frame that a dialogue has waited for has its turn. */
  handOver(frame: DataFrame): DataFrame | undefined {
    return this.#guarded(() => this.dispatcher.handOver(frame));
  }

  /** Nobody waits for the peer in `@OnConnect` any more, unless the session is ready. */
  #leaveLogin(reason: CloseReason): void {
    if (this.login?.isReady === false) this.login.dialogue.over(reason);
  }

  /** Crashes in a turn of its own. */
  crashSoon(error: unknown): void {
    this.tools.run(() => this.mailbox.putFirst([{ type: 'crash', error }]));
  }

  rejected(handler: Handler, fault: MessageFault): MessageError {
    return this.dispatcher.messages.rejected(handler, fault);
  }

  /** Frames that nobody waits for are not sent: telemetry tells so. */
  dropped(frames: readonly Frame[], error: Error): void {
    this.tools.undelivered.add('reply', frames.length);
    this.tools.meter?.dropped(frames.length, error);
    for (const frame of frames) this.tools.telemetry.emit('frame:dropped', { frame, error });
  }

  /** What a feature refuses because of what was asked for is the sender's; all else is a crash. */
  #sending(frames: readonly Frame[], options: SendingOptions): readonly Frame[] | undefined {
    try {
      return this.tools.features.sending(frames, options);
    } catch (error) {
      if (error instanceof WebSockexError) throw error;
      return this.#guarded(() => {
        throw error;
      });
    }
  }

  #lost(cause: unknown): void {
    this.noted(() => this.tools.features.lost(cause));
  }

  #setPaused(paused: boolean): void {
    this.connection.setPaused(paused);
    this.#rotation?.setPaused(paused);
    this.noted(() => this.tools.features.paused(paused));
  }

  /** Has a feature do what is not the turn of a message: what it throws crashes the client in the next. */
  noted<R>(work: () => R): R | undefined {
    try {
      return this.#guarded(work);
    } catch {
      // The crash has been posted.
      return undefined;
    }
  }

  #guarded<R>(work: () => R): R {
    try {
      return work();
    } catch (error) {
      if (this.lifetime.isOver) this.tools.telemetry.error(error, 'a feature of the session');
      else this.crashSoon(error);
      throw error;
    }
  }

  /** An `@OnTerminate` that hangs is left behind as well. */
  #limit(timeout: number): void {
    // It may have ended in the very call that asked for it.
    if (this.connection.status === 'terminated') return;
    const deadline = this.tools.clock.now() + timeout;
    if (this.#shutdown && this.#shutdown.deadline <= deadline) return;
    this.#shutdown?.over();
    this.#shutdown = new Shutdown(this.tools.clock, this, timeout, () => {
      // Who waits for what is still to be sent is told by its own promise.
      if (this.dispatcher.isFlushing) return;
      this.tools.telemetry.emit('warning', {
        message:
          `${this.definition.name}: ${this.calls.busy} did not return within ${Math.round(timeout)} ms ` +
          `(shutdownTimeout) and was left behind`,
      });
    });
  }
}
