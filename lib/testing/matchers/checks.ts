import { inspect } from 'node:util';

import type { ClientStatus } from '../../runtime/errors/connection.errors.js';
import {
  accountOf,
  type AnyHandle,
  checkHandle,
  rotationsOf,
  sentBy,
  type SentFrame,
} from '../net/sent.log.js';
import { type Equals, equalsPlainly, show } from '../script/equality.js';
import { brief, excerpt } from '../script/expectation.error.js';
import type { MissingFrame } from '../script/frame.ledger.js';
import { withoutMemory } from '../script/stateless.js';

export type { ClientStatus };

/** What a check found. */
export interface CheckResult {
  readonly pass: boolean;
  /** Why it did not pass; where it did, why its opposite would not. */
  readonly message: () => string;
}

/**
 * Whether a client is in this state now.
 *
 * @throws TypeError for what is no handle
 * @publicApi
 */
export function isInState(handle: AnyHandle, state: ClientStatus): CheckResult {
  const { name, status, session } = checkHandle(handle);
  const where = session === 0 ? 'before its first session' : `session ${session}`;
  return result(status === state, (not) =>
    not
      ? `${name}: expected not to be ${state} (${where})`
      : `${name}: expected to be ${state}, is ${status} (${where})`,
  );
}

/**
 * Whether a client has sent each of these, in this order, with whatever between them. A string is a
 * text frame, bytes are a binary one, a frame is itself; anything else is what a text frame holds as
 * JSON. Without any: whether it has sent a text or binary frame at all.
 *
 * @example
 * assert(hasSent(feed, { op: 'subscribe' }, 'HI', Frame.ping()).pass);
 *
 * @throws TypeError for what is no handle; Error where what it sent was not recorded: see `watch`
 * @publicApi
 */
export function hasSent(handle: AnyHandle, ...frames: readonly unknown[]): CheckResult {
  return checkSent(handle, frames, equalsPlainly);
}

/**
 * Whether a client has reconnected this often, that is, has had so many sessions after the first, but for
 * those of a rotation; without a number: at least once.
 *
 * @throws TypeError for what is no handle
 * @publicApi
 */
export function hasReconnected(handle: AnyHandle, times?: number): CheckResult {
  const { name, status, session } = checkHandle(handle);
  const actual = Math.max(0, session - 1 - rotationsOf(handle));
  const wanted = times === undefined ? '' : ` ${count(times)}`;
  return result(times === undefined ? actual > 0 : actual === times, (not) =>
    not
      ? `${name}: expected not to have reconnected${wanted}, has ${count(actual)} (${status})`
      : `${name}: expected to have reconnected${wanted}, has ${count(actual)} (${status})`,
  );
}

/**
 * Whether a client has rotated its session this often: a new one has taken the place of the old one without
 * a gap; without a number: at least once.
 *
 * @throws TypeError for what is no handle
 * @publicApi
 */
export function hasRotated(handle: AnyHandle, times?: number): CheckResult {
  const { name, status } = checkHandle(handle);
  const actual = rotationsOf(handle);
  const wanted = times === undefined ? '' : ` ${count(times)}`;
  return result(times === undefined ? actual > 0 : actual === times, (not) =>
    not
      ? `${name}: expected not to have rotated${wanted}, has ${count(actual)} (${status})`
      : `${name}: expected to have rotated${wanted}, has ${count(actual)} (${status})`,
  );
}

/**
 * Whether a client has lost so many text and binary frames, of those that its scripted peers have sent on a
 * session that was open; without a number: at least one. Lost is a frame that has had no turn in the mailbox,
 * and that nothing will bring any more: it waited behind a crash or a close of our own, was under way when the
 * connection was cut, or went into a `silence()`. Not lost is what a rotation has dropped because it had come twice
 * (`dedupe`), nor what may still arrive: it waits behind a handler, or on a slow link. So ask after `net.settle()`.
 * Raw bytes are not counted.
 *
 * @throws TypeError for what is no handle; Error for a client that is on no net
 * @publicApi
 */
export function hasLostFrames(handle: AnyHandle, expected?: number): CheckResult {
  const client = checkHandle(handle);
  const { sent, lost, underWay, deduped } = accountOf(client);
  const wanted = expected === undefined ? 'frames' : howMany(expected);
  const others = [
    ...(underWay > 0 ? [`${underWay} may still arrive`] : []),
    ...(deduped > 0 ? [`${deduped} had come twice`] : []),
  ];
  return result(expected === undefined ? lost.length > 0 : lost.length === expected, (not) =>
    [
      `${client.name}: expected ${not ? 'not ' : ''}to have lost ${wanted}, has lost ${lost.length} of ` +
        `${sent} that its peers sent${others.length > 0 ? ` (${others.join(', ')})` : ''}`,
      ...(lost.length > 0 ? [`What was lost:\n${firstOf(lost.map(showMissing))}`] : []),
    ].join('\n'),
  );
}

/** As {@link hasSent}, by the equality of a test runner. */
export function checkSent(
  handle: unknown,
  expected: readonly unknown[],
  equals: Equals,
): CheckResult {
  const client = checkHandle(handle);
  const sent = sentBy(client);
  const found =
    expected.length === 0
      ? Number(sent.some(isData))
      : findInOrder(sent, expected.map(withoutMemory), equals);
  const pass = found === Math.max(1, expected.length);
  return result(pass, (not) => {
    const what = `${client.name}: expected ${not ? 'not ' : ''}to have sent`;
    const wanted = expected.map((one, index) =>
      index === found ? `${show(one)}   <- missing here` : show(one),
    );
    return [
      wanted.length === 0 ? `${what} anything` : `${what}, in this order:\n${excerpt(wanted)}`,
      `What it sent:\n${excerpt(sent.map(showFrame))}`,
    ].join('\n');
  });
}

function result(pass: boolean, message: (not: boolean) => string): CheckResult {
  return { pass, message: () => message(pass) };
}

/** How many of these were sent, one after the other. */
function findInOrder(
  sent: readonly SentFrame[],
  expected: readonly unknown[],
  equals: Equals,
): number {
  let found = 0;
  for (const frame of sent) {
    if (found < expected.length && fits(frame, expected[found], equals)) found++;
  }
  return found;
}

function fits(frame: SentFrame, expected: unknown, equals: Equals): boolean {
  if (typeof expected === 'string') return frame.type === 'text' && frame.data === expected;
  if (expected instanceof Uint8Array) {
    return frame.type === 'binary' && Buffer.compare(frame.data, expected) === 0;
  }
  return faces(frame).some((face) => equals(face, expected));
}

/** What a frame may be compared by: itself, and of data what it holds. */
function faces(frame: SentFrame): unknown[] {
  if (frame.type === 'binary') return [frame, frame.data];
  return frame.type === 'text' ? [frame, frame.data, ...parsed(frame.data)] : [frame];
}

function parsed(text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}

/** So many of the frames that were lost are shown. */
const MOST_LOST = 10;

/** The first of lines that may be many: where it went wrong. */
function firstOf(lines: readonly string[]): string {
  const left = lines.length - MOST_LOST;
  const shown = lines.slice(0, MOST_LOST).map((line) => `  ${brief(line)}`);
  return [...shown, ...(left > 0 ? [`  … (${left} more)`] : [])].join('\n');
}

function isData({ type }: SentFrame): boolean {
  return type === 'text' || type === 'binary';
}

function howMany(number: number): string {
  return number === 1 ? '1 frame' : `${number} frames`;
}

function showMissing({ peer, frame }: MissingFrame): string {
  return `peer ${peer}: ${showFrame(frame)}`;
}

function count(times: number): string {
  return times === 1 ? 'once' : `${times} times`;
}

function showFrame(frame: SentFrame): string {
  if (frame.type === 'close') {
    return `close ${frame.code ?? '(no code)'} ${JSON.stringify(frame.reason)}`;
  }
  const { type, data } = frame;
  return `${type} ${typeof data === 'string' ? JSON.stringify(data) : inspect(data)}`;
}
