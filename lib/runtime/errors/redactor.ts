import { hideNamed } from './named.values.js';
import {
  compileRedactList,
  HIDDEN,
  hideMatches,
  isSecretName,
  looksSecret,
  showUrl,
  type RedactList,
  type RedactRules,
} from './redact-url.js';

/** From the first letter on of what may be a scheme: only once of each, or the time would grow with the square. */
const URLS = /(?<![a-z0-9+.-])([0-9+.-]*)([a-z][a-z0-9+.-]*:(?:\\?\/){2}[^\s"'<>`]+)/gi;
const CREDENTIALS = /\b(bearer|basic|digest|negotiate)(\s+)[\w.~+/=-]{6,}/gi;
/** Where a JWT may be: all of what it may be made of, for the same reason. */
const DOTTED = /(?<![\w.-])\.*[\w-]+(?:\.[\w-]*){2,}/g;

/** A word by which a subprotocol, or the one after it, is known to carry credentials. */
const CARRIER = /bearer|token|auth|jwt|secret|credential|passw|api[_-]?key/i;

/** Hides secrets in whatever messages, logs, telemetry and traces show. What it hides never changes. */
export class Redactor {
  readonly #rules: RedactRules;
  /** What was shown last. */
  #last: { readonly url: string; readonly shown: string } | undefined;

  /**
   * @param list what the user wants hidden
   * @param secrets values that are hidden wherever they stand
   */
  constructor(
    private readonly list: RedactList = [],
    private readonly secrets: readonly string[] = [],
  ) {
    this.#rules = compileRedactList(list);
  }

  /** The same, with these values hidden wherever they stand in a text. */
  hiding(secrets: Iterable<string>): Redactor {
    // The longest first: one may be a part of another.
    const all = [...new Set([...this.secrets, ...secrets])].filter((secret) => secret !== '');
    return new Redactor(
      this.list,
      all.toSorted((one, other) => other.length - one.length),
    );
  }

  /** Whether the value of what has this name is not to be shown. */
  isSecretName(name: string): boolean {
    return isSecretName(name, this.#rules);
  }

  /** A URL; see `redactUrl`. */
  url(url: string | URL): string {
    const last = this.#last;
    if (last !== undefined && last.url === url) return last.shown;
    const shown = showUrl(url, this.#rules);
    // Ten thousand clients of one URL ask for the same.
    if (typeof url === 'string') this.#last = { url, shown };
    return shown;
  }

  /** A text from anywhere: the message of an error, the body of an answer. */
  text(text: string): string {
    let shown = text;
    for (const secret of this.secrets) shown = shown.replaceAll(secret, HIDDEN);
    shown = shown
      .replace(URLS, (_, before: string, url: string) => before + showUrl(url, this.#rules))
      .replace(CREDENTIALS, `$1$2${HIDDEN}`)
      .replace(DOTTED, hideJwts);
    shown = hideNamed(shown, (name) => this.isSecretName(name));
    return hideMatches(shown, this.#rules);
  }

  /**
   * Subprotocols, some of which may be credentials in disguise, for a browser can send no header:
   * what looks like a token, what follows a word such as `bearer`, and what stands behind it in
   * `base64url.bearer.authorization.k8s.io.…`.
   */
  protocols(offered: readonly string[]): string[] {
    const shown = offered.map((protocol, index) => this.#protocol(protocol, offered[index - 1]));
    // One that is hidden in one place is in all.
    return shown.map((one, index) => {
      const first = offered.findIndex((protocol) => protocol === offered[index]);
      return one === offered[index] ? (shown[first] ?? one) : one;
    });
  }

  #protocol(protocol: string, before: string | undefined): string {
    if (before !== undefined && CARRIER.test(before) && !/[.=:]/.test(before)) return HIDDEN;
    const [head = ''] = CARRIED.exec(protocol) ?? [];
    if (head !== '' && head.length < protocol.length) return head + HIDDEN;
    return looksSecret(protocol) ? HIDDEN : hideMatches(protocol, this.#rules);
  }
}

/** Up to the separator after the last word that speaks of credentials. */
const CARRIED = new RegExp(`^.*(?:${CARRIER.source})[^.\\-_=:|~!]*[.\\-_=:|~!]`, 'i');

/** Of parts with dots between them, those three that are a JWT. */
function hideJwts(text: string): string {
  if (!text.includes('eyJ')) return text;
  const parts = text.split('.');
  const shown: string[] = [];
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] as string;
    const start = part.search(/\beyJ[\w-]{6,}$/);
    const isJwt = start >= 0 && (parts[at + 1]?.length ?? 0) >= 6 && at + 2 < parts.length;
    shown.push(isJwt ? part.slice(0, start) + HIDDEN : part);
    if (isJwt) at += 2;
  }
  return shown.join('.');
}
