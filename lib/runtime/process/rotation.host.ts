import { isThenable } from '../async/deferred.js';
import type { SessionInfo, SessionWire } from '../connection/connection.port.js';
import type { Rotation } from '../connection/rotation.js';
import type {
  BesideSession,
  Farewell,
  RotationHost,
  RotationSettings,
  WaitingFrames,
  WaitingFramesOwner,
} from '../connection/rotation.port.js';
import type { Attempt } from '../connection/attempt.js';
import { DEFAULT_RECONNECT } from '../connection/backoff.policy.js';
import type { WireEnd } from '../connection/wire.end.js';
import type { FrameInbox } from '../connection/wire.port.js';
import type { DataFrame, Frame, PingFrame, PongFrame } from '../frame/frame.js';
import { HeldQueue } from '../mailbox/held.queue.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { SendingOptions } from '../session/session.feature.js';
import type { Entrant } from '../throttle/budget.port.js';
import type { BesideCalls } from './beside.calls.js';
import type { ClientDefinition, Handler } from './client.definition.js';
import { Dialer } from './dialer.js';
import type { DialoguePort } from './dialogue.js';
import type { Dispatcher, DispatcherParts } from './dispatcher.js';
import type { ConnectionInfo } from './handler.arguments.js';
import type { KnownCall } from './handler.calls.js';
import type { Greeting } from './handler.streams.js';
import type { Lifetime } from './lifetime.js';
import { Login } from './login.js';
import type { ProcessTools } from './process.port.js';
import { ReconnectPlan } from './reconnect.plan.js';
import { UrlRound } from './url.round.js';

/** The parts of a process that its rotation works with. */
export interface RotationParts extends Omit<
  DispatcherParts,
  'dialer' | 'rotation' | 'madeRotation'
> {
  readonly beside: BesideCalls;
  readonly dispatcher: Dispatcher;
  readonly rotation: Rotation<Login>;
  readonly isDraining: boolean;
  login: Login | undefined;
  settings: ClientSettings;
  behindFeatures(inbox: FrameInbox): FrameInbox;
  dialoguePort(wire: SessionWire): DialoguePort;
  noted<R>(work: () => R): R | undefined;
  dropped(frames: readonly Frame[], error: Error): void;
  passed(values: readonly unknown[], options: SendingOptions): readonly unknown[] | undefined;
}

/**
 * A process, as its rotation sees it: what prepares an attempt, and the login of its session, beside the
 * mailbox. Each handler begins in a turn of its own, and is not waited for.
 */
export class ProcessRotation implements RotationHost<Login> {
  // Made for the first rotation: most clients never have one.
  #dialer: Dialer | undefined;
  #urls: UrlRound | undefined;
  #entrant: Entrant | undefined;
  /** The call of `@BeforeConnect`, while it runs. */
  #preparing: KnownCall | undefined;
  #url: string | URL | undefined;
  /** When it is tried again. */
  #plan: ReconnectPlan | undefined;
  /** What the options say for the new session. */
  #settings: ClientSettings | undefined;

  constructor(
    private readonly definition: ClientDefinition,
    private readonly tools: ProcessTools,
    private readonly parts: RotationParts,
  ) {}

  /** The handler that runs beside the mailbox. */
  get call(): KnownCall | undefined {
    return this.#preparing ?? this.parts.rotation.login?.call;
  }

  get settings(): RotationSettings {
    return this.parts.settings;
  }

  get isReady(): boolean {
    const { isReady, isDraining, lifetime } = this.parts;
    return isReady && !isDraining && !lifetime.isEnding;
  }

  get mailbox(): FrameInbox {
    return this.parts.mailbox;
  }

  handle(frames: readonly (DataFrame | PongFrame)[]): void {
    if (frames.length > 0) this.parts.mailbox.putFirst(frames);
  }

  answered(frame: DataFrame): void {
    this.parts.noted(() => this.tools.requests?.arrived?.(frame));
  }

  behindFeatures(inbox: FrameInbox): FrameInbox {
    return this.parts.behindFeatures(inbox);
  }

  prepare(attempt: Attempt, url: string | URL | undefined): void {
    this.#url = url;
    this.#dialer ??= this.#makeDialer();
    const pending = this.#dialer.attempt(attempt);
    if (isThenable(pending)) pending.then(undefined, (error: unknown) => this.#crash(error));
  }

  failed(end: WireEnd, failures: number): number | undefined {
    const { connection, reconnect, settings } = this.parts;
    const { reason, error } = end;
    const { session } = connection;
    const told = { reason, attempt: failures, session, ...(error !== undefined && { error }) };
    const after = reconnect.classify(end, told);
    const movesOn = this.#round.failed() && after === 'passing';
    // A client that does not reconnect may be rotated nevertheless.
    const policy = settings.reconnect || DEFAULT_RECONNECT;
    const plan = (this.#plan ??= new ReconnectPlan(this.tools.random));
    const delay = plan.plan(end, policy, 0, { after, movesOn });
    if (delay !== undefined) plan.commit();
    return delay;
  }

  begins(): void {
    this.#plan = undefined;
    this.#round.follow(this.tools.urls);
  }

  leaves(): void {
    this.#dialer?.over();
    this.#settings = undefined;
  }

  greet(info: SessionInfo, session: BesideSession): Login {
    const { parts } = this;
    const { calls, connection, invoker } = parts;
    const login: Login = new Login(
      info,
      this.tools,
      {
        connection: {
          // Once it is the client's it is closed as that is.
          get isOpen() {
            return parts.login === login ? connection.isOpen : session.isOpen;
          },
          fail: (error, code) => (parts.login === login ? connection : session).fail(error, code),
          lose: (error) => (parts.login === login ? connection : session).lose(error),
        },
        calls: {
          invokeKnown: (handler, args, begun) => this.#invoke(handler, args, begun),
          suspended: () => undefined,
          left: (call) => call.end(),
          goesOn: (handler) => calls.goesOnBeside(handler),
        },
        lifetime: this.#lifetime,
        invoker,
        settings: this.#settings ?? parts.settings,
      },
      this.#dialoguePort(session),
      this.parts.rotation,
    );
    return login;
  }

  logIn(login: Login): void {
    this.parts.beside.inTurn(() => {
      const pending = login.begin();
      if (isThenable(pending)) pending.then(undefined, (error: unknown) => this.#crash(error));
    });
  }

  forget(login: Login): void {
    this.parts.invoker.cancelStreams(({ greeting }) => greeting === login);
  }

  later(work: () => void): void {
    this.parts.mailbox.post({ type: 'beside', work });
  }

  onSwitching(login: Login, reason: Farewell): void {
    const { invoker } = this.parts;
    this.#adopt();
    invoker.cancelStreams(({ greeting }) => greeting !== login);
    const { features } = this.tools;
    this.parts.noted(() =>
      features.end({ opened: true, voluntary: true, isRotated: true, reason }),
    );
    this.parts.login?.over(reason);
    this.parts.login = login;
  }

  onReady(login: Login, info: ConnectionInfo, isOpened: boolean): void {
    if (!this.parts.connection.isOpen || this.parts.login !== login) return;
    if (!isOpened) this.#opened(info);
    this.parts.noted(() => this.parts.dispatcher.ready(info));
  }

  onOverlapOver(): void {
    this.parts.noted(() => this.tools.features.overlapOver());
    this.parts.invoker.cancelStreams(({ handler }) => handler.answersPeer === true);
  }

  onTakingOver(): void {
    this.#adopt();
    this.leaves();
  }

  onTakenOver(login: Login, info: ConnectionInfo): void {
    this.parts.login = login;
    this.#opened(info);
  }

  takesPing(frame: PingFrame): boolean {
    if (!this.definition.handlers.hasPing || this.parts.isDraining) {
      this.parts.dispatcher.received(frame);
      return false;
    }
    this.parts.mailbox.post(frame);
    return true;
  }

  hold(owner: WaitingFramesOwner): WaitingFrames {
    return new HeldQueue<DataFrame | PongFrame>(() => this.parts.settings.mailbox, owner);
  }

  pause(holder: object, isPaused: boolean): void {
    if (isPaused) this.parts.pauseLock.hold(holder);
    else this.parts.pauseLock.release(holder);
  }

  noted<R>(work: () => R): R | undefined {
    return this.parts.noted(work);
  }

  leftUndone(frames: number): void {
    this.tools.undelivered.add('frame', frames);
  }

  dropped(frames: readonly Frame[], error: Error): void {
    this.parts.dropped(frames, error);
  }

  /**
   * Sends what does not go by the session that is the client's: what the `@OnConnect` of the new one
   * sends, and what answers a frame of the old one.
   *
   * @returns whether it was one of them
   * @throws WebSockexError
   */
  send(values: readonly unknown[], options: SendingOptions, greeting?: Greeting): boolean {
    const { connection, rotation } = this.parts;
    const { caller, isAnswer, done } = options;
    const { login } = rotation;
    const isOfNext = login !== undefined && (greeting === login || login.isHere);
    const session = caller?.session ?? login?.info.session;
    if (isOfNext && session === connection.session + 1) {
      rotation.sendNext(values, done);
      return true;
    }
    if (!isAnswer || caller !== undefined || !rotation.isOverlapping) return false;
    const passed = this.parts.passed(values, { ...options, isOfBefore: true });
    // What handlers return are frames by now.
    if (passed !== undefined) rotation.sendBefore(passed as readonly Frame[], done);
    return true;
  }

  /** The incarnation is over. */
  over(): void {
    this.#dialer?.over();
    this.#entrant?.over();
  }

  #opened({ session }: ConnectionInfo): void {
    this.parts.noted(() => this.tools.features.open(session));
  }

  /** What was said for the new session holds from now on. */
  #adopt(): void {
    this.parts.settings = this.#settings ?? this.parts.settings;
    this.tools.urls.follow(this.#round);
  }

  /** Its own: it knows what that of the client knows as it begins. */
  get #round(): UrlRound {
    return (this.#urls ??= new UrlRound());
  }

  /** In a turn of its own: another handler may run now. */
  #crash(error: unknown): void {
    if (this.parts.lifetime.isOver) this.tools.telemetry.error(error, 'a rotation');
    else this.tools.run(() => this.parts.mailbox.putFirst([{ type: 'crash', error }]));
  }

  get #lifetime(): Pick<Lifetime, 'isOver' | 'incarnation' | 'crash' | 'endBy'> {
    const { lifetime } = this.parts;
    return {
      get isOver() {
        return lifetime.isOver;
      },
      get incarnation() {
        return lifetime.incarnation;
      },
      crash: (error) => this.#crash(error),
      endBy: (reason) => lifetime.endBy(reason),
    };
  }

  #makeDialer(): Dialer {
    const { definition, parts, tools } = this;
    const self = (): ProcessRotation => this;
    const lifetime = this.#lifetime;
    return new Dialer(definition, tools, {
      urls: this.#round,
      get connection() {
        return parts.rotation;
      },
      entrant: {
        enter: (...args) => {
          this.#entrant ??= tools.gate.join({
            call: () => undefined,
            failed: (error, where) => tools.telemetry.error(error, where),
          });
          return this.#entrant.enter(...args);
        },
      },
      // It waits for no turn of a mailbox to be prepared anew.
      mailbox: {
        isBusy: false,
        isSuspended: false,
        length: 0,
        post: (message) => {
          if (message.type === 'attempt') this.prepare(message.attempt, this.#url);
        },
      },
      calls: {
        settled: (handler, ...args) => this.#settled(handler, args),
        over: () => this.#preparing?.end(),
      },
      lifetime,
      reconnect: {
        get changes() {
          const url = self().#url;
          return { ...parts.reconnect.changes, ...(url !== undefined && { url }) };
        },
      },
      get settings() {
        return self().#settings ?? parts.settings;
      },
      set settings(settings) {
        self().#settings = settings;
      },
    });
  }

  #invoke(handler: Handler, args: readonly unknown[], begun: (call: KnownCall) => void): unknown {
    return this.parts.beside.invoke(handler, args, begun, this.#slowHandler);
  }

  #settled(handler: Handler, args: readonly unknown[]): Promise<unknown> {
    const begun = (call: KnownCall): void => {
      this.#preparing = call;
    };
    const ended = (call: KnownCall): void => {
      if (this.#preparing === call) this.#preparing = undefined;
    };
    return this.parts.beside.settled(handler, args, begun, ended, this.#slowHandler);
  }

  /** What the options say for the new session. */
  get #slowHandler(): number {
    return (this.#settings ?? this.parts.settings).slowHandler;
  }

  /** The new session, for the dialogue of its login: what has come of it waits with the rotation. */
  #dialoguePort(session: BesideSession): DialoguePort {
    const { connection } = this.parts;
    const port = this.parts.dialoguePort({ divert: (inbox) => connection.wire?.divert(inbox) });
    return {
      client: port.client,
      clock: port.clock,
      refuse: (what, error) => port.refuse(what, error),
      handOver: (frame) => port.handOver(frame),
      send: (frames, done) => {
        if (session.isPassedOn) port.send(frames, done);
        else session.send(frames, done);
      },
      takeOut: (match: (frame: DataFrame) => boolean) =>
        session.isHolding ? session.takeOut(match) : port.takeOut(match),
      listen: (listener) => {
        if (session.isHolding) session.listen(listener);
        else port.listen(listener);
      },
    };
  }
}
