import type { Clock } from '../clock/clock.port.js';
import {
  Deferred,
  isThenable,
  limited,
  type Pending,
  type WaitOptions,
} from '../async/deferred.js';
import { CallTimeoutError } from '../errors/client.errors.js';
import type { ClientStatus, NotConnectedError } from '../errors/connection.errors.js';
import type { RotateOptions } from '../connection/rotation.port.js';
import { Redactor } from '../errors/redactor.js';
import { checkClose, CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { ClientMeter } from '../metering/client.meter.js';
import type { FrameIterator } from '../observers/frame-iterator.js';
import { Observers } from '../observers/observers.js';
import type { SendOptions } from './send.options.js';
import type { ClientDefinition } from '../process/client.definition.js';
import { checkLeave, checkRotate, type LeaveOptions } from '../process/directive.js';
import type { ConnectionInfo } from '../process/handler.arguments.js';
import type { Process } from '../process/process.js';
import { Undelivered } from '../process/undelivered.js';
import type { Requests } from '../session/requests.js';
import type { Supervisor } from '../supervision/supervisor.js';
import { Debugger } from '../sys/debugger.js';
import { LocalSys, type SysTarget } from '../sys/local-sys.js';
import { type EventSink, type EventSource, Telemetry } from '../telemetry/telemetry.js';
import {
  Admission,
  endedBefore,
  notConnected,
  notStarted,
  sendFrames,
  startTimeout,
  unsent,
  type Unsent,
  whyIdle,
} from './admission.js';
import { BatchedSends } from './batched.sends.js';
import { ClientChannels } from './client.channels.js';
import { ClientMessages } from './client.messages.js';
import { ClientMember, type MemberOwner } from './client.member.js';
import type { ClientTools } from './client.tools.js';
import type { ExitWatchers } from './exit.watchers.js';
import { MemberTools } from './member.tools.js';
import { OutageWatch, type WatchedClient } from './outage.watch.js';
import { Readiness } from './readiness.js';
import { Unheard } from './unheard.js';

/**
 * What lives behind a handle: its incarnations, those who watch them and those who wait for them.
 * Every call from outside comes in here, is checked here, and goes on in the context of the boot.
 */
export class Client implements MemberOwner, SysTarget, WatchedClient {
  readonly observers: Observers;
  /** Casts, infos and calls. */
  readonly admission: Admission;
  readonly #member: ClientMember;
  /** Tells its events. */
  readonly telemetry: Telemetry;
  /** What is left undone when the application ends. */
  readonly undelivered: Undelivered;
  readonly #readiness: Readiness;
  readonly #outages: OutageWatch;
  // Of most clients nobody ever asks for these: they are made for who does.
  #batched: BatchedSends | undefined;
  #terminated: Deferred<CloseReason> | undefined;
  #debugging: Debugger | undefined;
  #unheard: Unheard | undefined;
  #messages: ClientMessages | undefined;
  #channels: ClientChannels | undefined;
  #sys: LocalSys<object> | undefined;
  /** How it has ended, once that may be told. */
  #reason: CloseReason | undefined;
  /** Whether somebody has asked for a start. */
  isWanted = false;

  constructor(
    readonly definition: ClientDefinition,
    private readonly tools: ClientTools,
    supervisor: Supervisor,
    position = 0,
    /** Measures it, where somebody wants that. */
    readonly meter?: ClientMeter,
  ) {
    const { clock, signals, sinks } = tools;
    this.#readiness = new Readiness(clock, signals);
    this.undelivered = new Undelivered(tools.host);
    this.observers = new Observers(this);
    const all = [this.observers as EventSink].concat(sinks);
    this.telemetry = new Telemetry(new ClientSource(this), clock, all);
    this.#outages = new OutageWatch(this, clock, this.telemetry);
    const { observers, telemetry, undelivered } = this;
    const parts = { observers, telemetry, undelivered, meter, refuser: this };
    const own = new MemberTools(tools, parts);
    this.#member = new ClientMember(definition, own, supervisor, this, position);
    this.admission = new Admission(definition, this.#member, clock, tools.host, this);
  }

  /** Looks into it. */
  get sys(): LocalSys<object> {
    const { clock, run } = this.tools;
    return (this.#sys ??= new LocalSys(this, () => this.#debugger, clock, run));
  }

  get #debugger(): Debugger {
    if (this.#debugging !== undefined) return this.#debugging;
    const { name, observers, telemetry } = this;
    const { trace } = this.#member.tools;
    const made = new Debugger(name, observers, trace, this.tools.clock, (error, where) =>
      telemetry.error(error, where),
    );
    this.#debugging = made;
    // One that is made late knows no less.
    if (this.hasEnded) void made.end(this.status);
    return made;
  }

  /** What it has asked of its peer. */
  get requests(): Requests {
    return this.#member.tools.requests;
  }

  get clock(): Clock {
    return this.tools.clock;
  }

  /** What it says and hears, as messages. */
  get messages(): ClientMessages {
    return (this.#messages ??= new ClientMessages(this, this.tools.signals));
  }

  /** What others subscribe to. */
  get channels(): ClientChannels {
    return (this.#channels ??= new ClientChannels(this, this.tools.signals));
  }

  get name(): string {
    return this.definition.name;
  }

  get status(): ClientStatus {
    return this.#member.status;
  }

  /** Hides secrets in whatever is shown of it. */
  get redactor(): Redactor {
    return this.tools.redactor ?? new Redactor();
  }

  /** The process of the current incarnation, or of the next. */
  get process(): Process {
    return this.#member.process;
  }

  /** Whether its messages, or a stream of a handler's, go on in the next turn of the event loop. */
  get isYielding(): boolean {
    return this.process.budget.isAwaited;
  }

  /** Its incarnations. */
  get member(): ClientMember {
    return this.#member;
  }

  /** Told of the end of every incarnation. */
  get exits(): ExitWatchers {
    return this.#member.exits;
  }

  get session(): number {
    return this.process.connection.session;
  }

  /** What the peer agreed to in the session that is open, if one is. */
  get connection(): ConnectionInfo | undefined {
    const { connection, login } = this.process;
    return connection.isOpen ? login?.info : undefined;
  }

  /** How many incarnations there have been, the one that lives counted. */
  get incarnation(): number {
    return this.#member.incarnation;
  }

  get terminated(): Promise<CloseReason> {
    if (this.#terminated === undefined) {
      this.#terminated = new Deferred();
      if (this.#reason !== undefined) this.#terminated.resolve(this.#reason);
    }
    return this.process.calls.guard(this.#terminated.promise, {
      what: 'the end of its own client',
      remedy: 'Return terminate() from it, or do not await it.',
    });
  }

  /** Resolves when it has ended for good: before {@link terminated}, which waits for a trace file. */
  get ended(): Promise<void> {
    return this.#member.ended;
  }

  get hasEnded(): boolean {
    return this.#member.hasEnded;
  }

  /** Whether it is to end for good, whatever its supervisor says. */
  get isStopped(): boolean {
    return this.#member.isStopped;
  }

  get isStartAwaited(): boolean {
    return this.#readiness.isStartAwaited;
  }

  /** Milliseconds without a session after which it is lost. */
  get lostAfter(): number {
    return this.process.settings.lostAfter;
  }

  /** Whether its session is left because somebody wants it to end. */
  get isLeaving(): boolean {
    return this.isEnding || this.process.reconnect.isClosing;
  }

  /** The last end of a session, or failure of an attempt, as far as it is known. */
  get lastEnd(): WatchedClient['lastEnd'] {
    return this.process.reconnect.last ?? { attempt: 0 };
  }

  /** When it will be told that it is lost, on the scale of its clock; where it is about to be. */
  get lostAt(): number | undefined {
    return this.#outages.due;
  }

  /** Since when it has had no session that is ready, on the scale of its clock; `undefined` while it has one. */
  get awaySince(): number | undefined {
    return this.#outages.awaySince;
  }

  /** How it has ended for good, once that may be told. */
  get reason(): CloseReason | undefined {
    return this.#reason;
  }

  /** Makes the incarnation ahead of the start. */
  incarnate(): Pending {
    return this.tools.run(() => this.process.lifetime.incarnate());
  }

  /**
   * Starts; does nothing once started, and before the boot it is a wish. Resolves when the
   * incarnation has begun or ended, or after `startupTimeout`, and never rejects.
   */
  launch(): Promise<void> {
    if (!this.#launch()) return Promise.resolve();
    const { startupTimeout: timeout } = this.process.settings;
    const begun = limited<void>(this.tools.clock, { timeout }, () => new Error('not awaited'));
    void this.#member.begun().then(begun.resolve);
    return begun.promise.catch(() => undefined);
  }

  /** @returns whether it has started in this call */
  #launch(): boolean {
    this.isWanted = true;
    if (this.status !== 'idle' || !this.definition.isReady) return false;
    const { debug } = this.process.settings;
    if (Debugger.isWanted(debug)) this.#debugger.apply(debug);
    this.#member.begin();
    return true;
  }

  /** Sets what `@OnStart` of every incarnation is given. */
  prepare(args: unknown): void {
    this.#member.args = args;
  }

  /**
   * Starts, and waits for the first `@OnConnect`; a client that is not there in time is stopped.
   * Where nobody runs the clients it fails, and nothing has changed.
   */
  start(): Promise<ConnectionInfo> {
    const { host } = this.tools;
    const { info } = this.#readiness;
    if (info !== undefined && !this.admission.isClosed) return Promise.resolve(info);
    const isFirst = this.status === 'idle';
    const isAbsent = isFirst && host?.stage === 'absent';
    if (this.#member.isEnding || host?.isClosing || isAbsent) {
      return this.refuse('start()', this.notConnected('cannot start'));
    }
    if (!isFirst) return this.#start(false);
    try {
      const begun = this.tools.run(() => this.definition.begin());
      if (!isThenable(begun)) return this.#start(true);
      const started = Promise.resolve(begun).then(() => this.start());
      started.catch(() => undefined);
      return started;
    } catch (error) {
      return this.refuse('start()', error);
    }
  }

  #start(isFirst: boolean): Promise<ConnectionInfo> {
    const { host } = this.tools;
    const { startupTimeout } = this.process.settings;
    const started = this.#readiness.started(startupTimeout, () => {
      if (this.status === 'idle') return this.#withdrawStart(startupTimeout);
      // A client that runs already goes on: only the wait for it is over.
      if (isFirst) void this.stop(CloseCode.normal);
      return startTimeout(this.name, startupTimeout, this.process.reconnect.last?.error);
    });
    if (isFirst) this.#member.isStarting = true;
    this.#launch();
    if (this.status === 'idle') host?.awaited(this.name, 'start()', started);
    return this.#guard(started, 'start()');
  }

  /** Resolves when a session is open, at once where one is. */
  connected(options: WaitOptions = {}): Promise<ConnectionInfo> {
    if (this.hasEnded || this.admission.isClosed) {
      return this.refuse('connected()', this.notConnected('cannot connect'));
    }
    return this.#guard(this.#connected(options), 'connected()');
  }

  send(frame: unknown, options?: SendOptions): Promise<void> {
    if (options === undefined && !Array.isArray(frame) && !this.admission.isClosed) {
      try {
        this.#batched ??= new BatchedSends(this.undelivered, (cause) => unsent(this, cause));
        const sent = this.#batched.send(this.process, frame);
        if (sent !== undefined) return sent;
      } catch (error) {
        return this.refuse('sendFrame()', error);
      }
    }
    const frames: readonly unknown[] = Array.isArray(frame) ? frame : [frame];
    return sendFrames(this, this.process, this.tools, frames, options ?? {});
  }

  /** Whether nothing is kept for a session any more: none follows. */
  get isEnding(): boolean {
    return this.#member.isEnding;
  }

  /** @throws FrameEncodeError for a close that cannot be sent */
  close(code?: number, reason?: string): Promise<void> {
    checkClose(`${this.name}: close()`, code, reason);
    if (this.status === 'idle') return Promise.resolve();
    this.#member.close(code, reason ?? '');
    // Not by the status: it stays `closing` until `@OnDisconnect`, behind the handler that waits here.
    return new Promise((over) => this.process.connection.whenNoWire(over));
  }

  /** @throws FrameEncodeError, ConfigurationError for what cannot be */
  reconnect(options: LeaveOptions = {}): Promise<ConnectionInfo> {
    checkLeave(`${this.name}: reconnect()`, options);
    if (this.status === 'idle' || this.#member.isEnding || this.tools.host?.isClosing) {
      return this.refuse('reconnect()', this.notConnected('cannot reconnect'));
    }
    const { code, reason, force } = options;
    const changes = {
      ...(code !== undefined && { code }),
      ...(reason !== undefined && { reason }),
    };
    this.tools.run(() =>
      this.process.reconnect.request({ ...changes, ...(force !== undefined && { force }) }),
    );
    return this.process.calls.guard(this.#connected({}), {
      what: 'reconnect() of its own client',
      remedy: 'Return reconnect() from it, or do not await it.',
    });
  }

  /** @throws UrlError, ConfigurationError for what cannot be */
  rotate(options: RotateOptions = {}): Promise<ConnectionInfo> {
    checkRotate(`${this.name}: rotate()`, options);
    const { rotation, calls, isReady } = this.process;
    if (this.#member.isEnding || this.tools.host?.isClosing || !isReady) {
      const state = this.status === 'open' ? 'not ready' : this.status;
      return this.refuse('rotate()', this.notConnected('cannot rotate', { state }));
    }
    const rotated = this.tools.run(() => rotation.rotate(options));
    return calls.guard(rotated, {
      what: 'rotate() of its own client',
      remedy: 'Return rotate() from it, or do not await it.',
      beside: this.process.besideCall,
    });
  }

  /** How many rotations there have been. */
  get rotations(): number {
    return this.#member.rotations;
  }

  /** Ends for good: what waits is handled, the session closed with `code`, all within a time. */
  stop(code: number, timeout: number = this.tools.shutdownTimeout()): Promise<CloseReason> {
    this.#member.stop(code, timeout);
    return this.terminated;
  }

  /** Ends for good, because somebody it is linked to has ended with an error. */
  exit(error: Error): void {
    this.#member.exit(error, this.tools.shutdownTimeout());
  }

  iterate(): FrameIterator {
    const { mailbox } = this.process.settings;
    return this.observers.iterate(mailbox, this.#member.readers, (next, giveUp) =>
      this.process.calls.guard(next, {
        what: 'the next frame of its own client',
        remedy: 'Handle frames in @OnFrame.',
        giveUp,
      }),
    );
  }

  /** A call is refused at once; where nobody listens to that, it is told. */
  refuse(what: string, error: unknown): Promise<never> {
    this.#unheard ??= new Unheard((unheard, where) => this.telemetry.error(unheard, where));
    return this.#unheard.refuse(what, error);
  }

  onReady(info: ConnectionInfo): void {
    this.#unheard?.reset();
    this.#readiness.ready(info, this.status === 'open');
    if (this.status === 'open') this.#outages.ready();
  }

  onStatus(status: ClientStatus): void {
    if (status !== 'open') this.#readiness.lost();
    this.#outages.onStatus(status);
    this.observers.status(status);
  }

  onEnded(reason: CloseReason): void {
    if (this.status === 'failed') {
      this.meter?.failed(reason.by === 'error' ? reason.error : undefined);
    }
    this.undelivered.over();
    this.#readiness.ended(() => endedBefore(this.name, reason, this.tools.host));
    this.observers.complete();
    const written = this.#debugging?.end(this.status);
    if (written === undefined) this.#over(reason);
    else void written.then(() => this.#over(reason));
  }

  #over(reason: CloseReason): void {
    this.#reason = reason;
    const { onTerminated } = this.tools;
    // First, as one that had asked for the promise before all others.
    if (onTerminated !== undefined) void Promise.resolve().then(() => onTerminated(this));
    this.#terminated?.resolve(reason);
  }

  #connected(options: WaitOptions): Promise<ConnectionInfo> {
    const { host } = this.tools;
    const connected = this.#readiness.connected(options, (timeout) => {
      const advice = this.status === 'idle' ? whyIdle(host) : undefined;
      return new CallTimeoutError(this.name, timeout, 'was not connected', advice);
    });
    if (this.status === 'idle') host?.awaited(this.name, 'connected()', connected);
    return connected;
  }

  /** In a handler there is no next session before that has returned. */
  #guard(connected: Promise<ConnectionInfo>, call: string): Promise<ConnectionInfo> {
    if (this.#readiness.info) return connected;
    return this.process.calls.guard(connected, {
      what: `${call} of its own client`,
      remedy: 'Do in @OnConnect what has to be done in each session.',
    });
  }

  /** What somebody asked for needs a session, or a client that lives. */
  notConnected(what: string, { state = this.status, ...options }: Unsent = {}): NotConnectedError {
    // That the socket is gone is known before the session has ended by it.
    const isGone = state === 'open' && options.cause !== undefined;
    return notConnected(this.name, isGone ? 'closing' : state, what, this.tools.host, options);
  }

  /** Takes back a start that the boot has not fulfilled: nothing has been started, and nothing ends. */
  #withdrawStart(timeout: number): Error {
    if (this.#readiness.startsAwaited === 1) {
      this.isWanted = false;
      this.#member.isStarting = false;
    }
    return notStarted(this.name, timeout, this.tools.host);
  }
}

/** Who the events of a client are about. */
class ClientSource implements EventSource {
  constructor(private readonly of: Client) {}

  get client(): string {
    return this.of.name;
  }

  get module(): string {
    return this.of.definition.module;
  }

  session(): number {
    return this.of.session;
  }
}
