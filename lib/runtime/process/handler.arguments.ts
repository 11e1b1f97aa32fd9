import type { ResponseHeaders } from '../errors/connection.errors.js';

/**
 * What `@BeforeConnect` gets, and may change: the request of one attempt. Changes are for this
 * attempt alone; the next one starts from the options again.
 *
 * @publicApi
 */
export interface ConnectRequest {
  /** Where to connect; assign another to go there. */
  url: string;
  /**
   * The headers to send; set, change or delete them. A name is one whatever its case: `authorization`
   * reads, replaces and deletes what was given as `Authorization`. It goes out as it was spelled last.
   * Those that belong to the handshake (`Connection`, `Sec-WebSocket-*`, …) fail the attempt.
   */
  readonly headers: Record<string, string | readonly string[]>;
  /** The subprotocols to offer. */
  protocols: readonly string[];
  /**
   * The number its failure would have in `@OnDisconnect`: 1 for the very first attempt, 2 for the
   * first after a lost session.
   */
  readonly attempt: number;
  /**
   * Aborted when nobody wants the attempt any more: `prepareTimeout` has passed, or the client is closed
   * or stopped.
   */
  readonly signal: AbortSignal;
}

/**
 * What `@OnConnect` gets: what the peer agreed to.
 *
 * @publicApi
 */
export interface ConnectionInfo {
  /** Where the session leads, after the redirects that were followed. May hold credentials: use `redactUrl` before logging it. */
  readonly url: string;
  /** The headers of the handshake's answer, names in lower case. */
  readonly headers: ResponseHeaders;
  /** The subprotocol the peer chose; empty when none. */
  readonly protocol: string;
  /** The extensions in use, such as `permessage-deflate`; empty when none. */
  readonly extensions: string;
  /** What speaks to the peer: `native` or `ws` (see the option `transport`); absent for one of your own. */
  readonly transport?: string;
  /** The number of the session: 1, 2, 3, … per client. */
  readonly session: number;
}
