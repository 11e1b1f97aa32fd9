import type { Pending } from '../async/deferred.js';
import { Connection } from '../connection/connection.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame } from '../frame/frame.js';
import { Mailbox, type MailboxOwner } from '../mailbox/mailbox.js';
import { PauseLock } from '../mailbox/pause.lock.js';
import { TurnBudget } from '../mailbox/turn.budget.js';
import type { ClientSettings } from '../options/client-options.js';
import type { ClientDefinition, Incarnation } from './client.definition.js';
import { Dialer, type DialerOwner } from './dialer.js';
import { Dispatcher, type DispatcherOwner } from './dispatcher.js';
import { HandlerCalls } from './handler.calls.js';
import { HandlerRunner, type HandlerRunnerOwner } from './handler.runner.js';
import { Inbox } from './inbox.js';
import { Lifetime, Milestones } from './lifetime.js';
import {
  type CallerMessage,
  isWanted,
  type LeaveMessage,
  type Message,
  sizeOf,
} from './message.js';
import type { ProcessOwner, ProcessTools } from './process.port.js';
import { SessionControl } from './reconnect.js';
import { Ending, Shutdown } from './shutdown.js';

/**
 * The process behind a handle: a mailbox, a connection and an incarnation, one message at a time.
 * Every callback of the class runs here, in the turn of a message.
 */
export class Process
  implements MailboxOwner<Message>, HandlerRunnerOwner, DialerOwner, DispatcherOwner
{
  readonly connection: Connection;
  readonly mailbox: Mailbox<Message>;
  readonly pauseLock: PauseLock;
  /** Which handler runs. */
  readonly calls: HandlerCalls;
  readonly lifetime: Lifetime;
  readonly runner: HandlerRunner;
  readonly dialer: Dialer;
  readonly session: SessionControl;
  readonly dispatcher: Dispatcher;
  readonly sizeOf = sizeOf;
  #settings: ClientSettings | undefined;
  readonly #ending: Ending;
  readonly #milestones: Milestones;
  #shutdown: Shutdown | undefined;
  /**
   * Whether a handler failed: an abnormal end. What a handler or the reconnect policy decides is none.
   */
  hasCrashed = false;

  /** @param session the number of the last session of the client, before this process */
  constructor(
    private readonly definition: ClientDefinition,
    private readonly tools: ProcessTools,
    private readonly owner: ProcessOwner,
    session: number,
  ) {
    const { telemetry, run } = tools;
    const budget = tools.budget?.() ?? new TurnBudget();
    this.mailbox = new Mailbox<Message>(this, () => this.settings.mailbox, budget);
    const inbox = new Inbox(definition, this.mailbox, telemetry, {
      onStatus: (status) => owner.onStatus(status),
      onRetry: () => this.#retry(),
      onBackpressure: (hasBackpressure) =>
        hasBackpressure
          ? this.pauseLock.hold(this.connection)
          : this.pauseLock.release(this.connection),
    });
    this.connection = new Connection(definition.name, tools, inbox, session);
    this.pauseLock = new PauseLock((paused) => run(() => this.connection.setPaused(paused)));
    this.#ending = new Ending(this.connection, this.mailbox, this.pauseLock);
    this.calls = new HandlerCalls(definition.name);
    this.lifetime = new Lifetime(definition, telemetry, this.calls, {
      tellsStart: () => owner.tellsStart(),
      onOver: (reason) => this.#milestones.over(reason),
      onCrash: () => (this.hasCrashed = true),
      hasCrashed: () => this.hasCrashed,
      onBegun: () => owner.onBegun(),
      onTerminated: (reason) => {
        this.#shutdown?.over();
        this.connection.terminate();
        owner.onTerminated(reason);
      },
      onError: (error, where) => owner.onError(error, where),
    });
    this.dialer = new Dialer(definition, this.connection, telemetry, tools, this.calls, this);
    this.session = new SessionControl(this.connection, this.dialer, this.#ending, () =>
      this.#retry(),
    );
    this.runner = new HandlerRunner(
      definition.name,
      this.connection,
      telemetry,
      tools.trace,
      run,
      this.calls,
      budget,
      this,
    );
    this.dispatcher = new Dispatcher(
      definition.name,
      this.connection,
      telemetry,
      tools.trace,
      this.runner,
      this,
    );
    this.#milestones = new Milestones(this, owner);
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
    return this.lifetime.incarnation;
  }

  get isOver(): boolean {
    return this.lifetime.isOver;
  }

  get isEnding(): boolean {
    return this.isOver || this.#ending.reason !== undefined;
  }

  get decided(): CloseReason | undefined {
    return this.#ending.decided;
  }

  /** Whether `@OnStart` is done. */
  get hasBegun(): boolean {
    return this.#milestones.hasBegun;
  }

  start(args: unknown): void {
    // First, whatever those ask for who see us begin: there is no incarnation before.
    this.mailbox.putFirst([{ type: 'start', args, attempt: this.connection.begin() }]);
  }

  /** Takes what somebody casts, tells or calls; it is handled soon, never in the caller's own call. */
  post(message: CallerMessage): void {
    if (message.type !== 'call') this.dispatcher.taken++;
    this.tools.run(() => this.mailbox.postLater(message));
  }

  /** Takes out what nobody wants any more. */
  sweep(): void {
    this.mailbox.sweep(isWanted);
    this.dispatcher.sweep();
  }

  /**
   * Ends the incarnation in so many milliseconds: at once between sessions; in one, after what waits
   * has been handled.
   */
  stop(code: number, timeout: number): void {
    if (!this.isOver) this.#ending.stop(code);
    this.#limit(timeout);
  }

  /** Ends the incarnation in so many milliseconds, by an error of somebody else's. */
  exit(error: Error, timeout: number): void {
    if (!this.isOver) this.endClient(error);
    this.#limit(timeout);
  }

  /**
   * Ends the incarnation now. `@OnTerminate` runs, and is not waited for; it does not where another
   * handler still runs, which is left behind.
   */
  abandon(): void {
    const reason = this.#ending.reason ?? ({ by: 'local', message: '' } as const);
    if (!this.mailbox.isBusy) void this.terminate(reason);
    this.dispatcher.leaveBehind(reason);
    this.lifetime.abandon(reason);
  }

  endClient(reason: string | Error | undefined): void {
    this.#ending.end(reason);
  }

  crash(error: unknown): Pending {
    if (this.isOver) return undefined;
    this.hasCrashed = true;
    this.connection.crash(error);
    return this.terminate({ by: 'error', error });
  }

  terminate(reason: CloseReason): Pending {
    return this.lifetime.terminate(reason);
  }

  onStreamError(error: unknown): void {
    if (this.isOver) this.owner.onError(error, 'a stream that a handler returned');
    else this.tools.run(() => this.mailbox.putFirst([{ type: 'crash', error }]));
  }

  onError(error: unknown, where: string): void {
    this.owner.onError(error, where);
  }

  onEscape(error: unknown): Pending {
    this.calls.over();
    if (!this.isOver) return this.crash(error);
    this.onError(error, 'the end of the client');
    return undefined;
  }

  observe(frame: DataFrame): void {
    this.owner.observe(frame);
  }

  onHighWater(): void {
    this.pauseLock.hold(this.mailbox);
  }

  onLowWater(): void {
    this.pauseLock.release(this.mailbox);
  }

  handle(message: Message): Pending {
    if (this.isOver) return this.#milestones.late(message);
    switch (message.type) {
      case 'text':
      case 'binary':
        return this.dispatcher.data(message);
      case 'ping':
        return this.dispatcher.control(this.incarnation.ping, message);
      case 'pong':
        return this.dispatcher.control(this.incarnation.pong, message);
      case 'cast':
      case 'info':
        return this.dispatcher.cast(message);
      case 'call':
        return this.dispatcher.call(message);
      case 'start':
        return this.#milestones.start(message.args, message.attempt);
      case 'attempt':
        return this.dialer.attempt(message.attempt);
      case 'open':
        return this.#milestones.opened(message.info);
      case 'peer-close':
      case 'end':
      case 'stop':
        return this.tools.turns.pass(() => this.#leave(message));
      case 'conclude':
        return this.#ending.due && this.terminate(this.#ending.due);
      case 'crash':
        return this.crash(message.error);
    }
  }

  #retry(): void {
    if (!this.isEnding) this.mailbox.post({ type: 'attempt', attempt: this.connection.begin() });
  }

  /** An `@OnTerminate` that hangs is left behind as well. */
  #limit(timeout: number): void {
    // It may have ended in the very call that asked for it.
    if (this.connection.status === 'terminated') return;
    const deadline = this.tools.clock.now() + timeout;
    if (this.#shutdown && this.#shutdown.deadline <= deadline) return;
    this.#shutdown?.over();
    this.#shutdown = new Shutdown(this.tools.clock, this, timeout, () =>
      this.owner.onError(
        new Error(`${this.calls.busy} did not return within ${timeout} ms and was left behind`),
        'the shutdown',
      ),
    );
  }

  #leave(message: LeaveMessage): Pending {
    // What hangs at the shutdown is not waited for.
    if (this.isOver) return undefined;
    if (message.type === 'peer-close') return this.connection.answerClose();
    if (message.type === 'stop') return this.#ending.drained(message.code);
    this.runner.cancelStreams();
    return this.dialer.ended(message.end);
  }
}
