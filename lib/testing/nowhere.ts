import { inspectShort } from '../runtime/errors/websockex.error.js';
import type { ClientStatus } from '../runtime/errors/connection.errors.js';
import { Flow } from '../runtime/mailbox/flow.js';
import type { FrameIterator } from '../runtime/observers/frame-iterator.js';
import type { Observers } from '../runtime/observers/observers.js';

/** Where a session that a test plays leads. */
export const NOWHERE = { url: 'ws://test.invalid/', headers: {}, protocol: '', extensions: '' };

/** Nothing waits for the consumers of a fake: there is no socket to pause. */
const MARKS = { highWaterMark: Infinity, lowWaterMark: 0, maxBytes: Infinity };

export function iterateUnpaused(observers: Observers): FrameIterator {
  return observers.iterate(MARKS, new Flow(() => undefined));
}

/**
 * The states that a client without a net is told to be in.
 *
 * @publicApi
 */
export type PlayedStatus = Exclude<ClientStatus, 'terminated' | 'failed'>;

const STATES: readonly unknown[] = [
  'idle',
  'connecting',
  'open',
  'closing',
  'backoff',
] satisfies PlayedStatus[];

/** @throws TypeError for what is no such state */
export function checkStatus(name: string, status: unknown): void {
  if (STATES.includes(status)) return;
  throw new TypeError(
    `${name}: become() takes ${STATES.join(', ')}, not ${inspectShort(status)}; end() ends the client`,
  );
}
