import type { ClientStatus } from '../../runtime/errors/connection.errors.js';
import { inspectShort } from '../../runtime/errors/websockex.error.js';
import { type DataFrame, toFrame } from '../../runtime/frame/frame.js';

/** What a test may give for a frame that a client receives: a string is text, bytes are binary. */
export type PlayedFrame = DataFrame | string | Uint8Array;

/** @throws TypeError for what is no text or binary frame */
export function toDataFrame(what: string, value: PlayedFrame): DataFrame {
  const frame = toFrame(value);
  if (frame?.type === 'text' || frame?.type === 'binary') return frame;
  throw new TypeError(
    `${what} takes a text or binary frame, a string or bytes, not ${inspectShort(value)}`,
  );
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
