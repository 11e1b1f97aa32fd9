import type { Agent } from 'node:http';
import type { TcpNetConnectOpts } from 'node:net';
import type { ConnectionOptions } from 'node:tls';

/**
 * How the socket is made; the same in every attempt unless the options are given by a factory.
 *
 * @publicApi
 */
export interface TransportOptions {
  /** An `http.Agent` or `https.Agent` to dial through, such as a proxy's. @default none */
  readonly agent?: Agent;
  /**
   * Follow redirects of the handshake. Credentials are dropped when the host changes.
   * @default false
   */
  readonly followRedirects?: boolean;
  /** How many redirects are followed. @default 10 */
  readonly maxRedirects?: number;
  /** The largest message taken, in bytes; a larger one closes with 1009. @default 16 MiB */
  readonly maxPayload?: number;
  /** The `Origin` header, unless it stands in `headers`. @default none */
  readonly origin?: string;
  /**
   * Offer per-message compression (RFC 7692); `true`, or the options `ws` takes for it. Costs
   * memory and CPU for every connection. @default false
   */
  readonly perMessageDeflate?: boolean | Readonly<Record<string, unknown>>;
  /** Options of `net.connect`: `family`, `localAddress`, `lookup`, `noDelay`, `keepAlive`, … */
  readonly socket?: Partial<TcpNetConnectOpts>;
  /**
   * Options of `tls.connect`: `ca`, `cert`, `key`, `servername`, … Certificates are always
   * verified unless `rejectUnauthorized: false` stands here; the environment cannot switch it off.
   */
  readonly tls?: ConnectionOptions;
  /** Any other option of `ws`, passed through as it is. What this library sets itself wins. */
  readonly ws?: Readonly<Record<string, unknown>>;
}

/** The names in {@link TransportOptions}. */
export const TRANSPORT_OPTION_NAMES = [
  'agent',
  'followRedirects',
  'maxRedirects',
  'maxPayload',
  'origin',
  'perMessageDeflate',
  'socket',
  'tls',
  'ws',
] as const satisfies readonly (keyof TransportOptions)[];
