import { looksSecret } from '../errors/redact-url.js';
import { Redactor } from '../errors/redactor.js';
import type { TransportRequest } from './transport.port.js';

/** Values of these headers tell nothing that must not be known. */
const HARMLESS = /^(accept(-.*)?|cache-control|host|origin|pragma|user-agent)$/i;

/** Shorter ones stand by chance in any text. */
const SHORTEST = 6;

/**
 * Hides, besides what the client's redactor hides, whatever of this request is a secret: a peer, or
 * Node, may repeat in an answer or an error what it was sent.
 */
export function redactorOf({ url, headers, protocols, redactor }: TransportRequest): Redactor {
  const base = redactor ?? new Redactor();
  const secrets: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (HARMLESS.test(name)) continue;
    for (const one of [value].flat()) secrets.push(one, ...one.split(/[\s;,]+/).map(afterSign));
  }
  for (const [index, shown] of base.protocols(protocols).entries()) {
    const protocol = protocols[index] ?? '';
    if (shown !== protocol) secrets.push(protocol, ...protocol.split('.').filter(looksSecret));
  }
  if (URL.canParse(url)) {
    const { username, password, search } = new URL(url);
    secrets.push(username, password, decode(username), decode(password));
    for (const [name, value] of new URLSearchParams(search)) {
      if (base.isSecretName(name) || name === 'code' || looksSecret(value)) {
        secrets.push(value, encodeURIComponent(value));
      }
    }
  }
  return base.hiding(secrets.filter((secret) => secret.length >= SHORTEST));
}

/** Of a cookie, what it is set to. */
function afterSign(part: string): string {
  return part.slice(part.indexOf('=') + 1);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
