import { WebSockexError } from './websockex.error.js';

/**
 * The peer has answered no heartbeat: nothing has been read since a ping left, not one byte. The socket
 * was destroyed, and the reconnect policy goes on.
 *
 * @publicApi
 */
export class HeartbeatTimeoutError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_HEARTBEAT_TIMEOUT';

  constructor(
    readonly client: string,
    /** Milliseconds between two heartbeats. */
    readonly interval: number,
    /** Milliseconds that the peer had for its answer. */
    readonly timeout: number,
    /** Milliseconds since anything was read, as far as is known. */
    readonly lastReceivedAgo: number,
  ) {
    super(
      `${client}: the peer did not answer a heartbeat within ${timeout} ms (heartbeat.timeout), and ` +
        `nothing was read for ${Math.round(lastReceivedAgo)} ms; the connection is taken for dead`,
    );
  }
}

/**
 * No data frame has come for `silenceTimeout`, though the connection may be alive. The socket was
 * destroyed, and the reconnect policy goes on.
 *
 * @publicApi
 */
export class SilenceTimeoutError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_SILENCE_TIMEOUT';

  constructor(
    readonly client: string,
    /** Milliseconds. */
    readonly timeout: number,
  ) {
    super(`${client}: no data frame came for ${timeout} ms (silenceTimeout); the session is over`);
  }
}

/**
 * The socket has taken nothing of what waits to be sent for `sendTimeout`: the peer does not read, or is
 * gone. The socket was destroyed, and the reconnect policy goes on.
 *
 * @publicApi
 */
export class SendTimeoutError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_SEND_TIMEOUT';

  constructor(
    readonly client: string,
    /** Milliseconds. */
    readonly timeout: number,
    /** Bytes that waited to be sent. */
    readonly bytes: number,
  ) {
    super(
      `${client}: the socket took nothing of ${bytes} bytes to be sent for ${timeout} ms ` +
        '(sendTimeout): the peer does not read, or is gone; the session is over',
    );
  }
}

/**
 * A handler did not return within `handlerTimeout`. It is left behind, and the client crashes.
 *
 * @publicApi
 */
export class HandlerTimeoutError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_HANDLER_TIMEOUT';

  constructor(
    readonly client: string,
    /** The handler that did not return, in words. */
    readonly method: string,
    /** Milliseconds. */
    readonly timeout: number,
  ) {
    super(
      `${client}: ${method} did not return within ${timeout} ms (handlerTimeout) and was left behind`,
    );
  }
}
