import { createHash, randomBytes } from 'node:crypto';
import { unescape } from 'node:querystring';

import type { ResponseHeaders } from '../../errors/connection.errors.js';
import type { TransportRequest } from '../transport.port.js';
import { deflateOptions, offerOf } from './deflate.js';

/** What is joined to the key of a request (RFC 6455 section 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A nonce of 16 bytes, in Base64 (section 4.1). */
export function newKey(): string {
  return randomBytes(16).toString('base64');
}

/** The `Sec-WebSocket-Accept` that answers a key (section 4.2.2). */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

/** The request of a handshake (section 4.1), as bytes of Latin-1. */
export function requestText(request: TransportRequest, key: string): string {
  const { url, headers, protocols, options } = request;
  const { hostname, port, pathname, search, username, password } = new URL(url);
  let lines = '';
  const given = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    given.add(lower);
    // Cookies are one header (RFC 6265 section 5.4), and any other that is a list is as many.
    const values =
      typeof value === 'string' ? [value] : lower === 'cookie' ? [value.join('; ')] : value;
    for (const one of values) lines += `${name}: ${one}\r\n`;
  }
  if (protocols.length > 0) lines += `Sec-WebSocket-Protocol: ${protocols.join(',')}\r\n`;
  const deflate = deflateOptions(options);
  if (deflate !== undefined) lines += `Sec-WebSocket-Extensions: ${offerOf(deflate)}\r\n`;
  if (!given.has('authorization') && (username !== '' || password !== '')) {
    const credentials = `${unescape(username)}:${unescape(password)}`;
    lines += `Authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`;
  }
  const host = given.has('host') ? '' : `Host: ${hostname}${port === '' ? '' : `:${port}`}\r\n`;
  return (
    `GET ${pathname}${search} HTTP/1.1\r\n${host}Upgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${lines}\r\n`
  );
}

/** A 101 whose head is whole. */
export interface Upgrade {
  readonly headers: ResponseHeaders;
  /** Where the frames begin. */
  readonly end: number;
}

const CR = 0x0d;
const LF = 0x0a;

const STATUS = 'HTTP/1.1 101';

/** As much of a head as Node takes. */
const MAX_HEAD = 16 * 1024;

const STATUS_LINE = /^HTTP\/1\.1 101(?: [\t\x20-\x7e\x80-\xff]*)?$/;

const NAME = /^[!#$%&'*+.^`|~0-9A-Za-z_-]+$/;

/** What may not stand in a value (RFC 9110 section 5.5). */
// oxlint-disable-next-line no-control-regex
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** Headers that say where a body ends, or that an object cannot have as any other. */
const ODD = new Set(['content-length', 'transfer-encoding', '__proto__']);

/**
 * Reads the head of an answer, where it is a 101 as nearly all servers send it. `'odd'`: it is something
 * else, such as a refusal, or what an HTTP parser must judge. `undefined`: it has not all arrived.
 *
 * @param seen of how many of these bytes that was said already: a head that comes byte by byte is not read
 * from its beginning for each
 */
export function readUpgrade(bytes: Buffer, seen = 0): Upgrade | 'odd' | undefined {
  const begins = bytes.toString('latin1', 0, STATUS.length);
  if (!STATUS.startsWith(begins)) return 'odd';
  const end = bytes.indexOf('\r\n\r\n', Math.max(0, seen - 3), 'latin1');
  if (end < 0) return bytes.length < MAX_HEAD && !hasBareLf(bytes, seen) ? undefined : 'odd';
  if (end + 4 > MAX_HEAD) return 'odd';
  const [status = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  if (!STATUS_LINE.test(status)) return 'odd';
  const headers: Record<string, string | string[]> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const key = line.slice(0, Math.max(0, colon)).toLowerCase();
    const value = trimmed(line, colon + 1);
    if (!NAME.test(key) || NOT_IN_VALUE.test(value) || ODD.has(key)) return 'odd';
    // Node takes no tab for a blank there.
    if (key === 'connection' && line.includes('\t')) return 'odd';
    const cookies = headers[key];
    if (key === 'set-cookie') headers[key] = [...((cookies as string[] | undefined) ?? []), value];
    // What a name that stands twice means depends on the name.
    else if (cookies !== undefined) return 'odd';
    else headers[key] = value;
  }
  const { connection, upgrade } = headers;
  const isUpgrade = String(connection)
    .split(',')
    .some((token) => token.trim().toLowerCase() === 'upgrade');
  return isUpgrade && upgrade !== undefined ? { headers, end: end + 4 } : 'odd';
}

/** Whether a line ends without CR: then the end of the head may be there already, or never be. */
function hasBareLf(bytes: Buffer, from: number): boolean {
  let at = bytes.indexOf(LF, from);
  while (at > 0 && bytes[at - 1] === CR) at = bytes.indexOf(LF, at + 1);
  return at >= 0;
}

/** The rest of a line without the blanks around it; a pattern would try a long row of them from each. */
function trimmed(line: string, from: number): string {
  let begin = from;
  let end = line.length;
  while (begin < end && isBlank(line, begin)) begin++;
  while (end > begin && isBlank(line, end - 1)) end--;
  return line.slice(begin, end);
}

function isBlank(line: string, at: number): boolean {
  const char = line[at];
  return char === ' ' || char === '\t';
}
