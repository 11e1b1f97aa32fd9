import type { IncomingMessage } from 'node:http';

import type { Redactor } from '../errors/redactor.js';
import type { TlsOptions, TransportOptions } from './transport.options.js';
import type { TransportRequest } from './transport.port.js';

const STATUSES = new Set([301, 302, 303, 307, 308]);

/** What becomes of a redirect: the request that follows it, or why there is none, for a message. */
export type Redirection =
  | { readonly kind: 'followed'; readonly request: TransportRequest }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * What to do with an answer that redirects; `undefined` for one that does not.
 *
 * With `followRedirects: true` it is followed on the host that was asked for first, by its name, and
 * with `'any'` elsewhere too; never from TLS to none, and never to a socket of this machine. Headers,
 * subprotocols and credentials, a certificate and `ws.finishRequest` among them, stay with an origin
 * (scheme, host and port, RFC 6454) and with its upgrade from `ws:` to `wss:` on the same host; to all
 * others nothing of the user's goes.
 */
export function redirect(
  last: TransportRequest,
  answer: IncomingMessage,
  redactor: Redactor,
): Redirection | undefined {
  const { from: first, count } = last.redirected ?? { from: last, count: 0 };
  const { location } = answer.headers;
  if (!STATUSES.has(answer.statusCode ?? 0) || location === undefined) return undefined;
  const target = toTarget(location, last.url);
  const shown = JSON.stringify(redactor.text(redactor.url(target ?? location)));
  const refused = (why: string): Redirection => ({
    kind: 'refused',
    why: `it redirects to ${shown}, ${why}`,
  });
  if (target === undefined) return refused('which is no URL of a WebSocket; change the URL');
  const from = new URL(last.url);
  if (target.protocol === 'ws+unix:') {
    return refused(
      'a socket of this machine, to which a redirect is never followed; change the URL',
    );
  }
  if (isSecure(from) && !isSecure(target)) {
    return refused('without TLS, where a redirect from wss: is never followed; change the URL');
  }
  const { followRedirects = false, maxRedirects = 10 } = first.options;
  const isSameHost = hostOf(new URL(first.url)) === hostOf(target);
  if (followRedirects === false || (followRedirects !== 'any' && !isSameHost)) {
    return refused(
      isSameHost
        ? 'on the same host; allow it with followRedirects: true, or change the URL'
        : "on another host; followRedirects: 'any' follows there, without any header or subprotocol; or change the URL",
    );
  }
  if (count >= maxRedirects) {
    return refused(`after ${count} others; that is all maxRedirects allows`);
  }
  const redirected = { from: first, count: count + 1 };
  return { kind: 'followed', request: { ...requestTo(target, from, last), redirected } };
}

function requestTo(target: URL, from: URL, last: TransportRequest): TransportRequest {
  const isUpgrade = hostOf(from) === hostOf(target) && !isSecure(from) && isSecure(target);
  if (!isUpgrade && originOf(from) !== originOf(target)) {
    const options = optionsFor(last.options, hostOf(from) === hostOf(target));
    return { ...last, url: target.href, headers: {}, protocols: [], options };
  }
  if (target.username === '' && target.password === '') {
    target.username = from.username;
    target.password = from.password;
  }
  return { ...last, url: target.href };
}

/** By what of `tls` a client tells who it is. */
const IDENTITY: readonly (keyof TlsOptions)[] = [
  'cert',
  'clientCertEngine',
  'key',
  'passphrase',
  'pfx',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'pskCallback',
  'secureContext',
  'session',
];

/** The options without what is for the origin they were given for: it may be a secret too. */
function optionsFor({ tls, ws, ...rest }: TransportOptions, isSameHost: boolean): TransportOptions {
  const ours = isSameHost ? IDENTITY : [...IDENTITY, 'servername'];
  return { ...rest, tls: without(tls, ours), ws: without(ws, ['finishRequest']) };
}

function without<T extends object>(given: T = {} as T, names: readonly string[]): Partial<T> {
  const kept = Object.entries(given).filter(([name]) => !names.includes(name));
  return Object.fromEntries(kept) as Partial<T>;
}

/** Where it leads, as a URL of a WebSocket. A fragment is for who reads a page. */
function toTarget(location: string, base: string): URL | undefined {
  const from = new URL(base);
  if (!URL.canParse(location, from.protocol === 'ws+unix:' ? undefined : base)) return undefined;
  const target = new URL(location, from.protocol === 'ws+unix:' ? undefined : base);
  target.hash = '';
  if (target.protocol === 'http:') target.protocol = 'ws:';
  if (target.protocol === 'https:') target.protocol = 'wss:';
  return ['ws:', 'wss:', 'ws+unix:'].includes(target.protocol) ? target : undefined;
}

function isSecure({ protocol }: URL): boolean {
  return protocol === 'wss:' || protocol === 'https:';
}

/** The name of the host; a socket of this machine is none. */
function hostOf({ protocol, hostname, href }: URL): string {
  return protocol === 'ws+unix:' ? href : hostname;
}

function originOf(url: URL): string {
  return `${isSecure(url)} ${url.host}`;
}
