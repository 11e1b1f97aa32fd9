import type { Timer } from '../clock/clock.port.js';
import { type ClientStatus, NotConnectedError } from '../errors/connection.errors.js';
import type { SendFailure } from '../errors/sending.errors.js';
import { Redactor } from '../errors/redactor.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { PingFrame, PongFrame } from '../frame/frame.js';
import type { TransportInfo, TransportRequest } from '../transport/transport.port.js';
import { Attempt, type AttemptOutcome } from './attempt.js';
import type { ConnectionOwner, SessionInfo } from './connection.port.js';
import { LingeringSockets } from './lingering.sockets.js';
import type { WireEnd } from './wire.end.js';
import { Wire } from './wire.js';
import type { WireOpening, WireOwner, WireSettings, WireTools } from './wire.port.js';

type State =
  | { readonly name: 'idle' | 'terminated' }
  /** Without `attempt`, it failed, and what follows is being decided. */
  | { readonly name: 'connecting'; readonly attempt?: Attempt; readonly wire?: Wire }
  | { readonly name: 'open'; readonly wire: Wire }
  /** Without `wire`, the session is over, and what follows is being decided. */
  | { readonly name: 'closing'; readonly wire?: Wire }
  | { readonly name: 'backoff'; readonly timer: Timer };

/**
 * One logical connection over many sockets: at most one wire is listened to at a time, and what an
 * older one still has to say is not heard here. While a `Rotation` replaces the wire, it has the other
 * one. It decides nothing: its owner does, and tells it.
 */
export class Connection implements WireOwner {
  #state: State = { name: 'idle' };
  #paused = false;
  /** What {@link crash} let go of, and the sockets of a rotation with it. */
  #lingering: LingeringSockets | undefined;
  #url = '';
  /** The same, as telemetry may show it. */
  #shownUrl = '';
  /** What was asked for last. */
  #request: TransportRequest | undefined;
  /** Losses and failed attempts since the last session that was ready. */
  losses = 0;
  /** How long the last session was open, in milliseconds. */
  lasted = 0;
  /** Whether we have closed the session: what still arrives of it is dropped. */
  isClosedByUs = false;
  /** What speaks to the peer, in the current session or the last one. */
  transport: string | undefined;
  #openedAt = 0;
  /** Those who wait until there is no wire. */
  #awaited: (() => void)[] | undefined;

  constructor(
    private readonly client: string,
    private readonly tools: WireTools,
    private readonly owner: ConnectionOwner,
    /** The number of the current session, or of the last one. */
    public session = 0,
  ) {}

  /** What {@link crash} let go of, and the sockets of a rotation with it; most connections never have any. */
  get lingering(): LingeringSockets {
    return (this.#lingering ??= new LingeringSockets());
  }

  get status(): ClientStatus {
    return this.#state.name;
  }

  /** Where the session leads, or the last attempt; empty before the first. With its secrets. */
  get url(): string {
    return this.#url;
  }

  get isOpen(): boolean {
    return this.#state.name === 'open';
  }

  /** Whether there is a socket whose end will be told. */
  get hasWire(): boolean {
    return this.#wire !== undefined;
  }

  /** Bytes the socket has read; 0 where there is none, `undefined` where its transport counts none. */
  get bytesRead(): number | undefined {
    const { socket } = this.#wire ?? {};
    return socket === undefined ? 0 : socket.bytesRead;
  }

  /** Bytes handed to the socket that it has not taken; 0 where there is none. */
  get bufferedAmount(): number {
    const state = this.#state;
    // Asked for each frame: the common way comes first.
    const wire = state.name === 'open' ? state.wire : this.#wire;
    return wire?.socket?.bufferedAmount ?? 0;
  }

  /** Calls `done` once there is none: at once, or when it has ended. */
  whenNoWire(done: () => void): void {
    if (this.hasWire) (this.#awaited ??= []).push(done);
    else done();
  }

  /** The wire of the session that is open. */
  get wire(): Wire | undefined {
    return this.#state.name === 'open' ? this.#state.wire : undefined;
  }

  /** Whether an attempt is under way. */
  get isAttempting(): boolean {
    return this.#state.name === 'connecting' && this.#state.attempt !== undefined;
  }

  /**
   * Announces an attempt; {@link dial} makes it, once its request is known. One that is under way is
   * given up, and so is the wait for one.
   */
  begin(): Attempt {
    const before = this.#state;
    const attempt = new Attempt();
    this.#enter({ name: 'connecting', attempt });
    letGo(before);
    return attempt;
  }

  /** Whether this attempt is the one that is wanted. */
  isCurrent(attempt: Attempt): boolean {
    return this.#state.name === 'connecting' && this.#state.attempt === attempt;
  }

  dial(attempt: Attempt, settings: WireSettings): void {
    if (!this.isCurrent(attempt)) return;
    this.#asks(settings.request);
    this.tools.telemetry.emit('connecting', { url: this.#shownUrl, attempt: this.losses + 1 });
    // An observer of the event may have closed.
    if (!this.isCurrent(attempt)) return;
    const wire = new Wire(settings, this.tools, this, this.owner.inbox);
    this.#state = { name: 'connecting', attempt, wire };
    wire.dial();
  }

  /**
   * Another wire takes the place of the one of the session that is open: from now on the session is the
   * next one.
   *
   * @returns that session
   */
  switchTo(wire: Wire, opening: WireOpening): SessionInfo {
    wire.passTo(this, this.owner.inbox);
    return this.#opened(wire, opening);
  }

  /**
   * The session is over, and another wire is there already, dialled by somebody else: it is the next
   * attempt, or the next session where it is open.
   *
   * @returns the session, where it is open
   */
  takeOver(attempt: Attempt, wire: Wire, opening?: WireOpening): SessionInfo | undefined {
    this.#asks(opening?.request ?? wire.request);
    wire.passTo(this, this.owner.inbox);
    this.#enter({ name: 'connecting', attempt, wire });
    if (!this.isCurrent(attempt)) return undefined;
    this.tools.telemetry.emit('connecting', { url: this.#shownUrl, attempt: this.losses + 1 });
    // Who is told may have closed: then the wire is gone.
    if (opening === undefined || !this.isCurrent(attempt)) return undefined;
    return this.#opened(wire, opening);
  }

  /** The attempt could not be made: its request could not be had. `onEnd` follows. */
  failAttempt(attempt: Attempt, error: unknown): void {
    if (!this.isCurrent(attempt)) return;
    const reason = { by: 'error', error } as const;
    const end = { opened: false, isUnmade: true, reason, error, voluntary: false };
    this.#over(end, { type: 'unmade' });
  }

  /**
   * Hands frames to the socket now.
   *
   * @param isAnswer whether they answer what the peer sent: too many of them hold up reading
   * @throws NotConnectedError, InvalidFrameError, FrameEncodeError
   */
  send(
    frames: readonly unknown[],
    done?: (error?: SendFailure | null) => void,
    isAnswer = false,
  ): void {
    if (this.#state.name !== 'open') {
      throw new NotConnectedError(this.client, this.status, 'cannot send');
    }
    this.#state.wire.send(frames, done, isAnswer);
  }

  /** The session is ready: its end will be the first of a row. */
  ready(): void {
    this.losses = 0;
  }

  /** Begins the closing handshake of the session; `onEnd` follows. */
  close(code?: number, message = ''): void {
    const reason = { by: 'local', message, ...(code !== undefined && { code }) } as const;
    this.#startClosing((wire) => wire.close(code, message), reason);
  }

  /** Closes the session for an error that is ours, by default with 1011; `onEnd` follows. */
  fail(error: unknown, code?: number): void {
    this.#startClosing((wire) => wire.fail(error, code), { by: 'error', error });
  }

  /** Ends the session by this error, at once and without a close frame; `onEnd` follows. */
  lose(error: Error): void {
    if (this.#state.name === 'open') this.#state.wire.lose(error);
  }

  /** The same because we want to: whoever is told that is told it as our close. */
  abort({ code, message }: { readonly code: number; readonly message: string }): void {
    if (this.#state.name === 'open') this.#state.wire.abort(code, message);
  }

  /** Answers the peer's close frame; `onEnd` follows. */
  answerClose(): void {
    this.#startClosing((wire) => wire.answerClose());
  }

  /** Closes with 1011 for a crash, without waiting for the peer; no `onEnd` follows. */
  crash(error: unknown): void {
    if (this.isOpen) this.tools.trace.tell?.({ event: 'closing', reason: { by: 'error', error } });
    if (this.#wire !== undefined) this.lingering.crash(this.#wire);
    this.#drop();
  }

  /** Gives up the attempt or the wait for one; no `onEnd` follows. Does nothing in a session. */
  giveUp(): void {
    if (this.#state.name !== 'connecting' && this.#state.name !== 'backoff') return;
    this.#wire?.destroy();
    this.#drop();
  }

  /** Cuts the socket of a session that is closing; `onEnd` follows. `isLate`: the peer had its time. */
  cut(isLate: boolean): void {
    this.#wire?.cut(isLate);
  }

  /** Waits, then tells `onRetry`. An attempt that is under way is given up, and so is another wait. */
  backoff(delay: number): void {
    const before = this.#state;
    const timer = this.tools.clock.setTimer(delay, () => this.owner.onRetry());
    const state: State = { name: 'backoff', timer };
    // Entered before it is told: who closes in that call ends a backoff.
    this.#enter(state);
    letGo(before);
    if (this.#state !== state) return;
    this.tools.telemetry.emit('backoff', { delay, attempt: this.losses + 1 });
  }

  /** The end: nothing is told any more, and no socket is left save one that {@link crash} let go. */
  terminate(): void {
    if (this.#paused) this.tools.meter?.reads(true);
    this.#wire?.destroy();
    this.#drop();
    this.#enter({ name: 'terminated' });
  }

  /** Whether reading stands still. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** Stops and goes on reading, in this session and the next ones. */
  setPaused(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    if (this.#state.name === 'terminated') return;
    this.tools.meter?.reads(!paused);
    this.tools.telemetry.emit(paused ? 'pause' : 'resume', {});
    if (paused) this.#wire?.pause();
    else this.#wire?.resume();
  }

  /** The {@link ConnectionOwner.inbox} is another one from now on, in this session too. */
  divert(): void {
    this.#wire?.divert(this.owner.inbox);
  }

  onOpen(info: TransportInfo, request: TransportRequest): void {
    const wire = this.#wire as Wire;
    this.owner.onOpen(this.#opened(wire, { info, request }), wire);
  }

  onPing(frame: PingFrame): void {
    this.owner.onPing(frame);
  }

  onPong(frame: PongFrame): void {
    this.owner.onPong(frame);
  }

  onPeerClose(reason: CloseReason): void {
    this.owner.onPeerClose(reason);
  }

  onClosing(reason: CloseReason): void {
    if (this.#state.name !== 'open') return;
    this.#enter({ name: 'closing', wire: this.#state.wire });
    this.owner.onLeaving(reason);
  }

  onBackpressure(hasBackpressure: boolean): void {
    this.owner.onBackpressure(hasBackpressure);
  }

  onWritable(): void {
    this.owner.onWritable();
  }

  onEnd(end: WireEnd): void {
    this.#over(end, { type: 'failed', error: end.error });
  }

  #opened(wire: Wire, { info, request }: WireOpening): SessionInfo {
    this.#asks(request);
    this.session++;
    this.isClosedByUs = false;
    this.#openedAt = this.tools.clock.now();
    this.#enter({ name: 'open', wire }, { type: 'opened' });
    if (this.#paused) wire.pause();
    const { headers, extensions, transport } = info;
    const protocol = info.protocol === '' ? '' : this.#show(info.protocol);
    this.transport = transport;
    const told = transport === undefined ? {} : { transport };
    this.tools.telemetry.emit('connected', { url: this.#shownUrl, protocol, ...told });
    // Field by field: what is spread has, in V8, a hidden class of its own for each session.
    const { session } = this;
    const opened: SessionInfo = {
      headers,
      protocol: info.protocol,
      extensions,
      url: this.#url,
      session,
    };
    return transport === undefined ? opened : Object.assign(opened, { transport });
  }

  /** What is asked for now, by an attempt or where a redirect has led it. */
  #asks(request: TransportRequest): void {
    const { url, redactor = new Redactor() } = request;
    if (this.#url !== url) this.#shownUrl = redactor.url(url);
    this.#url = url;
    this.#request = request;
  }

  /** A subprotocol as telemetry may show it: the peer may choose one that is a token in disguise. */
  #show(protocol: string): string {
    const { protocols = [], redactor = new Redactor() } = this.#request ?? {};
    return redactor.protocols(protocols)[protocols.indexOf(protocol)] ?? protocol;
  }

  get #wire(): Wire | undefined {
    return 'wire' in this.#state ? this.#state.wire : undefined;
  }

  /** @param reason absent where the owner knows it */
  #startClosing(close: (wire: Wire) => void, reason?: CloseReason): void {
    if (this.#state.name !== 'open') return;
    const { wire } = this.#state;
    this.isClosedByUs = true;
    this.#enter({ name: 'closing', wire });
    close(wire);
    if (reason !== undefined) this.owner.onLeaving(reason);
  }

  #over(end: WireEnd, outcome: AttemptOutcome): void {
    this.losses++;
    if (end.opened) this.lasted = this.tools.clock.now() - this.#openedAt;
    this.#enter({ name: end.opened ? 'closing' : 'connecting' }, outcome);
    this.owner.onEnd(end);
  }

  /** Leaves wire, attempt and timer; what follows is to be decided. */
  #drop(): void {
    if (this.#state.name === 'idle' || this.#state.name === 'terminated') return;
    if (this.#state.name === 'connecting') this.#state.attempt?.abandon();
    if (this.#state.name === 'backoff') this.#state.timer.cancel();
    this.#enter({ name: 'closing' });
  }

  /** @param outcome of the attempt that was under way, where one was */
  #enter(state: State, outcome: AttemptOutcome = { type: 'abandoned' }): void {
    const before = this.#state;
    const changed = state.name !== before.name;
    this.#state = state;
    if ('attempt' in before) before.attempt?.settle(outcome);
    if (changed) this.owner.listener.onStatus(state.name);
    if (this.#awaited === undefined || this.hasWire) return;
    for (const done of this.#awaited.splice(0)) done();
  }
}

/** Gives up what was to lead to a session: nothing more is heard of it. */
function letGo(state: State): void {
  if (state.name === 'backoff') state.timer.cancel();
  if (state.name !== 'connecting') return;
  state.wire?.destroy();
  state.attempt?.abandon();
}
