import { describe, expect, it } from 'vitest';

import { UnansweredError } from '../../../lib/runtime/connection/wire.end.js';
import { ConfigurationError } from '../../../lib/runtime/errors/client.errors.js';
import {
  ConnectionError,
  HandshakeError,
  UrlError,
  UrlRefusedError,
} from '../../../lib/runtime/errors/connection.errors.js';
import { isOfOrigin, toEventType } from '../../../lib/runtime/throttle/outcome.js';

const status = (code: number): HandshakeError =>
  new HandshakeError('feed', 'refused', { status: code, headers: {} });

const system = (code?: string): ConnectionError =>
  new ConnectionError('feed', 'failed', { cause: Object.assign(new Error('x'), { code }) });

const OF_ORIGIN = {
  'a refused connection': system('ECONNREFUSED'),
  'a reset': system('ECONNRESET'),
  'a broken pipe': system('EPIPE'),
  'a time-out of the system': system('ETIMEDOUT'),
  'an unreachable host': system('EHOSTUNREACH'),
  'an unreachable network': system('ENETUNREACH'),
  'an unknown host': system('ENOTFOUND'),
  'a DNS that does not answer': system('EAI_AGAIN'),
  'a socket that is not there': system('ENOENT'),
  'a time-out of ours': new ConnectionError('feed', 'late', { cause: new UnansweredError('late') }),
  '429': status(429),
  '500': status(500),
  '501': status(501),
  '503': status(503),
  '505': status(505),
};

const OF_CLIENT = {
  '101 that is none': status(101),
  '301': status(301),
  '400': status(400),
  '401': status(401),
  '403': status(403),
  '404': status(404),
  '408': status(408),
  '425': status(425),
  '426': status(426),
  'an expired certificate': system('CERT_HAS_EXPIRED'),
  'a certificate for another name': system('ERR_TLS_CERT_ALTNAME_INVALID'),
  'a self-signed certificate': system('DEPTH_ZERO_SELF_SIGNED_CERT'),
  'an alert of TLS': system('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'),
  'what is no HTTP': system('HPE_INVALID_CONSTANT'),
  'too many open files': system('EMFILE'),
  'no address of ours': system('EADDRNOTAVAIL'),
  'a callback that threw': system(),
  'an error without a cause': new ConnectionError('feed', '@BeforeConnect failed'),
  'a URL': new UrlError('feed', 'x', 'is bad'),
  'an option': new ConfigurationError('feed: bad'),
  'a refused address': new UrlRefusedError('feed', 'ws://x/', '10.0.0.1'),
  'what is no error': 'oops',
};

describe('Of its origin speaks', () => {
  it.each(Object.entries(OF_ORIGIN))('%s', (_what, error) => {
    expect(isOfOrigin(error)).toBe(true);
    expect(toEventType({ type: 'failed', error })).toBe('failed-of-origin');
  });
});

describe('Of its client alone speaks', () => {
  it.each(Object.entries(OF_CLIENT))('%s', (_what, error) => {
    expect(isOfOrigin(error)).toBe(false);
    expect(toEventType({ type: 'failed', error })).toBe('failed-of-client');
  });

  it('an attempt that could not be made, or is not wanted any more', () => {
    expect(toEventType({ type: 'unmade' })).toBe('failed-of-client');
    expect(toEventType({ type: 'abandoned' })).toBe('given-up');
    expect(toEventType({ type: 'opened' })).toBe('opened');
  });
});
