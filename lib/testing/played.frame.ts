import { inspectShort } from '../runtime/errors/websockex.error.js';
import { toFrame, type DataFrame } from '../runtime/frame/frame.js';

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
