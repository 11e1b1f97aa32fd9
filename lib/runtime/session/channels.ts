import { atOnce, type Awaitable, isThenable, type Pending } from '../async/deferred.js';
import type { Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import type { Position, RequestResult } from '../codec/protocol.port.js';
import type { WireEnd } from '../connection/wire.end.js';
import { SubscribeError } from '../errors/channel.errors.js';
import { NotConnectedError } from '../errors/connection.errors.js';
import { FrameEncodeError } from '../errors/frame.errors.js';
import { DisconnectedError, RequestFailedError } from '../errors/request.errors.js';
import { toError } from '../errors/websockex.error.js';
import { Channel, type ChannelSubscriber, makeItem, notASource, toInfo } from './channel.js';
import type { ChannelInfo, ChannelPort, ChannelSource } from './channel.port.js';
import { checkPosition } from './gap.js';
import { SendRate } from './send.rate.js';
import type { FeatureContext, SessionFeature } from './session.feature.js';

/** So many messages that may be items are kept until a subscription is confirmed. */
const MOST_KEPT = 1_024;

const SPILLED = `more than ${MOST_KEPT} messages came before the peer had confirmed it`;

/** Milliseconds between two tries of a subscription that the peer has refused in a session after its first. */
const RETRY = { least: 500, most: 20_000 } as const;

/** An item of a channel that was left is late for so many milliseconds; after that the peer has not heard. */
const LATE = 1_000;

/**
 * So long, and of so many channels, it is known that they were left. Each of them is asked about every message that no
 * other channel has.
 */
const LEFT = { time: 60_000, most: 100 } as const;

/** Of so many channels it is known that nobody has answered for them. */
const MOST_SILENT = 1_000;

/**
 * Channels of the peer's, each subscribed to as long as anybody wants it, anew in each session:
 *
 *     idle           in a session: its source is asked for
 *     asking         the source is there: it is sent
 *     subscribing    confirmed; refused; or nobody answers: the session is left, and the second time in a row it has
 *                    failed, until the peer answers after all
 *     active         nobody wants it any more: unsubscribed
 *     unsubscribing  done: nothing is left of it, unless somebody wants it again
 *     refused        of one that was active before: tried again after a while
 *
 * One thing at a time goes on for a channel, so that the peer never sees two that could overtake each other. What it
 * keeps, it keeps over sessions and crashes.
 */
export class Channels implements SessionFeature {
  /** In order of first subscription. */
  readonly #channels = new Map<string, Channel>();
  /** Those that were left in this session, by their keys, in that order. */
  readonly #left = new Map<string, LeftChannel>();
  /** How often in a row nobody has answered for a channel. */
  readonly #silences = new Map<string, number>();
  /** Those that are subscribed to since the session is ready, and not sent. */
  readonly #replays = new Set<Channel>();
  /** Those of them that have to wait. */
  #paced: Channel[] = [];
  /** The one of them whose source is asked for: the others wait for that, so that their order stays. */
  #asking: { isSlow: boolean } | undefined;
  #pace: SendRate | undefined;
  #paceTimer: Timer | undefined;
  #isPaused = false;
  /** Whether what the session brings waits until that of the session before has been handled. */
  #isOverlapping = false;
  /** Whether the message that is given to those who subscribe is an item for any of them. */
  #isTaken = false;

  /** @param ready the session that is ready; 0 for none */
  constructor(
    private readonly context: FeatureContext,
    private readonly port: ChannelPort,
    private session: number,
  ) {}

  /**
   * Whether what was subscribed to before has not all been sent in this session: it goes before what waits. Not while an
   * `@OnSubscribe` takes its time: it may ask the peer itself, which would wait behind what waits for it.
   */
  get isReplaying(): boolean {
    return this.#replays.size > 0 && this.#asking?.isSlow !== true;
  }

  /** A channel whose item a schema is at work on, in words. */
  get making(): string | undefined {
    const channel = [...this.#channels.values()].find(({ making }) => making !== undefined);
    return channel && `channel("${channel.name}")`;
  }

  /** Those that somebody subscribes to. */
  get all(): readonly ChannelInfo[] {
    return [...this.#channels.values()].filter(({ isWanted }) => isWanted).map(toInfo);
  }

  /** How a channel is subscribed to in this session; `undefined` where it is not. */
  sourceOf(key: string): ChannelSource<unknown> | undefined {
    return this.#channels.get(key)?.source;
  }

  /** What a channel waits for is over: the peer has had its time, or the next try is due. */
  expire(key: string): void {
    this.#channels.get(key)?.expire();
  }

  /**
   * Subscribes to a channel.
   *
   * @param key the same for the same name and arguments
   * @returns ends that
   */
  subscribe(
    key: string,
    name: string,
    args: readonly unknown[],
    subscriber: ChannelSubscriber,
  ): () => void {
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = new Channel(key, name, args);
      this.#channels.set(key, channel);
    }
    const subscribed = channel;
    subscribed.linger?.cancel();
    subscribed.linger = undefined;
    subscribed.subscribers.add(subscriber);
    // The peer has all its time again.
    if (subscribed.isSilent) this.#await(subscribed);
    this.#advance(subscribed);
    return () => this.#unsubscribe(subscribed, subscriber);
  }

  /** The turn of a message: those whose item it is get it. A promise, where a schema takes its time. */
  message(message: unknown): Pending {
    let pending: Promise<unknown> | undefined;
    this.#isTaken = false;
    for (const channel of this.#channels.values()) {
      const delivered = this.#offer(channel, message);
      if (isThenable(delivered)) pending = Promise.all([pending, delivered]);
    }
    if (this.#left.size > 0 && !this.#isTaken) this.#late(message);
    return pending as Promise<void> | undefined;
  }

  ready(session: number): void {
    this.session = session;
    const { perSecond } = this.context.settings.replay;
    const now = this.context.clock.now();
    this.#pace = new SendRate({ limit: perSecond, per: 1_000, burst: perSecond }, now);
    this.#paced = [...this.#channels.values()].filter(({ isWanted }) => isWanted);
    for (const channel of this.#paced) this.#replays.add(channel);
    this.#replay();
  }

  paused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#awaitOverdue();
  }

  lost(): void {
    this.#halt();
    for (const channel of this.#channels.values()) channel.stop();
  }

  end({ isRotated = false }: Partial<WireEnd> = {}): void {
    this.#reset(isRotated);
  }

  overlapOver(): void {
    for (const channel of this.#channels.values()) channel.before = undefined;
    this.#isOverlapping = false;
    this.#awaitOverdue();
  }

  over(): void {
    this.#reset(false);
    for (const channel of this.#channels.values()) channel.dropMade();
  }

  close(): void {
    this.#reset(false);
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    for (const channel of channels) {
      channel.linger?.cancel();
      for (const subscriber of channel.takeAll()) subscriber.complete();
    }
  }

  /** Nothing more is subscribed to in this session; what waits for that does so until its end. */
  #halt(): void {
    this.session = 0;
    this.#paced = [];
    this.#asking = undefined;
    this.#paceTimer?.cancel();
  }

  /** No session any more. @param isRotated whether what comes of it still counts */
  #reset(isRotated: boolean): void {
    this.#halt();
    this.#isOverlapping = isRotated;
    this.#left.clear();
    this.#replays.clear();
    for (const channel of this.#channels.values()) {
      channel.leave(isRotated);
      if (!channel.isWanted) this.#channels.delete(channel.key);
    }
  }

  #unsubscribe(channel: Channel, subscriber: ChannelSubscriber): void {
    if (!channel.subscribers.delete(subscriber) || channel.subscribers.size > 0) return;
    const { linger } = this.context.settings;
    if (linger === 0) return this.#advance(channel);
    channel.linger = this.context.clock.setTimer(linger, () => {
      channel.linger = undefined;
      this.#advance(channel);
    });
  }

  /** Does what is next for a channel for which nothing goes on. */
  #advance(channel: Channel): void {
    if (this.session === 0 || channel.phase === 'refused') {
      if (!channel.isWanted) this.#forget(channel);
    } else if (channel.phase === 'idle') {
      if (channel.isWanted) this.#ask(channel);
      else this.#forget(channel);
    } else if (channel.phase === 'active' && !channel.isWanted) this.#leave(channel);
  }

  #forget(channel: Channel): void {
    channel.leave(false);
    this.#sent(channel);
    // Another of its name may have taken its place.
    if (this.#channels.get(channel.key) === channel) this.#channels.delete(channel.key);
  }

  /** Subscribes to as many of those there were as may be, and to the rest when they may. */
  #replay(): void {
    const { clock } = this.context;
    while (this.#asking === undefined) {
      const channel = this.#paced[0];
      if (channel === undefined) return;
      const delay = this.#pace?.left(1, clock.now()) ?? 0;
      if (delay > 0) {
        this.#paceTimer = clock.setTimer(Math.ceil(delay), () => this.#replay());
        return;
      }
      this.#paced.shift();
      if (channel.phase !== 'idle' || !channel.isWanted) {
        this.#sent(channel);
        continue;
      }
      this.#pace?.take(1, clock.now());
      this.#ask(channel, (this.#asking = { isSlow: false }));
    }
  }

  /** It has been sent, or will not be: it keeps what waits to be sent no longer. */
  #sent(channel: Channel): void {
    if (this.#replays.delete(channel) && this.#replays.size === 0) this.context.released();
  }

  /** @param turn that of a replay: others follow it */
  #ask(channel: Channel, turn?: { isSlow: boolean }): void {
    // One that waits to be replayed has its turn.
    if (this.#paced.includes(channel)) return;
    channel.begin('asking');
    const isNow = channel.guard();
    const { session } = this;
    const context = { session, ...(channel.after !== undefined && { after: channel.after }) };
    const later = (): void => {
      if (turn === undefined || turn !== this.#asking) return;
      turn.isSlow = true;
      this.context.released();
    };
    this.port.ask(
      channel.name,
      [...channel.args, context],
      (outcome) => {
        const isTurn = turn !== undefined && turn === this.#asking;
        if (isTurn) this.#asking = undefined;
        if (isNow()) {
          this.#asked(channel, outcome, this.#replays.has(channel));
          if (channel.phase !== 'subscribing') this.#sent(channel);
        }
        if (isTurn) this.#replay();
      },
      later,
    );
  }

  #asked(channel: Channel, outcome: RequestResult, isReplay: boolean): void {
    channel.phase = 'idle';
    if ('error' in outcome) {
      return this.#refused(
        channel,
        `its @OnSubscribe failed: ${toError(outcome.error).message}`,
        outcome.error,
      );
    }
    const wrong = notASource(outcome.value);
    if (wrong !== undefined) return this.#refused(channel, wrong);
    if (!channel.isWanted) return this.#forget(channel);
    channel.source = outcome.value as ChannelSource<unknown>;
    channel.begin('subscribing');
    this.#send(channel, channel.source.subscribe, isReplay, (answer) =>
      this.#confirmed(channel, answer),
    );
  }

  /** Sends a message for a channel, as a request where that is how it is confirmed. */
  #send(
    channel: Channel,
    message: unknown,
    isReplay: boolean,
    done: (answer: unknown) => void,
  ): void {
    const { ack } = channel.source as ChannelSource<unknown>;
    const isNow = channel.guard();
    const fail = (error: unknown): void => {
      if (!isNow()) return;
      this.#sent(channel);
      this.#unsent(channel, toError(error));
    };
    const isAwaited = ack === 'answer' || (ack !== undefined && channel.phase === 'subscribing');
    // Its time begins when it has left: it may wait for its turn before that.
    const sent = (aside?: () => void): void => {
      if (!isAwaited || !isNow()) return;
      this.#sent(channel);
      channel.aside = aside;
      this.#await(channel);
    };
    try {
      if (ack === 'answer') {
        const abort = (channel.abort = new AbortController());
        this.port.request(message, isReplay, abort.signal, sent).then((answer) => {
          if (isNow()) done(answer);
        }, fail);
      } else {
        const told = (error?: Error | null): void => {
          if (error) fail(error);
          else if (isAwaited) sent();
          else if (isNow()) done(undefined);
        };
        const heard = (): void => {
          if (isNow()) channel.isHeard = true;
        };
        const handed = isAwaited ? () => this.context.later(heard) : ignore;
        this.port.send(message, isReplay, told, handed);
        this.#sent(channel);
      }
    } catch (error) {
      fail(error);
    }
  }

  /** What was sent for it has failed. */
  #unsent(channel: Channel, error: Error): void {
    // The session is over: the next one sees to it.
    if (error instanceof DisconnectedError || error instanceof NotConnectedError) {
      return channel.stop();
    }
    if (channel.phase === 'unsubscribing') {
      // The program's fault, which no other session mends.
      if (error instanceof FrameEncodeError) {
        this.context.telemetry.error(error, `"unsubscribe" of channel("${channel.name}")`);
        return this.#ended(channel);
      }
      this.#unknown(channel, `could not be left: ${error.message}`, error);
      // The second time: then the peer has it no more, as far as anybody can tell.
      if (channel.phase !== 'unsubscribing' || this.session === 0) return undefined;
      channel.leave(false);
      return this.#advance(channel);
    }
    const who = error instanceof RequestFailedError ? 'the peer refuses it' : 'it was not sent';
    this.#refused(channel, `${who}: ${error.message}`, error);
  }

  /** Waits for the peer to confirm what was sent. */
  #await(channel: Channel): void {
    const { clock, settings } = this.context;
    const isNow = channel.guard();
    channel.isOverdue = false;
    channel.isSilent = false;
    const set = (due: () => void): Timer => setDeadline(clock, settings.ackTimeout, due);
    channel.wait(set, () => {
      // What has arrived until now may tell, and has not had its turn.
      this.context.later(() => {
        if (!isNow()) return;
        if (this.#isHeldUp(channel)) channel.isOverdue = true;
        else {
          this.#unknown(
            channel,
            `the peer has not answered within ${settings.ackTimeout} ms (ackTimeout)`,
          );
        }
      });
    });
  }

  /** Whether what confirms it may have come, and has not been read or handled; answers are, as they arrive. */
  #isHeldUp({ source }: Channel): boolean {
    return this.#isPaused || (this.#isOverlapping && source?.ack !== 'answer');
  }

  /** What held them up is over: the peer has its time again. */
  #awaitOverdue(): void {
    for (const channel of this.#channels.values()) {
      if (channel.isOverdue && !this.#isHeldUp(channel)) this.#await(channel);
    }
  }

  #confirmed(channel: Channel, answer: unknown): void {
    channel.begin('active');
    channel.answer = answer;
    this.#silences.delete(channel.key);
    if (channel.isSpilled) return this.#leave(channel);
    channel.wasActive = true;
    channel.refusals = 0;
    channel.error = undefined;
    const kept = channel.kept.splice(0);
    const isNow = channel.guard();
    for (const message of kept) {
      if (this.#isItem(channel, message)) void this.#deliver(channel, message);
      // Who gets one may be the last to leave.
      if (!isNow()) return;
    }
    this.#advance(channel);
  }

  /** The peer says no, or nothing can be sent to it. */
  #refused(channel: Channel, what: string, cause?: unknown): void {
    const error = this.#errorOf(channel, what, cause);
    if (!channel.wasActive || !channel.isWanted) return this.#fail(channel, error);
    channel.begin('refused');
    channel.reset();
    channel.error = error;
    const bound = Math.min(RETRY.most, RETRY.least * 2 ** ++channel.refusals);
    const delay = Math.round(RETRY.least + this.context.random() * (bound - RETRY.least));
    this.#tell(channel, error, delay);
    const set = (due: () => void): Timer => this.context.clock.setTimer(delay, due);
    channel.wait(set, () => {
      channel.phase = 'idle';
      this.#advance(channel);
    });
  }

  /** Whether the peer has the subscription nobody knows. In another session it has none. */
  #unknown(channel: Channel, what: string, cause?: unknown): void {
    const silences = (this.#silences.get(channel.key) ?? 0) + 1;
    this.#silences.set(channel.key, silences);
    const error = this.#errorOf(channel, what, cause);
    if (silences === 1) {
      // Those whose answers are still to come get none in this session either.
      for (const { key, isAwaited } of this.#channels.values()) {
        if (isAwaited && !this.#silences.has(key)) this.#silences.set(key, 1);
      }
      for (const key of this.#silences.keys()) {
        if (this.#silences.size <= MOST_SILENT) break;
        this.#silences.delete(key);
      }
      return this.context.cut(error);
    }
    channel.isSilent = true;
    channel.error = error;
    channel.aside?.();
    if (channel.wasActive && channel.isWanted) this.#tell(channel, error);
    else this.#refuse(channel, error);
  }

  /** Those who subscribe are told, and it is forgotten. */
  #fail(channel: Channel, error: SubscribeError): void {
    this.#forget(channel);
    this.#refuse(channel, error);
  }

  #refuse(channel: Channel, error: SubscribeError): void {
    channel.linger?.cancel();
    channel.linger = undefined;
    const subscribers = channel.takeAll();
    if (subscribers.length === 0) this.#tell(channel, error);
    for (const subscriber of subscribers) subscriber.error(error);
  }

  #tell({ name: channel, args }: Channel, error: SubscribeError, delay?: number): void {
    const when = delay === undefined ? {} : { delay };
    this.context.telemetry.emit('channel:failed', { channel, args, error, ...when });
  }

  #errorOf({ name, args }: Channel, what: string, cause?: unknown): SubscribeError {
    const options = cause === undefined ? undefined : { cause };
    return new SubscribeError(this.context.client, name, args, what, options);
  }

  /** Nobody wants it any more, or it is to begin anew. */
  #leave(channel: Channel): void {
    const source = channel.source as ChannelSource<unknown>;
    const { answer, key } = channel;
    channel.begin('unsubscribing');
    const message = this.#unsubscribeOf(source, answer);
    if (message === undefined) return this.#ended(channel);
    this.#send(channel, message, false, () => {
      this.#left.delete(key);
      this.#left.set(key, { source, answer, at: this.context.clock.now() });
      if (this.#left.size > LEFT.most) this.#left.delete(this.#left.keys().next().value as string);
      this.#ended(channel);
    });
  }

  /** The peer has it no more, as far as anybody can tell. */
  #ended(channel: Channel): void {
    // Where it was never active, those who subscribed then have been told; who has come since begins anew.
    const isRefused = channel.isSpilled && channel.wasActive && channel.isWanted;
    channel.leave(false);
    if (isRefused) this.#refused(channel, SPILLED);
    else this.#advance(channel);
  }

  #unsubscribeOf({ unsubscribe }: ChannelSource<unknown>, answer: unknown): unknown {
    if (typeof unsubscribe !== 'function') return unsubscribe;
    try {
      return atOnce(
        '"unsubscribe" of a channel',
        (unsubscribe as (answer: unknown) => unknown)(answer),
      );
    } catch (error) {
      this.context.telemetry.error(error, 'the function "unsubscribe" of a channel');
      return undefined;
    }
  }

  /** A message may be an item of a channel, or confirm it. */
  #offer(channel: Channel, message: unknown): Awaitable {
    const { before, phase, source } = channel;
    if (before !== undefined && this.#isItemOf(before.source, before.answer, message)) {
      return this.#deliver(channel, message, before.source);
    }
    if (phase === 'active') {
      return this.#isItem(channel, message) ? this.#deliver(channel, message) : undefined;
    }
    if (phase !== 'subscribing' || source === undefined) return undefined;
    const isForAnswer = source.match.length > 1;
    if (isForAnswer || this.#isItem(channel, message)) this.#keep(channel, message);
    if (typeof source.ack !== 'function' || !channel.isHeard) return undefined;
    let verdict: unknown;
    try {
      verdict = atOnce('"ack" of a channel', source.ack(message as never));
    } catch (error) {
      return this.port.bad(error, message);
    }
    if (verdict instanceof Error) {
      this.#refused(channel, `the peer refuses it: ${verdict.message}`, verdict);
    } else if (verdict === true) this.#confirmed(channel, message);
    return undefined;
  }

  #keep(channel: Channel, message: unknown): void {
    this.#isTaken = true;
    if (channel.isSpilled) return;
    channel.kept.push(message);
    if (channel.kept.length <= MOST_KEPT) return;
    channel.kept = [];
    // It is left once the peer has confirmed it, and begins anew if anybody wants it.
    channel.isSpilled = true;
    if (channel.wasActive) return;
    this.#refuse(channel, this.#errorOf(channel, SPILLED));
  }

  #isItem({ source, answer }: Channel, message: unknown): boolean {
    return this.#isItemOf(source as ChannelSource<unknown>, answer, message);
  }

  #isItemOf(source: ChannelSource<unknown>, answer: unknown, message: unknown): boolean {
    try {
      const verdict = source.match(message as never, answer as never) as unknown;
      return typeof verdict === 'boolean'
        ? verdict
        : Boolean(atOnce('"match" of a channel', verdict));
    } catch (error) {
      this.port.bad(error, message);
      return false;
    }
  }

  /** One after the other, in order, though a schema may take its time for one. */
  #deliver(channel: Channel, message: unknown, source = channel.source): Awaitable {
    this.#isTaken = true;
    let after: Position | undefined;
    let made: unknown;
    try {
      after = checkPosition(this.port.position(message));
      made = makeItem(source as ChannelSource<unknown>, message);
    } catch (error) {
      return this.port.bad(error, message);
    }
    if (!isThenable(made) && channel.making === undefined) return channel.next(made, after);
    const isWanted = channel.guardMade();
    const making: Promise<void> = Promise.resolve(channel.making)
      .then(() => made)
      .then(
        (item) => {
          if (isWanted()) channel.next(item, after);
        },
        (error: unknown) => {
          if (isWanted()) this.port.bad(error, message);
        },
      )
      .finally(() => {
        if (channel.making === making) channel.making = undefined;
      });
    channel.making = making;
    return making;
  }

  /** An item of a channel that was left: it may be late, or the peer has not heard. */
  #late(message: unknown): void {
    const now = this.context.clock.now();
    for (const [key, { at, answer, source }] of this.#left) {
      // Those that were left later are no older.
      if (now - at < LATE) return;
      const isOld = now - at >= LEFT.time;
      if (isOld) this.#left.delete(key);
      if (isOld || this.#channels.has(key)) continue;
      if (!this.#isItemOf(source, answer, message)) continue;
      // Once is enough.
      this.#left.delete(key);
      const again = this.#unsubscribeOf(source, answer);
      try {
        if (source.ack !== 'answer') this.port.send(again, false, ignore, ignore);
        else
          this.port
            .request(again, false, new AbortController().signal, (aside) => aside())
            .catch(ignore);
      } catch {
        // The session has ended: the peer has forgotten it.
      }
    }
  }
}

/** One that the peer was told to send no more of. */
interface LeftChannel {
  readonly source: ChannelSource<unknown>;
  readonly answer: unknown;
  readonly at: number;
}

function ignore(): void {}
