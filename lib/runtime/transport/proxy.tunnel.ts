import { lookup as systemLookup } from 'node:dns';
import { EventEmitter } from 'node:events';
import type * as net from 'node:net';
import type { Duplex } from 'node:stream';

import { ConfigurationError } from '../errors/client.errors.js';
import { ConnectionError } from '../errors/connection.errors.js';
import { Redactor } from '../errors/redactor.js';
import { oneLine, toError, WebSockexError } from '../errors/websockex.error.js';
import { describeCauses } from '../errors/causes.js';
import type { Proxy, ProxyPeer } from './proxy.env.js';
import type { TransportOptions } from './transport.options.js';
import type { TransportRequest } from './transport.port.js';

/** Loads an optional peer. Rejects as `import()` does. */
export type PeerLoader = (peer: ProxyPeer) => Promise<Readonly<Record<string, unknown>>>;

/** What such a package exports: an agent that connects to a host through its proxy. */
type TunnelAgent = new (
  proxy: URL,
  options: object,
) => { connect(request: EventEmitter, options: object): Promise<Duplex> };

/** Where a tunnel leads. */
export interface TunnelTarget {
  readonly host?: string | undefined;
  readonly port?: number | string | null | undefined;
  readonly lookup?: net.LookupFunction | undefined;
}

/** What `https-proxy-agent` tells of the proxy's answer. */
interface ProxyAnswer {
  readonly statusCode: number;
  readonly statusText: string;
}

/** The code of what a proxy refuses with, by the status of its answer. */
const PROXY_REFUSED = 'ERR_PROXY_REFUSED';

/** `socks` gives up a proxy that does not answer after so many milliseconds, where nothing else is said. */
const SOCKS_PATIENCE = 30_000;

/** Milliseconds by which that is behind the deadline of the attempt: it is that which the user is told of. */
const BEHIND = 1000;

/** Only when they are needed: they are optional. */
export const importPeer: PeerLoader = (peer) =>
  peer === 'https-proxy-agent' ? import('https-proxy-agent') : import('socks-proxy-agent');

/** Loads what a proxy is spoken to by; gives `undefined` where that is not installed. */
export async function loadAgent(
  peer: ProxyPeer,
  load: PeerLoader,
): Promise<TunnelAgent | undefined> {
  try {
    const loaded = await load(peer);
    return loaded[
      peer === 'https-proxy-agent' ? 'HttpsProxyAgent' : 'SocksProxyAgent'
    ] as TunnelAgent;
  } catch (thrown) {
    const { code } = toError(thrown) as { code?: unknown };
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined;
    throw thrown;
  }
}

/** What to say where it is not installed. */
export function missingPeer(
  client: string,
  { peer, source }: Pick<Proxy, 'peer' | 'source'>,
): string {
  return (
    `${client}: ${source} asks for a proxy, and the package ${peer}, which speaks to it, is not ` +
    `installed. Install it (npm install ${peer}), or set proxy: false`
  );
}

/** One way through a proxy, from the wish for it until it is there, has failed, or is given up. */
export class ProxyTunnel {
  readonly #abort = new AbortController();
  #agent: TunnelAgent | undefined;

  constructor(
    private readonly request: TransportRequest,
    private readonly proxy: Proxy,
    private readonly loader: PeerLoader,
  ) {}

  /** Whether the host is looked up here, and its address told to the proxy. */
  get looksUp(): boolean {
    return ['socks4:', 'socks5:'].includes(this.proxy.url.protocol);
  }

  /**
   * Loads what speaks to the proxy. `false` where the environment asks for the proxy, and that is not
   * installed.
   *
   * @throws (rejects) ConfigurationError where the option asks for the proxy, and that is not installed
   */
  async load(): Promise<boolean> {
    this.#agent = await loadAgent(this.proxy.peer, this.loader);
    if (this.#agent !== undefined) return true;
    if (this.proxy.isOfEnvironment) return false;
    throw new ConfigurationError(missingPeer(this.request.client, this.proxy));
  }

  /**
   * A socket that leads to the target: without TLS, also where the proxy is spoken to by it. Only
   * after {@link load}.
   *
   * @throws (rejects) ConnectionError naming the proxy
   */
  async open(target: TunnelTarget): Promise<Duplex> {
    const Agent = this.#agent as TunnelAgent;
    // It stands for a request, which is not to be sent before there is a way.
    const request = Object.assign(new EventEmitter(), { destroy: () => undefined });
    let answer: ProxyAnswer | undefined;
    request.on('proxyConnect', (told: ProxyAnswer) => (answer = told));
    let socket: Duplex;
    try {
      const agent = new Agent(this.proxy.url, this.#options());
      socket = await agent.connect(request, { ...target, secureEndpoint: false });
    } catch (thrown) {
      throw thrown instanceof WebSockexError ? thrown : this.#failure(toError(thrown));
    }
    // It stays: no socket is without one, before and after it has an owner.
    socket.on('error', () => undefined);
    if (this.#abort.signal.aborted || (answer !== undefined && answer.statusCode !== 200)) {
      socket.destroy();
    }
    if (answer !== undefined && answer.statusCode !== 200) throw this.#refusal(answer, target);
    // `socks-proxy-agent` limits the session as it does the way to it.
    (socket as net.Socket).setTimeout(0);
    socket.removeAllListeners('timeout');
    // What it has read of the proxy's answer stopped it.
    setImmediate(() => socket.resume());
    return socket;
  }

  /** Gives up. */
  cancel(): void {
    this.#abort.abort();
  }

  /** What the socket to the proxy is made with. What `tls` says of us is the peer's to know, not the proxy's. */
  #options(): object {
    const { options, timeout = 0 } = this.request;
    const { socket = {} } = options;
    const patience = timeout > 0 ? Math.min(timeout + BEHIND, SOCKS_PATIENCE) : SOCKS_PATIENCE;
    if (this.proxy.peer === 'socks-proxy-agent') {
      return { timeout: patience, socketOptions: withBrackets(socket) };
    }
    const { ca, rejectUnauthorized = true } = options.tls ?? {};
    return {
      ...socket,
      signal: this.#abort.signal,
      rejectUnauthorized,
      ...(ca !== undefined && { ca }),
    };
  }

  #failure(error: Error): ConnectionError {
    const said = (this.request.redactor ?? new Redactor()).text(describeCauses(error));
    return this.#error(
      `failed: ${said} (see whether it is there, and what ${this.proxy.source} says)`,
      { cause: error },
    );
  }

  #refusal({ statusCode, statusText }: ProxyAnswer, { host = '', port }: TunnelTarget): Error {
    const remedy = REMEDIES[statusCode] ?? 'see its log';
    const status = `${statusCode} ${statusText}`.trim();
    return this.#error(`does not lead to ${host}:${port}: it answered ${status}; ${remedy}`, {
      cause: Object.assign(new Error(`the proxy answered ${status}`), {
        code: PROXY_REFUSED,
        status: statusCode,
      }),
    });
  }

  #error(what: string, options: ErrorOptions): ConnectionError {
    const { hostname, port } = this.proxy.url;
    const shown = `${hostname}${port === '' ? '' : `:${port}`}`;
    return new ConnectionError(
      this.request.client,
      oneLine(`the proxy ${shown} of ${this.proxy.source} ${what}`),
      options,
    );
  }
}

/** The status that a proxy has answered CONNECT with; `undefined` for what is no such answer. */
export function proxyStatus(error: unknown): number | undefined {
  if (!(error instanceof ConnectionError) || error.systemCode !== PROXY_REFUSED) return undefined;
  return (error.cause as { readonly status?: number }).status;
}

/** By what a proxy answers, what to do. */
const REMEDIES: Readonly<Record<number, string>> = {
  400: 'it did not understand the request: see whether it is a proxy for CONNECT',
  403: 'it does not allow that host or port: have it allowed there, or except the host by NO_PROXY or proxy: false',
  404: 'see whether it is a proxy for CONNECT',
  405: 'it does not know CONNECT: give another proxy',
  407: 'it wants credentials: put user and password into its URL',
  429: 'it is asked too often',
  502: 'it cannot reach that host: check the URL, and what the proxy can reach',
  503: 'it is overloaded, or cannot reach that host',
  504: 'that host did not answer it in time: check the URL, and what the proxy can reach',
};

/** `socks-proxy-agent` leaves an IPv6 address of a proxy in its brackets, which is a name to Node. */
function withBrackets(options: NonNullable<TransportOptions['socket']>): object {
  const { lookup } = options;
  const plain: net.LookupFunction = (host, asked, done) => {
    const address = /^\[(.*)\]$/.exec(host)?.[1];
    if (address === undefined) return (lookup ?? systemLookup)(host, asked, done);
    if (asked.all) done(null, [{ address, family: 6 }]);
    else done(null, address, 6);
  };
  return { ...options, lookup: plain };
}
