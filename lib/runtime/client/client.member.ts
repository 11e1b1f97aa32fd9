import { Deferred } from '../async/deferred.js';
import type { StatusListener } from '../connection/connection.port.js';
import type { LingeringSockets } from '../connection/lingering.sockets.js';
import type { FatalError } from '../errors/client.errors.js';
import type { ClientStatus, NotConnectedError } from '../errors/connection.errors.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import { PauseLock } from '../mailbox/pause.lock.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { ClientDefinition } from '../process/client.definition.js';
import type { ConnectionInfo } from '../process/handler.arguments.js';
import type { CallerMessage, CallMessage } from '../process/message.js';
import { Postponed } from '../process/postponed.js';
import { Process } from '../process/process.js';
import type { ProcessOwner } from '../process/process.port.js';
import type { ChannelPort } from '../session/channel.port.js';
import { Channels } from '../session/channels.js';
import { Gaps } from '../session/gaps.js';
import { Requests } from '../session/requests.js';
import { FeatureChain } from '../session/session.feature.js';
import { DEFAULT_LIMIT, isRestarted } from '../supervision/restart.policy.js';
import type { Supervisor } from '../supervision/supervisor.js';
import type { Member, MemberPolicy } from '../supervision/supervisor.port.js';
import { ExitWatchers } from './exit.watchers.js';
import { MemberContext } from './member.context.js';
import { MemberGaps } from './member.gaps.js';
import type { MemberTools } from './member.tools.js';

/** So many messages are gone through for one that was given up. */
const SHORT = 1_000;

/**
 * The incarnations of one client, one after the other: each a process of its own, so that nothing
 * of an older one can touch the next. What follows the end of one is the supervisor's to decide.
 */
export class ClientMember implements Member, ProcessOwner {
  /** The process of the current incarnation, or of the next. */
  process: Process;
  /** The socket of the last one, where it lingers after a crash: nothing else is kept of that. */
  #previous: LingeringSockets | undefined;
  /** Told of the end of every incarnation. */
  readonly exits = new ExitWatchers();
  #readers: PauseLock | undefined;
  incarnation = 0;
  /** The last round trip that was measured, in milliseconds. */
  latency: number | undefined;
  /** What `@OnStart` of every incarnation is given. */
  args: unknown;
  /** Whether somebody waits for this very start: if it fails, nothing follows. */
  isStarting = false;
  /** Whether its incarnation has begun, or has ended before. */
  #hasBegun = false;
  #phase: 'idle' | 'alive' | 'waiting' | 'over' = 'idle';
  #status: ClientStatus = 'idle';
  #begun: Deferred<void> | undefined;
  #halted: Deferred<CloseReason> | undefined;
  /** That it ends for good, and how. The first counts. */
  #verdict: Verdict | undefined;
  /** What its last incarnation ended by, where no other may follow. */
  #fatal: FatalError | undefined;
  /** Rotations of incarnations that are over. */
  #rotations = 0;
  readonly #postponed: Postponed;
  readonly #context: MemberContext;
  #gaps: Gaps | undefined;
  #ended: Deferred<void> | undefined;
  /** Calls that were given up since what waits was gone through. */
  #withdrawn = 0;

  constructor(
    private readonly definition: ClientDefinition,
    readonly tools: MemberTools,
    private readonly supervisor: Supervisor,
    private readonly owner: MemberOwner,
    position: number,
  ) {
    this.#postponed = new Postponed(definition.name, tools.host, tools.undelivered);
    // One object each for all incarnations.
    const context = (this.#context = new MemberContext(this, definition, owner));
    tools.requests = new Requests(context);
    const features = tools.factories?.map((make) => make(context)) ?? [];
    tools.features = new FeatureChain([...features, tools.requests]);
    this.process = new Process(definition, tools, this, 0);
    supervisor.add(this, position);
  }

  /** Those who read slower than the peer sends: they outlive incarnations. */
  get readers(): PauseLock {
    if (this.#readers !== undefined) return this.#readers;
    const readers = new PauseLock((isHeld) => this.hold(readers, isHeld));
    this.#readers = readers;
    return readers;
  }

  /** For the first who subscribes to one. */
  makeChannels(port: ChannelPort): Channels {
    const { tools } = this;
    const ready = this.process.isReady ? this.process.connection.session : 0;
    const channels = new Channels(this.#context, port, ready);
    tools.channels = channels;
    tools.features.add(channels);
    return channels;
  }

  /** For a class with an `@OnGap`; the same for all incarnations. */
  get gaps(): Gaps {
    if (this.#gaps !== undefined) return this.#gaps;
    this.#gaps = new Gaps(this.#context, new MemberGaps(this));
    this.tools.features.add(this.#gaps);
    return this.#gaps;
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
    return this.process.lifetime.hasCrashed;
  }

  get hasEnded(): boolean {
    return this.#phase === 'over';
  }

  /** Resolves when it has ended for good. */
  get ended(): Promise<void> {
    if (this.hasEnded) return Promise.resolve();
    return (this.#ended ??= new Deferred()).promise;
  }

  /** Whether it is to end for good, whatever its supervisor says. */
  get isStopped(): boolean {
    return this.hasEnded || this.#verdict !== undefined;
  }

  /** Whether it takes no more casts, infos and calls. */
  get isEnding(): boolean {
    if (this.isStopped) return true;
    const isLast = this.process.lifetime.isOver || this.#halted !== undefined;
    return isLast ? !this.#isFollowed : this.process.lifetime.isEnding;
  }

  /** Casts and infos that have not reached their handler. */
  get waiting(): number {
    return this.process.dispatcher.waiting + this.#postponed.length;
  }

  /** All that callers have asked and nobody has handled, and what else waits with it. */
  get backlog(): number {
    const { mailbox, dispatcher } = this.process;
    return mailbox.length + dispatcher.held + this.#postponed.length;
  }

  /** How many sessions have taken the place of another without a gap. */
  get rotations(): number {
    return this.#rotations + (this.process.madeRotation?.count ?? 0);
  }

  get policy(): MemberPolicy {
    return toMemberPolicy(this.process.settings);
  }

  begin(): void {
    if (this.isAlive || this.hasEnded) return;
    this.incarnation++;
    this.#phase = 'alive';
    this.#hasBegun = false;
    this.supervisor.begun(this);
    const { incarnation } = this;
    const announced = (): void => {
      if (incarnation > 1) this.tools.telemetry.emit('restart', { incarnation });
    };
    this.tools.run(() => this.process.start(this.args, announced));
  }

  begun(): Promise<void> {
    if (this.#hasBegun || !this.isAlive) return Promise.resolve();
    return (this.#begun ??= new Deferred()).promise;
  }

  /** Gives a message to the process, or keeps it for the next one. */
  post(message: CallerMessage): void {
    const isTakenDown = this.#halted !== undefined && message.type !== 'call';
    if (this.process.lifetime.isOver || isTakenDown) this.#postponed.hold(message);
    else this.process.post(message);
  }

  /** Its caller has given up: it is not run any more, and no memory is held for it. */
  withdraw(message: CallMessage): void {
    message.isWithdrawn = true;
    message.args = [];
    const waiting = this.process.mailbox.length + this.#postponed.length;
    // A crowd that gives up is taken out together: looking for each by itself would take for ever.
    if (++this.#withdrawn * 2 < waiting && waiting > SHORT) return;
    this.#withdrawn = 0;
    this.#postponed.sweep();
    this.process.sweep();
  }

  /** Ends the client for good, in so many milliseconds: what waits is handled, the session closed. */
  stop(code: number, timeout: number): void {
    this.#endWith({}, { by: 'local', code, message: '' }, () => this.process.stop(code, timeout));
  }

  /** Closes the session. Between two incarnations it ends the client as in a backoff. */
  close(code: number | undefined, message: string): void {
    const isBetween = this.#phase === 'waiting' || this.process.lifetime.isOver;
    if (!isBetween) return this.tools.run(() => this.process.reconnect.close(code, message));
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
    this.#verdict ??= { reason: { by: 'error', error }, isFailure: true };
  }

  fail(error: Error): Promise<void> {
    const timeout = this.tools.shutdownTimeout();
    const end = (): void => this.process.stop(CloseCode.goingAway, timeout);
    this.#endWith({}, { by: 'error', error }, end);
    return this.ended;
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
    if (!this.process.lifetime.isOver) this.process.lifetime.discard(reason);
    this.#closeFeatures();
    this.onLeftovers(this.#postponed.take(), reason);
    const dropped = this.#postponed.takeDropped();
    if (dropped > 0) this.tools.telemetry.emit('mailbox:dropped', { reason, dropped });
    this.supervisor.left(this);
    this.exits.tell(reason, this.#verdict !== undefined || this.#halted !== undefined);
    this.exits.clear();
    this.#tell(this.#lastStatus);
    this.owner.onEnded(reason);
    this.#ended?.resolve();
  }

  /** Has the current incarnation read nothing while `holder` holds it up. */
  hold(holder: object, isHeld: boolean): void {
    if (isHeld) this.process.pauseLock.hold(holder);
    else this.process.pauseLock.release(holder);
  }

  onRestart(reason: CloseReason, delay: number, restarts: number): void {
    const plan = { reason, delay, restarts, dropped: this.#postponed.takeDropped() };
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

  onFatal(error: FatalError): void {
    this.#fatal = error;
    this.condemn(error);
  }

  onBegun(): void {
    this.#hasBegun = true;
    this.#begun?.resolve();
    this.#begun = undefined;
  }

  tellsStart(): boolean {
    return this.owner.isStartAwaited && !this.#isFollowed;
  }

  onLeftovers(messages: readonly CallerMessage[], reason: CloseReason): void {
    const isFollowed = this.#isFollowed;
    const isKept = isFollowed && this.process.settings.mailboxOnRestart === 'keep';
    // They came before those that have been kept since.
    if (isKept) this.#postponed.putFirst(messages);
    else this.#postponed.drop(messages, isFollowed ? this.status : this.#lastStatus, reason);
  }

  onTerminated(reason: CloseReason): void {
    if (this.hasEnded) return;
    this.onBegun();
    const isFollowed = this.#isFollowed;
    const halted = this.#halted;
    if (isFollowed) {
      this.#phase = 'waiting';
      this.#renew();
      this.exits.tell(reason, halted !== undefined);
    }
    if (!isFollowed) this.#endBy(reason);
    else if (halted === undefined && !this.hasEnded) this.supervisor.exited(this, reason);
    this.#halted = undefined;
    halted?.resolve(reason);
  }

  #endBy(reason: CloseReason): void {
    // The application does not start without it, and whoever boots it is told.
    const failsBoot = this.isStarting && this.process.settings.startup === 'required';
    this.end(this.#verdict?.reason ?? reason);
    if (this.#fatal !== undefined && !failsBoot) void this.supervisor.failed(this, this.#fatal);
  }

  /** Leaves no socket behind, not even one that lingers after a crash. */
  destroySockets(): void {
    this.#previous?.destroy();
    this.process.connection.lingering.destroy();
  }

  /** Calls `done` once no socket lingers after a crash: at once, where none does. */
  whenSocketsGone(done: () => void): void {
    const { lingering } = this.process.connection;
    const before = this.#previous ?? lingering;
    before.whenGone(() => lingering.whenGone(done));
  }

  /** Puts a new process in the place of one that is over, and gives it what callers have asked since. */
  #renew(): void {
    const { connection, reconnect, madeRotation } = this.process;
    const { isTrusted } = reconnect;
    this.#rotations += madeRotation?.count ?? 0;
    this.#previous?.destroy();
    this.#previous = connection.lingering;
    this.process = new Process(this.definition, this.tools, this, connection.session, isTrusted);
    if (this.#readers?.isHeld) this.hold(this.#readers, true);
    for (const message of this.#postponed.take()) this.process.post(message);
  }

  #closeFeatures(): void {
    try {
      this.tools.features.close();
    } catch (error) {
      this.tools.telemetry.error(error, 'the end of a feature');
    }
  }

  /** The status it ends in. */
  get #lastStatus(): 'failed' | 'terminated' {
    return this.#verdict?.isFailure ? 'failed' : 'terminated';
  }

  /** Whether another incarnation follows this one. */
  get #isFollowed(): boolean {
    if (this.isStopped || this.isStarting) return false;
    if (this.#halted !== undefined) return this.policy.restart !== 'temporary';
    return this.supervisor.isFollowed(this);
  }

  #endWith(verdict: Verdict, reason: CloseReason, end: () => void): void {
    if (this.hasEnded) return;
    this.#verdict ??= verdict;
    if (this.isAlive) this.tools.run(end);
    else this.end(this.#verdict?.reason ?? reason);
  }

  #tell(status: ClientStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    this.owner.onStatus(status);
  }
}

/** How a client is to end for good; without a reason, with that of its last incarnation. */
interface Verdict {
  readonly reason?: CloseReason;
  readonly isFailure?: boolean;
}

/** Whom a member tells. */
export interface MemberOwner extends StatusListener {
  /** Whether somebody waits for the start. */
  readonly isStartAwaited: boolean;
  /** A session is open and its `@OnConnect` is done. */
  onReady(info: ConnectionInfo): void;
  /** The client has ended for good. */
  onEnded(reason: CloseReason): void;
  /** Why something is not sent that somebody asked for. */
  notConnected(what: string, options?: ErrorOptions): NotConnectedError;
}

/** Milliseconds of life after which a crash is the first of a row, whatever time the limit counts in. */
const HEALTHY = { least: 5_000, most: 60_000 };

/** How a client wants to be restarted, as its supervisor asks for it. */
function toMemberPolicy(settings: ClientSettings): MemberPolicy {
  const { restart, maxRestarts, within, maxRestartDelay: maxDelay } = settings;
  const isLimited = maxRestarts !== undefined || within !== undefined;
  const limit = {
    maxRestarts: maxRestarts ?? DEFAULT_LIMIT.maxRestarts,
    within: within ?? DEFAULT_LIMIT.within,
  };
  // With a short time to count in, one that crashes again and again must not come back at once each
  // time; with a long one, a crash an hour must not wait as if it were one of a row.
  const healthyAfter = Math.min(Math.max(limit.within, HEALTHY.least), HEALTHY.most);
  return { restart, maxDelay, healthyAfter, limit: isLimited ? limit : undefined };
}
