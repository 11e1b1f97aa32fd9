import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { HandshakeError } from '../errors/connection.errors.js';
import type { Redactor } from '../errors/redactor.js';
import { oneLine } from '../errors/websockex.error.js';
import { redactorOf } from './request.secrets.js';
import type { TransportRequest } from './transport.port.js';

/** The most of a body that stands in a message, in characters. */
const EXCERPT = 120;

/** By status, what to do, or where else to look. */
const REMEDIES: Readonly<Record<number, string>> = {
  101: ', but its headers do not upgrade the connection',
  200: '; something is there, but no WebSocket: check the path of the URL',
  400: '; it did not understand the request: check the URL, and the headers it wants',
  401: '; check the credentials, or sign in @BeforeConnect',
  403: '; check the credentials, or sign in @BeforeConnect',
  404: '; check the path of the URL',
  405: '; no WebSocket is there: check the path of the URL',
  407: '; the proxy wants credentials: give them to the agent that dials through it',
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
  const remedy = redirect === undefined ? remedyFor(status, retryAfter, body) : `; ${redirect}`;
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

function remedyFor(status: number, retryAfter: number | undefined, body = ''): string {
  if (status === 400 && PLAIN_TO_TLS.test(body)) return '; it speaks TLS there: use wss:';
  const asked =
    retryAfter === undefined ? '' : `; it asks to wait ${Math.ceil(retryAfter / 1000)} s`;
  if (Object.hasOwn(REMEDIES, status)) return `${REMEDIES[status]}${asked}`;
  if (status >= 300 && status < 400) return '; it names no place to go to: change the URL';
  return asked;
}

/** What is wrong with the subprotocol of an answer (RFC 6455 section 4.1). */
export function subprotocolFault({ headers }: IncomingMessage, request: TransportRequest): string {
  const redactor = redactorOf(request);
  const quote = (list: readonly string[]): string =>
    redactor
      .protocols(list)
      .map((protocol) => JSON.stringify(protocol))
      .join(', ');
  const chosen = headers['sec-websocket-protocol'];
  const { protocols } = request;
  if (chosen === undefined) {
    return `the peer chose no subprotocol; offered were ${quote(protocols)}: set in the option protocols one it speaks`;
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
