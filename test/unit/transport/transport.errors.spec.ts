import { ConnectionError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { toConnectionError } from '../../../lib/runtime/transport/transport.errors.js';

const systemError = (code: string, message = `connect ${code} 127.0.0.1:1`): Error =>
  Object.assign(new Error(message), { code });

describe('toConnectionError', () => {
  it('keeps what the system said, and tells the client and a remedy', () => {
    const cause = systemError('ECONNREFUSED');
    const error = toConnectionError('Feed', cause);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.cause).toBe(cause);
    expect(error.systemCode).toBe('ECONNREFUSED');
    expect(error.message).toBe(
      'Feed: the connection failed: connect ECONNREFUSED 127.0.0.1:1 (nothing listens there; check host and port)',
    );
  });

  it.each([
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ECONNRESET',
    'ETIMEDOUT',
    'CERT_HAS_EXPIRED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ])('knows a remedy for %s', (code) => {
    expect(toConnectionError('Feed', systemError(code, 'no')).message).toMatch(/: no \(.+\)$/);
  });

  it('invents no remedy for a code it does not know', () => {
    for (const code of ['ENEW', 'constructor', 'toString']) {
      const error = toConnectionError('Feed', systemError(code, 'no'));
      expect(error.message).toBe('Feed: the connection failed: no');
    }
  });

  it.each([
    ['tlsv1 alert unknown ca', /tls\.cert: it does not know its CA/],
    ['sslv3 alert bad certificate', /accept the certificate in tls\.cert/],
    ['ssl/tls alert certificate expired', /tls\.cert: it has expired/],
    ['tlsv13 alert certificate required', /tls\.cert and tls\.key/],
    ['tlsv1 alert protocol version', /tls\.minVersion and tls\.maxVersion/],
    ['tlsv1 unrecognized name', /^(?!.*tls\.servername)/],
    ['tlsv1 alert unrecognized name', /tls\.servername/],
    ['ssl/tls alert handshake failure', /tls\.ciphers/],
    ['packet length too long', /use ws: there/],
    ['unsafe legacy renegotiation disabled', /tls\.secureOptions/],
  ])('has words of its own for OpenSSL’s: %s', (reason, says) => {
    const line = `write EPROTO 80DC:error:0A00010B:SSL routines:ssl3_read:${reason}:../deps/x.c:350:SSL alert\n`;
    const { message } = toConnectionError('Feed', systemError('EPROTO', line));
    expect(message).toMatch(says);
    expect(message).toContain(`Feed: the connection failed: ${reason}`);
    expect(message).not.toMatch(/deps|\n/);
  });

  it('tells what every address said, and takes the code of one that answered', () => {
    const errors = [systemError('ETIMEDOUT', 'no A'), systemError('ECONNREFUSED', 'no B')];
    const error = toConnectionError('Feed', new AggregateError(errors));
    expect(error.message).toMatch(/^Feed: the connection failed: no A; no B \(nothing listens/);
    expect(error.systemCode).toBe('ECONNREFUSED');
  });

  it('unwraps an AggregateError, and one in another', () => {
    const first = systemError('ECONNREFUSED');
    const inner = new AggregateError([first, systemError('ETIMEDOUT')]);
    for (const wrapped of [inner, new AggregateError([inner])]) {
      expect(toConnectionError('Feed', wrapped).cause).toBe(first);
    }
  });

  it('keeps an AggregateError that has no error in it', () => {
    const empty = new AggregateError([], 'nothing');
    expect(toConnectionError('Feed', empty)).toMatchObject({
      cause: empty,
      message: 'Feed: the connection failed: nothing',
    });
  });

  it('says the code, or the name, where there are no words', () => {
    expect(toConnectionError('Feed', systemError('ENEW', '')).message).toContain('failed: ENEW');
    expect(toConnectionError('Feed', new TypeError('')).message).toContain('failed: TypeError');
  });
});
