import {
  ConnectionError,
  type EndClass,
  FatalError,
  HandshakeError,
  ProtocolError,
  UrlRefusedError,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { classOf, isRefusal } from '../../../lib/runtime/connection/end.classes.js';
import type { WireEnd } from '../../../lib/runtime/connection/wire.end.js';

function failed(error: unknown): WireEnd {
  return { opened: false, reason: { by: 'error', error }, error, voluntary: false };
}

function answered(status: number): WireEnd {
  return failed(new HandshakeError('Feed', `the peer answered ${status}`, { status, headers: {} }));
}

function closed(code?: number, by: 'local' | 'remote' = 'remote'): WireEnd {
  const reason = { by, message: '', ...(code !== undefined && { code }) } as const;
  return { opened: true, reason, voluntary: false };
}

function system(code: string): WireEnd {
  const cause = Object.assign(new Error(code), { code });
  return failed(new ConnectionError('Feed', code, { cause }));
}

/** What the specification calls slow, of the answers that are no 101. */
function ofStatus(status: number): EndClass {
  if ([408, 425, 429].includes(status)) return 'passing';
  if ([501, 505].includes(status)) return 'slow';
  return status < 500 ? 'slow' : 'passing';
}

const SLOW_CODES = [1002, 1003, 1007, 1008, 1009, 1010];

describe('The class of an end', () => {
  it('of an answer is that of its status, for every status there is', () => {
    const wrong = Array.from({ length: 500 }, (_, n) => 100 + n).filter(
      (status) => classOf(answered(status), false) !== ofStatus(status),
    );
    expect(wrong).toEqual([]);
  });

  it('of a close is that of its code, for every code there may be', () => {
    const codes = [
      ...Array.from({ length: 15 }, (_, n) => 1000 + n),
      ...Array.from({ length: 2000 }, (_, n) => 3000 + n),
    ];
    const slow = codes.filter((code) => classOf(closed(code), false) === 'slow');
    expect(slow).toEqual(SLOW_CODES);
    expect(classOf(closed(), false)).toBe('passing');
  });

  it.each([401, 403])('of the first %d after a session that was ready is passing', (status) => {
    const end = answered(status);
    expect([classOf(end, true), classOf(end, false)]).toEqual(['passing', 'slow']);
    expect(isRefusal(end)).toBe(true);
    // Of no other status.
    expect([classOf(answered(404), true), isRefusal(answered(404))]).toEqual(['slow', false]);
  });

  it('of what a proxy answers is that of its status, a first 403 too', () => {
    const refused = (status: number): WireEnd => {
      const cause = Object.assign(new Error('no'), { code: 'ERR_PROXY_REFUSED', status });
      return failed(new ConnectionError('Feed', 'no', { cause }));
    };
    const wrong = Array.from({ length: 500 }, (_, n) => 100 + n).filter(
      (status) => classOf(refused(status), true) !== ofStatus(status),
    );
    expect(wrong).toEqual([]);
    expect(isRefusal(refused(403))).toBe(false);
  });

  it.each([1002, 1007, 1008, 1009])('of what we closed with %d is slow', (code) => {
    const error = new ProtocolError('Feed', code, 'no');
    expect(classOf({ ...closed(code, 'local'), error }, false)).toBe('slow');
  });

  it.each([
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'CERT_REVOKED',
    'CERT_SIGNATURE_FAILURE',
    'CERT_CHAIN_TOO_LONG',
    'CRL_HAS_EXPIRED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'ERROR_IN_CERT_NOT_AFTER_FIELD',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'HOSTNAME_MISMATCH',
    'INVALID_CA',
    'INVALID_PURPOSE',
    'PATH_LENGTH_EXCEEDED',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
    'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
    'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED',
  ])('of a certificate that is not accepted is slow: %s', (code) => {
    expect(classOf(system(code), true)).toBe('slow');
  });

  it.each([
    'EAI_AGAIN',
    'ECONNREFUSED',
    'ECONNRESET',
    'EHOSTUNREACH',
    'EMFILE',
    'ENOTFOUND',
    'EPIPE',
    'ETIMEDOUT',
    'HPE_INVALID_CONSTANT',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ])('of an error of the network is passing: %s', (code) => {
    expect(classOf(system(code), false)).toBe('passing');
  });

  it('of a URL that allowUrl refuses is slow', () => {
    const error = new UrlRefusedError('Feed', 'ws://inside/', '10.0.0.1');
    expect(classOf(failed(error), false)).toBe('slow');
  });

  it.each([
    ['a deadline', new ConnectionError('Feed', 'the connection was not open within 5 ms')],
    ['whatever a callback threw', new TypeError('x is not a function')],
    ['what is no error', 'oops'],
  ])('of %s is passing', (_, error) => {
    expect(classOf(failed(error), false)).toBe('passing');
    expect(classOf({ ...failed(error), opened: true }, false)).toBe('passing');
  });

  it('of a FatalError is fatal, and of nothing else', () => {
    const end = failed(new FatalError('the account is closed'));
    expect(classOf({ ...end, isUnmade: true }, true)).toBe('fatal');
    expect(classOf(failed(new Error('x', { cause: end.error })), true)).toBe('passing');
  });

  it('of an attempt that was not made is passing, with whatever it failed', () => {
    const refused = answered(404);
    const url = failed(new UrlRefusedError('Other', 'ws://inside/', undefined));
    for (const end of [refused, url, system('CERT_HAS_EXPIRED')]) {
      expect(classOf({ ...end, isUnmade: true }, false)).toBe('passing');
    }
    expect(isRefusal({ ...answered(401), isUnmade: true })).toBe(false);
  });
});
