/**
 * What is hidden besides what is hidden anyway. A string is a name, in any case: the value of the query
 * parameter, field or header of that name is hidden, and the path segment that follows one of that
 * name. Of a `RegExp`, what it matches in a text is hidden, or only its groups where it has some; so is
 * the value of whatever has a name that it matches.
 *
 * @publicApi
 */
export type RedactList = readonly (string | RegExp)[];

/** A {@link RedactList}, made ready. */
export interface RedactRules {
  readonly names: ReadonlySet<string>;
  readonly patterns: readonly RegExp[];
}

export const HIDDEN = '***';

const SECRET_KEY =
  /token|secret|passw|passphrase|passcode|pwd|(api|access|private|secret|listen)[_ -]?key|^key$|^pass$|signature|^sig$|^sign$|hmac|^mac$|^auth|authorization|bearer|credential|cookie|jwt|session|^sid$|ticket|^otp$|^totp$|^pin$|assertion/i;

/** Of a query: `code` is a grant of OAuth there, and a plain number in a message. */
const SECRET_QUERY_KEY = /^code$/i;

const JWT = /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/;

/** Nothing shorter than this is long; a JWT may be. */
const SHORTEST = 20;
const SHORTEST_JWT = 7;

const NO_RULES = compileRedactList([]);

/** Whether something is a list of names and patterns. */
export function isRedactList(value: unknown): value is RedactList {
  const isEntry = (one: unknown): boolean =>
    one instanceof RegExp || (typeof one === 'string' && one !== '');
  return Array.isArray(value) && value.every(isEntry);
}

/** Makes a list ready; a pattern is copied: what a `g` or `y` has found last does not count. */
export function compileRedactList(list: RedactList): RedactRules {
  const names = new Set<string>();
  const patterns: RegExp[] = [];
  for (const one of list) {
    if (typeof one === 'string') names.add(one.toLowerCase());
    else patterns.push(new RegExp(one.source, `${one.flags.replace(/[dgy]/g, '')}dg`));
  }
  return { names, patterns };
}

/** Whether what has this name is not to be shown. */
export function isSecretName(name: string, { names, patterns }: RedactRules = NO_RULES): boolean {
  if (SECRET_KEY.test(name) || names.has(name.toLowerCase())) return true;
  return patterns.some((pattern) => name.search(pattern) >= 0);
}

/**
 * Whether a value can hardly be anything but a token or key: a JWT, or long and without the words,
 * dots and blanks of what people read.
 */
export function looksSecret(value: string): boolean {
  if (value.length < SHORTEST && !value.startsWith('eyJ')) return false;
  if (JWT.test(value)) return true;
  const runs = value.match(/[a-z0-9]{20,}/gi) ?? [];
  if (runs.some((run) => /\d/.test(run) && /[a-z]/i.test(run))) return true;
  return (
    /^[\w+/~-]{24,}={0,2}$/.test(value) && [/\d/, /[a-z]/, /[A-Z]/].every((one) => one.test(value))
  );
}

/**
 * A URL as it may stand in a message, a log line or telemetry. Hidden are user name and password, the
 * values of query parameters whose names speak of a token, key, secret or signature, values and path
 * segments that look like a token, the fragment, which a WebSocket URL has only by mistake, and what
 * `redact` says.
 *
 * @publicApi
 */
export function redactUrl(url: string | URL, redact: RedactList = []): string {
  return showUrl(url, redact.length === 0 ? NO_RULES : compileRedactList(redact));
}

/** As {@link redactUrl}, by a list that is ready. */
export function showUrl(url: string | URL, rules: RedactRules): string {
  // As a parser reads it: without the white space around, tabs and line ends.
  const text = String(url)
    .trim()
    .replace(/[\t\r\n]/g, '');
  // What cannot be parsed may have a "/" or "#" in its password: all up to the last "@" is hidden.
  const userinfo = URL.canParse(text)
    ? /^([a-z][a-z0-9+.-]*:[/\\]*)[^/\\?#]*@/i
    : /^([a-z][a-z0-9+.-]*:[/\\]*)?.*@/is;
  const shown = text
    .replace(userinfo, `$1${HIDDEN}@`)
    .replace(/#.+$/s, `#${HIDDEN}`)
    .replace(/[?&][^&#]*/g, (pair) => hideValue(pair, rules))
    .replace(ORIGIN_AND_PATH, (_, origin = '', path: string) => origin + hidePath(path, rules));
  return hideMatches(shown, rules);
}

const ORIGIN_AND_PATH = /^([a-z][a-z0-9+.-]*:[/\\]*[^/\\?#]*)?([^?#]*)/i;

/** Hides what the patterns match: their groups, where they have any. */
export function hideMatches(text: string, { patterns }: RedactRules): string {
  let shown = text;
  for (const pattern of patterns) {
    const spans = [...shown.matchAll(pattern)].flatMap(({ indices = [] }) => {
      const [all, ...groups] = indices as ([number, number] | undefined)[];
      return groups.length > 0 ? groups : [all];
    });
    for (const span of spans.toReversed()) {
      if (span === undefined || span[0] === span[1]) continue;
      shown = shown.slice(0, span[0]) + HIDDEN + shown.slice(span[1]);
    }
  }
  return shown;
}

/** Of `?key=value`, or several with `;` between them, everything from the first secret value on. */
function hideValue(text: string, rules: RedactRules): string {
  for (const { 0: pair, 1: key = '', 2: sign = '', 3: value = '', index } of text.matchAll(PAIRS)) {
    const name = safeDecode(key);
    const isNamed = sign !== '' && (isSecretName(name, rules) || SECRET_QUERY_KEY.test(name));
    if (!isNamed && !looksSecret(sign === '' ? name : safeDecode(value))) continue;
    const start = index + (sign === '' ? 1 : pair.length - value.length);
    return text.slice(0, start) + HIDDEN;
  }
  return text;
}

/** Each begins where the one before it ends: one within another would be looked at again and again. */
const PAIRS = /[?&;]([^=;?]*)(=?)([^;?]*)/g;

function hidePath(path: string, { names }: RedactRules): string {
  let isNamed = false;
  const segments = path.split('/').map((segment) => {
    const value = segment.length < SHORTEST_JWT && names.size === 0 ? '' : safeDecode(segment);
    const isHidden = segment !== '' && (isNamed || looksSecret(value));
    isNamed = names.has(value.toLowerCase());
    return isHidden ? HIDDEN : segment;
  });
  return segments.join('/');
}

function safeDecode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
