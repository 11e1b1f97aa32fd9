import fc from 'fast-check';
import { close, CloseCode, FrameEncodeError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { checkClose, isSendableCloseCode } from '../../../lib/runtime/frame/close-code.js';

/** RFC 6455 section 7.4 and the IANA registry, as ranges. */
const SENDABLE: readonly (readonly [number, number])[] = [
  [1000, 1003],
  [1007, 1014],
  [3000, 4999],
];

const isInTable = (code: number): boolean =>
  SENDABLE.some(([first, last]) => code >= first && code <= last);

describe('isSendableCloseCode', () => {
  it('says yes to 1000 to 1003, 1007 to 1014 and 3000 to 4999, and to no other of 0 to 5000', () => {
    const codes = Array.from({ length: 5001 }, (_, code) => code);
    expect(codes.filter(isSendableCloseCode)).toEqual(codes.filter(isInTable));
    expect(codes.filter(isSendableCloseCode)).toHaveLength(4 + 8 + 2000);
  });

  it.each([-1, 1000.5, NaN, Infinity, 65_535, '1000', undefined, null])('says no to %s', (code) => {
    expect(isSendableCloseCode(code as number)).toBe(false);
  });

  it('says yes to every code this library closes with', () => {
    const { abnormal, ...ours } = CloseCode;
    expect(Object.values(ours).every(isSendableCloseCode)).toBe(true);
    expect(isSendableCloseCode(abnormal)).toBe(false);
  });
});

describe('checkClose', () => {
  const refusal = (code?: unknown, reason?: unknown): unknown => {
    try {
      checkClose('Feed: close()', code as number, reason as string);
      return undefined;
    } catch (error) {
      return error;
    }
  };

  it('refuses what may not be sent, and names client and code', () => {
    for (let code = 0; code <= 5000; code++) {
      const error = refusal(code);
      if (isInTable(code)) expect(error).toBeUndefined();
      else {
        expect(error).toBeInstanceOf(FrameEncodeError);
        expect(error).toMatchObject({ message: expect.stringMatching(`^Feed: close.*${code}`) });
      }
    }
  });

  it.each([NaN, '1000', null, {}])('refuses the code %s', (code) => {
    expect(refusal(code)).toBeInstanceOf(FrameEncodeError);
  });

  it('takes no code, and refuses a reason without one', () => {
    expect(refusal()).toBeUndefined();
    expect(refusal(undefined, '')).toBeUndefined();
    expect(refusal(undefined, 'bye')).toBeInstanceOf(FrameEncodeError);
  });

  it.each([7, null, {}, ['bye']])('refuses the reason %j', (reason) => {
    expect(refusal(1000, reason)).toBeInstanceOf(FrameEncodeError);
  });

  it('counts a reason by its bytes: 123 pass, 124 do not', () => {
    for (const [reason, bytes] of [
      ['x'.repeat(123), 123],
      ['x'.repeat(124), 124],
      ['é'.repeat(61), 122],
      ['é'.repeat(62), 124],
      ['😀'.repeat(30), 120],
      ['😀'.repeat(31), 124],
    ] as const) {
      const error = refusal(1000, reason);
      if (bytes <= 123) expect(error).toBeUndefined();
      else expect(error).toMatchObject({ message: expect.stringContaining(`has ${bytes}`) });
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (reason) => {
        const fits = Buffer.from(reason).length <= 123;
        expect(refusal(3000, reason) === undefined).toBe(fits);
      }),
    );
  });

  it('is what close() refuses by', () => {
    expect(() => close(1005)).toThrow(FrameEncodeError);
    expect(() => close(1000, 'x'.repeat(124))).toThrow(FrameEncodeError);
    expect(close(1000, 'x'.repeat(123))).toMatchObject({ kind: 'close', code: 1000 });
    expect(close()).toMatchObject({ kind: 'close', code: undefined, reason: '' });
  });
});
