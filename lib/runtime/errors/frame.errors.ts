import { inspectShort, WebSockexError } from './websockex.error.js';

/**
 * A frame, or a close, that cannot be put on the wire: a control payload over 125 bytes, a close
 * code or reason RFC 6455 does not allow, a fragment out of order. Nothing has been sent.
 *
 * @publicApi
 */
export class FrameEncodeError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_FRAME_ENCODE';

  constructor(message: string, options?: ErrorOptions) {
    super(`${message}. Nothing was sent.`, options);
  }
}

/**
 * A value that is no frame stood where one is needed. Nothing has been sent.
 *
 * @publicApi
 */
export class InvalidFrameError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_INVALID_FRAME';

  constructor(
    readonly value: unknown,
    where: string,
  ) {
    super(
      `${where}: ${inspectShort(value)} is not a frame. Make one with Frame.text('…'), ` +
        'Frame.json(value), Frame.binary(buffer), Frame.ping() or Frame.pong(). Nothing was sent.',
    );
  }
}
