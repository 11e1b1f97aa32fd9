import type { Random } from '../connection/backoff.policy.js';
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
import { Connector, type ConnectorOwner } from './connector.js';
import type { ContextRunner } from './context.runner.js';
import type { ReconnectChanges } from './directive.js';
import { Dispatcher, type DispatcherOwner } from './dispatcher.js';
import { Ending } from './ending.js';
import { Flow } from '../mailbox/flow.js';
import { Inbox } from './inbox.js';
import type { Incarnation } from './incarnation.js';
import { Lifetime } from './lifetime.js';
import { sizeOf, type Message } from './message.js';
import type { ProcessOwner } from './process.port.js';
import { Runner, type Pending, type RunnerOwner } from './runner.js';
import { isThenable } from '../clock/thenable.js';

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
  readonly module: string;
  readonly #lifetime: Lifetime;
  readonly #runner: Runner;
  readonly #connector: Connector;
  readonly #dispatcher: Dispatcher;
  #settings: ClientSettings | undefined;
  readonly #ending: Ending;

  constructor(
    private readonly definition: ClientDefinition,
    tools: WireTools,
    random: Random,
    private readonly run: ContextRunner,
    private readonly owner: ProcessOwner,
  ) {
    const { telemetry } = tools;
    this.module = definition.module;
    this.mailbox = new Mailbox<Message>(this, () => this.settings.mailbox);
    const inbox = new Inbox(definition, this.mailbox, telemetry, {
      onStatus: (status) => owner.onStatus(status),
      onRetry: () => this.#retry(),
      onChoked: (isChoked) =>
        isChoked ? this.flow.hold(this.connection) : this.flow.release(this.connection),
    });
    this.connection = new Connection(definition.name, tools, inbox);
    this.flow = new Flow((paused) => run(() => this.connection.setPaused(paused)));
    this.#ending = new Ending(this.connection, this.mailbox, this.flow);
    this.#lifetime = new Lifetime(definition, telemetry, {
      get isStartAwaited() {
        return owner.isStartAwaited;
      },
      onOver: () => this.#onOver(),
      onTerminated: (reason) => {
        this.connection.terminate();
        owner.onTerminated(reason);
      },
      onError: (error, where) => owner.onError(error, where),
    });
    const { name } = definition;
    this.#runner = new Runner(this.connection, telemetry, run, this);
    this.#dispatcher = new Dispatcher(name, this.connection, telemetry, this.#runner, this);
    this.#connector = new Connector(
      definition,
      this.connection,
      telemetry,
      tools.clock,
      random,
      this,
    );
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

  get isOver(): boolean {
    return this.#lifetime.isOver;
  }

  get isEnding(): boolean {
    return this.isOver || this.#ending.reason !== undefined;
  }

  /** How many casts and infos have reached their handler. */
  get handled(): number {
    return this.#dispatcher.handled;
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

  /** Ends the client: at once between sessions; in one, after what waits has been handled. */
  stop(code: number): void {
    if (!this.isOver) this.#ending.stop(code);
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
    this.#dispatcher.leaveBehind();
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
    this.#ending.end(reason);
  }

  crash(error: unknown): Pending {
    if (this.isOver) return undefined;
    this.connection.crash();
    return this.terminate({ by: 'error', error });
  }

  terminate(reason: CloseReason): Pending {
    return this.#lifetime.terminate(reason);
  }

  onStreamError(error: unknown): void {
    if (this.isOver) this.owner.onError(error, 'a stream that a handler returned');
    else this.run(() => this.mailbox.putFirst([{ type: 'crash', error }]));
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
    if (this.isOver) return this.#dispatcher.refuse(message);
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
    if (!this.isOver) await this.#connector.attempt(attempt);
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

  #onOver(): void {
    this.connection.giveUp();
    this.#runner.cancelStreams();
    for (const message of [...this.mailbox.clear(), ...this.#dispatcher.takePostponed()]) {
      this.#dispatcher.refuse(message);
    }
  }
}
