import { looksSecret } from '../errors/redact-url.js';
import { Redactor } from '../errors/redactor.js';

/** What of a request may be a secret. It need not have been checked: anything may stand in it. */
interface Secretive {
  readonly url: unknown;
  readonly headers: unknown;
  readonly protocols: unknown;
  /** What hides secrets anyway. */
  readonly redactor?: Redactor;
}

/** Values of these headers tell nothing that must not be known. */
const HARMLESS = /^(accept(-.*)?|cache-control|host|origin|pragma|user-agent)$/i;

/** Shorter ones stand by chance in any text. */
const SHORTEST = 6;

/**
 * Hides, besides what the client's redactor hides, whatever of this request is a secret: a peer, or
 * Node, may repeat in an answer or an error what it was sent.
 */
export function redactorOf({ url, headers, protocols, redactor }: Secretive): Redactor {
  const base = redactor ?? new Redactor();
  const secrets: string[] = [];
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (HARMLESS.test(name)) continue;
    for (const one of toTexts(value)) secrets.push(one, ...one.split(/[\s;,]+/).map(afterSign));
  }
  const offered = toTexts(protocols);
  for (const [index, shown] of base.protocols(offered).entries()) {
    const protocol = offered[index] ?? '';
    if (shown !== protocol) secrets.push(protocol, ...protocol.split('.').filter(looksSecret));
  }
  const [href] = url instanceof URL ? [url.href] : toTexts(url);
  if (href !== undefined && URL.canParse(href)) {
    const { username, password, search } = new URL(href);
    secrets.push(username, password, decode(username), decode(password));
    for (const [name, value] of new URLSearchParams(search)) {
      if (base.isSecretName(name) || name === 'code' || looksSecret(value)) {
        secrets.push(value, encodeURIComponent(value));
      }
    }
  }
  return base.hiding(secrets.filter((secret) => secret.length >= SHORTEST));
}

/** What would go out of a value, or of each in a list. */
function toTexts(value: unknown): string[] {
  return [value].flat().flatMap((one) => {
    if (typeof one === 'string') return one;
    return typeof one === 'number' || typeof one === 'boolean' ? String(one) : [];
  });
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
