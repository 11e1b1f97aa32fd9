import { ConfigurationError } from '../errors/client.errors.js';
import { UrlError } from '../errors/connection.errors.js';
import { Redactor } from '../errors/redactor.js';
import { inspectShort } from '../errors/websockex.error.js';
import { mergeHeaders, type HeaderMap } from './headers.js';

const SCHEMES = new Set(['ws:', 'wss:', 'http:', 'https:', 'ws+unix:']);
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** A URL as a transport takes it, or a `UrlError`. */
export function checkUrl(
  client: string,
  url: unknown,
  redactor: Redactor = new Redactor(),
): string {
  if (typeof url !== 'string' && !(url instanceof URL)) {
    throw new UrlError(client, url, 'is not a string or a URL');
  }
  const refusal = (why: string, options?: ErrorOptions): UrlError =>
    new UrlError(client, redactor.url(url), why, options);
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw refusal('cannot be parsed', { cause: withoutInput(cause) });
  }
  if (!SCHEMES.has(parsed.protocol)) {
    throw refusal(`has the scheme "${parsed.protocol}", which is no WebSocket's`);
  }
  if (parsed.hash !== '') {
    throw refusal('has a fragment ("#…"), which a WebSocket URL may not have');
  }
  // Of one that many clients have there is one string.
  return parsed.href === url ? url : parsed.href;
}

/** Node's error keeps the whole URL, secrets too. */
function withoutInput(cause: unknown): unknown {
  if (cause instanceof Error && 'input' in cause) return new TypeError(cause.message);
  return cause;
}

/** They say how this one connection works (RFC 9110 section 7.6.1), or what body follows: there is none. */
const OWN =
  'it belongs to the connection and its handshake, which this library makes; leave it out';
const EXTENSIONS = 'set the option perMessageDeflate in its place';

/** Headers that are not the user's to set, with what to do in their place; names in lower case. */
const REFUSED_HEADERS: Readonly<Record<string, string>> = {
  connection: OWN,
  'content-length': OWN,
  expect: OWN,
  'http2-settings': OWN,
  'keep-alive': `${OWN}, or set the option socket.keepAlive, which is TCP's`,
  'proxy-connection': `${OWN}; a proxy goes into the option proxy`,
  te: OWN,
  trailer: OWN,
  'transfer-encoding': OWN,
  upgrade: OWN,
  'sec-websocket-accept': OWN,
  'sec-websocket-extensions': EXTENSIONS,
  'sec-websocket-key': OWN,
  'sec-websocket-protocol':
    'set the option protocols, or request.protocols in @BeforeConnect, in its place',
  'sec-websocket-version': 'set the option ws.protocolVersion in its place',
};

/**
 * The headers of a request, one for each name whatever its case, or a `ConfigurationError` for one
 * that could not be sent, would smuggle, or is not the user's to set.
 */
export function checkHeaders(client: string, headers: unknown): HeaderMap {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw new ConfigurationError(
      `${client}: headers must be an object of names and values, not ${inspectShort(headers)}`,
    );
  }
  if (isEmpty(headers)) return NO_HEADERS;
  const checked = Object.create(null) as HeaderMap;
  for (const [name, value] of Object.entries(mergeHeaders(headers as Record<string, unknown>))) {
    if (value === undefined || value === null) continue;
    if (!TOKEN.test(name)) {
      throw new ConfigurationError(
        `${client}: ${inspectShort(name)} cannot be the name of a header (RFC 9110 section 5.1)`,
      );
    }
    checkName(client, name, value);
    checked[name] = Array.isArray(value)
      ? value.map((one) => checkHeaderValue(client, name, one))
      : checkHeaderValue(client, name, value);
  }
  return checked;
}

/** Most requests have none. */
const NO_HEADERS: HeaderMap = Object.freeze(Object.create(null) as HeaderMap);

function isEmpty(headers: object): boolean {
  return Object.keys(headers).length === 0;
}

function checkName(client: string, name: string, value: unknown): void {
  const key = name.toLowerCase();
  const isOwn = key.startsWith('sec-websocket-') ? OWN : undefined;
  const remedy = Object.hasOwn(REFUSED_HEADERS, key) ? REFUSED_HEADERS[key] : isOwn;
  if (remedy !== undefined) {
    throw new ConfigurationError(`${client}: the header "${name}" cannot be set: ${remedy}`);
  }
  if (key === 'host' && Array.isArray(value)) {
    throw new ConfigurationError(
      `${client}: the header "${name}" must be one string (RFC 9110 section 7.2)`,
    );
  }
}

function checkHeaderValue(client: string, name: string, value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    throw new ConfigurationError(`${client}: the header "${name}" must be a string`);
  }
  const text = String(value);
  // The value itself may be a secret: it is not shown.
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if ((char < 0x20 && char !== 0x09) || char === 0x7f || char > 0xff) {
      throw new ConfigurationError(
        `${client}: the value of the header "${name}" has a character that may not stand in one ` +
          `(U+${char.toString(16).padStart(4, '0').toUpperCase()} at ${i}); CR and LF would add headers of their own`,
      );
    }
  }
  return text;
}

/** The subprotocols of a request, or a `ConfigurationError` (RFC 6455 section 4.1). */
export function checkProtocols(client: string, protocols: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(protocols) ? protocols : [protocols];
  for (const [index, protocol] of list.entries()) {
    if (typeof protocol !== 'string' || !TOKEN.test(protocol)) {
      throw new ConfigurationError(
        `${client}: ${shownAt(list, index)} cannot be a subprotocol (RFC 6455 section 4.1)`,
      );
    }
    if (list.indexOf(protocol) !== index) {
      throw new ConfigurationError(
        `${client}: the subprotocol ${shownAt(list, index)} stands twice`,
      );
    }
  }
  return list as readonly string[];
}

/** A subprotocol for a message; it may be a token in disguise. */
function shownAt(list: readonly unknown[], index: number): string {
  const protocol = list[index];
  if (typeof protocol !== 'string') return inspectShort(protocol);
  const texts = list.map((one) => (typeof one === 'string' ? one : ''));
  return inspectShort(new Redactor().protocols(texts)[index]);
}
