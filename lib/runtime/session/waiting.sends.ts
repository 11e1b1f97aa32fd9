import { FrameChecker } from '../frame/frame.checker.js';
import type { Frame } from '../frame/frame.js';
import type { WhenDisconnected } from '../options/client-options.js';
import type { SendingCaller, SendingOptions } from './session.feature.js';

/** One send that waits for its turn, or for the socket to take it. */
export interface WaitingSend {
  frames: readonly Frame[];
  /** How many messages they are, for `sendRate`. */
  readonly messages: number;
  readonly bytes: number;
  /** When it was asked for, on the clock. */
  readonly at: number;
  /** What becomes of it without a session; what a handler returned belongs to its own. */
  readonly mode: WhenDisconnected | 'bound';
  readonly key: string | undefined;
  /** The session it is for, where it is for one. */
  readonly session: number | undefined;
  /** Whether it begins and ends with a message. */
  readonly isWhole: boolean;
  readonly isAnswer: boolean;
  readonly done: ((error?: Error) => void) | undefined;
  /** Who is told on the way, where somebody is. */
  readonly caller: SendingCaller | undefined;
  /** Whether somebody has been told what became of it. */
  isSettled: boolean;
}

/**
 * What waits to be sent, in order, and how much that is. Whatever is asked of it, save {@link oldestKept},
 * takes the same time however many wait.
 */
export class WaitingSends {
  /** There is none before the first: most clients never have one. */
  #items: Set<WaitingSend> | undefined;
  /** Goes on where it stands: one that began anew would pass all that have gone. */
  #order: SetIterator<WaitingSend> | undefined;
  #first: WaitingSend | undefined;
  #latest: Map<string, WaitingSend> | undefined;
  #bytes = 0;
  #frames = 0;
  #answers = NOTHING;
  #kept = NOTHING;

  get size(): number {
    return this.#items?.size ?? 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get frames(): number {
    return this.#frames;
  }

  /** Frames and bytes of what answers the peer. */
  get answers(): Amount {
    return this.#answers;
  }

  /** Frames and bytes that wait for a session, or would. */
  get kept(): Amount {
    return this.#kept;
  }

  get first(): WaitingSend | undefined {
    if (this.#items === undefined) return undefined;
    if (this.#first !== undefined && this.#items.has(this.#first)) return this.#first;
    let next = this.#order?.next();
    if (next === undefined || next.done) {
      this.#order = this.#items.values();
      next = this.#order.next();
    }
    this.#first = next.done ? undefined : next.value;
    return this.#first;
  }

  /** The one that has waited longest of those that wait for a session, or would. */
  get oldestKept(): WaitingSend | undefined {
    if (this.#kept.frames === 0) return undefined;
    for (const item of this.#items ?? []) if (isKeptMode(item.mode)) return item;
    return undefined;
  }

  /** The one that waits with this key. */
  latest(key: string): WaitingSend | undefined {
    return this.#latest?.get(key);
  }

  [Symbol.iterator](): IterableIterator<WaitingSend> {
    return (this.#items ?? []).values();
  }

  add(item: WaitingSend): void {
    (this.#items ??= new Set()).add(item);
    this.#count(item, 1);
    if (item.key !== undefined) (this.#latest ??= new Map()).set(item.key, item);
  }

  /** Puts some before all that wait, in the order given; none of them has the key of one that waits. */
  putFirst(items: readonly WaitingSend[]): void {
    const waiting = this.#items;
    this.#items = new Set(items);
    for (const item of items) this.add(item);
    for (const item of waiting ?? []) this.#items.add(item);
    this.#order = undefined;
    this.#first = undefined;
  }

  remove(item: WaitingSend): void {
    if (this.#items?.delete(item) !== true) return;
    this.#count(item, -1);
    const { key } = item;
    if (key !== undefined && this.#latest?.get(key) === item) this.#latest.delete(key);
  }

  #count({ bytes, frames, isAnswer, mode }: WaitingSend, sign: 1 | -1): void {
    this.#bytes += sign * bytes;
    this.#frames += sign * frames.length;
    const more = { frames: sign * frames.length, bytes: sign * bytes };
    if (isAnswer) this.#answers = together(this.#answers, more);
    if (isKeptMode(mode)) this.#kept = together(this.#kept, more);
  }
}

/** Some of what waits. */
interface Amount {
  readonly frames: number;
  readonly bytes: number;
}

/** One for all: most clients never have anything that waits. */
const NOTHING: Amount = Object.freeze({ frames: 0, bytes: 0 });

function together(one: Amount, other: Amount): Amount {
  return { frames: one.frames + other.frames, bytes: one.bytes + other.bytes };
}

/** Whether it waits for another session where there is none. */
export function isKeptMode(mode: WaitingSend['mode']): boolean {
  return mode === 'queue' || mode === 'latest';
}

/**
 * What a send is that is to wait; whoever keeps it makes its bytes his {@link own}.
 *
 * @param at when it was asked for, on the clock
 * @throws InvalidFrameError, FrameEncodeError
 */
export function toWaiting(
  client: string,
  frames: readonly Frame[],
  { caller, isAnswer, done }: SendingOptions,
  at: number,
): WaitingSend {
  const isWhole = areWhole(frames);
  if (isWhole) new FrameChecker(client).check(frames);
  const isOfSession = !isWhole || caller?.session !== undefined;
  return {
    frames,
    messages: countMessages(frames),
    bytes: frames.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0),
    at,
    mode: caller === undefined ? 'bound' : isOfSession ? 'reject' : caller.whenDisconnected,
    key: caller?.whenDisconnected === 'latest' ? caller.key : undefined,
    session: caller?.session,
    isWhole,
    isAnswer,
    done,
    caller,
    isSettled: false,
  };
}

/** A message in fragments is one. */
export function countMessages(frames: readonly Frame[]): number {
  return frames.filter(({ type }) => type === 'text' || type === 'binary').length;
}

/** Whether they begin and end with a message. */
export function areWhole(frames: readonly Frame[]): boolean {
  const data = frames.filter(({ type }) => type !== 'ping' && type !== 'pong');
  const isOpen = (frame: Frame | undefined): boolean =>
    frame !== undefined && 'fin' in frame && frame.fin === false;
  return data[0]?.type !== 'continuation' && !isOpen(data.at(-1));
}

/** Its sender may do with the bytes what it likes from then on. */
export function own(frame: Frame): Frame {
  return typeof frame.data === 'string'
    ? frame
    : ({ ...frame, data: Buffer.from(frame.data) } as Frame);
}
