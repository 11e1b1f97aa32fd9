const SECRET_KEY =
  /token|secret|password|passwd|pwd|api_?-?key|access_?-?key|^key$|^pass$|signature|^sig$|^auth|authorization|credential|jwt|session/i;

const HIDDEN = '***';

/**
 * A URL as it may stand in a message, a log line or telemetry: user name and password are hidden,
 * and the values of query parameters whose names speak of a token, key, secret or signature.
 */
export function redactUrl(url: string | URL): string {
  const text = String(url);
  const userinfo = text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${HIDDEN}@`);
  return userinfo.replace(/([?&;#])([^=&;#]+)=([^&;#]*)/g, (pair, mark: string, key: string) =>
    SECRET_KEY.test(safeDecode(key)) ? `${mark}${key}=${HIDDEN}` : pair,
  );
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
