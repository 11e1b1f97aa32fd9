import type { Timer } from '../clock/clock.port.js';
import type { WireEnd } from '../connection/wire.end.js';
import { ConfigurationError } from '../errors/client.errors.js';
import { NotConnectedError } from '../errors/connection.errors.js';
import { FrameEncodeError } from '../errors/frame.errors.js';
import {
  BackpressureError,
  QueueFullError,
  SendExpiredError,
  type SendFailure,
  SessionOverError,
  SupersededError,
} from '../errors/sending.errors.js';
import { type Frame, framesWithin } from '../frame/frame.js';
import { isMilestone } from '../telemetry/milestone.js';
import { FormerAnswers } from './former.answers.js';
import { SendRate } from './send.rate.js';
import type { FeatureContext, SendingOptions, SessionFeature } from './session.feature.js';
import {
  areWhole,
  countMessages,
  isKeptMode,
  own,
  toWaiting,
  type WaitingSend,
  WaitingSends,
} from './waiting.sends.js';

/**
 * Keeps what cannot be sent now, in order: because there is no session that is ready, because the peer
 * does not take as much (`sendHighWaterMark`), or because it may not be sent as often (`sendRate`).
 *
 *                      there is no session                 the session is ready
 *     'reject'         NotConnectedError                   waits its turn; at the end NotConnectedError
 *     'queue'          waits, up to `queue.max`            waits its turn, and on after the end
 *     'latest'         the same; a newer one of its key    the same
 *                      takes its place
 *     'drop'           resolves, and is counted            waits its turn; at the end as without a session
 *     of a handler     dropped, and told                   waits its turn; at the end dropped, and told
 *
 * Whatever waits is told once what became of it: taken by the socket, or why it never will be. What a
 * socket was given is not given to another, unless it is certain that no byte of it has left. It keeps
 * what it has over a crash.
 */
export class Outbox implements SessionFeature {
  /** In order; those that wait for a session among those that wait in one. */
  readonly #waiting = new WaitingSends();
  /** What a socket was given, and has not told of: of those that would wait for another session. */
  #handed: Set<WaitingSend> | undefined;
  /** The same of the socket that a rotation has replaced, which still tells of them. */
  #before: Set<WaitingSend> | undefined;
  /** What answers the session that a rotation has replaced, while that is read. */
  #former: FormerAnswers | undefined;
  /** What the last socket has given back: before all that waits. */
  #returned: WaitingSend[] | undefined;
  /** The session that is ready; 0 for none. */
  #ready = 0;
  #rate: SendRate | undefined;
  #rateTimer: Timer | undefined;
  #expiry: Timer | undefined;
  #isPumping = false;
  #isHolding = false;
  #isClosed = false;
  /** How often what a handler returned was refused. */
  #refused = 0;
  /** Those who wait until nothing does. */
  #drained: (() => void)[] | undefined;

  constructor(private readonly context: FeatureContext) {}

  get queued(): number {
    return this.#waiting.frames;
  }

  sending(frames: readonly Frame[], options: SendingOptions): readonly Frame[] | undefined {
    const { caller } = options;
    const { context } = this;
    if (options.isOfBefore) return this.#toBefore(frames, options);
    if (caller?.session !== undefined) this.#checkSession(caller.session);
    if (!context.isOpen) return this.#withoutSession(frames, options);
    if (this.#ready !== context.session) return this.#beforeReady(frames, options);
    if (isControl(frames)) return frames;
    if (options.isReplay === true) {
      this.#rate?.take(countMessages(frames), context.clock.now());
      return frames;
    }
    const isKept = caller !== undefined && isKeptMode(caller.whenDisconnected);
    const isNext = this.#waiting.size === 0 && this.hasRoom;
    // What it allows counts, so it is asked last.
    if (isNext && !isKept && this.#mayGo(frames)) return frames;
    return this.#enqueue(frames, options, true);
  }

  isFree(): boolean {
    const { context } = this;
    const isNext = this.#waiting.size === 0 && this.#rate === undefined && this.hasRoom;
    return isNext && this.#ready === context.session;
  }

  open(): void {
    const { sendRate } = this.context.settings;
    this.#rate = sendRate && new SendRate(sendRate, this.context.clock.now());
  }

  ready(session: number): void {
    // A socket tells of all it was given before its end: what it has not told of now, it never will.
    for (const item of this.#handed ?? []) this.#settle(item, this.#lost());
    this.#handed = undefined;
    this.#ready = session;
    this.#putBack();
    this.#pump();
  }

  writable(): void {
    this.#pump();
  }

  /** Resolves when nothing waits any more that could be sent in this session. */
  drain(): Promise<void> | undefined {
    if (this.#waiting.size === 0 || this.#ready === 0) return undefined;
    return new Promise((resolve) => (this.#drained ??= []).push(resolve));
  }

  end({ isRotated = false }: Partial<WireEnd> = {}): void {
    if (!isRotated) return this.#lose();
    if (this.#handed !== undefined)
      this.#before = new Set([...(this.#before ?? []), ...this.#handed]);
    this.#handed = undefined;
    const { session } = this.context;
    this.#former = new FormerAnswers(this.context, session, this.#rate, () => this.#hold());
    this.#lose(isRotated);
  }

  overlapOver(): void {
    const former = this.#former;
    this.#former = undefined;
    former?.over();
  }

  over(): void {
    this.overlapOver();
    this.#lose();
  }

  close(): void {
    this.#isClosed = true;
    this.#handed = undefined;
    this.#lose();
    for (const item of this.#waiting) {
      this.#waiting.remove(item);
      this.#settle(item, this.context.notConnected('the frame was not sent'));
    }
    this.#arm();
  }

  /** What becomes of it without a session; what is to be rejected the connection refuses. */
  #withoutSession(frames: readonly Frame[], options: SendingOptions): readonly Frame[] | undefined {
    const { caller, done } = options;
    if (caller === undefined || caller.whenDisconnected === 'reject') return frames;
    if (caller.whenDisconnected !== 'drop') return this.#enqueue(frames, options, false);
    this.context.dropped(frames, this.context.notConnected('the frame was dropped'));
    done?.();
    return undefined;
  }

  /** `@OnConnect` is not done: what it sends itself goes at once, the rest after it. */
  #beforeReady(frames: readonly Frame[], options: SendingOptions): readonly Frame[] | undefined {
    const { caller, isGreeting } = options;
    if (isGreeting || isControl(frames) || caller?.whenDisconnected === 'reject') return frames;
    return caller === undefined
      ? this.#enqueue(frames, options, true)
      : this.#withoutSession(frames, options);
  }

  #toBefore(frames: readonly Frame[], options: SendingOptions): readonly Frame[] | undefined {
    const former = this.#former;
    if (former === undefined || isControl(frames) || former.mayGo(frames)) return frames;
    former.keep(this.#toWaiting(frames.map(own), options));
    return undefined;
  }

  #checkSession(wanted: number): void {
    const { client, session, isOpen } = this.context;
    if (wanted > session) {
      throw new ConfigurationError(
        `${client}: sendFrame(): there is no session ${wanted} yet, the last one is ${session}; give handle.session`,
      );
    }
    if (wanted < session || !isOpen) throw new SessionOverError(client, wanted);
  }

  private get hasRoom(): boolean {
    const { bufferedAmount, settings } = this.context;
    return bufferedAmount < settings.sendHighWaterMark;
  }

  /** Whether the rate allows it now; then it counts. */
  #mayGo(frames: readonly Frame[]): boolean {
    if (this.#rate === undefined) return true;
    const now = this.context.clock.now();
    const messages = countMessages(frames);
    if (this.#rate.left(messages, now) > 0) return false;
    this.#rate.take(messages, now);
    return true;
  }

  /** @param isIn whether it waits in a session: then the bound is that of what waits to be sent */
  #enqueue(frames: readonly Frame[], options: SendingOptions, isIn: boolean): undefined {
    const { client } = this.context;
    const { caller } = options;
    if (!isIn && !areWhole(frames)) {
      throw new FrameEncodeError(
        `${client}: the fragments of a message belong to one session, and there is none; give all of them in one call to have them wait`,
      );
    }
    const item = this.#toWaiting(frames, options);
    const { key } = item;
    const older = key === undefined ? undefined : this.#waiting.latest(key);
    const refusal = isIn ? this.#backpressure(item) : this.#full(item, older);
    if (refusal !== undefined) {
      if (caller !== undefined) throw refusal;
      this.#settle(item, refusal);
      this.#warn(refusal);
      return undefined;
    }
    if (older !== undefined) {
      this.#waiting.remove(older);
      this.#settle(older, new SupersededError(client, key as string));
    }
    // Not before: what is refused is not worth a copy.
    item.frames = frames.map(own);
    this.#waiting.add(item);
    caller?.onKept(() => this.#withdraw(item));
    this.#pump();
    this.#arm();
    return undefined;
  }

  #toWaiting(frames: readonly Frame[], options: SendingOptions): WaitingSend {
    const { client, clock } = this.context;
    return toWaiting(client, frames, options, clock.now());
  }

  /** Nobody waits for what a handler returned: that it is lost is told in the log. */
  #warn(refusal: Error): void {
    if (!isMilestone(++this.#refused)) return;
    const how = this.#refused === 1 ? '' : ` (${this.#refused} times)`;
    const message = `what a handler returned was dropped${how}: ${refusal.message}`;
    this.context.telemetry.emit('warning', { message });
  }

  /** What answers the peer always finds room: too much of it holds up reading. */
  #backpressure({ bytes, isAnswer }: WaitingSend): BackpressureError | undefined {
    const { client, bufferedAmount, settings } = this.context;
    const { maxBuffered } = settings;
    const { frames } = this.#waiting;
    const others = bufferedAmount + this.#waiting.bytes;
    const isMany = frames >= framesWithin(maxBuffered);
    if (isAnswer || others === 0 || (others + bytes <= maxBuffered && !isMany)) return undefined;
    const wait = isMany
      ? `${frames} frames wait to be sent, and of maxBuffered (${maxBuffered}) each has 256 bytes at least`
      : `${others} bytes wait to be sent, and with ${bytes} more it would be above ${maxBuffered} (maxBuffered)`;
    return new BackpressureError(
      client,
      `${wait}: the peer takes less than is sent to it. Wait for the sends before, send less, or allow more`,
    );
  }

  #full(item: WaitingSend, older?: WaitingSend): QueueFullError | undefined {
    const { max, maxBytes } = this.context.settings.queue;
    const frames = this.#waiting.kept.frames - (older?.frames.length ?? 0) + item.frames.length;
    const bytes = this.#waiting.kept.bytes - (older?.bytes ?? 0) + item.bytes;
    if (frames <= max && bytes <= maxBytes) return undefined;
    const what =
      frames > max
        ? `${max} frames wait already (queue.max)`
        : `the frames that wait would have ${bytes} bytes, more than ${maxBytes} (queue.maxBytes)`;
    return new QueueFullError(this.context.client, what);
  }

  /** Sends what may go now. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#sendNext());
    } finally {
      this.#isPumping = false;
    }
    this.#hold();
    if (this.#waiting.size > 0) return;
    for (const resolve of this.#drained?.splice(0) ?? []) resolve();
  }

  /** @returns whether there may be more to send */
  #sendNext(): boolean {
    const { context } = this;
    const item = this.#waiting.first;
    if (item === undefined || !context.isOpen || this.#ready !== context.session) return false;
    if (context.isReplaying) return false;
    const now = context.clock.now();
    if (this.#isExpired(item, now)) return this.#expire(item);
    if (!this.hasRoom) return false;
    const delay = this.#rate?.left(item.messages, now) ?? 0;
    if (delay > 0) {
      this.#rateTimer?.cancel();
      this.#rateTimer = context.clock.setTimer(Math.ceil(delay), () => this.#pump());
      return false;
    }
    this.#waiting.remove(item);
    this.#rate?.take(item.messages, now);
    this.#hand(item);
    return true;
  }

  #hand(item: WaitingSend): void {
    if (isKeptMode(item.mode)) (this.#handed ??= new Set()).add(item);
    item.caller?.onHanded?.();
    try {
      this.context.send(item.frames, (error) => this.#told(item, error), item.isAnswer);
    } catch (error) {
      this.#handed?.delete(item);
      this.#settle(item, error as Error);
    }
  }

  /** The socket tells what became of it. */
  #told(item: WaitingSend, error: SendFailure | null | undefined): void {
    this.#handed?.delete(item);
    const isOfBefore = this.#before?.delete(item) === true;
    if (item.isSettled) return;
    if (!error) this.#settle(item);
    else if (isKeptMode(item.mode) && error.isUnsent && !this.#isClosed) {
      (this.#returned ??= []).push(item);
      item.caller?.onReturned?.();
    } else this.#settle(item, this.#lost(error));
    if (this.#ready === 0) this.#putBack();
    else if (isOfBefore && this.#before?.size === 0) {
      // That socket is gone: what it had, and has not sent, goes by the one that there is.
      this.#putBack(true);
      this.#pump();
    }
  }

  /** Whether a socket has something it has not told of. */
  get #isTelling(): boolean {
    return this.#handed !== undefined && this.#handed.size > 0;
  }

  /** What the last socket has given back goes before all that waits: it was asked for before. */
  #putBack(isOfBefore = false): void {
    // A socket tells of all that it has at one time: they come back together, or order would be lost.
    const returned = this.#returned;
    if (returned === undefined || (this.#isTelling && !isOfBefore)) return;
    const newest = new Map([...returned, ...this.#waiting].map((item) => [item.key, item]));
    this.#returned = undefined;
    const isNewest = (item: WaitingSend): boolean =>
      item.key === undefined || newest.get(item.key) === item;
    this.#waiting.putFirst(returned.filter(isNewest));
    for (const item of returned) {
      if (isNewest(item)) continue;
      this.#settle(item, new SupersededError(this.context.client, item.key as string));
    }
    this.#expiry?.cancel();
    this.#expiry = undefined;
    this.#arm();
  }

  /**
   * The session is over: what belongs to it is told so, and the rest waits for the next one. In a rotation
   * that is there: nothing is refused for want of one.
   */
  #lose(isRotated = false): void {
    this.#ready = 0;
    this.#rateTimer?.cancel();
    const { client, session } = this.context;
    this.#putBack();
    const kept: WaitingSend[] = [];
    for (const item of this.#waiting) {
      if (isKeptMode(item.mode)) {
        kept.push(item);
        continue;
      }
      const isBound = item.mode === 'bound' || !item.isWhole || item.session !== undefined;
      if (isRotated && !isBound) continue;
      this.#waiting.remove(item);
      if (isRotated && item.isAnswer && item.mode === 'bound') {
        this.#former?.keep(item);
      } else if (item.mode === 'bound' || item.session !== undefined) {
        this.#settle(item, new SessionOverError(client, session));
      } else if (item.mode === 'drop') {
        this.context.dropped(item.frames, this.context.notConnected('the frame was dropped'));
        this.#settle(item);
      } else this.#settle(item, this.context.notConnected('the frame was not sent'));
    }
    if (!isRotated) this.#refuseOverflow(kept);
    this.#hold();
    this.#arm();
    for (const resolve of this.#drained?.splice(0) ?? []) resolve();
  }

  /** More may have waited for their turn in a session than may for the next one: the newest go. */
  #refuseOverflow(kept: readonly WaitingSend[]): void {
    const { max, maxBytes } = this.context.settings.queue;
    for (const item of kept.toReversed()) {
      if (this.#waiting.kept.frames <= max && this.#waiting.kept.bytes <= maxBytes) return;
      this.#waiting.remove(item);
      this.#settle(item, this.#full(item));
    }
  }

  /** Its caller has given up: it is not sent any more, unless a socket has it. */
  #withdraw(item: WaitingSend): void {
    item.isSettled = true;
    this.#waiting.remove(item);
    this.#returned = this.#returned?.filter((one) => one !== item);
    item.frames = [];
    this.#pump();
  }

  /** Tells what became of it, once. */
  #settle(item: WaitingSend, error?: Error): void {
    if (item.isSettled) return;
    item.isSettled = true;
    // Nobody waits for what a handler returned: telemetry tells of it.
    if (error !== undefined && item.mode === 'bound') this.context.dropped(item.frames, error);
    else if (error !== undefined) this.context.meter?.dropped(item.frames.length, error);
    item.frames = [];
    item.done?.(error);
  }

  #lost(cause?: Error): NotConnectedError {
    return this.context.notConnected(
      'the socket was gone before it had taken the frame, which may have arrived or not',
      cause,
    );
  }

  #isExpired({ mode, at }: WaitingSend, now: number): boolean {
    const { ttl } = this.context.settings.queue;
    return isKeptMode(mode) && now - at >= ttl;
  }

  #expire(item: WaitingSend): true {
    this.#waiting.remove(item);
    this.#settle(item, new SendExpiredError(this.context.client, this.context.settings.queue.ttl));
    return true;
  }

  /** One timer, for the oldest of those that may grow too old; none where none does. */
  #arm(): void {
    const { clock, settings } = this.context;
    if (this.#waiting.kept.frames === 0 || settings.queue.ttl === Infinity) {
      this.#expiry?.cancel();
      this.#expiry = undefined;
      return;
    }
    // Asked for every send that waits: only a new timer has to look for the oldest.
    if (this.#expiry !== undefined) return;
    const oldest = this.#waiting.oldestKept as WaitingSend;
    const left = oldest.at + settings.queue.ttl - clock.now();
    this.#expiry = clock.setTimer(Math.max(0, left), () => {
      this.#expiry = undefined;
      const now = clock.now();
      for (const item of this.#waiting) if (this.#isExpired(item, now)) this.#expire(item);
      this.#arm();
      this.#pump();
    });
  }

  /** Too much that answers the peer waits here: nothing more of it is read meanwhile. */
  #hold(): void {
    const { maxBytes } = this.context.settings.mailbox;
    const { answers } = this.#waiting;
    const former = this.#former?.size;
    const bytes = answers.bytes + (former?.bytes ?? 0);
    const frames = answers.frames + (former?.frames ?? 0);
    // A half of it is to have gone before reading goes on.
    const share = this.#isHolding ? 2 : 1;
    const isMany = frames * share >= framesWithin(maxBytes);
    const isTooMuch = bytes >= maxBytes || (this.#isHolding && bytes > maxBytes / 2) || isMany;
    if (isTooMuch === this.#isHolding) return;
    this.#isHolding = isTooMuch;
    this.context.hold(isTooMuch);
  }
}

function isControl(frames: readonly Frame[]): boolean {
  return frames.every(({ type }) => type === 'ping' || type === 'pong');
}
