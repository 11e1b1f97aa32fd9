import { WebSockexError } from './websockex.error.js';

/**
 * Why a socket never took a frame, as a transport tells it.
 *
 * @publicApi
 */
export interface SendFailure extends Error {
  /** Whether it is certain that no byte of the frame has left; else it may have arrived. */
  readonly isUnsent?: boolean;
}

/**
 * More waits than may: the peer takes less than is sent to it (`maxBuffered`), or sends more than is taken
 * (`dialogue.next`). Nothing of what was asked for has been done. Wait for the sends before, send less, or
 * allow more.
 *
 * @publicApi
 */
export class BackpressureError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_BACKPRESSURE';

  constructor(
    readonly client: string,
    what: string,
  ) {
    super(`${client}: ${what}`);
  }
}

/**
 * The queue of a client without a session is full (`queue.max`, `queue.maxBytes`). Nothing of this send is
 * kept.
 *
 * @publicApi
 */
export class QueueFullError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_QUEUE_FULL';

  constructor(
    readonly client: string,
    what: string,
  ) {
    super(
      `${client}: the queue is full: ${what}. ` +
        'Send less while there is no session, allow more, or keep only the newest of a key ' +
        "(whenDisconnected: 'latest')",
    );
  }
}

/**
 * A send waited in the queue for longer than `queue.ttl`. Nothing of it has left: what is stale may do harm.
 *
 * @publicApi
 */
export class SendExpiredError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_SEND_EXPIRED';

  constructor(
    readonly client: string,
    /** Milliseconds that it may wait. */
    readonly ttl: number,
  ) {
    super(`${client}: the frame was not sent within ${ttl} ms (queue.ttl), and is too old now`);
  }
}

/**
 * A newer send of the same `key` has taken its place (`whenDisconnected: 'latest'`). Nothing of this one has
 * left.
 *
 * @publicApi
 */
export class SupersededError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_SUPERSEDED';

  constructor(
    readonly client: string,
    readonly key: string,
  ) {
    super(`${client}: a newer frame with the key ${JSON.stringify(key)} has taken its place`);
  }
}

/**
 * A send that was bound to a session (`sendFrame(…, { session })`, or what a handler returned), and that
 * session is over.
 *
 * @publicApi
 */
export class SessionOverError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_SESSION_OVER';

  constructor(
    readonly client: string,
    /** The session it was for. */
    readonly session: number,
    options?: ErrorOptions,
  ) {
    super(`${client}: the frame was for session ${session}, which is over`, options);
  }
}

/**
 * So many casts, infos and calls wait that the client takes no more (`mailbox.maxWaiting`): it handles less
 * than it is asked for. This one is not handled.
 *
 * @publicApi
 */
export class MailboxFullError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_MAILBOX_FULL';

  constructor(
    readonly client: string,
    /** What was asked for: `cannot cast "publish"`. */
    what: string,
    readonly maxWaiting: number,
  ) {
    super(
      `${client}: ${what}: ${maxWaiting} messages wait in its mailbox (mailbox.maxWaiting). ` +
        'Ask for less, have its handlers return sooner, or allow more',
    );
  }
}
