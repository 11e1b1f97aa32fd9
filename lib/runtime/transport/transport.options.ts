import type { Agent, ClientRequest } from 'node:http';
import type { TcpNetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import type { ZlibOptions } from 'node:zlib';

/**
 * How the socket is made; the same in every attempt unless the options are given by a factory.
 *
 * @publicApi
 */
export interface TransportOptions {
  /**
   * An `http.Agent`, or for `wss:` an `https.Agent`, to dial through, such as a proxy's. What an agent
   * was made with wins over `tls` and `socket`, so both may not say different things of one option;
   * `keepAlive` and `noDelay` are set on its socket all the same. `false`: none. @default none
   */
  readonly agent?: Agent | false;
  /**
   * Asked in each attempt, and for each redirect, whether a socket may be made: for every address that
   * the look-up of the host has given, before anything is dialled there. What it refuses is left out;
   * where nothing is left the attempt has failed with `UrlRefusedError`. The address is `undefined`
   * where this process does not look it up: by a proxy or an agent that is no plain one, with
   * `ws.createConnection`, for a socket of this machine (`ws+unix:`), and on a net of
   * `nestjs-websockex/testing`. May return a promise, which `connectTimeout` limits. What it throws
   * fails the attempt, and so does an answer that is no boolean. @default all are allowed
   */
  readonly allowUrl?: AllowUrl;
  /**
   * Follow redirects of the handshake. `true`: on the same host, by its name. `'any'`: elsewhere too.
   * Never from `wss:` to `ws:`, and never to `ws+unix:`. Headers, subprotocols and credentials, a
   * certificate and `ws.finishRequest` among them, go along to the same origin (scheme, host and port),
   * and from `ws:` to `wss:` on the same host; nothing of them goes anywhere else. One that is not
   * followed is a `HandshakeError`. @default false
   */
  readonly followRedirects?: boolean | 'any';
  /** How many redirects are followed. @default 10 */
  readonly maxRedirects?: number;
  /**
   * The largest message taken, in bytes; a larger one closes with 1009. 0 and `Infinity`: no limit but
   * that of the machine, 2 GiB less a byte. A text ends at what a string can hold (512 MiB) in any
   * case. @default 16 MiB
   */
  readonly maxPayload?: number;
  /** The `Origin` header, unless it stands in `headers`. @default none */
  readonly origin?: string;
  /**
   * Offer per-message compression (RFC 7692); `true`, or how. Costs memory and CPU for every
   * connection. @default false
   */
  readonly perMessageDeflate?: boolean | DeflateOptions;
  /**
   * The proxy to dial through: its URL, `http:` and `https:` (by CONNECT) or `socks:`, `socks4:`,
   * `socks4a:`, `socks5:`, `socks5h:`; `false`: none. `'env'`: what `HTTPS_PROXY` for `wss:`, `HTTP_PROXY`
   * for `ws:`, else `ALL_PROXY`, say at each attempt, but for the hosts in `NO_PROXY`; each in lower case,
   * too. No host is excepted unless it stands there, this machine neither. It needs the package
   * `https-proxy-agent` or `socks-proxy-agent`: without it a variable is warned of once, and the client
   * dials directly; a proxy that stands here fails the boot. Credentials stand in the URL. An `agent`,
   * `ws.createConnection` and `ws+unix:` URLs go past it, and so does a net of
   * `nestjs-websockex/testing`. @default 'env'
   */
  readonly proxy?: string | URL | false;
  /**
   * Whether the peer must choose one of the subprotocols that were offered, as browsers and `ws` have
   * it. `false` takes a 101 without one, which RFC 6455 section 4.1 allows: `protocol` is `''` then.
   * One that was not offered fails the handshake in any case. @default true
   */
  readonly requireProtocol?: boolean;
  /** Options of `net.connect`. */
  readonly socket?: SocketOptions;
  /**
   * Options of `tls.connect`. Certificates are always verified unless `rejectUnauthorized: false`
   * stands here; neither the environment nor an agent can switch that off.
   */
  readonly tls?: TlsOptions;
  /**
   * What speaks WebSocket. `'auto'`: the native transport, which is the fast one; and `ws` with an `agent`,
   * a proxy, `followRedirects`, a `ws+unix:` URL, what `perMessageDeflate` has for zlib or for threads, or
   * what `ws` alone has of its options. `'ws'`: that always. The event `connected` and `handle.sys.getStatus()` tell which one it is.
   * A transport of your own under `WEBSOCKEX_TRANSPORT` stands over both. @default 'auto'
   */
  readonly transport?: 'auto' | 'ws';
  /** Options of `ws`, and of the `http.request` it makes, that have no other place here. */
  readonly ws?: WsOptions;
}

/**
 * See {@link TransportOptions.allowUrl}.
 *
 * @example
 * const privateNets = new BlockList();
 * privateNets.addSubnet('10.0.0.0', 8);
 * const allowUrl: AllowUrl = (url, address) =>
 *   url.protocol === 'wss:' && address !== undefined && !privateNets.check(address);
 *
 * @param url where the attempt goes, in a copy; it may hold credentials
 * @param address the IP address that is to be dialled
 * @publicApi
 */
export type AllowUrl = (url: URL, address: string | undefined) => boolean | PromiseLike<boolean>;

/**
 * Options of `net.connect`. `keepAlive`, `keepAliveInitialDelay` and `noDelay` (which is on unless
 * `false` stands here) are set on the socket once it is connected, below TLS and in an agent too.
 *
 * @publicApi
 */
export type SocketOptions = Pick<
  TcpNetConnectOpts,
  | 'autoSelectFamily'
  | 'autoSelectFamilyAttemptTimeout'
  | 'family'
  | 'hints'
  | 'keepAlive'
  | 'keepAliveInitialDelay'
  | 'localAddress'
  | 'localPort'
  | 'lookup'
  | 'noDelay'
>;

/**
 * Options of `tls.connect` that mean something to a client.
 *
 * @publicApi
 */
export type TlsOptions = Pick<
  ConnectionOptions,
  | 'ALPNProtocols'
  | 'allowPartialTrustChain'
  | 'ca'
  | 'cert'
  | 'checkServerIdentity'
  | 'ciphers'
  | 'clientCertEngine'
  | 'crl'
  | 'ecdhCurve'
  | 'enableTrace'
  | 'key'
  | 'maxVersion'
  | 'minDHSize'
  | 'minVersion'
  | 'passphrase'
  | 'pfx'
  | 'privateKeyEngine'
  | 'privateKeyIdentifier'
  | 'pskCallback'
  | 'rejectUnauthorized'
  | 'secureContext'
  | 'secureOptions'
  | 'secureProtocol'
  | 'servername'
  | 'session'
  | 'sigalgs'
>;

/**
 * Options of `ws` that have no other place.
 *
 * @publicApi
 */
export interface WsOptions {
  /**
   * Makes the socket of an attempt in place of `net.connect` and `tls.connect`; for `wss:` it makes
   * one with TLS, and verifies the peer. It is given what those would be. Not beside an agent.
   */
  createConnection?(options: object): Duplex;
  /** Sends the request, with `request.end()`, after the last changes to it. */
  finishRequest?(request: ClientRequest, websocket: object): void;
  /** Fills the masking key of a frame. */
  generateMask?(mask: Buffer): void;
  /** Take answers that break the rules of HTTP; for a peer that cannot be mended. */
  readonly insecureHTTPParser?: boolean;
  /** Headers that stand twice in the answer are joined. */
  readonly joinDuplicateHeaders?: boolean;
  /** The most chunks of data that are buffered while a message arrives. @default 262144 */
  readonly maxBufferedChunks?: number;
  /** The most fragments of a message. @default 16384 */
  readonly maxFragments?: number;
  /** The longest head of an answer, in bytes. @default what Node says: 16 KiB */
  readonly maxHeaderSize?: number;
  /** The `Sec-WebSocket-Version`. @default 13 */
  readonly protocolVersion?: 8 | 13;
  /** Take text that is not UTF-8 as it is. @default false */
  readonly skipUTF8Validation?: boolean;
  /** Headers that are sent once, their values joined, where they are given as a list. */
  readonly uniqueHeaders?: readonly (string | readonly string[])[];
}

/**
 * Options of compression (RFC 7692), as `ws` has them. Messages are compressed and decompressed in the call in
 * which they are sent or come; with `concurrencyLimit`, `zlibDeflateOptions` or `zlibInflateOptions` `ws` takes
 * the connection, and does it in threads.
 *
 * @publicApi
 */
export interface DeflateOptions {
  /** The window to compress with, 8 to 15; `true`: let the peer choose. */
  readonly clientMaxWindowBits?: number | boolean;
  /** Begin anew with each message we send. */
  readonly clientNoContextTakeover?: boolean;
  /**
   * How many messages are compressed at a time, in all of the process: what the first client that
   * compresses says. @default 10
   */
  readonly concurrencyLimit?: number;
  /** The window the peer is asked to compress with, 8 to 15. */
  readonly serverMaxWindowBits?: number;
  /** Ask the peer to begin anew with each message. */
  readonly serverNoContextTakeover?: boolean;
  /** Shorter messages are sent as they are, in bytes, where the context is not kept. @default 1024 */
  readonly threshold?: number;
  /** What zlib is told for compressing. */
  readonly zlibDeflateOptions?: ZlibOptions;
  /** What zlib is told for decompressing. */
  readonly zlibInflateOptions?: ZlibOptions;
}
