import { FatalError } from '../errors/client.errors.js';
import { HandshakeError, UrlRefusedError } from '../errors/connection.errors.js';
import type { EndClass } from '../frame/disconnect.status.js';
import { proxyStatus } from '../transport/proxy.tunnel.js';
import { isCertificateError } from '../transport/tls-remedies.js';
import type { WireEnd } from './wire.end.js';

/** How an empty close frame is counted (RFC 6455 section 7.1.5). */
const NO_CODE = 1005;

/** Numbers, and ranges of them: both ends belong to a range. */
type Numbers = readonly (number | readonly [from: number, to: number])[];

/** One row of {@link END_CLASSES}. */
type EndRow = { readonly class: EndClass } & (
  | { readonly error: string; readonly fits: (error: unknown) => boolean }
  /** Of the peer, or of a proxy. `isFirst`: only the peer's first after a session that was ready. */
  | { readonly status: Numbers; readonly isFirst?: boolean }
  /** An empty close frame counts as 1005. */
  | { readonly close: Numbers }
);

/**
 * Which class an end has: the first row that fits says it, and what fits none is `passing`. Nothing is
 * fatal by itself: a service that gives up in silence is the worst outcome.
 */
export const END_CLASSES: readonly EndRow[] = [
  {
    error: 'the options factory or `@BeforeConnect` threw a `FatalError`',
    fits: (error) => error instanceof FatalError,
    class: 'fatal',
  },
  {
    error: '`allowUrl` answered with `false`',
    fits: (error) => error instanceof UrlRefusedError,
    class: 'slow',
  },
  {
    error: 'one side did not accept the certificate of the other',
    fits: isCertificateError,
    class: 'slow',
  },
  { status: [401, 403], isFirst: true, class: 'passing' },
  { status: [408, 425, 429], class: 'passing' },
  { status: [501, 505], class: 'slow' },
  { status: [[500, 999]], class: 'passing' },
  { status: [[100, 499]], class: 'slow' },
  { close: [1002, 1003, [1007, 1010]], class: 'slow' },
  { close: [1000, 1001, 1005, 1006, [1011, 1014], [3000, 4999]], class: 'passing' },
];

/**
 * The class of an end that we did not want ourselves.
 *
 * @param isTrusted whether the peer has let us in since it refused us last: see {@link isRefusal}
 */
export function classOf(end: WireEnd, isTrusted: boolean): EndClass {
  // What prepares an attempt is the user's: no error of it tells of the peer.
  if (end.isUnmade && !(end.error instanceof FatalError)) return 'passing';
  return END_CLASSES.find((row) => fits(row, end, isTrusted))?.class ?? 'passing';
}

/** Whether it is a 401 or a 403: of a session that was there, it may be that only its token is too old. */
export function isRefusal({ error, isUnmade }: WireEnd): boolean {
  if (isUnmade) return false;
  return error instanceof HandshakeError && (error.status === 401 || error.status === 403);
}

function fits(row: EndRow, { error, opened, reason }: WireEnd, isTrusted: boolean): boolean {
  if ('fits' in row) return row.fits(error);
  if ('status' in row) {
    if (opened) return false;
    const status = error instanceof HandshakeError ? error.status : undefined;
    // What a proxy asks for is no token of a session.
    if (row.isFirst === true) return isTrusted && has(row.status, status);
    return has(row.status, status ?? proxyStatus(error));
  }
  return opened && reason.by !== 'error' && has(row.close, reason.code ?? NO_CODE);
}

function has(numbers: Numbers, one: number | undefined): boolean {
  if (one === undefined) return false;
  return numbers.some((entry) =>
    typeof entry === 'number' ? entry === one : entry[0] <= one && one <= entry[1],
  );
}
