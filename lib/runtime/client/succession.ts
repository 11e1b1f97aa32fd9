import { Deferred } from '../clock/waiters.js';
import type { ClientStatus } from '../errors/connection.errors.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame } from '../frame/frame.js';
import type { ConnectionInfo } from '../process/callback.types.js';
import { toMemberPolicy } from '../options/member.policy.js';
import type { ClientDefinition } from '../process/client.definition.js';
import type { CallerMessage, CallMessage } from '../process/message.js';
import { Process } from '../process/process.js';
import type { ProcessOwner } from '../process/process.port.js';
import type { ProcessTools } from '../process/process.tools.js';
import { isRestarted } from '../supervision/restart.policy.js';
import type { Supervisor } from '../supervision/supervisor.js';
import type { Member, MemberPolicy } from '../supervision/supervisor.port.js';
import { Backlog } from './backlog.js';
import { ExitWatchers } from './exit.watchers.js';
import { Fate, type Verdict } from './fate.js';
import { Lineage } from './lineage.js';
import type { SuccessionOwner } from './succession.port.js';

/** So many messages are gone through for one that was given up. */
const SHORT = 1_000;

/**
 * The incarnations of one client, one after the other: each a process of its own, so that nothing
 * of an older one can touch the next. What follows the end of one is the supervisor's to decide.
 */
export class Succession implements Member, ProcessOwner {
  readonly lineage: Lineage;
  /** Told of the end of every incarnation. */
  readonly exits = new ExitWatchers();
  incarnation = 0;
  /** What `@OnStart` of every incarnation is given. */
  args: unknown;
  /** Whether somebody waits for this very start: if it fails, nothing follows. */
  isStarting = false;
  #phase: 'idle' | 'alive' | 'waiting' | 'over' = 'idle';
  #status: ClientStatus = 'idle';
  #begun = new Deferred<void>();
  #halted: Deferred<CloseReason> | undefined;
  readonly #fate = new Fate();
  readonly #backlog: Backlog;
  readonly #ended = new Deferred<void>();
  /** Calls that were given up since what waits was gone through. */
  #withdrawn = 0;

  constructor(
    private readonly definition: ClientDefinition,
    private readonly tools: ProcessTools,
    private readonly supervisor: Supervisor,
    private readonly owner: SuccessionOwner,
    position: number,
  ) {
    this.#backlog = new Backlog(definition.name);
    this.lineage = new Lineage((session) => new Process(definition, tools, this, session));
    supervisor.add(this, position);
  }

  /** The process of the current incarnation, or of the next. */
  get process(): Process {
    return this.lineage.current;
  }

  get name(): string {
    return this.definition.name;
  }

  get status(): ClientStatus {
    return this.#status;
  }

  get isAlive(): boolean {
    return this.#phase === 'alive';
  }

  get hasCrashed(): boolean {
    return this.process.hasCrashed;
  }

  get hasEnded(): boolean {
    return this.#phase === 'over';
  }

  /** Resolves when it has ended for good. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Whether it is to end for good, whatever its supervisor says. */
  get isStopped(): boolean {
    return this.hasEnded || this.#fate.isSealed;
  }

  /** Whether it takes no more casts, infos and calls. */
  get isEnding(): boolean {
    if (this.isStopped) return true;
    const isLast = this.process.isOver || this.#halted !== undefined;
    return isLast ? !this.#isFollowed : this.process.isEnding;
  }

  /** Casts and infos that have not reached their handler. */
  get waiting(): number {
    return this.process.dispatcher.waiting + this.#backlog.length;
  }

  get policy(): MemberPolicy {
    return toMemberPolicy(this.process.settings);
  }

  begin(): Promise<void> {
    if (this.isAlive || this.hasEnded) return Promise.resolve();
    this.incarnation++;
    this.#phase = 'alive';
    this.#begun = new Deferred();
    this.supervisor.begun(this);
    this.tools.run(() => this.process.start(this.args));
    const { incarnation } = this;
    if (incarnation > 1) this.tools.telemetry.emit('restart', { incarnation });
    return this.#begun.promise;
  }

  /** Gives a message to the process, or keeps it for the next one. */
  post(message: CallerMessage): void {
    const isTakenDown = this.#halted !== undefined && message.type !== 'call';
    if (this.process.isOver || isTakenDown) this.#backlog.hold(message);
    else this.process.post(message);
  }

  /** Its caller has given up: it is not run any more, and no memory is held for it. */
  withdraw(message: CallMessage): void {
    message.isWithdrawn = true;
    message.args = [];
    const waiting = this.process.mailbox.length + this.#backlog.length;
    // A crowd that gives up is taken out together: looking for each by itself would take for ever.
    if (++this.#withdrawn * 2 < waiting && waiting > SHORT) return;
    this.#withdrawn = 0;
    this.#backlog.sweep();
    this.process.sweep();
  }

  /** Ends the client for good, in so many milliseconds: what waits is handled, the session closed. */
  stop(code: number, timeout: number): void {
    this.#endWith({}, { by: 'local', code, message: '' }, () => this.process.stop(code, timeout));
  }

  /** Closes the session. Between two incarnations it ends the client as in a backoff. */
  close(code: number | undefined, message: string): void {
    const isBetween = this.#phase === 'waiting' || this.process.isOver;
    if (!isBetween) return this.tools.run(() => this.process.session.close(code, message));
    if (isRestarted(this.policy.restart, false)) return;
    const reason = { by: 'local', message, ...(code !== undefined && { code }) } as const;
    this.#endWith({}, reason, () => undefined);
  }

  /** Ends the client for good by an error of somebody else's, unless it is to end anyway. */
  exit(error: Error, timeout: number): void {
    if (this.isStopped) return;
    this.#endWith({}, { by: 'error', error }, () => this.process.exit(error, timeout));
  }

  condemn(error: Error): void {
    this.#fate.seal({ reason: { by: 'error', error }, isFailure: true });
  }

  fail(error: Error): Promise<void> {
    const timeout = this.tools.shutdownTimeout();
    const end = (): void => this.process.stop(CloseCode.goingAway, timeout);
    this.#endWith({}, { by: 'error', error }, end);
    return this.#ended.promise;
  }

  halt(): Promise<CloseReason> {
    // It may have ended in the very call that asks for it.
    const { promise } = (this.#halted ??= new Deferred());
    this.tools.run(() => this.process.stop(CloseCode.goingAway, this.tools.shutdownTimeout()));
    return promise;
  }

  end(reason: CloseReason): void {
    if (this.hasEnded) return;
    this.#phase = 'over';
    // Whoever waits for an answer of a process that never began is told.
    if (!this.process.isOver) this.process.lifetime.discard(reason);
    this.onLeftovers(this.#backlog.take(), reason);
    const dropped = this.#backlog.takeDropped();
    if (dropped > 0) this.tools.telemetry.emit('mailbox:dropped', { reason, dropped });
    this.supervisor.left(this);
    this.exits.tell(reason, this.#fate.isSealed || this.#halted !== undefined);
    this.exits.clear();
    this.#tell(this.#fate.status);
    this.owner.onEnded(reason);
    this.#ended.resolve();
  }

  onRestart(reason: CloseReason, delay: number, restarts: number): void {
    const plan = { reason, delay, restarts, dropped: this.#backlog.takeDropped() };
    this.#tell('backoff');
    if (!this.hasEnded) this.tools.telemetry.emit('restart:planned', plan);
  }

  onStatus(status: ClientStatus): void {
    // That an incarnation is over is not the end of the client.
    if (status !== 'terminated') this.#tell(status);
  }

  onReady(info: ConnectionInfo): void {
    this.isStarting = false;
    this.owner.onReady(info);
  }

  observe(frame: DataFrame): void {
    this.owner.observe(frame);
  }

  onError(error: unknown, where: string): void {
    this.owner.onError(error, where);
  }

  onBegun(): void {
    this.#begun.resolve();
  }

  tellsStart(): boolean {
    return this.owner.isStartAwaited && !this.#isFollowed;
  }

  onLeftovers(messages: readonly CallerMessage[], reason: CloseReason): void {
    const isFollowed = this.#isFollowed;
    const isKept = isFollowed && this.process.settings.mailboxOnRestart === 'keep';
    // They came before those that have been kept since.
    if (isKept) this.#backlog.putFirst(messages);
    else this.#backlog.drop(messages, isFollowed ? this.status : this.#fate.status, reason);
  }

  onTerminated(reason: CloseReason): void {
    if (this.hasEnded) return;
    this.#begun.resolve();
    const isFollowed = this.#isFollowed;
    const halted = this.#halted;
    if (isFollowed) {
      this.#phase = 'waiting';
      this.lineage.renew();
      this.#backlog.handOver(this.process);
      this.exits.tell(reason, halted !== undefined);
    }
    if (!isFollowed) this.end(this.#fate.explain(reason));
    else if (halted === undefined && !this.hasEnded) this.supervisor.exited(this, reason);
    this.#halted = undefined;
    halted?.resolve(reason);
  }

  /** Whether another incarnation follows this one. */
  get #isFollowed(): boolean {
    if (this.isStopped || this.isStarting) return false;
    if (this.#halted !== undefined) return this.policy.restart !== 'temporary';
    return this.supervisor.isFollowed(this);
  }

  #endWith(verdict: Verdict, reason: CloseReason, end: () => void): void {
    if (this.hasEnded) return;
    this.#fate.seal(verdict);
    if (this.isAlive) this.tools.run(end);
    else this.end(this.#fate.explain(reason));
  }

  #tell(status: ClientStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    this.owner.onStatus(status);
  }
}
