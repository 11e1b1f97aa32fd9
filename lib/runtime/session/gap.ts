import { atOnce } from '../async/deferred.js';
import type { Position } from '../codec/protocol.port.js';
import { ConfigurationError } from '../errors/client.errors.js';
import { inspectShort } from '../errors/websockex.error.js';

/**
 * Messages of a stream that have not come: what an `@OnGap` is given.
 *
 * @publicApi
 */
export interface Gap {
  readonly stream: string;
  /** Where the last message stood that was handled; it is not missing. */
  readonly from: Position;
  /** Where the first message behind the gap stands; it is not missing either. */
  readonly to: Position;
  /** They were missed within a session, or between two; or the peer has made the stream anew. */
  readonly reason: 'missed' | 'reconnect' | 'epoch';
}

/**
 * What an `@OnGap` is given after the gap.
 *
 * @publicApi
 */
export interface GapContext {
  /**
   * Aborted when what this call gives does not count any more: its 30 s are over, what was missing has come after all, too
   * much waits for it, or the incarnation is over. Hand it on to whatever the call waits for.
   */
  readonly signal: AbortSignal;
}

/** Survives a second copy of the package in one program. */
const RESYNC = Symbol.for('websockex:resync');

/**
 * What {@link resync} makes.
 *
 * @publicApi
 */
export interface Resync<M = unknown> {
  readonly resync: Position;
  readonly messages: Iterable<M> | AsyncIterable<M>;
}

/**
 * In place of what is missing: a snapshot. Its messages are handled as they are, then the stream goes on behind
 * `position`; of what waits, all up to that is dropped. Read the position first and the data after it, or what comes in
 * between is lost.
 *
 * @example
 * @OnGap() async fill({ stream }: Gap) {
 *   const { seq, book } = await this.books.snapshot(stream);
 *   return resync({ stream, seq }, [{ type: 'snapshot', book }]);
 * }
 *
 * @param messages none, where you have dealt with it yourself
 * @throws ConfigurationError for a position that is none
 *
 * @publicApi
 */
export function resync<M>(
  position: Position,
  messages: Iterable<M> | AsyncIterable<M> = [],
): Resync<M> {
  if (!isPosition(position)) {
    throw new ConfigurationError(
      `resync(): the position is ${inspectShort(position)}; it must have a stream and a seq, a number or a bigint`,
    );
  }
  if (!isIterable(messages)) {
    throw new ConfigurationError(
      `resync(): the messages are ${inspectShort(messages)}; they must be an iterable, or an async one`,
    );
  }
  return Object.freeze({ resync: position, messages, [RESYNC]: true });
}

function isResync(value: unknown): value is Resync {
  return typeof value === 'object' && value !== null && RESYNC in value;
}

/** Of a text the letters would be messages. */
function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

/** What an `@OnGap` has given. */
export interface Fill {
  readonly messages: Iterable<unknown> | AsyncIterable<unknown>;
  /** Of a snapshot. */
  readonly position?: Position;
}

/**
 * What an `@OnGap` has returned; `undefined` where that is nothing.
 *
 * @throws TypeError, RangeError for what it may not return
 */
export function readFill(gap: Gap, given: unknown): Fill | undefined {
  if (given === undefined || given === null) return undefined;
  if (isResync(given)) {
    checkResync(gap, given.resync);
    return { messages: given.messages, position: given.resync };
  }
  if (isIterable(given)) return { messages: given };
  throw new TypeError(
    `@OnGap returned ${inspectShort(given)}; it may return messages, as an iterable or an async one, resync(…), or nothing`,
  );
}

function checkResync({ stream, from }: Gap, position: Position): void {
  if (position.stream !== stream) {
    throw new TypeError(`@OnGap gave a position of the stream "${position.stream}"`);
  }
  if (position.epoch === from.epoch && position.seq <= from.seq) {
    throw new RangeError(`@OnGap gave the position ${position.seq}, which has been handled before`);
  }
}

/** Of messages that an `@OnGap` gave, so many have no position in its stream. */
export function strangeMessages(count: number): TypeError {
  return new TypeError(`@OnGap gave ${count} messages that have no position in this stream`);
}

function isPosition(value: unknown): value is Position {
  const { stream, seq } = (value ?? {}) as Partial<Position>;
  return typeof stream === 'string' && isSeq(seq);
}

function isSeq(seq: unknown): seq is Position['seq'] {
  return typeof seq === 'bigint' || (typeof seq === 'number' && Number.isSafeInteger(seq));
}

/**
 * What `protocol.position` has returned.
 *
 * @throws TypeError where that cannot be a position
 */
export function checkPosition(position: Position | undefined): Position | undefined {
  if (position === undefined || isPosition(position)) return position;
  atOnce('protocol.position', position);
  throw new TypeError(
    `protocol.position returned ${inspectShort(position)}; it must return a stream and a seq, which is a whole number ` +
      'or a bigint, or nothing',
  );
}

/** How many messages lie between two positions of one epoch; a `seq` may be a number here and a bigint there. */
export function between(from: Position['seq'], to: Position['seq']): bigint {
  return BigInt(to) - BigInt(from) - 1n;
}
