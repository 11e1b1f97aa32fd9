import {
  ConnectionError,
  HandshakeError,
  JsonRpcError,
  RequestTimeoutError,
} from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { errorTypeOf } from '../../../lib/runtime/metering/error.type.js';

class Poison extends Error {
  override name = 'a name that is a message';
}

const withCode = (code: unknown): Error => Object.assign(new Error('secret'), { code });
const connection = (code: unknown) =>
  new ConnectionError('feed', 'failed', { cause: withCode(code) });
const handshake = (status: number) => new HandshakeError('feed', 'no', { status, headers: {} });

it.each<[string, unknown]>([
  ['-32601', new JsonRpcError(-32601, 'secret')],
  ['429', handshake(429)],
  ['ERR_WEBSOCKEX_HANDSHAKE', handshake(101)],
  ['ECONNREFUSED', connection('ECONNREFUSED')],
  ['CERT_HAS_EXPIRED', connection('CERT_HAS_EXPIRED')],
  ['ERR_WEBSOCKEX_CONNECTION', connection('what a peer says')],
  ['ERR_WEBSOCKEX_CONNECTION', connection(undefined)],
  ['ERR_WEBSOCKEX_REQUEST_TIMEOUT', new RequestTimeoutError('feed', 5, true)],
  ['AbortError', new DOMException('secret', 'AbortError')],
  ['TypeError', new TypeError('secret')],
  ['Poison', new Poison('secret')],
  ['_OTHER', Object.assign(new Error('secret'), { constructor: undefined })],
  ['_OTHER', Object.assign(new Error('secret'), { constructor: { name: 5 } })],
  ['_OTHER', 'secret'],
  ['_OTHER', undefined],
])('An error is told as %s', (type, error) => {
  expect(errorTypeOf(error)).toBe(type);
});
