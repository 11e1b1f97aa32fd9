import { Deferred, limited } from '../async/deferred.js';
import type { Clock, Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import { CallTimeoutError } from '../errors/client.errors.js';
import { ConnectionError, HandshakeError, NotConnectedError } from '../errors/connection.errors.js';
import { SessionOverError, type SendFailure } from '../errors/sending.errors.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame, PingFrame, PongFrame } from '../frame/frame.js';
import { isMilestone } from '../telemetry/milestone.js';
import { Attempt } from './attempt.js';
import {
  Backoff,
  DEFAULT_RECONNECT,
  MAX_RETRY_AFTER,
  type Random,
  type ReconnectPolicy,
} from './backoff.policy.js';
import type { Connection } from './connection.js';
import type { SessionInfo } from './connection.port.js';
import { classOf } from './end.classes.js';
import type { WireEnd } from './wire.end.js';
import type { FrameInbox, WireOpening, WireOwner, WireSettings, WireTools } from './wire.port.js';
import { Wire } from './wire.js';

/** Milliseconds a session has to bring its first frame, once its `@OnConnect` is done. */
const QUIET = 5_000;

/** So many keys are remembered of what a session has delivered. */
const REMEMBERED = 65_536;

/** What {@link Rotation.rotate} is asked for. */
export interface RotateOptions {
  /** Connect there, this once: later attempts go where the options say. @default where they say */
  readonly url?: string | URL;
  /**
   * Milliseconds in which the new session must have taken over; past that the old one stays, and nothing
   * more is tried. @default none: it is tried until it succeeds
   */
  readonly within?: number;
}

/** The options of a client that a rotation goes by. */
export interface RotationSettings {
  /** Milliseconds; `Infinity`: none. */
  readonly maxAge: number;
  /** Milliseconds that the old session is read after the switch. */
  readonly overlap: number;
  /** By what a frame is known that comes on both sessions. */
  readonly dedupe: ((frame: DataFrame) => unknown) | undefined;
  readonly reconnect: ReconnectPolicy | false;
}

/** What a rotation is made with. */
export interface RotationTools extends WireTools {
  readonly random: Random;
}

/** Told of the frames of a session before anybody else is. */
interface Listener {
  /** @returns `true` to take it */
  arrived(frame: DataFrame): boolean;
  /** As much waits as may. */
  full(): void;
}

/** What waits of the new session, in order. */
export interface WaitingFrames {
  push(frame: DataFrame | PongFrame): void;
  /** Takes out the first of which that holds. */
  takeOut<S extends DataFrame>(isIt: (frame: DataFrame | PongFrame) => frame is S): S | undefined;
  clear(): (DataFrame | PongFrame)[];
  /** From now on it is told when as much waits as may, and their number does not count. */
  stretch(onFull: (() => void) | undefined): void;
}

/** Told when too much waits, and when little does again. */
export interface WaitingFramesOwner {
  onHighWater(): void;
  onLowWater(): void;
}

/** The session that is to be the next one, for whoever logs in to it. */
export interface BesideSession {
  readonly isOpen: boolean;
  /** Whether its frames wait, and are not in the mailbox. */
  readonly isHolding: boolean;
  /** Whether it is the client's by now. */
  readonly isPassedOn: boolean;
  fail(error: unknown, code?: number): void;
  lose(error: Error): void;
  /** @throws NotConnectedError, InvalidFrameError, FrameEncodeError */
  send(frames: readonly unknown[], done?: (error?: SendFailure | null) => void): void;
  /** Takes out the first frame that waits, and matches. */
  takeOut(match: (frame: DataFrame) => boolean): DataFrame | undefined;
  /** From now on somebody else has its frames first; `undefined`: nobody. */
  listen(listener: Listener | undefined): void;
}

/** The login of a session that is to be the next one. */
export interface BesideLogin {
  readonly isReady: boolean;
  /** Whether the code that runs now is part of it. */
  readonly isHere: boolean;
  /** What `@OnConnect` says of the peer: it stands over what the session ended by. */
  readonly refusal: Error | undefined;
  closedByPeer(reason: CloseReason): void;
  over(reason: CloseReason): void;
  end(reason: CloseReason): void;
}

/** What a rotation asks of the process it belongs to. */
export interface RotationHost<L extends BesideLogin> {
  readonly settings: RotationSettings;
  /** Whether a session is open, and ready. */
  readonly isReady: boolean;
  /** Whether the peer has let the client in since it refused it last. */
  readonly isTrusted: boolean;
  /** Makes room for what waits, within the marks of the mailbox. */
  hold(owner: WaitingFramesOwner): WaitingFrames;
  readonly mailbox: FrameInbox;
  /** These have their turn now, in order. */
  handle(frames: readonly (DataFrame | PongFrame)[]): void;
  /** An inbox that the features of the session have looked at before. */
  behindFeatures(inbox: FrameInbox): FrameInbox;
  /** Prepares an attempt beside the mailbox, waits for its turn, and calls `dial` or `failAttempt`. */
  prepare(attempt: Attempt, url: string | URL | undefined): void;
  /** The attempt has failed: whether another URL of its round may be tried. */
  hasOtherUrl(): boolean;
  /** A rotation begins or is over, as far as what it prepares is concerned. */
  begins(): void;
  leaves(): void;
  /** Makes the login of a session. */
  greet(info: SessionInfo, session: BesideSession): L;
  /** Begins it, in a turn of its own. */
  logIn(login: L): void;
  /** Nobody wants a login any more. */
  forget(login: L): void;
  /** Does something in a turn of the mailbox, after all that waits. */
  later(work: () => void): void;
  /** The session that is there is about to be that before. */
  onSwitching(login: L): void;
  /** The session is another one, and ready; `isOpened`: that it is open has been told. */
  onReady(login: L, info: SessionInfo, isOpened: boolean): void;
  /** What frames of the session before have brought about is over. */
  onOverlapOver(): void;
  /** The session is lost, and the attempt that is under way becomes the client's. */
  onTakingOver(): void;
  /** It is open by now. */
  onTakenOver(login: L, info: SessionInfo): void;
  /** The old session pings, after the switch; whether somebody answers that. */
  takesPing(frame: PingFrame): boolean;
  /** The old socket does not take its answers: nothing is read meanwhile. */
  pause(holder: object, isPaused: boolean): void;
  /** Has the user's code do something; what it throws crashes the client, and `undefined` is given. */
  noted<R>(work: () => R): R | undefined;
  dropped(frames: readonly unknown[], error: Error): void;
}

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

/** What is wanted of the rotation that is under way. */
interface Run {
  readonly url: string | URL | undefined;
  /** Whether somebody waits who is told of its failure. */
  isHeard: boolean;
  readonly waiting: Set<Deferred<SessionInfo>>;
  deadline?: Timer;
  backoff: Backoff;
  failures: number;
  /** What the last attempt has failed with. */
  last?: unknown;
}

type State<L extends BesideLogin> =
  | { readonly name: 'idle' }
  | { readonly name: 'preparing'; readonly run: Run; readonly attempt: Attempt }
  | {
      readonly name: 'dialling' | 'greeting' | 'confirming' | 'taken';
      readonly run: Run;
      readonly next: Candidate<L>;
      /** Until the session counts as confirmed, though it has brought nothing. */
      readonly timer?: Timer;
    }
  | { readonly name: 'waiting'; readonly run: Run; readonly timer: Timer }
  | {
      readonly name: 'overlapping' | 'leaving';
      readonly next: Candidate<L>;
      readonly before: Overlap<L>;
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
 *
 * While it is not `idle` every frame of the new session waits here, bounded as the mailbox is; it is
 * handled when all of the old one have been. Wires that are closed are remembered until they have ended.
 */
export class Rotation<L extends BesideLogin> {
  #state: State<L> = { name: 'idle' };
  /** Counts up to the end of the session that is there. */
  #age: Timer | undefined;
  /** Those that are being closed. */
  readonly #closing = new Set<Wire>();
  #deliveries: Deliveries | undefined;
  /** What is wanted of an attempt that has become the client's. */
  #passedOn: Run | undefined;
  /** How many there have been. */
  count = 0;
  #info: SessionInfo | undefined;

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
   * Begins one, or joins the one that is under way. Resolves when the new session has taken over.
   *
   * @throws (rejects) NotConnectedError where no session is ready, or when it ends or is left before;
   * CallTimeoutError after `within`; what a fatal attempt has failed with
   */
  rotate({ url, within }: RotateOptions = {}, isHeard = true): Promise<SessionInfo> {
    const { client, tools } = this;
    if (this.isOverlapping) return Promise.resolve(this.#info as SessionInfo);
    const joined = this.#run;
    if (joined !== undefined) {
      joined.isHeard ||= isHeard;
      const waiting = limited<SessionInfo>(
        tools.clock,
        within === undefined ? {} : { timeout: within },
        (timeout) => this.#late(timeout, joined),
      );
      joined.waiting.add(waiting);
      return waiting.promise;
    }
    const waiting = new Deferred<SessionInfo>();
    if (!this.host.isReady) {
      const { status } = this.connection;
      const state = status === 'open' ? 'not ready' : status;
      waiting.reject(
        new NotConnectedError(client, state, 'rotate(): there is no session to be replaced'),
      );
      return waiting.promise;
    }
    const run: Run = {
      url,
      isHeard,
      waiting: new Set([waiting]),
      backoff: Backoff.none,
      failures: 0,
    };
    if (within !== undefined && within !== Infinity) {
      run.deadline = setDeadline(tools.clock, within, () => this.#expired(run, within));
    }
    this.#endDeliveries();
    const { dedupe } = this.host.settings;
    if (dedupe !== undefined) {
      this.#deliveries = new Deliveries(dedupe, (work) => this.host.noted(work));
      this.connection.divert();
    }
    this.host.begins();
    this.#attempt(run);
    return waiting.promise;
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
    if (run !== undefined) this.#settle(run, undefined, info);
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
      this.#settle(state.run, this.#notMade('the new session has ended'));
      this.#idle();
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

  /** The incarnation is over. */
  over(reason: CloseReason): void {
    const { login } = this;
    this.abandon();
    login?.end(reason);
    const state = this.#state;
    this.#state = { name: 'idle' };
    this.#endDeliveries();
    if (!('before' in state)) return;
    state.before.close();
    this.#tell(state.before, 0);
  }

  /** No socket is left. */
  terminate(): void {
    this.#age?.cancel();
    for (const wire of this.#closing) wire.destroy();
    this.#closing.clear();
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
    this.#deliveries?.filter(() => this.#deliveriesOver());
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
      this.#settle(run, undefined, info);
      return this.#idle();
    }
    this.#state = { name: 'confirming', run, next };
    if (next.isConfirmed) return this.#switch(run, next);
    const timer = this.tools.clock.setTimer(QUIET, () => this.#switch(run, next));
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
  sendBefore(frames: readonly unknown[], done?: (error?: SendFailure | null) => void): void {
    const state = this.#state;
    if (!('before' in state)) return;
    const { wire } = state.before;
    if (wire.isOpen) return wire.send(frames, done, true);
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
  onFrame(next: Candidate<L>): void {
    next.isConfirmed = true;
    const state = this.#state;
    if (state.name === 'confirming' && state.next === next) this.#switch(state.run, next);
  }

  onEnd(next: Candidate<L>, end: WireEnd): void {
    const state = this.#state;
    this.#closing.delete(next.wire);
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

  onBeforeEnds(before: Overlap<L>): void {
    const state = this.#state;
    if (state.name === 'overlapping' && state.before === before) this.#endOverlap(before, false);
  }

  /** It has been read for long enough. */
  overlapIsOver(before: Overlap<L>): void {
    if (this.#state.name === 'overlapping') this.#endOverlap(before);
    else before.close();
  }

  onBeforeEnd(before: Overlap<L>): void {
    this.#closing.delete(before.wire);
    this.host.pause(before, false);
    this.onBeforeEnds(before);
  }

  get #run(): Run | undefined {
    return 'run' in this.#state ? this.#state.run : undefined;
  }

  /** The new session, until it is the client's. */
  get #candidate(): Candidate<L> | undefined {
    const state = this.#state;
    return 'run' in state && 'next' in state && state.name !== 'taken' ? state.next : undefined;
  }

  #attempt(run: Run): void {
    const attempt = new Attempt();
    this.#state = { name: 'preparing', run, attempt };
    this.host.prepare(attempt, run.url);
  }

  /** An attempt has failed: the old session stays, and it is tried again. */
  #failed(run: Run, end: WireEnd): void {
    const { reason } = end;
    const error = end.error ?? toFailure(this.client, reason);
    const after = classOf(end, this.host.isTrusted);
    run.failures++;
    run.last = error;
    if (after === 'fatal') return this.#giveUp(error);
    const movesOn = this.host.hasOtherUrl() && after === 'passing';
    if (movesOn) return this.#attempt(run);
    run.backoff = run.backoff.next(
      this.host.settings.reconnect || DEFAULT_RECONNECT,
      this.tools.random,
      after,
    );
    const { retryAfter = 0 } = error instanceof HandshakeError ? error : {};
    const delay = Math.max(run.backoff.delay, Math.min(retryAfter, MAX_RETRY_AFTER));
    const timer = this.tools.clock.setTimer(delay, () => this.#attempt(run));
    this.#state = { name: 'waiting', run, timer };
    if (!isMilestone(run.failures)) return;
    this.tools.telemetry.error(
      error,
      `attempt ${run.failures} of a rotation (the session stays; the next one in ${delay} ms)`,
    );
  }

  /** Its time is over. What has taken over by now stays. */
  #expired(run: Run, within: number): void {
    const error = this.#late(within, run);
    if (this.#run === run && this.#state.name !== 'taken') this.#giveUp(error);
    else this.#settle(run, error);
  }

  /** What has become the client's attempt has failed. */
  #lost(): void {
    const run = this.#passedOn;
    this.#passedOn = undefined;
    if (run !== undefined) this.#settle(run, this.#notMade('the new session has failed'));
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
    this.#settle(run, error);
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
      login.over({ by: 'local', code: CloseCode.normal, message: '' });
      this.host.forget(login);
    }
    if (!wire.isOpen) return wire.destroy();
    this.#closing.add(wire);
    wire.close(CloseCode.normal);
  }

  #switch(run: Run, next: Candidate<L>): void {
    const state = this.#state;
    if (state.name !== 'confirming' || state.next !== next) return;
    state.timer?.cancel();
    // The old one is lost, and what follows is being decided: then it takes over.
    if (!this.connection.isOpen) return;
    const { connection, host } = this;
    const login = next.login as L;
    const opening = next.opening as WireOpening;
    run.deadline?.cancel();
    this.count++;
    const old = connection.wire as Wire;
    const { overlap } = host.settings;
    const before = new Overlap<L>(this, this.host, overlap, this.tools, old);
    this.#state = { name: 'overlapping', next, before };
    this.#closing.add(old);
    host.onSwitching(login);
    next.isPassedOn = true;
    before.begin(this.inbox(host.mailbox));
    const info = (this.#info = connection.switchTo(next.wire, opening));
    next.wire.divert(host.behindFeatures(next));
    next.sift((inbox) => host.behindFeatures(inbox));
    next.settle();
    host.leaves();
    host.onReady(login, info, false);
    this.#settle(run, undefined, info);
    if (overlap === 0) this.#endOverlap(before);
    else if (connection.isPaused) before.setPaused(true);
  }

  /** Nothing more is read of the old session. @param closes whether it is closed by us, and now */
  #endOverlap(before: Overlap<L>, closes = true): void {
    const state = this.#state;
    if (state.name !== 'overlapping') return;
    this.#state = { ...state, name: 'leaving' };
    if (closes) before.close();
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
    this.#deliveries?.filter((deduped) => {
      this.#deliveriesOver();
      this.#tell(before, deduped);
    });
    this.#deliveries?.expire(this.tools.clock, this.host.settings.overlap);
    const isFiltering = this.#deliveries !== undefined;
    this.#release(next);
    if (!isFiltering) this.#tell(before, 0);
  }

  #tell({ overlapped, session: from }: Overlap<L>, deduped: number): void {
    this.tools.telemetry.emit('rotated', { from, to: from + 1, overlapped, deduped });
  }

  /** Nothing comes twice any more. */
  #deliveriesOver(): void {
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

  #idle(): void {
    this.#state = { name: 'idle' };
  }

  #endDeliveries(): void {
    const deliveries = this.#deliveries;
    this.#deliveries = undefined;
    deliveries?.over();
  }

  #settle(run: Run, error: unknown, info?: SessionInfo): void {
    run.deadline?.cancel();
    for (const one of run.waiting) {
      if (info === undefined) one.reject(error);
      else one.resolve(info);
    }
    run.waiting.clear();
  }

  #late(timeout: number, { last }: Run): Error {
    const advice = last instanceof Error ? `the last attempt: ${last.message}` : undefined;
    return new CallTimeoutError(this.client, timeout, 'no new session took over', advice);
  }

  #notMade(why: string): NotConnectedError {
    const { status } = this.connection;
    return new NotConnectedError(this.client, status, `rotate(): ${why}`);
  }
}

/**
 * The new session until it is the client's, and what waits of it until the old one has been handled.
 */
class Candidate<L extends BesideLogin>
  implements WireOwner, FrameInbox, BesideSession, WaitingFramesOwner
{
  readonly wire: Wire;
  opening: WireOpening | undefined;
  login: L | undefined;
  /** Whether it has shown that it is good. */
  isConfirmed = false;
  /** Whether it is the client's by now. */
  isPassedOn = false;
  isHolding = true;
  readonly #frames: WaitingFrames;
  #isFull = false;
  #listener: Listener | undefined;

  constructor(
    readonly attempt: Attempt,
    settings: WireSettings,
    tools: RotationTools,
    private readonly rotation: Rotation<L>,
    hold: (owner: WaitingFramesOwner) => WaitingFrames,
  ) {
    this.#frames = hold(this);
    this.wire = new Wire(settings, tools, this, this);
  }

  get isOpen(): boolean {
    return this.wire.isOpen;
  }

  post(frame: DataFrame): void {
    if (this.#listener?.arrived(frame) === true) return;
    this.keep(frame);
    if (!this.isPassedOn) this.rotation.onFrame(this);
  }

  keep(frame: DataFrame | PongFrame): void {
    this.#frames.push(frame);
  }

  fail(error: unknown, code?: number): void {
    this.wire.fail(error, code);
  }

  lose(error: Error): void {
    this.wire.lose(error);
  }

  send(frames: readonly unknown[], done?: (error?: SendFailure | null) => void): void {
    if (!this.wire.isOpen) {
      const { client } = this.wire.request;
      throw new NotConnectedError(client, 'closing', 'cannot send on the new session');
    }
    this.wire.send(frames, done);
  }

  takeOut(match: (frame: DataFrame) => boolean): DataFrame | undefined {
    return this.#frames.takeOut((one): one is DataFrame => one.type !== 'pong' && match(one));
  }

  listen(listener: Listener | undefined): void {
    this.#listener = listener;
    this.#frames.stretch(listener && (() => listener.full()));
  }

  /** What waits is looked at by the features, now that it is theirs. */
  sift(behind: (inbox: FrameInbox) => FrameInbox): void {
    const kept: (DataFrame | PongFrame)[] = [];
    const inbox = behind({ post: (frame) => void kept.push(frame) });
    for (const frame of this.#frames.clear()) {
      if (frame.type === 'pong') kept.push(frame);
      else inbox.post(frame);
    }
    for (const frame of kept) this.#frames.push(frame);
  }

  /** Gives all that waits, in order: nothing more does. */
  release(): (DataFrame | PongFrame)[] {
    const frames = this.#frames.clear();
    this.isHolding = false;
    this.#isFull = false;
    return frames;
  }

  /** Reading goes on or not by more than what waits here. */
  settle(): void {
    if (this.#isFull) this.wire.pause();
  }

  onHighWater(): void {
    this.#isFull = true;
    this.wire.pause();
  }

  onLowWater(): void {
    this.#isFull = false;
    this.wire.resume();
  }

  onOpen(info: WireOpening['info'], request: WireOpening['request']): void {
    this.rotation.onOpen(this, { info, request });
  }

  onPing({ data }: PingFrame): void {
    if (this.wire.isOpen) this.wire.send([{ type: 'pong', data }], undefined, true);
  }

  /** It has pinged nobody yet. */
  onPong(): void {}

  onPeerClose(reason: CloseReason): void {
    this.login?.closedByPeer(reason);
    this.wire.answerClose();
  }

  onClosing(reason: CloseReason): void {
    this.login?.over(reason);
  }

  onBackpressure(hasBackpressure: boolean): void {
    if (hasBackpressure || this.#isFull) this.wire.pause();
    else this.wire.resume();
  }

  onWritable(): void {}

  onEnd(end: WireEnd): void {
    this.rotation.onEnd(this, end);
  }
}

/** The old session, from the switch to its end. */
class Overlap<L extends BesideLogin> implements WireOwner {
  readonly session: number;
  /** Frames it has brought since the switch. */
  overlapped = 0;
  #timer: Timer | undefined;
  #since = 0;

  constructor(
    private readonly rotation: Rotation<L>,
    private readonly host: RotationHost<L>,
    /** Milliseconds that it is read still; the time in which we do not read does not count. */
    private left: number,
    private readonly tools: RotationTools,
    readonly wire: Wire,
  ) {
    this.session = rotation.session;
  }

  /** From now on what happens on the wire is told here. */
  begin(inbox: FrameInbox): void {
    const counted: FrameInbox = {
      post: (frame) => {
        this.overlapped++;
        inbox.post(frame);
      },
    };
    this.wire.passTo(this, this.host.behindFeatures(counted));
    this.#wait();
  }

  setPaused(isPaused: boolean): void {
    if (this.#timer === undefined) return;
    if (isPaused) {
      this.wire.pause();
      this.#timer.cancel();
      this.left = Math.max(0, this.left - (this.tools.clock.now() - this.#since));
    } else {
      this.wire.resume();
      this.#wait();
    }
  }

  /** Nothing more of it is heard. */
  close(): void {
    this.#over();
    this.wire.close(CloseCode.normal);
  }

  /** What came before the close of the peer has been handled. */
  answerClose(): void {
    this.#over();
    this.wire.answerClose();
  }

  onOpen(): void {}

  onPing(frame: PingFrame): void {
    if (this.host.takesPing(frame)) return;
    const { data } = frame;
    if (this.wire.isOpen) this.wire.send([{ type: 'pong', data }], undefined, true);
  }

  /** What was asked of the peer in the session before is over with it. */
  onPong(): void {}

  onPeerClose(): void {
    this.rotation.onBeforeEnds(this);
  }

  onClosing(): void {
    this.rotation.onBeforeEnds(this);
  }

  onBackpressure(hasBackpressure: boolean): void {
    this.host.pause(this, hasBackpressure);
  }

  onWritable(): void {}

  onEnd(): void {
    this.#over();
    this.rotation.onBeforeEnd(this);
  }

  #wait(): void {
    this.#since = this.tools.clock.now();
    this.#timer = this.tools.clock.setTimer(this.left, () => this.rotation.overlapIsOver(this));
  }

  #over(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

/** What a session has delivered, by the keys that the user gives its frames. */
class Deliveries {
  readonly #keys = new Set<unknown>();
  #deduped = 0;
  #isFiltering = false;
  #timer: Timer | undefined;
  #done: ((deduped: number) => void) | undefined;

  constructor(
    private readonly dedupe: (frame: DataFrame) => unknown,
    private readonly noted: <R>(work: () => R) => R | undefined,
  ) {}

  /** Notes what it passes on; once it filters, it drops what has been noted. */
  inbox(mailbox: FrameInbox): FrameInbox {
    return {
      post: (frame) => {
        const key = this.noted(() => this.dedupe(frame));
        if (key === undefined) return mailbox.post(frame);
        if (this.#isFiltering) {
          if (this.#keys.has(key)) this.#deduped++;
          else mailbox.post(frame);
          return;
        }
        this.#note(key);
        mailbox.post(frame);
      },
    };
  }

  /** From now on what comes is the new session's, and may have come before. */
  filter(done: (deduped: number) => void): void {
    this.#isFiltering = true;
    this.#done = done;
  }

  /** It may do so for so many milliseconds more. */
  expire(clock: Clock, time: number): void {
    if (!this.#isFiltering) return;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(time, () => this.over());
  }

  over(): void {
    this.#timer?.cancel();
    const done = this.#done;
    this.#done = undefined;
    done?.(this.#deduped);
  }

  #note(key: unknown): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= REMEMBERED) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return;
    }
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
