const SECRET_KEY =
  /token|secret|passw|passphrase|pwd|(api|access|private|secret)[_-]?key|^key$|^pass$|signature|^sig$|^auth|authorization|bearer|credential|jwt|session|^sid$|ticket|^otp$/i;

const HIDDEN = '***';

/** Whether what has this name is not to be shown. */
export function isSecretName(name: string): boolean {
  return SECRET_KEY.test(name);
}

/**
 * A URL as it may stand in a message, a log line or telemetry: user name and password are hidden,
 * the values of query parameters whose names speak of a token, key, secret or signature, and the
 * fragment, which a WebSocket URL has only by mistake.
 */
export function redactUrl(url: string | URL): string {
  // As a parser reads it: without the white space around, tabs and line ends.
  const text = String(url)
    .trim()
    .replace(/[\t\r\n]/g, '');
  // What cannot be parsed may have a "/" or "#" in its password: all up to the last "@" is hidden.
  const userinfo = URL.canParse(text)
    ? /^([a-z][a-z0-9+.-]*:[/\\]*)[^/\\?#]*@/i
    : /^([a-z][a-z0-9+.-]*:[/\\]*)?.*@/is;
  return text
    .replace(userinfo, `$1${HIDDEN}@`)
    .replace(/#.+$/s, `#${HIDDEN}`)
    .replace(/[?&][^&#]*/g, hideSecret);
}

/** Of `?key=value`, or several with `;` between them, everything from the first secret value on. */
function hideSecret(text: string): string {
  for (const { 0: pair, 1: key = '', index } of text.matchAll(/[?&;]([^=;]*)=/g)) {
    if (isSecretName(safeDecode(key))) return text.slice(0, index + pair.length) + HIDDEN;
  }
  return text;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
