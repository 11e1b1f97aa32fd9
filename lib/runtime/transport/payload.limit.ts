import { constants } from 'node:buffer';

/** The largest `maxPayload`: `ws` counts in 32 bits, and a buffer holds so much at most. */
export const LARGEST_PAYLOAD = Math.min(2 ** 31 - 1, constants.MAX_LENGTH);

const DEFAULT = 16 * 1024 * 1024;

/** `maxPayload` as `ws` takes it: 0 and `Infinity` are no limit, and so the largest there can be. */
export function payloadLimit(maxPayload = DEFAULT): number {
  return maxPayload > 0 && maxPayload <= LARGEST_PAYLOAD ? maxPayload : LARGEST_PAYLOAD;
}
