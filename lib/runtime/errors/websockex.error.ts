/**
 * The stable `code` of each error class; safe to compare with, in this and every later release.
 *
 * @publicApi
 */
export type WebSockexErrorCode =
  | 'ERR_WEBSOCKEX_ALREADY_STARTED'
  | 'ERR_WEBSOCKEX_BACKPRESSURE'
  | 'ERR_WEBSOCKEX_BAD_RESPONSE'
  | 'ERR_WEBSOCKEX_CALL_TIMEOUT'
  | 'ERR_WEBSOCKEX_CONFIGURATION'
  | 'ERR_WEBSOCKEX_CONNECTION'
  | 'ERR_WEBSOCKEX_DEADLOCK'
  | 'ERR_WEBSOCKEX_DISCONNECTED'
  | 'ERR_WEBSOCKEX_FATAL'
  | 'ERR_WEBSOCKEX_FRAME_ENCODE'
  | 'ERR_WEBSOCKEX_GAP'
  | 'ERR_WEBSOCKEX_HANDLER_TIMEOUT'
  | 'ERR_WEBSOCKEX_HANDSHAKE'
  | 'ERR_WEBSOCKEX_HEARTBEAT_TIMEOUT'
  | 'ERR_WEBSOCKEX_INVALID_FRAME'
  | 'ERR_WEBSOCKEX_JSON_RPC'
  | 'ERR_WEBSOCKEX_LINK'
  | 'ERR_WEBSOCKEX_LOGIN'
  | 'ERR_WEBSOCKEX_LOGIN_TIMEOUT'
  | 'ERR_WEBSOCKEX_MAILBOX_FULL'
  | 'ERR_WEBSOCKEX_MESSAGE_DECODE'
  | 'ERR_WEBSOCKEX_MESSAGE_INVALID'
  | 'ERR_WEBSOCKEX_MESSAGE_REFUSED'
  | 'ERR_WEBSOCKEX_NOT_CONNECTED'
  | 'ERR_WEBSOCKEX_NO_HANDLER'
  | 'ERR_WEBSOCKEX_PROTOCOL'
  | 'ERR_WEBSOCKEX_QUEUE_FULL'
  | 'ERR_WEBSOCKEX_REQUEST_FAILED'
  | 'ERR_WEBSOCKEX_REQUEST_TIMEOUT'
  | 'ERR_WEBSOCKEX_RESTART_LIMIT'
  | 'ERR_WEBSOCKEX_SEND_EXPIRED'
  | 'ERR_WEBSOCKEX_SEND_TIMEOUT'
  | 'ERR_WEBSOCKEX_SESSION_OVER'
  | 'ERR_WEBSOCKEX_SHUTTING_DOWN'
  | 'ERR_WEBSOCKEX_SILENCE_TIMEOUT'
  | 'ERR_WEBSOCKEX_SUBSCRIBE'
  | 'ERR_WEBSOCKEX_SUPERSEDED'
  | 'ERR_WEBSOCKEX_URL'
  | 'ERR_WEBSOCKEX_URL_REFUSED';

/**
 * The base class of every error this library makes. Errors thrown by your own handlers are never
 * wrapped in it: they reach `@OnTerminate` and `handle.terminated` as they were thrown.
 *
 * @example
 * try {
 *   await feed.sendFrame(Frame.text('hi'));
 * } catch (error) {
 *   if (error instanceof WebSockexError && error.code === 'ERR_WEBSOCKEX_NOT_CONNECTED') retryLater();
 *   else throw error;
 * }
 *
 * @publicApi
 */
export abstract class WebSockexError extends Error {
  /** Stable over releases; messages are not. */
  abstract readonly code: WebSockexErrorCode;

  /**
   * Of what a request has ended with: whether the peer may have done what it was asked for. Absent on all other
   * errors.
   */
  declare readonly sent?: boolean;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * Does some work; the errors made in it have no stack frames, which cost more than the error. For
 * errors that only ever come from one place, in a turn of the event loop where no user's code is.
 */
export function withoutStacks<R>(work: () => R): R {
  const { stackTraceLimit } = Error;
  // Not assigned: that throws where somebody has frozen `Error`.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    return work();
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}

/** Any thrown value as an `Error`: what is not one becomes the `cause` of one. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(`a value that is not an Error was thrown: ${inspectShort(thrown)}`, {
    cause: thrown,
  });
}

/** A text that makes no line of its own, and gives no orders to a terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trimEnd();
}

/** A value in at most 100 characters, for a message. Never throws, whatever the value does. */
export function inspectShort(value: unknown): string {
  let text: string;
  try {
    text =
      typeof value === 'string'
        ? JSON.stringify(value)
        : typeof value === 'object' && value !== null
          ? inspectObject(value)
          : String(value);
  } catch {
    // Even Object.prototype.toString runs code of the value.
    text = `[${typeof value}]`;
  }
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/** As JSON, where that tells anything. */
function inspectObject(value: object): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  const json = JSON.stringify(value) as string | undefined;
  // What keeps to itself what it holds: a Map, a promise.
  if (json === '{}' || json === undefined) {
    const kind = Object.prototype.toString.call(value);
    if (json === undefined || kind !== '[object Object]') return kind;
  }
  return json;
}
