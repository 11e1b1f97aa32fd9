import { hash, randomFillSync } from 'node:crypto';
import { unescape } from 'node:querystring';

import type { ResponseHeaders } from '../../errors/connection.errors.js';
import type { TransportRequest } from '../transport.port.js';
import { deflateOptions, offerOf } from './deflate.js';

/** What is joined to the key of a request (RFC 6455 section 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Bytes of a key. */
const KEY_SIZE = 16;

/** Keys that are drawn at a time: a call for each would cost more than the key. */
const DRAWN = 128;

/** Keys of handshakes (section 4.1). */
export class Keys {
  readonly #drawn = Buffer.alloc(DRAWN * KEY_SIZE);
  #used = DRAWN * KEY_SIZE;

  /** 16 bytes of the system's generator for cryptography, in Base64; each is given out once. */
  next(): string {
    if (this.#used === this.#drawn.length) {
      randomFillSync(this.#drawn);
      this.#used = 0;
    }
    const end = this.#used + KEY_SIZE;
    const key = this.#drawn.toString('base64', this.#used, end);
    this.#used = end;
    return key;
  }
}

/** The `Sec-WebSocket-Accept` that answers a key (section 4.2.2). */
export function acceptOf(key: string): string {
  return hash('sha1', key + GUID, 'base64');
}

/** What a URL says of where to connect to, and what to ask for there. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  /** As it goes into the header `Host`. */
  readonly authority: string;
  /** What goes into the header `Authorization`, where the URL has credentials. */
  readonly credentials: string | undefined;
}

/** Reads a URL that has been checked. */
function destinationOf(url: string): Destination {
  const { protocol, hostname, port, pathname, search, username, password } = new URL(url);
  const isSecure = protocol === 'wss:' || protocol === 'https:';
  const hasCredentials = username !== '' || password !== '';
  const credentials = `${unescape(username)}:${unescape(password)}`;
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (isSecure ? 443 : 80) : Number(port),
    path: pathname + search,
    authority: port === '' ? hostname : `${hostname}:${port}`,
    credentials: hasCredentials ? Buffer.from(credentials).toString('base64') : undefined,
  };
}

/** Where URLs lead to. Many clients of an application have one URL: the last one is not read again. */
export class Destinations {
  #url: string | undefined;
  #destination: Destination | undefined;

  of(url: string): Destination {
    if (this.#destination === undefined || this.#url !== url) {
      this.#destination = destinationOf(url);
      this.#url = url;
    }
    return this.#destination;
  }
}

/** The request of a handshake (section 4.1), as bytes of Latin-1. */
export function requestText(
  { url, headers, protocols, options }: TransportRequest,
  key: string,
  { path, authority, credentials }: Destination = destinationOf(url),
): string {
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
  if (credentials !== undefined && !given.has('authorization')) {
    lines += `Authorization: Basic ${credentials}\r\n`;
  }
  const host = given.has('host') ? '' : `Host: ${authority}\r\n`;
  return (
    `GET ${path} HTTP/1.1\r\n${host}Upgrade: websocket\r\nConnection: Upgrade\r\n` +
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
  // One string for all sessions, as nearly all servers spell them: they are kept as long as those last.
  if (connection === 'Upgrade') headers['connection'] = 'Upgrade';
  if (upgrade === 'websocket') headers['upgrade'] = 'websocket';
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
