import { Steps } from '../async/steps.js';
import type { Timer } from '../clock/clock.port.js';
import type { Position } from '../codec/protocol.port.js';
import { check, isSchema } from '../codec/standard.schema.js';
import type { SubscribeError } from '../errors/channel.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import type { ChannelInfo, ChannelSource } from './channel.port.js';

/** Who gets the items of a channel. None of them throws. */
export interface ChannelSubscriber {
  next(item: unknown): void;
  error(error: Error): void;
  complete(): void;
}

type Phase = 'idle' | 'asking' | 'subscribing' | 'active' | 'unsubscribing' | 'refused';

/** One channel, over sessions. */
export class Channel {
  readonly subscribers = new Set<ChannelSubscriber>();
  phase: Phase = 'idle';
  /** That of this session. */
  source: ChannelSource<unknown> | undefined;
  answer: unknown;
  /** That of the session which a rotation has replaced, while that is read. */
  before: { readonly source: ChannelSource<unknown>; readonly answer: unknown } | undefined;
  /** Messages that may be items, until it is confirmed. */
  kept: unknown[] = [];
  /** Whether there were too many of them. */
  isSpilled = false;
  /** Whether what subscribes has left, and the turn of all that had come before it is over: what comes may confirm it. */
  isHeard = false;
  /** Whether it was ever confirmed. */
  wasActive = false;
  refusals = 0;
  error: SubscribeError | undefined;
  /** Where the last item stood. */
  after: Position | undefined;
  /** The item that a schema is at work on, after those before it. */
  making: Promise<void> | undefined;
  /** Runs while nobody subscribes, and it is kept all the same. */
  linger: Timer | undefined;
  /** For what is awaited now. */
  timer: Timer | undefined;
  /** Whether its time is up, but nothing could be read. */
  isOverdue = false;
  /** Whether its time is up, and the session stays: the peer may still answer. */
  isSilent = false;
  /** Gives up the request that is awaited. */
  abort: AbortController | undefined;
  /** Has that make room for other requests. */
  aside: (() => void) | undefined;
  /** Done when its time is up. */
  #due: (() => void) | undefined;
  readonly #steps = new Steps();
  readonly #makes = new Steps();

  constructor(
    readonly key: string,
    readonly name: string,
    readonly args: readonly unknown[],
  ) {}

  /** Whether the peer is to confirm something. */
  get isAwaited(): boolean {
    return this.timer !== undefined && this.phase !== 'refused';
  }

  get isWanted(): boolean {
    return this.subscribers.size > 0 || this.linger !== undefined;
  }

  /** What went on before counts no more. */
  begin(phase: Phase): void {
    this.stop();
    this.phase = phase;
  }

  /** Tells whether it is still at what it was at. */
  guard(): () => boolean {
    return this.#steps.guard();
  }

  /**
   * Has something done when a time is up.
   *
   * @param set sets a timer for that
   */
  wait(set: (due: () => void) => Timer, due: () => void): void {
    this.timer?.cancel();
    this.#due = due;
    this.timer = set(() => this.expire());
  }

  /** Its time is up. */
  expire(): void {
    this.timer?.cancel();
    const due = this.#due;
    this.#due = undefined;
    due?.();
  }

  /** Nothing that goes on counts any more. */
  stop(): void {
    this.#steps.next();
    this.timer?.cancel();
    this.timer = undefined;
    this.#due = undefined;
    this.isOverdue = false;
    this.isSilent = false;
    this.isHeard = false;
    const { abort } = this;
    this.abort = undefined;
    this.aside = undefined;
    abort?.abort(STOPPED);
  }

  /** It is subscribed to no more. */
  leave(isRotated: boolean): void {
    const { phase, source, answer } = this;
    this.begin('idle');
    const isRead = isRotated && phase === 'active' && source !== undefined;
    this.before = isRead ? { source, answer } : undefined;
    this.reset();
  }

  /** Nothing of what was asked for counts any more. */
  reset(): void {
    this.source = undefined;
    this.answer = undefined;
    this.kept = [];
    this.isSpilled = false;
  }

  /** Tells whether an item that is being made is still to be delivered. */
  guardMade(): () => boolean {
    return this.#makes.guard();
  }

  /** Items that are being made are left behind: nothing waits for them. */
  dropMade(): void {
    this.#makes.next();
    this.making = undefined;
  }

  /** @param after where the message of the item stands */
  next(item: unknown, after: Position | undefined): void {
    if (after !== undefined) this.after = after;
    // Who comes because of it has not subscribed before it.
    const subscribers = [...this.subscribers];
    for (const subscriber of subscribers) subscriber.next(item);
  }

  /** None is left. */
  takeAll(): ChannelSubscriber[] {
    const all = [...this.subscribers];
    this.subscribers.clear();
    return all;
  }
}

/** Why a request of a channel is given up; nobody sees it. */
const STOPPED = Object.freeze(new Error('the channel does something else by now'));

/** What those who subscribe get of a message. A promise, where a schema takes its time. */
export function makeItem({ item }: ChannelSource<unknown>, message: unknown): unknown {
  if (item === undefined) return message;
  return isSchema(item) ? check(item, message) : item(message as never);
}

/** What others may know of it. */
export function toInfo({ name, args, phase, subscribers, error, isSilent }: Channel): ChannelInfo {
  const isOver = phase === 'refused' || isSilent;
  const state = phase === 'active' ? 'active' : isOver ? 'failed' : 'pending';
  return {
    name,
    args,
    state,
    subscribers: subscribers.size,
    ...(error !== undefined && { error }),
  };
}

/** Why a value is no source. */
export function notASource(value: unknown): string | undefined {
  const source = (value ?? {}) as Partial<ChannelSource<unknown>>;
  const wrong = (what: string, given: unknown, wanted: string): string =>
    `"${what}" of what its @OnSubscribe returned is ${inspectShort(given)}; it must be ${wanted}`;
  if (typeof value !== 'object' || source.subscribe === undefined) {
    return wrong('subscribe', source.subscribe, 'the message that subscribes');
  }
  if (typeof source.match !== 'function') return wrong('match', source.match, 'a function');
  const { ack, item } = source;
  if (ack !== undefined && ack !== 'answer' && typeof ack !== 'function') {
    return wrong('ack', ack, "'answer' or a function");
  }
  if (item !== undefined && typeof item !== 'function' && !isSchema(item)) {
    return wrong('item', item, 'a schema or a function');
  }
  return undefined;
}
