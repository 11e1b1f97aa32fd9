import { redactUrl } from './redact-url.js';
import { inspectShort, oneLine, WebSockexError } from './websockex.error.js';

/**
 * What a client's connection is doing.
 *
 * ```
 *   idle ──start──▶ connecting ──101──▶ open ──close, loss──▶ closing
 *                       ▲   │                                    │
 *                       │   └──refused, unreachable──▶ ┐         │ reconnect
 *                       │                              ▼         ▼
 *                       └────────────delay────────── backoff ◀───┘
 *
 *   any state ──closed by us, policy gave up, shutdown, crash without a restart──▶ terminated
 * ```
 *
 * A client that is restarted does not become `terminated` in between: it is `closing` until the end
 * of its incarnation, then in `backoff` until the next begins. `failed` is `terminated` by a
 * supervisor that gave up, or by a `FatalError`.
 *
 * `closing` lasts from a close of ours (or the loss of the session) until `@OnDisconnect` has
 * decided what follows.
 *
 * @publicApi
 */
export type ClientStatus =
  'idle' | 'connecting' | 'open' | 'closing' | 'backoff' | 'terminated' | 'failed';

/**
 * A URL that cannot be a WebSocket's: not a URL, another scheme than `ws:`, `wss:`, `http:`,
 * `https:` or `ws+unix:`, or one with a fragment (RFC 6455 section 3).
 *
 * @publicApi
 */
export class UrlError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_URL';

  constructor(
    readonly client: string,
    url: unknown,
    why: string,
    options?: ErrorOptions,
  ) {
    const shown =
      typeof url === 'string' || url instanceof URL ? redactUrl(url) : inspectShort(url);
    super(
      `${client}: the URL ${JSON.stringify(shown)} ${why}. ` +
        'Give an absolute URL such as "wss://host/path".',
      options,
    );
  }
}

/**
 * No connection could be made, or one broke below the WebSocket protocol: DNS, TCP, TLS, a
 * deadline, or `@BeforeConnect` and the options factory that prepare an attempt.
 * `cause` keeps what the system said, as it is: unlike the message it may hold secrets. Of a host with
 * several addresses the message tells what each of them said, and `cause` is the error of the first
 * that answered, or else of the first.
 *
 * @publicApi
 */
export class ConnectionError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_CONNECTION';

  constructor(
    readonly client: string,
    what: string,
    options?: ErrorOptions,
  ) {
    super(oneLine(`${client}: ${what}`), options);
  }

  /** The code the system gave (`ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`, …), if any. */
  get systemCode(): string | undefined {
    const cause = this.cause as { code?: unknown } | undefined;
    return typeof cause?.code === 'string' ? cause.code : undefined;
  }
}

/**
 * The option `allowUrl` has answered with `false`: nothing was sent to that address, and no socket
 * made to it. Of a host with several addresses it is the first, and none of them was allowed.
 *
 * @publicApi
 */
export class UrlRefusedError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_URL_REFUSED';

  constructor(
    readonly client: string,
    /** Without credentials. */
    readonly url: string,
    /** What it was asked for; `undefined` where the name is looked up elsewhere, as by a proxy. */
    readonly address: string | undefined,
  ) {
    const at = address === undefined ? '' : ` at ${address}`;
    super(
      oneLine(
        `${client}: the option allowUrl refuses ${JSON.stringify(url)}${at}. Nothing was sent there; ` +
          'give another URL, or let allowUrl allow it',
      ),
    );
  }
}

/** The headers of an answer to a handshake, names in lower case. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The peer answered the opening handshake, but did not agree to it: another status than 101, or a
 * 101 that breaks RFC 6455 section 4.1.
 *
 * @publicApi
 */
export class HandshakeError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_HANDSHAKE';
  /** The HTTP status of the answer; 101 when its headers were what was wrong. */
  readonly status: number;
  /**
   * The headers of the answer as they came, names in lower case. They may hold secrets, `set-cookie` for
   * one: whoever prints the error does not see them.
   */
  readonly headers!: ResponseHeaders;
  /**
   * What the answer's `Retry-After` asks to wait, in milliseconds, however long that is. The reconnect
   * policy waits for an hour of it at most.
   */
  readonly retryAfter: number | undefined;
  /**
   * The beginning of the body of the answer, at most 1 KiB, where it is text: what arrived with the
   * headers or within 250 ms. What the request had of secrets is hidden in it.
   */
  readonly body: string | undefined;

  constructor(
    readonly client: string,
    what: string,
    answer: {
      status: number;
      headers: ResponseHeaders;
      retryAfter?: number | undefined;
      body?: string | undefined;
    },
    options?: ErrorOptions,
  ) {
    super(oneLine(`${client}: the opening handshake failed: ${what}`), options);
    this.status = answer.status;
    const { headers } = answer;
    Object.defineProperty(this, 'headers', { value: headers, enumerable: false, writable: true });
    this.retryAfter = answer.retryAfter;
    this.body = answer.body;
  }
}

/**
 * What was asked needs an open connection, and there is none. Nothing has been sent.
 *
 * @publicApi
 */
export class NotConnectedError extends WebSockexError {
  readonly code: 'ERR_WEBSOCKEX_NOT_CONNECTED' | 'ERR_WEBSOCKEX_SHUTTING_DOWN' =
    'ERR_WEBSOCKEX_NOT_CONNECTED';

  constructor(
    readonly client: string,
    /** The state the client was in; `not ready`: the session is open, and its `@OnConnect` is not done. */
    readonly state: ClientStatus | 'not ready',
    what: string,
    options?: ErrorOptions & {
      /** Why it is in that state, and what to do, where the state alone does not tell. */
      readonly advice?: string;
    },
  ) {
    const told =
      options?.advice === undefined ? describeState(state) : `${state}: ${options.advice}`;
    super(`${client}: ${what}: the client is ${told}`, options);
  }
}

/**
 * The application shuts down: from `beforeApplicationShutdown` on its clients take nothing new. What was
 * asked before and could not be done any more is told by it, too.
 *
 * @example
 * catch (error) {
 *   if (error instanceof ShuttingDownError) throw new ServiceUnavailableException();
 *   throw error;
 * }
 *
 * @publicApi
 */
export class ShuttingDownError extends NotConnectedError {
  override readonly code = 'ERR_WEBSOCKEX_SHUTTING_DOWN';

  constructor(
    client: string,
    state: NotConnectedError['state'],
    what: string,
    options?: ErrorOptions,
  ) {
    const advice =
      'the application shuts down, and its clients take nothing new; what has to be done at the end, do in ' +
      'onModuleDestroy';
    super(client, state, what, { ...options, advice });
  }
}

function describeState(state: NotConnectedError['state']): string {
  switch (state) {
    case 'idle':
      return 'idle, it has not been started; start it with handle.start(), or wait for handle.connected()';
    case 'not ready':
      return 'not ready, its @OnConnect is not done yet; wait for handle.connected()';
    case 'failed':
      return 'failed and does not come back: it was given up; handle.terminated tells why';
    case 'terminated':
      return 'terminated and does not come back; handle.terminated tells why';
    case 'backoff':
      return 'in backoff before its next attempt; wait for handle.connected()';
    default:
      return `${state}; wait for handle.connected()`;
  }
}

/**
 * The peer sent what RFC 6455 forbids, or more than `maxPayload`. The session was closed with
 * `closeCode`: 1002 (protocol), 1007 (text that is not UTF-8), 1008 (too many pieces) or 1009 (too big).
 *
 * @publicApi
 */
export class ProtocolError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_PROTOCOL';

  constructor(
    readonly client: string,
    readonly closeCode: number,
    /** What was wrong, in the transport's words. */
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(
      `${client}: the peer broke the WebSocket protocol (${detail}); the session is closed with ${closeCode}`,
      options,
    );
  }
}
