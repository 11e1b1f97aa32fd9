import type { Duplex } from 'node:stream';

/** What `ws` knows of the frame it is reading. Not public there: nothing breaks when it is not found. */
interface Receiving {
  readonly _receiver?: { readonly _bufferedBytes?: number; readonly _payloadLength?: number };
}

/** The longest frame waited for: longer ones are refused by their header alone. */
const SHORT = 125;

/**
 * Bytes still missing of a frame that `ws` refuses because it stands where it must not. A frame is
 * judged when it is whole: a peer that vanished in the middle of one has vanished, and nothing more
 * is known of it. 0 when it is whole, long, or when that cannot be told.
 */
export function missingBytes(ws: object, error: Error): number {
  if ((error as { code?: unknown }).code !== 'WS_ERR_INVALID_OPCODE') return 0;
  const { _bufferedBytes: have, _payloadLength: length } = (ws as Receiving)._receiver ?? {};
  if (have === undefined || length === undefined || length > SHORT) return 0;
  return Math.max(0, length - have);
}

/** Calls `arrived` once so many bytes more have been read; never when the stream ends before. */
export function whenArrived(stream: Duplex, bytes: number, arrived: () => void): void {
  let missing = bytes;
  const count = (chunk: Buffer): void => {
    missing -= chunk.length;
    if (missing > 0) return;
    stream.off('data', count);
    arrived();
  };
  stream.on('data', count);
}
