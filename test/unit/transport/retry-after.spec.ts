import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { parseRetryAfter } from '../../../lib/runtime/transport/transport.errors.js';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const httpDate = (ms: number): string => new Date(ms).toUTCString();

describe('parseRetryAfter', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('takes a number of seconds', () => {
    fc.assert(
      fc.property(fc.nat(), (seconds) => {
        expect(parseRetryAfter({ 'retry-after': String(seconds) })).toBe(seconds * 1000);
      }),
    );
    expect(parseRetryAfter({ 'retry-after': ' 007 ' })).toBe(7000);
  });

  it('takes a date, by the clock of the peer where it shows it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer(), (wait, skew) => {
        const peerNow = NOW + skew * 1000;
        const headers = {
          'retry-after': httpDate(peerNow + wait * 1000),
          date: httpDate(peerNow),
        };
        expect(parseRetryAfter(headers)).toBe(wait * 1000);
      }),
    );
  });

  it('takes a date by our own clock where the peer shows none, or none that can be read', () => {
    const value = httpDate(NOW + 90_000);
    expect(parseRetryAfter({ 'retry-after': value })).toBe(90_000);
    expect(parseRetryAfter({ 'retry-after': value, date: 'today' })).toBe(90_000);
  });

  it.each([
    ['RFC 850', 'Friday, 02-Jan-26 03:04:35 GMT'],
    ['IMF-fixdate', 'Fri, 02 Jan 2026 03:04:35 GMT'],
  ])('takes a date in the form of %s', (_form, value) => {
    expect(parseRetryAfter({ 'retry-after': value })).toBe(30_000);
  });

  it('does not wait for a date that is past', () => {
    expect(parseRetryAfter({ 'retry-after': httpDate(NOW - 1000) })).toBe(0);
  });

  it.each([
    undefined,
    '',
    '  ',
    'soon',
    '1.5',
    '-5',
    '+5',
    '0x10',
    '1e3',
    '10 s',
    'in 3600',
    'about 10',
    'NaN',
    'Infinity',
    'Fri, 99 Foo 2026 03:04:35 GMT',
  ])('does not make a wait of %j', (value) => {
    expect(parseRetryAfter(value === undefined ? {} : { 'retry-after': value })).toBeUndefined();
  });

  it('gives a wait that is never negative, and never no number, whatever it reads', () => {
    const garbage = fc.string({
      unit: fc.constantFrom(...'0123456789 :,-+.GMTinJa/'.split('')),
      maxLength: 30,
    });
    fc.assert(
      fc.property(garbage, garbage, (value, date) => {
        const wait = parseRetryAfter({ 'retry-after': value, date });
        expect(wait === undefined || wait >= 0).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
