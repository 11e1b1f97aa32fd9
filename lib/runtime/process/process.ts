import type { Attempt } from '../connection/attempt.js';
import { Connection } from '../connection/connection.js';
import type { WireTools } from '../connection/wire.port.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame } from '../frame/frame.js';
import { Mailbox, type MailboxOwner } from '../mailbox/mailbox.js';
import type { ConnectionInfo } from './callback.types.js';
import type { ClientDefinition } from './client.definition.js';
import type { ClientSettings } from '../options/client-options.js';
import type { ContextRunner } from './context.runner.js';
import { Connector, type ConnectorOwner, type ConnectorTools } from './connector.js';
import type { ReconnectChanges } from './directive.js';
import { Dispatcher, type DispatcherOwner } from './dispatcher.js';
import { Ending } from './ending.js';
import { Flow } from '../mailbox/flow.js';
import { Inbox } from './inbox.js';
import type { Incarnation } from './incarnation.js';
import { Lifetime } from './lifetime.js';
import { isFromCaller, sizeOf, type CallerMessage, type Message } from './message.js';
import type { ProcessOwner } from './process.port.js';
import { Runner, type Pending, type RunnerOwner } from './runner.js';
import type { TraceHook } from './trace.hook.js';
import { isThenable } from '../clock/thenable.js';

/** What a process is made with. */
export interface ProcessTools extends WireTools, ConnectorTools {
  /** So that no handler runs in the context of the request that happened to start the client. */
  readonly run: ContextRunner;
  /** Told of every step while somebody debugs the client. */
  readonly trace: TraceHook;
  /** Milliseconds an incarnation has to end in. */
  readonly shutdownTimeout: () => number;
}

/**
 * The process behind a handle: a mailbox, a connection and an incarnation, one message at a time.
 * Every callback of the class runs here, in the turn of a message.
 */
export class Process
  implements MailboxOwner<Message>, RunnerOwner, ConnectorOwner, DispatcherOwner
{
  readonly connection: Connection;
  readonly mailbox: Mailbox<Message>;
  readonly flow: Flow;
  readonly #run: ContextRunner;
  readonly #lifetime: Lifetime;
  readonly #runner: Runner;
  readonly #connector: Connector;
  readonly #dispatcher: Dispatcher;
  #settings: ClientSettings | undefined;
  readonly #ending: Ending;
  #hasBegun = false;
  /**
   * Whether a handler failed, or wanted the end for an `Error`: an abnormal end. What the reconnect
   * policy decides is none.
   */
  hasCrashed = false;
  /** Casts and infos, so far. */
  #taken = 0;

  /** @param session the number of the last session of the client, before this process */
  constructor(
    private readonly definition: ClientDefinition,
    tools: ProcessTools,
    private readonly owner: ProcessOwner,
    session: number,
  ) {
    const { telemetry, run } = tools;
    this.#run = run;
    this.mailbox = new Mailbox<Message>(this, () => this.settings.mailbox);
    const inbox = new Inbox(definition, this.mailbox, telemetry, {
      onStatus: (status) => owner.onStatus(status),
      onRetry: () => this.#retry(),
      onChoked: (isChoked) =>
        isChoked ? this.flow.hold(this.connection) : this.flow.release(this.connection),
    });
    this.connection = new Connection(definition.name, tools, inbox, session);
    this.flow = new Flow((paused) => run(() => this.connection.setPaused(paused)));
    this.#ending = new Ending(this.connection, this.mailbox, this.flow);
    this.#lifetime = new Lifetime(definition, telemetry, {
      tellsStart: () => owner.tellsStart(),
      onOver: (reason) => this.#onOver(reason),
      onCrash: () => (this.hasCrashed = true),
      onBegun: () => owner.onBegun(),
      onTerminated: (reason) => {
        this.connection.terminate();
        owner.onTerminated(reason);
      },
      onError: (error, where) => owner.onError(error, where),
    });
    const { name } = definition;
    this.#runner = new Runner(this.connection, telemetry, tools.trace, run, this);
    this.#dispatcher = new Dispatcher(
      name,
      this.connection,
      telemetry,
      tools.trace,
      this.#runner,
      this,
    );
    this.#connector = new Connector(definition, this.connection, telemetry, tools, this);
  }

  get module(): string {
    return this.definition.module;
  }

  get settings(): ClientSettings {
    return this.#settings ?? this.definition.settings();
  }

  set settings(settings: ClientSettings) {
    this.#settings = settings;
  }

  get incarnation(): Incarnation {
    return this.#lifetime.incarnation;
  }

  /** Whether the instance has been made, and has not ended. */
  get hasIncarnation(): boolean {
    return this.#lifetime.isMade && !this.isOver;
  }

  get isOver(): boolean {
    return this.#lifetime.isOver;
  }

  /** Why it ended, once it has. */
  get reason(): CloseReason | undefined {
    return this.#lifetime.reason;
  }

  get isEnding(): boolean {
    return this.isOver || this.#ending.reason !== undefined;
  }

  /** Whether `@OnStart` is done. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Casts and infos that have not reached their handler; some have no session yet. */
  get waiting(): number {
    return this.#taken - this.#dispatcher.handled;
  }

  /** What the last failed attempt failed with. */
  get lastError(): unknown {
    return this.#connector.lastError;
  }

  /** Makes the incarnation ahead of its start; throws what its constructor throws. */
  incarnate(): Promise<void> {
    return this.#lifetime.incarnate();
  }

  start(args: unknown): void {
    // First, whatever those ask for who see us begin: there is no incarnation before.
    this.mailbox.putFirst([{ type: 'start', args, attempt: this.connection.begin() }]);
  }

  /** Takes what somebody casts, tells or calls; it is handled soon, never in the caller's own call. */
  post(message: CallerMessage): void {
    if (message.type !== 'call') this.#taken++;
    this.#run(() => this.mailbox.postLater(message));
  }

  /** Ends the client: at once between sessions; in one, after what waits has been handled. */
  stop(code: number): void {
    if (this.isOver) return;
    this.mailbox.resume();
    this.#ending.stop(code);
  }

  /** Another class takes over, between two messages. */
  replace(incarnation: Incarnation): void {
    this.#lifetime.replace(incarnation);
  }

  /** Ends a client that was never started: there is nothing to tell and nobody to call. */
  discard(reason: CloseReason): void {
    this.#lifetime.discard(reason);
  }

  /**
   * Ends the incarnation now. `@OnTerminate` runs, and is not waited for; it does not where another
   * handler still runs, which is left behind.
   */
  abandon(): void {
    const reason = this.#ending.reason ?? ({ by: 'local', message: '' } as const);
    if (this.mailbox.isIdle) void this.terminate(reason);
    this.#dispatcher.leaveBehind(reason);
    this.#lifetime.abandon(reason);
  }

  closeSession(code: number | undefined, message: string): void {
    this.#connector.refuse();
    if (this.connection.isOpen) return this.connection.close(code, message);
    if (this.connection.status === 'closing') return;
    this.#ending.finish({ by: 'local', message, ...(code !== undefined && { code }) });
  }

  reconnectSession(changes: ReconnectChanges): void {
    const { status } = this.connection;
    if (status === 'backoff') {
      this.#connector.change(changes);
      this.#retry();
    }
    if (status !== 'open' && status !== 'closing') return;
    this.#connector.wish(changes);
    this.connection.close(CloseCode.normal);
  }

  endClient(reason: string | Error | undefined): void {
    this.hasCrashed ||= reason instanceof Error;
    this.#ending.end(reason);
  }

  crash(error: unknown): Pending {
    if (this.isOver) return undefined;
    this.hasCrashed = true;
    this.connection.crash();
    return this.terminate({ by: 'error', error });
  }

  terminate(reason: CloseReason): Pending {
    return this.#lifetime.terminate(reason);
  }

  onStreamError(error: unknown): void {
    if (this.isOver) this.owner.onError(error, 'a stream that a handler returned');
    else this.#run(() => this.mailbox.putFirst([{ type: 'crash', error }]));
  }

  observe(frame: DataFrame): void {
    this.owner.observe(frame);
  }

  sizeOf(message: Message): number {
    return sizeOf(message);
  }

  onHighWater(): void {
    this.flow.hold(this.mailbox);
  }

  onLowWater(): void {
    this.flow.release(this.mailbox);
  }

  handle(message: Message): Pending {
    if (this.isOver) return this.#late(message);
    switch (message.type) {
      case 'text':
      case 'binary':
        return this.#dispatcher.data(message);
      case 'ping':
        return this.#dispatcher.control(this.incarnation.ping, message);
      case 'pong':
        return this.#dispatcher.control(this.incarnation.pong, message);
      case 'cast':
      case 'info':
        return this.#dispatcher.cast(message);
      case 'call':
        return this.#dispatcher.call(message);
      case 'start':
        return this.#onStart(message.args, message.attempt);
      case 'attempt':
        return this.#connector.attempt(message.attempt);
      case 'open':
        return this.#onSession(message.info);
      case 'peer-close':
        return this.connection.answerClose();
      case 'end':
        this.#runner.cancelStreams();
        return this.#connector.ended(message.end);
      case 'stop':
        return this.#ending.drained(message.code);
      case 'conclude':
        return this.#conclude();
      case 'crash':
        return this.crash(message.error);
    }
  }

  #retry(): void {
    if (!this.isEnding) this.mailbox.post({ type: 'attempt', attempt: this.connection.begin() });
  }

  async #onStart(args: unknown, attempt: Attempt): Promise<void> {
    await this.#lifetime.start(args);
    if (this.isOver) return;
    this.#hasBegun = true;
    this.mailbox.putFirst(this.#dispatcher.takeEarly());
    await this.#connector.attempt(attempt);
  }

  #onSession(info: ConnectionInfo): Pending {
    const { start, connect } = this.incarnation;
    if (start === undefined) this.#lifetime.opened();
    const pending = connect && this.#runner.run(connect, info);
    return isThenable(pending) ? pending.then(() => this.#ready(info)) : this.#ready(info);
  }

  #ready(info: ConnectionInfo): void {
    if (this.isOver) return;
    this.owner.onReady(info);
    this.mailbox.putFirst(this.#dispatcher.greeted());
  }

  #conclude(): Pending {
    const { reason } = this.#ending;
    return reason && !this.connection.hasWire ? this.terminate(reason) : undefined;
  }

  #onOver(reason: CloseReason): void {
    this.connection.giveUp();
    this.#runner.cancelStreams();
    const { mailbox } = this;
    const early = this.#dispatcher.takeEarly();
    const waiting = [...early, ...this.#dispatcher.takePostponed(), ...mailbox.clear()];
    this.owner.onLeftovers(waiting.filter(isFromCaller), reason);
  }

  /** What was posted before the end and comes after it. */
  #late(message: Message): void {
    const reason = this.#lifetime.reason;
    if (isFromCaller(message) && reason) this.owner.onLeftovers([message], reason);
  }
}
