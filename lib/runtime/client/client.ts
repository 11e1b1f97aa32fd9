import type { Random } from '../connection/backoff.policy.js';
import type { ClientStatus } from '../connection/status.js';
import { CallTimeoutError } from '../errors/client.errors.js';
import { NotConnectedError } from '../errors/connection.errors.js';
import { checkClose, CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame } from '../frame/frame.js';
import { Telemetry, type EventSink } from '../telemetry/telemetry.js';
import type { Clock } from '../clock/clock.port.js';
import type { Transport } from '../transport/transport.port.js';
import type { ConnectionInfo } from '../process/callback.types.js';
import { endedBefore, startTimeout } from './caller.errors.js';
import { Callers } from './callers.js';
import type { ClientDefinition } from '../process/client.definition.js';
import type { ContextRunner } from '../process/context.runner.js';
import type { FrameIterator } from '../observers/frame-iterator.js';
import { Observers } from '../observers/observers.js';
import { Process } from '../process/process.js';
import type { ProcessOwner } from '../process/process.port.js';
import { Readiness } from './readiness.js';
import { Shutdown } from './shutdown.js';
import { Deferred, limited, rejected, type WaitOptions } from '../clock/waiters.js';

/** What clients are made with; the same for all of one application. */
export interface ClientTools {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  /** So that no handler runs in the context of the request that happened to start the client. */
  readonly run: ContextRunner;
  /** Who else sees the events of every client. */
  readonly sinks: readonly EventSink[];
  /** Milliseconds a client has to end in. */
  readonly shutdownTimeout: () => number;
}

/**
 * What lives behind a handle: one process, those who watch it and those who wait for it. Every
 * call from outside comes in here, is checked here, and goes on in the context of the boot.
 */
export class Client implements ProcessOwner {
  readonly observers: Observers;
  /** Casts, infos and calls. */
  readonly callers: Callers;
  readonly #process: Process;
  readonly #telemetry: Telemetry;
  readonly #readiness: Readiness;
  readonly #terminated = new Deferred<CloseReason>();
  #reason: CloseReason | undefined;
  #shutdown: Shutdown | undefined;
  #isWanted = false;
  #isReporting = false;

  constructor(
    readonly definition: ClientDefinition,
    private readonly tools: ClientTools,
  ) {
    const { transport, clock, random, sinks } = tools;
    this.#readiness = new Readiness(clock);
    this.observers = new Observers((error, where) => this.onError(error, where));
    const source = {
      client: definition.name,
      module: definition.module,
      session: () => this.session,
    };
    this.#telemetry = new Telemetry(source, () => clock.epoch(), [this.observers, ...sinks]);
    const wireTools = { transport, clock, telemetry: this.#telemetry };
    this.#process = new Process(definition, wireTools, random, tools.run, this);
    this.callers = new Callers(definition, this.#process, clock, tools.run);
  }

  get name(): string {
    return this.definition.name;
  }

  get status(): ClientStatus {
    return this.#process.connection.status;
  }

  get session(): number {
    return this.#process.connection.session;
  }

  get terminated(): Promise<CloseReason> {
    return this.#terminated.promise;
  }

  get isStartAwaited(): boolean {
    return this.#readiness.isStartAwaited;
  }

  /** Makes the incarnation ahead of the start. */
  incarnate(): Promise<void> {
    return this.tools.run(() => this.#process.incarnate());
  }

  /** Starts, and does not wait. Does nothing once started; before the boot it is a wish. */
  launch(args?: unknown): void {
    this.#isWanted = true;
    if (this.status !== 'idle' || !this.definition.isReady) return;
    this.tools.run(() => this.#process.start(args));
  }

  /** Whether somebody has asked for a start. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Starts, and waits for the first `@OnConnect`; a client that is not there in time is stopped. */
  start(args?: unknown): Promise<ConnectionInfo> {
    if (this.#readiness.info) return Promise.resolve(this.#readiness.info);
    if (this.#process.isEnding) return rejected(this.#notConnected('cannot start'));
    const isFirst = this.status === 'idle';
    if (isFirst) this.tools.run(() => this.definition.begin());
    const { startupTimeout } = this.#process.settings;
    const started = this.#readiness.started(startupTimeout, () => {
      // A client that runs already goes on: only the wait for it is over.
      if (isFirst) void this.stop(CloseCode.normal);
      return startTimeout(this.name, startupTimeout, this.#process.lastError);
    });
    this.launch(args);
    return started;
  }

  /** Resolves when a session is open, at once where one is. */
  connected(options: WaitOptions = {}): Promise<ConnectionInfo> {
    if (this.#process.isOver) return rejected(this.#notConnected('cannot connect'));
    return this.#readiness.connected(
      options,
      (timeout) => new CallTimeoutError(this.name, timeout, 'was not connected'),
    );
  }

  send(frames: readonly unknown[], options: WaitOptions = {}): Promise<void> {
    const sent = limited<void>(
      this.tools.clock,
      options,
      (timeout) => new CallTimeoutError(this.name, timeout, 'the socket did not take the frame'),
    );
    if (options.signal?.aborted) return sent.promise;
    try {
      this.#process.connection.send(frames, (cause) => {
        if (cause) sent.reject(this.#notConnected('the frame was not sent', { cause }));
        else sent.resolve();
      });
    } catch (error) {
      sent.reject(error);
    }
    return sent.promise;
  }

  /** @throws FrameEncodeError for a close that cannot be sent */
  close(code?: number, reason?: string): Promise<void> {
    checkClose(`${this.name}: close()`, code, reason);
    if (this.status === 'idle') return Promise.resolve();
    this.tools.run(() => this.#process.closeSession(code, reason ?? ''));
    return this.#sessionOver();
  }

  reconnect(): Promise<ConnectionInfo> {
    if (this.status === 'idle' || this.#process.isEnding) {
      return rejected(this.#notConnected('cannot reconnect'));
    }
    this.tools.run(() => this.#process.reconnectSession({}));
    return this.connected();
  }

  /** Ends for good: what waits is handled, the session closed with `code`, all within a time. */
  stop(code: number): Promise<CloseReason> {
    if (this.status === 'idle') this.#process.discard({ by: 'local', code, message: '' });
    if (this.#reason !== undefined) return this.terminated;
    const timeout = this.tools.shutdownTimeout();
    this.tools.run(() => {
      this.#process.stop(code);
      this.#shutdown ??= new Shutdown(this.tools.clock, this.#process, timeout, () =>
        this.onError(
          new Error(`a handler did not return within ${timeout} ms and was left behind`),
          'the shutdown',
        ),
      );
    });
    return this.terminated;
  }

  /** Leaves no socket behind, not even one that lingers after a crash. */
  destroy(): void {
    this.#process.connection.destroy();
  }

  iterate(): FrameIterator {
    const iterator = this.observers.iterate(this.#process.settings.mailbox, this.#process.flow);
    if (this.#reason !== undefined) iterator.end();
    return iterator;
  }

  onReady(info: ConnectionInfo): void {
    this.#readiness.ready(info, this.status === 'open');
  }

  observe(frame: DataFrame): void {
    this.observers.frame(frame);
  }

  onStatus(status: ClientStatus): void {
    if (status !== 'open') this.#readiness.lost();
    this.observers.status(status);
  }

  onTerminated(reason: CloseReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#shutdown?.over();
    this.#readiness.ended(endedBefore(this.name, reason));
    this.observers.complete();
    this.#terminated.resolve(reason);
  }

  onError(error: unknown, where: string): void {
    // An observer of errors that throws would be told of its own error for ever.
    if (this.#isReporting) return;
    this.#isReporting = true;
    this.#telemetry.emit('error', { error, where });
    this.#isReporting = false;
  }

  #sessionOver(): Promise<void> {
    const over = new Deferred<void>();
    // Not by the status: it stays `closing` until `@OnDisconnect`, behind the handler that waits here.
    this.#process.connection.whenNoWire(over.resolve);
    return over.promise;
  }

  #notConnected(what: string, options?: ErrorOptions): NotConnectedError {
    return new NotConnectedError(this.name, this.status, what, options);
  }
}
