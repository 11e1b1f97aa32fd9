import { constants } from 'node:buffer';

import { describe, expect, it } from 'vitest';

import { LARGEST_PAYLOAD, payloadLimit } from '../../../lib/runtime/transport/payload.limit.js';

describe('The largest message taken', () => {
  it.each([
    [undefined, 16 * 1024 * 1024],
    [1, 1],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [0, LARGEST_PAYLOAD],
    [Infinity, LARGEST_PAYLOAD],
  ])('is what ws counts right: maxPayload %s is %s', (given, limit) => {
    expect(payloadLimit(given)).toBe(limit);
    expect(payloadLimit(given) | 0).toBe(limit);
    expect(limit).toBeLessThanOrEqual(constants.MAX_LENGTH);
  });
});
