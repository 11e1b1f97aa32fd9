import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { describeCauses } from '../errors/causes.js';
import {
  ConnectionError,
  HandshakeError,
  type ResponseHeaders,
} from '../errors/connection.errors.js';
import type { Redactor } from '../errors/redactor.js';
import { oneLine } from '../errors/websockex.error.js';
import { redactorOf } from './request.secrets.js';
import { opensslReason, tlsRemedy } from './tls-remedies.js';
import type { TransportRequest } from './transport.port.js';

const NOT_HTTP = 'what answers on that port does not speak HTTP; check host and port';
const TLS_THERE = 'the peer speaks TLS on that port; use wss: there, or another port';

const SYSTEM_REMEDIES: Readonly<Record<string, string>> = {
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
  const remedy = systemRemedy(cause, request);
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

function systemRemedy(error: Error, request: TransportRequest | undefined): string | undefined {
  const code = codeOf(error);
  const byTls = tlsRemedy(error, request?.options.tls);
  if (byTls !== undefined) return byTls;
  if (code === undefined) return undefined;
  const isSecure = request !== undefined && /^(wss|https):/i.test(request.url);
  if (code === 'ECONNRESET' && error.message === 'socket hang up' && request !== undefined) {
    return isSecure
      ? hungUpSecurely(request)
      : `${SYSTEM_REMEDIES[code]}; if it speaks TLS, use wss:`;
  }
  if (Object.hasOwn(SYSTEM_REMEDIES, code)) return SYSTEM_REMEDIES[code];
  if (!code.startsWith('HPE_')) return undefined;
  return isTlsRecord((error as { rawPacket?: unknown }).rawPacket) ? TLS_THERE : NOT_HTTP;
}

/** In TLS 1.3 a client is connected before the peer has looked at its certificate. */
function hungUpSecurely({ options: { tls } }: TransportRequest): string {
  const isGiven = tls?.cert !== undefined || tls?.pfx !== undefined;
  return `${SYSTEM_REMEDIES['ECONNRESET']}; see whether it ${isGiven ? 'accepts the' : 'wants a'} certificate in tls.cert`;
}

/** The head of a record of TLS: its type, 20 to 23, and 3 for the version. */
function isTlsRecord(bytes: unknown): boolean {
  if (!(bytes instanceof Uint8Array)) return false;
  const [type = 0, version] = bytes;
  return type >= 20 && type <= 23 && version === 3;
}

/** The most of a body that stands in a message, in characters. */
const EXCERPT = 120;

/** By status, what to do, or where else to look. */
const STATUS_REMEDIES: Readonly<Record<number, string>> = {
  101: ', but its headers do not upgrade the connection',
  200: '; something is there, but no WebSocket: check the path of the URL',
  400: '; it did not understand the request: check the URL, and the headers it wants',
  401: '; check the credentials, or sign in @BeforeConnect',
  403: '; check the credentials, or sign in @BeforeConnect',
  404: '; check the path of the URL',
  405: '; no WebSocket is there: check the path of the URL',
  407: '; the proxy wants credentials: put user and password into the URL of the option proxy, or give them to the agent',
  408: '; it did not get the request in time; it may be overloaded',
  410: '; nothing is there any more: check the path of the URL',
  421: '; it does not serve this host name: check the URL, headers.host and tls.servername',
  426: '; it wants another protocol, or something between drops the Upgrade header: see its headers upgrade and sec-websocket-version',
  429: '; it is asked too often: connect less often, or with fewer clients',
  431: '; the headers are too long for it: send fewer, or shorter ones',
  500: '; it failed: see its log',
  501: '; it knows no WebSockets: check the URL',
  502: '; a proxy is there, but what is behind it did not answer as it should',
  503: '; it is not ready, or overloaded',
  504: '; a proxy is there, but what is behind it did not answer in time',
};

const PLAIN_TO_TLS = /HTTP request (?:was sent )?to (?:an )?HTTPS (?:port|server)/i;

/** Besides the answer, what is known of it. */
export interface Refusal {
  readonly redactor: Redactor;
  /** The beginning of the body, where it is text. */
  readonly body?: string | undefined;
  /** Why a redirect is not followed. */
  readonly redirect?: string | undefined;
}

/** The error for an answer that is no 101. */
export function toHandshakeError(
  client: string,
  answer: IncomingMessage,
  { redactor, body, redirect }: Refusal,
): HandshakeError {
  const { statusCode: status = 0, statusMessage, headers } = answer;
  const retryAfter = parseRetryAfter(headers);
  const shown = body === undefined ? undefined : redactor.text(body);
  const name = statusMessage ? ` ${redactor.text(statusMessage)}` : '';
  const remedy = redirect === undefined ? statusRemedy(status, retryAfter, body) : `; ${redirect}`;
  return new HandshakeError(
    client,
    `the peer answered ${status}${name}${excerpt(shown)}${remedy}`,
    { status, headers, retryAfter, body: shown },
  );
}

/** What a person would read of a body. */
function excerpt(body = ''): string {
  const text = oneLine(
    body.replace(/<(style|script)\b.*?(<\/\1>|$)/gis, ' ').replace(/<[^>]*(>|$)/g, ' '),
  )
    .replace(/\s+/g, ' ')
    .trim();
  if (text === '') return '';
  return ` (${JSON.stringify(text.length > EXCERPT ? `${text.slice(0, EXCERPT)}…` : text)})`;
}

function statusRemedy(status: number, retryAfter: number | undefined, body = ''): string {
  if (status === 400 && PLAIN_TO_TLS.test(body)) return '; it speaks TLS there: use wss:';
  const asked =
    retryAfter === undefined ? '' : `; it asks to wait ${Math.ceil(retryAfter / 1000)} s`;
  if (Object.hasOwn(STATUS_REMEDIES, status)) return `${STATUS_REMEDIES[status]}${asked}`;
  if (status >= 300 && status < 400) return '; it names no place to go to: change the URL';
  return asked;
}

/** What is wrong with the subprotocol of an answer (RFC 6455 section 4.1). */
export function subprotocolFault(headers: ResponseHeaders, request: TransportRequest): string {
  const redactor = redactorOf(request);
  const quote = (list: readonly string[]): string =>
    redactor
      .protocols(list)
      .map((protocol) => JSON.stringify(protocol))
      .join(', ');
  const chosen = headers['sec-websocket-protocol'] as string | undefined;
  const { protocols } = request;
  if (chosen === undefined) {
    return `the peer chose no subprotocol; offered were ${quote(protocols)}: set in the option protocols one it speaks, or requireProtocol: false`;
  }
  const shown = quote([redactor.text(chosen)]);
  return protocols.length === 0
    ? `the peer chose the subprotocol ${shown}, but none was offered: offer it by the option protocols`
    : `the peer chose the subprotocol ${shown}, but offered were ${quote(protocols)}: correct the option protocols`;
}

/** `Retry-After` in milliseconds: a number of seconds or a date (RFC 9110 section 10.2.3). */
export function parseRetryAfter(headers: IncomingHttpHeaders): number | undefined {
  const value = headers['retry-after']?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // A date has a time of day. Without it `Date.parse` would take "in 3600" for a year.
  const until = /\d:\d\d:\d\d/.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(until)) return undefined;
  // The peer's own clock, where it shows it: ours may differ.
  const peerNow = Date.parse(headers.date ?? '');
  return Math.max(0, until - (Number.isNaN(peerNow) ? Date.now() : peerNow));
}
