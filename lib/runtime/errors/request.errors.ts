import { WebSockexError } from './websockex.error.js';

/**
 * The peer has answered a request with an error. Protocols may throw their own kind of it.
 *
 * @publicApi
 */
export class RequestFailedError extends WebSockexError {
  readonly code: 'ERR_WEBSOCKEX_REQUEST_FAILED' | 'ERR_WEBSOCKEX_JSON_RPC' =
    'ERR_WEBSOCKEX_REQUEST_FAILED';
  override readonly sent = true;

  constructor(
    readonly client: string,
    /** What the peer says. */
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${client}: the peer answered a request with an error: ${detail}`, options);
  }

  /** The same, as a client is told it: a protocol does not know for whom it reads. @internal */
  toldTo(client: string): RequestFailedError {
    return new RequestFailedError(client, this.detail, { cause: this.cause });
  }
}

/**
 * An error of JSON-RPC 2.0 (section 5.1): what the peer has answered a request with, or what an `@OnRequest` throws to
 * answer one.
 *
 * @example
 * throw new JsonRpcError(-32602, 'there is no such symbol', { symbol });
 *
 * @publicApi
 */
export class JsonRpcError extends RequestFailedError {
  override readonly code = 'ERR_WEBSOCKEX_JSON_RPC';

  constructor(
    /** A number of JSON-RPC: -32700 to -32600 are its own. */
    readonly rpcCode: number,
    /** What is wrong, in words. */
    readonly reason: string,
    /** What else the peer says. */
    readonly data?: unknown,
    client = 'JSON-RPC',
  ) {
    super(client, `${reason} (${rpcCode})`);
  }

  /** @internal */
  override toldTo(client: string): JsonRpcError {
    return new JsonRpcError(this.rpcCode, this.reason, this.data, client);
  }
}

/**
 * The peer has not answered a request in its time, which runs from the call. An answer that comes later is told by
 * the event `answer:unmatched`. Where `sent` is true, the peer may have done what it was asked for.
 *
 * @publicApi
 */
export class RequestTimeoutError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_REQUEST_TIMEOUT';

  constructor(
    readonly client: string,
    /** Milliseconds. */
    readonly timeout: number,
    override readonly sent: boolean,
    /** @param isAnswered whether it is the schema of the answer that was not done */
    isAnswered = false,
  ) {
    const asked = sent ? 'the peer did not answer a request' : 'a request could not be sent';
    const what = isAnswered ? 'the schema of an answer was not done with it' : asked;
    super(`${client}: ${what} within ${timeout} ms. Give it more time, or ask whether it was done`);
  }
}

/**
 * The session ended between a request and its answer: the peer may have done what it was asked for, or not. Ask for it
 * in the next session, or give `retry: true` where it does no harm twice.
 *
 * @publicApi
 */
export class DisconnectedError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_DISCONNECTED';
  override readonly sent = true;

  constructor(
    readonly client: string,
    /** The session that had the request. */
    readonly session: number,
    options?: ErrorOptions,
  ) {
    super(
      `${client}: session ${session} ended before the peer had answered a request, which it may have done or not`,
      options,
    );
  }
}
