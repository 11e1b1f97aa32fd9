import { constants } from 'node:buffer';

/** The largest limit that `ws` can be given: it counts in 32 bits. */
export const LARGEST_LIMIT = 2 ** 31 - 1;

/** The largest message there can be: `ws` counts no further, and a buffer holds no more. */
export const LARGEST_PAYLOAD = Math.min(LARGEST_LIMIT, constants.MAX_LENGTH);

const DEFAULT = 16 * 1024 * 1024;

/** `maxPayload` as `ws` takes it: 0 and `Infinity` are no limit, and so the largest there can be. */
export function payloadLimit(maxPayload = DEFAULT): number {
  return maxPayload > 0 && maxPayload <= LARGEST_PAYLOAD ? maxPayload : LARGEST_PAYLOAD;
}
