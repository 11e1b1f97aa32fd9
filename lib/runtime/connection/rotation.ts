import type { Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import { ConnectionError, NotConnectedError } from '../errors/connection.errors.js';
import { SessionOverError, type SendFailure } from '../errors/sending.errors.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame, Frame, PongFrame } from '../frame/frame.js';
import { isMilestone } from '../telemetry/milestone.js';
import { Attempt } from './attempt.js';
import { Candidate, type CandidateOwner } from './candidate.js';
import type { Connection } from './connection.js';
import type { SessionInfo } from './connection.port.js';
import { Deliveries } from './deliveries.js';
import { Overlap, type OverlapOwner } from './overlap.js';
import type {
  BesideLogin,
  Farewell,
  RotateOptions,
  RotationHost,
  RotationTools,
} from './rotation.port.js';
import { RotationRun } from './rotation.run.js';
import type { WireEnd } from './wire.end.js';
import type { FrameInbox, WireOpening, WireSettings } from './wire.port.js';
import type { Wire } from './wire.js';

/** Milliseconds a session has to bring its first frame, once its `@OnConnect` is done. */
const QUIET = 5_000;

const NORMAL: Farewell = { by: 'local', code: CloseCode.normal, message: '' };

/** A rotation, as those see it who act for handlers, or decide what follows a session. */
export type RotationView = Pick<
  Rotation<BesideLogin>,
  | 'abandon'
  | 'canTakeOver'
  | 'confirm'
  | 'fail'
  | 'isOf'
  | 'ready'
  | 'refuse'
  | 'rotate'
  | 'takeOver'
>;

type State<L extends BesideLogin> =
  | { readonly name: 'idle' }
  | { readonly name: 'preparing'; readonly run: RotationRun; readonly attempt: Attempt }
  | {
      readonly name: 'dialling' | 'greeting' | 'confirming' | 'taken';
      readonly run: RotationRun;
      readonly next: Candidate<L>;
      /** Until the session counts as confirmed, though it has brought nothing. */
      readonly timer?: Timer;
    }
  | { readonly name: 'waiting'; readonly run: RotationRun; readonly timer: Timer }
  | {
      readonly name: 'overlapping' | 'leaving';
      readonly next: Candidate<L>;
      readonly before: Overlap;
    };

/**
 * Makes a new session before it breaks the old one. It has the second wire: that of the new session
 * until the switch, and that of the old one after it.
 *
 *     idle ──rotate(), maxAge──> preparing ──its turn──> dialling ──101──> greeting ──@OnConnect is done──> confirming
 *      ▲                          ▲   │                     │                  │                               │    │
 *      │                        timer └──────── it fails ───┴──────────────────┴───────────────────────────────┘    │
 *      │                          │   ▼                                    a frame, ready(), or 5 s: the switch     │
 *      │                         waiting                                                                            ▼
 *      └────── the old frames have been handled ── leaving <──overlap is over, the old one ends, or the new one── overlapping
 *
 *     the old session is lost:   dialling, greeting, confirming ──> taken ──the new one is ready──> idle
 *                                preparing, waiting ──> idle, and the client reconnects as ever
 *     close(), reconnect(), stop(), a crash, `within` is over ──> idle; the new wire is closed
 *     it fails, and no attempt is to follow ──> idle; the old session goes on
 *
 * While it is not `idle` every frame of the new session waits here, bounded as the mailbox is; it is
 * handled when all of the old one have been. Wires that are closed are remembered until they have ended.
 */
export class Rotation<L extends BesideLogin> implements CandidateOwner<L>, OverlapOwner {
  #state: State<L> = { name: 'idle' };
  /** Counts up to the end of the session that is there. */
  #age: Timer | undefined;
  /** Those that are being closed. */
  #closing: Set<Wire> | undefined;
  #deliveries: Deliveries | undefined;
  /** Whether a handler has failed: then what is open ends as the session does. */
  #hasCrashed = false;
  /** What is wanted of an attempt that has become the client's. */
  #passedOn: RotationRun | undefined;
  /** How many there have been. */
  count = 0;
  #info: SessionInfo | undefined;
  /** With what the old session is closed, and the new one where nobody wants it. */
  #farewell = NORMAL;

  constructor(
    private readonly client: string,
    private readonly tools: RotationTools,
    private readonly connection: Connection,
    private readonly host: RotationHost<L>,
  ) {}

  /** Whether one is under way; asked for everything that is sent. */
  get isActive(): boolean {
    return this.#state.name !== 'idle';
  }

  /** Whether frames of the old session are handled, after the switch. */
  get isOverlapping(): boolean {
    return this.#state.name === 'overlapping' || this.#state.name === 'leaving';
  }

  /** Whether frames of the session that is the client's wait here. */
  get isHolding(): boolean {
    return this.isOverlapping || this.#state.name === 'taken';
  }

  /** The session number, for an attempt. */
  get session(): number {
    return this.connection.session;
  }

  /** Losses, and failures of this rotation. */
  get losses(): number {
    return this.connection.losses + (this.#run?.failures ?? 0);
  }

  /** The login of the session that is to be the next one. */
  get login(): L | undefined {
    return this.#candidate?.login;
  }

  /** Whether the code that runs now is part of that login. */
  get isHere(): boolean {
    return this.login?.isHere === true;
  }

  /**
   * Begins one, or joins the one that is under way: who joins it may say last with what it closes. Resolves
   * when the new session has taken over.
   *
   * @throws (rejects) NotConnectedError where no session is ready, or when it ends or is left before;
   * CallTimeoutError after `within`; what an attempt has failed with that none follows
   */
  rotate(options: RotateOptions = {}, isHeard = true): Promise<SessionInfo> {
    const { url, within } = options;
    if (this.isActive) this.#leaveBy(options, this.#farewell);
    if (this.isOverlapping) return Promise.resolve(this.#info as SessionInfo);
    if (this.#run !== undefined) return this.#run.join(within, isHeard);
    if (!this.host.isReady) {
      const { status } = this.connection;
      const state = status === 'open' ? 'not ready' : status;
      const why = 'rotate(): there is no session to be replaced';
      return Promise.reject(new NotConnectedError(this.client, state, why));
    }
    this.#leaveBy(options, NORMAL);
    const run = new RotationRun(this.client, this.tools.clock, url, isHeard);
    const rotated = run.begin(within, (error) => this.#expired(run, error));
    const { dedupe } = this.host.settings;
    if (dedupe === undefined) this.#endDeliveries();
    else {
      const noted = <R>(work: () => R): R | undefined => this.host.noted(work);
      this.#deliveries = new Deliveries(dedupe, noted, this.#deliveries);
      this.connection.divert();
    }
    this.host.begins();
    this.#attempt(run);
    return rotated;
  }

  #leaveBy({ code, reason }: RotateOptions, otherwise: Farewell): void {
    const isSaid = code !== undefined || reason !== undefined;
    this.#farewell = isSaid
      ? { by: 'local', code: code ?? CloseCode.normal, message: reason ?? '' }
      : otherwise;
  }

  /** Somebody says that the new session is good. */
  confirm(): void {
    const state = this.#state;
    if (!('run' in state) || !('next' in state)) return;
    state.next.isConfirmed = true;
    if (state.name === 'confirming') this.#switch(state.run, state.next);
  }

  /** A session is ready: its age begins. */
  ready(info: SessionInfo): void {
    const run = this.#passedOn;
    this.#passedOn = undefined;
    run?.made(info);
    this.#begin();
  }

  #begin(): void {
    this.#age?.cancel();
    const { maxAge, overlap } = this.host.settings;
    if (!this.isOverlapping) this.#deliveries?.expire(this.tools.clock, overlap);
    if (maxAge === Infinity) return;
    const age = Math.round(maxAge * (0.9 + this.tools.random() * 0.2));
    this.#age = this.tools.clock.setTimer(age, () => void this.rotate({}, false));
  }

  /** The session has ended, or is about to by the peer: nothing of a newer one waits for it. */
  sessionEnds(): void {
    const state = this.#state;
    this.#age?.cancel();
    this.#lost();
    if (state.name === 'overlapping') this.#endOverlap(state.before);
    if (state.name === 'taken') {
      this.#release(state.next);
      state.run.failed(this.#notMade('the new session has ended'));
      this.#state = { name: 'idle' };
    }
  }

  /** Nobody wants it any more: the session is left, or the client. What has been read is still handled. */
  abandon(): void {
    const state = this.#state;
    this.#age?.cancel();
    this.#lost();
    if (state.name === 'overlapping') return this.#endOverlap(state.before);
    if (state.name === 'taken') return this.sessionEnds();
    if ('run' in state) this.#giveUp(this.#notMade('the client leaves its session'), false);
  }

  /** The incarnation is over. @param hasCrashed whether a handler has failed */
  over(reason: CloseReason, hasCrashed: boolean): void {
    const { login } = this;
    if (hasCrashed) this.#crash();
    this.#leaveUndone();
    this.abandon();
    login?.end(reason);
    const state = this.#state;
    this.#state = { name: 'idle' };
    while (this.#deliveries !== undefined) this.#endDeliveries();
    if (!('before' in state)) return;
    state.before.close(this.#farewell);
    this.#tell(state.before, 0);
  }

  #crash(): void {
    this.#hasCrashed = true;
    for (const wire of this.#closing ?? []) this.connection.lingering.crash(wire);
    this.#closing?.clear();
  }

  /** What waits of the session that is the client's is not handled. */
  #leaveUndone(): void {
    const state = this.#state;
    if (!this.isHolding || !('next' in state)) return;
    const frames = state.next.release().filter(({ type }) => type !== 'pong');
    this.host.leftUndone(frames.length);
  }

  /** No socket is left. */
  terminate(): void {
    this.#age?.cancel();
    for (const wire of this.#closing ?? []) wire.destroy();
    this.#closing?.clear();
  }

  /**
   * The session is lost, and the client would connect again: the new one takes its place, where it is
   * dialled at least.
   *
   * @returns whether it does
   */
  takeOver(): boolean {
    const state = this.#state;
    if (!('run' in state) || !('next' in state) || state.name === 'taken') return false;
    const { run, next } = state;
    if (state.timer !== undefined) state.timer.cancel();
    const { attempt, wire, opening, login } = next;
    const deliveries = this.#deliveries;
    deliveries?.filter(() => this.#deliveriesOver(deliveries));
    this.host.onTakingOver();
    if (login === undefined || opening === undefined) {
      this.#state = { name: 'idle' };
      this.#passedOn = run;
      this.connection.takeOver(attempt, wire);
      return true;
    }
    this.#state = { name: 'taken', run, next };
    next.isPassedOn = true;
    const info = this.connection.takeOver(attempt, wire, opening);
    // Who is told of the status may have closed.
    if (info === undefined) return true;
    wire.divert(this.host.behindFeatures(next));
    next.sift((inbox) => this.host.behindFeatures(inbox));
    this.host.onTakenOver(login, info);
    if (login.isReady) this.loggedIn(login, info);
    return true;
  }

  /** Whether a loss would be followed by the session that is under way. */
  get canTakeOver(): boolean {
    return 'run' in this.#state && 'next' in this.#state;
  }

  /** Its `@OnConnect` is done. */
  loggedIn(login: L, info: SessionInfo): void {
    const state = this.#state;
    if (!('run' in state) || !('next' in state) || state.next.login !== login) return;
    const { run, next } = state;
    if (state.name === 'taken') {
      this.host.onReady(login, info, true);
      this.#release(next);
      run.made(info);
      this.#state = { name: 'idle' };
      return;
    }
    this.#state = { name: 'confirming', run, next };
    if (next.isConfirmed) return this.#switch(run, next);
    const timer = setDeadline(this.tools.clock, QUIET, () => this.#switch(run, next));
    this.#state = { name: 'confirming', run, next, timer };
  }

  /** Sends on the new session, before it is the client's. */
  sendNext(frames: readonly unknown[], done?: (error?: SendFailure | null) => void): void {
    this.#candidate?.send(frames, done);
  }

  /** Whether this is the login of the session that is to be the next one. */
  isOf(login: unknown): boolean {
    return login !== undefined && this.login === login;
  }

  /** Answers a frame of the session before; where that is over the answer is dropped, and told. */
  sendBefore(frames: readonly Frame[], done?: (error?: SendFailure | null) => void): void {
    const state = this.#state;
    const wire = 'before' in state ? state.before.wire : undefined;
    if (wire?.isOpen) return wire.send(frames, done, true);
    this.host.dropped(frames, new SessionOverError(this.client, this.connection.session - 1));
    done?.();
  }

  /** `@OnConnect` closes the new session: this attempt has failed, and the old session stays. */
  refuse(code: number | undefined, reason: string): void {
    this.#candidate?.wire.fail(
      new ConnectionError(
        this.client,
        `@OnConnect has closed the new session: ${reason || 'close()'}`,
      ),
      code ?? CloseCode.normal,
    );
  }

  /** What `@OnConnect` sends on the new session cannot be: that ends with it. */
  fail(error: unknown): void {
    this.#candidate?.wire.fail(error);
  }

  /** A pong of the new session waits as its frames do. */
  keep(frame: PongFrame): void {
    const state = this.#state;
    if ('next' in state) state.next.keep(frame);
  }

  /** We stop and go on reading. */
  setPaused(isPaused: boolean): void {
    const state = this.#state;
    if (!('before' in state)) return;
    state.before.setPaused(isPaused);
    state.next.settle();
  }

  /** Where frames of the session go that is the client's. */
  inbox(mailbox: FrameInbox): FrameInbox {
    return this.#deliveries === undefined ? mailbox : this.#deliveries.inbox(mailbox);
  }

  // What the dialer asks of a connection.

  isCurrent(attempt: Attempt): boolean {
    return this.#state.name === 'preparing' && this.#state.attempt === attempt;
  }

  failAttempt(attempt: Attempt, error: unknown): void {
    const state = this.#state;
    if (state.name !== 'preparing' || state.attempt !== attempt) return;
    const reason = { by: 'error', error } as const;
    attempt.settle({ type: 'unmade' });
    this.#failed(state.run, { opened: false, isUnmade: true, reason, error, voluntary: false });
  }

  dial(attempt: Attempt, settings: WireSettings): void {
    const state = this.#state;
    if (state.name !== 'preparing' || state.attempt !== attempt) return;
    const next = new Candidate<L>(attempt, settings, this.tools, this, (owner) =>
      this.host.hold(owner),
    );
    this.#state = { name: 'dialling', run: state.run, next };
    next.wire.dial();
  }

  // What a candidate tells.

  onOpen(next: Candidate<L>, opening: WireOpening): void {
    const state = this.#state;
    if (state.name !== 'dialling' || state.next !== next) return;
    next.opening = opening;
    next.attempt.settle({ type: 'opened' });
    this.#state = { name: 'greeting', run: state.run, next };
    const session = this.connection.session + 1;
    const info = { ...opening.info, url: opening.request.url, session };
    next.login = this.host.greet(info, next);
    this.host.logIn(next.login);
  }

  /** A frame of the new session waits. */
  onArrived(frame: DataFrame): void {
    this.host.answered(frame);
  }

  onFrame(next: Candidate<L>): void {
    next.isConfirmed = true;
    const state = this.#state;
    if (state.name === 'confirming' && state.next === next) this.#switch(state.run, next);
  }

  onEnd(next: Candidate<L>, end: WireEnd): void {
    const state = this.#state;
    this.#closing?.delete(next.wire);
    if (!('run' in state) || !('next' in state) || state.next !== next) return;
    if (state.timer !== undefined) state.timer.cancel();
    if (!end.opened) next.attempt.settle({ type: 'failed', error: end.error });
    const { login } = next;
    login?.over(end.reason);
    if (login !== undefined) this.host.forget(login);
    const refusal = login?.refusal;
    this.#failed(
      state.run,
      refusal === undefined
        ? end
        : { ...end, reason: { by: 'error', error: refusal }, error: refusal },
    );
  }

  // What the old wire tells after the switch.

  onBeforeEnds(before: Overlap): void {
    const state = this.#state;
    if (state.name === 'overlapping' && state.before === before) this.#endOverlap(before, false);
  }

  /** It has been read for long enough. */
  overlapIsOver(before: Overlap): void {
    if (this.#state.name === 'overlapping') this.#endOverlap(before);
    else before.close(this.#farewell);
  }

  onBeforeEnd(before: Overlap): void {
    this.#closing?.delete(before.wire);
    this.onBeforeEnds(before);
  }

  get #run(): RotationRun | undefined {
    return 'run' in this.#state ? this.#state.run : undefined;
  }

  /** The new session, until it is the client's. */
  get #candidate(): Candidate<L> | undefined {
    const state = this.#state;
    return 'run' in state && 'next' in state && state.name !== 'taken' ? state.next : undefined;
  }

  #attempt(run: RotationRun): void {
    const attempt = new Attempt();
    this.#state = { name: 'preparing', run, attempt };
    this.host.prepare(attempt, run.url);
  }

  /** An attempt has failed: the old session stays, and it is tried again. */
  #failed(run: RotationRun, end: WireEnd): void {
    const error = end.error ?? toFailure(this.client, end.reason);
    run.last = error;
    const delay = this.host.failed(end, ++run.failures);
    // The user was asked: he may have closed.
    if (this.#run !== run) return;
    if (delay === undefined) return this.#giveUp(error);
    const timer = this.tools.clock.setTimer(delay, () => this.#attempt(run));
    this.#state = { name: 'waiting', run, timer };
    if (!isMilestone(run.failures)) return;
    this.tools.telemetry.error(
      error,
      `attempt ${run.failures} of a rotation (the session stays; the next one in ${delay} ms)`,
    );
  }

  /** Its time is over. What has taken over by now stays. */
  #expired(run: RotationRun, error: Error): void {
    if (this.#run === run && this.#state.name !== 'taken') this.#giveUp(error);
    else run.failed(error);
  }

  /** What has become the client's attempt has failed. */
  #lost(): void {
    const run = this.#passedOn;
    this.#passedOn = undefined;
    run?.failed(this.#notMade('the new session has failed'));
  }

  /** The old session stays, and nothing more is tried. */
  #giveUp(error: unknown, goesOn = true): void {
    const state = this.#state;
    if (!('run' in state)) return;
    const { run } = state;
    this.#leave(state);
    this.host.leaves();
    this.#endDeliveries();
    this.connection.divert();
    if (!run.isHeard && !(error instanceof NotConnectedError)) {
      this.tools.telemetry.error(error, 'a rotation');
    }
    run.failed(error);
    if (goesOn) this.#begin();
  }

  /** Lets go of the new session. */
  #leave(state: State<L>): void {
    // Nothing of it is told from here on.
    this.#state = { name: 'idle' };
    if (state.name === 'waiting') state.timer.cancel();
    if (state.name === 'preparing') state.attempt.abandon();
    if (!('run' in state) || !('next' in state)) return;
    state.timer?.cancel();
    const { wire, attempt, login } = state.next;
    attempt.abandon();
    if (login !== undefined) {
      login.over(this.#farewell);
      this.host.forget(login);
    }
    if (this.#hasCrashed) return this.connection.lingering.crash(wire);
    if (!wire.isOpen) return wire.destroy();
    (this.#closing ??= new Set()).add(wire);
    wire.close(this.#farewell.code, this.#farewell.message);
  }

  #switch(run: RotationRun, next: Candidate<L>): void {
    const state = this.#state;
    if (state.name !== 'confirming' || state.next !== next) return;
    state.timer?.cancel();
    // The old one is lost, and what follows is being decided: then it takes over.
    if (!this.connection.isOpen) return;
    const { connection, host } = this;
    const login = next.login as L;
    const opening = next.opening as WireOpening;
    run.unlimit();
    this.count++;
    const old = connection.wire as Wire;
    const { overlap } = host.settings;
    const before = new Overlap(this, host, overlap, this.tools.clock, old, this.session);
    this.#state = { name: 'overlapping', next, before };
    (this.#closing ??= new Set()).add(old);
    host.onSwitching(login, this.#farewell);
    next.isPassedOn = true;
    before.begin(this.inbox(host.mailbox));
    const info = (this.#info = connection.switchTo(next.wire, opening));
    next.wire.divert(host.behindFeatures(next));
    next.sift((inbox) => host.behindFeatures(inbox));
    next.settle();
    host.leaves();
    host.onReady(login, info, false);
    run.made(info);
    if (overlap === 0) this.#endOverlap(before);
    else if (connection.isPaused) before.setPaused(true);
  }

  /** Nothing more is read of the old session. @param closes whether it is closed by us, and now */
  #endOverlap(before: Overlap, closes = true): void {
    const state = this.#state;
    if (state.name !== 'overlapping') return;
    this.#state = { ...state, name: 'leaving' };
    if (closes) before.close(this.#farewell);
    this.host.later(() => {
      before.answerClose();
      this.#left();
    });
  }

  /** What the old session has brought has been handled. */
  #left(): void {
    const state = this.#state;
    if (state.name !== 'leaving') return;
    const { before, next } = state;
    this.host.onOverlapOver();
    this.#state = { name: 'idle' };
    const deliveries = this.#deliveries;
    deliveries?.filter((deduped) => {
      this.#deliveriesOver(deliveries);
      this.#tell(before, deduped);
    });
    deliveries?.expire(this.tools.clock, this.host.settings.overlap);
    this.#release(next);
    if (deliveries === undefined) this.#tell(before, 0);
  }

  #tell({ overlapped, session: from }: Overlap, deduped: number): void {
    this.tools.telemetry.emit('rotated', { from, to: from + 1, overlapped, deduped });
  }

  /** Nothing of these comes twice any more. */
  #deliveriesOver(deliveries: Deliveries): void {
    // The next rotation may have begun to note what is delivered.
    if (this.#deliveries !== deliveries) return;
    this.#deliveries = undefined;
    this.connection.divert();
  }

  /** What waits of the new session is handled, and what comes goes straight to the mailbox. */
  #release(next: Candidate<L>): void {
    const frames: (DataFrame | PongFrame)[] = [];
    const inbox = this.inbox({ post: (frame) => void frames.push(frame) });
    for (const frame of next.release()) {
      if (frame.type === 'pong') frames.push(frame);
      else inbox.post(frame);
    }
    this.host.handle(frames);
    this.connection.divert();
    if (!this.connection.isPaused) next.wire.resume();
  }

  /** What this rotation has noted is of no account any more; that of the one before is. */
  #endDeliveries(): void {
    const deliveries = this.#deliveries;
    this.#deliveries = deliveries?.before;
    deliveries?.over();
  }

  #notMade(why: string): NotConnectedError {
    const { status } = this.connection;
    return new NotConnectedError(this.client, status, `rotate(): ${why}`);
  }
}

function toFailure(client: string, reason: CloseReason): Error {
  if (reason.by === 'error') return reason.error as Error;
  const { code, message } = reason;
  return new ConnectionError(
    client,
    `the new session was closed before it took over (${code ?? 'no code'} ${JSON.stringify(message)})`,
  );
}
