import { BlockList, isIP } from 'node:net';

import { ConfigurationError } from '../errors/client.errors.js';
import { ConnectionError } from '../errors/connection.errors.js';
import { Redactor } from '../errors/redactor.js';
import type { TransportRequest } from './transport.port.js';

/** What speaks to the proxies of a scheme. */
export type ProxyPeer = 'https-proxy-agent' | 'socks-proxy-agent';

/** A proxy that an attempt goes through. */
export interface Proxy {
  readonly url: URL;
  /** Who says so, for messages: `the option proxy`, or the name of a variable. */
  readonly source: string;
  readonly isOfEnvironment: boolean;
  readonly peer: ProxyPeer;
}

type Environment = Readonly<Record<string, string | undefined>>;

const PEERS: Readonly<Record<string, ProxyPeer>> = {
  'http:': 'https-proxy-agent',
  'https:': 'https-proxy-agent',
  'socks:': 'socks-proxy-agent',
  'socks4:': 'socks-proxy-agent',
  'socks4a:': 'socks-proxy-agent',
  'socks5:': 'socks-proxy-agent',
  'socks5h:': 'socks-proxy-agent',
};

/** The schemes of proxies, for messages. */
export const PROXY_SCHEMES: readonly string[] = Object.keys(PEERS);

/** A proxy as its URL is given, with or without `http://` before it; `undefined` for what is none. */
export function parseProxy(given: string | URL): Pick<Proxy, 'url' | 'peer'> | undefined {
  const text = String(given).trim();
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (text === '' || !URL.canParse(full)) return undefined;
  const url = new URL(full);
  const peer = PEERS[url.protocol];
  return peer === undefined || url.hostname === '' ? undefined : { url, peer };
}

/**
 * The proxy that an attempt goes through, as its options and, for `'env'`, the environment say it now.
 *
 * @throws ConnectionError for a variable that is no URL of a proxy
 */
export function findProxy(
  { client, url, options, redactor = new Redactor() }: TransportRequest,
  environment: Environment = process.env,
): Proxy | undefined {
  const { proxy: given = 'env' } = options;
  if (given === false || /^ws\+unix:/i.test(url)) return undefined;
  if (given !== 'env') {
    const proxy = parseProxy(given);
    // The options have been checked; whoever passes by that is told all the same.
    if (proxy === undefined)
      throw new ConfigurationError(`${client}: the option "proxy" is no URL`);
    return { ...proxy, source: 'the option proxy', isOfEnvironment: false };
  }
  const found = proxyVariable(url, environment);
  if (found === undefined) return undefined;
  const proxy = parseProxy(found.value);
  if (proxy === undefined) {
    const shown = JSON.stringify(redactor.url(found.value));
    throw new ConnectionError(
      client,
      `the variable ${found.name} is ${shown}, which is no URL of a proxy; correct it, or set proxy: false`,
    );
  }
  return { ...proxy, source: found.name, isOfEnvironment: true };
}

/** The variable that names the proxy for a URL, unless `NO_PROXY` excepts it; lower case before upper. */
export function proxyVariable(
  url: string,
  environment: Environment,
): { readonly name: string; readonly value: string } | undefined {
  const isSecure = /^(wss|https):/i.test(url);
  const found =
    read(environment, isSecure ? 'https_proxy' : 'http_proxy') ?? read(environment, 'all_proxy');
  if (found === undefined) return undefined;
  // Most have no proxy, and their URL need not be read for that.
  const { hostname, port } = new URL(url);
  const excepted = read(environment, 'no_proxy')?.value ?? '';
  const portNumber = Number(port) || (isSecure ? 443 : 80);
  return isExcepted(hostname, portNumber, excepted) ? undefined : found;
}

/** A variable in either case; an empty one is none. */
function read(
  environment: Environment,
  name: string,
): { readonly name: string; readonly value: string } | undefined {
  for (const spelled of [name, name.toUpperCase()]) {
    const value = environment[spelled]?.trim();
    if (value !== undefined && value !== '') return { name: spelled, value };
  }
  return undefined;
}

/**
 * Whether a host is in a list as `NO_PROXY` has it: entries with commas or blanks between them; `*` is
 * every host. A name stands for itself and, as for curl, for what is below it, with a dot before it or
 * without; `*.name` is what is below it alone. An address may be a range (`10.0.0.0/8`). With a port an
 * entry is for that port.
 */
export function isExcepted(hostname: string, port: number, list: string): boolean {
  const host = plainHost(hostname);
  return list.split(/[\s,]+/).some((entry) => entry !== '' && matches(entry, host, port));
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true;
  const { name, only } = splitPort(entry);
  if (only !== undefined && only !== port) return false;
  const [address = '', bits] = name.split('/');
  if (bits !== undefined) return isInRange(host, plainHost(address), Number(bits));
  const wanted = plainHost(name);
  if (wanted === '') return false;
  if (isIP(host) !== 0) return isSameAddress(host, wanted);
  if (wanted.startsWith('*')) return host.endsWith(wanted.slice(1));
  const plain = wanted.replace(/^\.+/, '');
  return host === plain || host.endsWith(`.${plain}`);
}

/** `name:port`, `[::1]:port`; of an address with colons alone none of them is before a port. */
function splitPort(entry: string): { readonly name: string; readonly only?: number } {
  const [, name = entry, port] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
  return port === undefined ? { name } : { name, only: Number(port) };
}

/** In lower case, without the dot of the root, or brackets. */
function plainHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

function isSameAddress(host: string, other: string): boolean {
  return isInRange(host, other, isIP(other) === 6 ? 128 : 32);
}

function isInRange(host: string, address: string, bits: number): boolean {
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family) return false;
  if (!Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32)) return false;
  const type = family === 6 ? 'ipv6' : 'ipv4';
  const range = new BlockList();
  range.addSubnet(address, bits, type);
  return range.check(host, type);
}
