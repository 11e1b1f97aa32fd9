import { describeCauses } from '../errors/causes.js';
import { ConnectionError } from '../errors/connection.errors.js';
import { redactorOf } from './request.secrets.js';
import { opensslReason, tlsRemedy } from './tls-remedies.js';
import type { TransportRequest } from './transport.port.js';

const NOT_HTTP = 'what answers on that port does not speak HTTP; check host and port';
const TLS_THERE = 'the peer speaks TLS on that port; use wss: there, or another port';

const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'the system does not allow it; check rights and firewalls',
  EADDRINUSE: 'the port in socket.localPort is in use',
  EADDRNOTAVAIL: 'no such address is to be had here; check socket.localAddress',
  EAI_AGAIN: 'the DNS did not answer; check the network',
  ECONNREFUSED: 'nothing listens there; check host and port',
  ECONNRESET: 'the peer, or something between, cut the connection',
  EHOSTUNREACH: 'there is no way to that host; check the network and firewalls',
  EMFILE: 'this process has too many files open; raise its limit',
  ENETUNREACH: 'there is no way to that network; check the network, or set socket.family',
  ENOENT: 'there is no such socket; check the path in the URL',
  ENOTFOUND: 'the host name is not known; check the URL and the DNS',
  EPIPE: 'the peer, or something between, cut the connection',
  ERR_INVALID_PROTOCOL:
    'the agent is for another scheme: wss: wants an https.Agent, ws: an http.Agent',
  ETIMEDOUT: 'the host did not answer; check the network and firewalls',
  HPE_HEADER_OVERFLOW: 'the head of the answer is too long; see ws.maxHeaderSize',
};

/** What an address that nobody answered at says: less than one that was answered. */
const UNANSWERED = new Set([
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EINVAL',
  'ENETDOWN',
  'ENETUNREACH',
  'ETIMEDOUT',
]);

/**
 * What the system said, as one sentence with a remedy if one is known. Of a name with several addresses
 * the message tells them all; `cause`, and so `systemCode`, is of the first that was answered, or else
 * of the first.
 */
export function toConnectionError(
  client: string,
  thrown: Error,
  request?: TransportRequest,
): ConnectionError {
  const all = flatten(thrown);
  const cause = all.find((error) => !UNANSWERED.has(codeOf(error) ?? '')) ?? all[0] ?? thrown;
  const remedy = remedyFor(cause, request);
  const said = [...new Set((all.length > 0 ? all : [thrown]).map(sayingOf))].join('; ');
  const shown = request === undefined ? said : redactorOf(request).text(said);
  return new ConnectionError(
    client,
    `the connection failed: ${shown}${remedy ? ` (${remedy})` : ''}`,
    { cause },
  );
}

/** The errors in an `AggregateError`, and in those in it. */
function flatten(error: Error): Error[] {
  if (!(error instanceof AggregateError)) return [error];
  return error.errors.flatMap((one: unknown) => (one instanceof Error ? flatten(one) : []));
}

/** In its own words, of which OpenSSL's are for its makers. */
function sayingOf(error: Error): string {
  return opensslReason(error.message) ?? describeCauses(error);
}

function codeOf(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

function remedyFor(error: Error, request: TransportRequest | undefined): string | undefined {
  const code = codeOf(error);
  const byTls = tlsRemedy(error, request?.options.tls);
  if (byTls !== undefined) return byTls;
  if (code === undefined) return undefined;
  const isSecure = request !== undefined && /^(wss|https):/i.test(request.url);
  if (code === 'ECONNRESET' && error.message === 'socket hang up' && request !== undefined) {
    return isSecure ? hungUpSecurely(request) : `${REMEDIES[code]}; if it speaks TLS, use wss:`;
  }
  if (Object.hasOwn(REMEDIES, code)) return REMEDIES[code];
  if (!code.startsWith('HPE_')) return undefined;
  return isTlsRecord((error as { rawPacket?: unknown }).rawPacket) ? TLS_THERE : NOT_HTTP;
}

/** In TLS 1.3 a client is connected before the peer has looked at its certificate. */
function hungUpSecurely({ options: { tls } }: TransportRequest): string {
  const isGiven = tls?.cert !== undefined || tls?.pfx !== undefined;
  return `${REMEDIES['ECONNRESET']}; see whether it ${isGiven ? 'accepts the' : 'wants a'} certificate in tls.cert`;
}

/** The head of a record of TLS: its type, 20 to 23, and 3 for the version. */
function isTlsRecord(bytes: unknown): boolean {
  if (!(bytes instanceof Uint8Array)) return false;
  const [type = 0, version] = bytes;
  return type >= 20 && type <= 23 && version === 3;
}
