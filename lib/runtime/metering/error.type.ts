import { ConnectionError, HandshakeError } from '../errors/connection.errors.js';
import { JsonRpcError } from '../errors/request.errors.js';
import { WebSockexError } from '../errors/websockex.error.js';

/** As OpenTelemetry calls what has no other name. */
const OTHER = '_OTHER';

/** As Node and OpenSSL write theirs: no text, and nothing of the peer's. */
const SYSTEM_CODE = /^[A-Z][A-Z0-9_]{1,40}$/;

/**
 * What kind of error it is, in a word of which there are few: the attribute `error.type`. Of a refused handshake it is
 * the status, of JSON-RPC its number, of a connection that failed the code of the system; else the code of an error of
 * this library, or the name of a class. Never a message: that may say anything.
 */
export function errorTypeOf(thrown: unknown): string {
  if (thrown instanceof JsonRpcError) return String(thrown.rpcCode);
  if (thrown instanceof HandshakeError && thrown.status !== 101) return String(thrown.status);
  if (thrown instanceof ConnectionError) {
    const { systemCode } = thrown;
    return systemCode !== undefined && SYSTEM_CODE.test(systemCode) ? systemCode : thrown.code;
  }
  if (thrown instanceof WebSockexError) return thrown.code;
  if (thrown instanceof DOMException) return thrown.name;
  if (!(thrown instanceof Error)) return OTHER;
  return nameOf(thrown) || OTHER;
}

/** Who measures must not fail: an error may be made without a class, and a class may say anything of itself. */
function nameOf(error: Error): string | undefined {
  try {
    const { name } = error.constructor as { readonly name?: unknown };
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}
