import { isUtf8 } from 'node:buffer';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Utf8Stream } from '../../../../lib/runtime/transport/native/utf8.stream.js';

/** How many bytes of a text are taken until one cannot stand there, given in pieces; -1: all are. */
function takenUntil(pieces: readonly Buffer[]): number {
  const stream = new Utf8Stream();
  let taken = 0;
  for (const piece of pieces) {
    if (!stream.accept(piece)) return taken;
    taken += piece.length;
  }
  return stream.isWithin ? taken : -1;
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] as number;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** By another decoder: the bytes that may stand at the beginning of a text, one at a time. */
function firstWrong(bytes: Buffer): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let at = 0; at < bytes.length; at++) {
    try {
      decoder.decode(bytes.subarray(at, at + 1), { stream: true });
    } catch {
      return at;
    }
  }
  return isUtf8(bytes) ? -1 : bytes.length;
}

const byte = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf),
  fc.constantFrom(0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff),
);
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((one) => Buffer.from(one));
const bytes = fc
  .array(fc.oneof(text, fc.array(byte, { maxLength: 4 }).map(Buffer.from)), { maxLength: 6 })
  .map((parts) => Buffer.concat(parts));
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

describe('Text in pieces', () => {
  it('is refused with the very byte that cannot stand there', () => {
    fc.assert(
      fc.property(bytes, (all) => {
        expect(takenUntil(cut(all, [1]))).toBe(firstWrong(all));
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused in the piece with that byte, however it is cut', () => {
    fc.assert(
      fc.property(bytes, sizes, (all, some) => {
        const pieces = cut(all, some);
        const wrong = firstWrong(all);
        let end = 0;
        const before = pieces.filter((piece) => (end += piece.length) <= wrong);
        const expected = Buffer.concat(before).length;
        expect(takenUntil(pieces)).toBe(wrong < 0 ? -1 : expected);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['a character that ends in another piece', [[0xf0, 0x9f], [0x92], [0xa9]], -1],
    ['one that does not end', [[0x61, 0xe2, 0x82]], 3],
    ['above U+10FFFF, known with its second byte', [[0xf4], [0x90], [0x80]], 1],
    ['a surrogate, known with its second byte', [[0xed], [0xa0]], 1],
    ['longer than it must be', [[0xc0]], 0],
    ['one that goes on without a beginning', [[0x61], [0x80]], 1],
    ['an empty piece', [[], [0x61], []], -1],
  ])('%s', (_, pieces, taken) => {
    expect(takenUntil(pieces.map((one) => Buffer.from(one)))).toBe(taken);
  });
});
