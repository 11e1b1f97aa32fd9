import { WebSockexError } from './websockex.error.js';

/**
 * More waits than may: the peer takes less than is sent to it, or sends more than is taken. Nothing of what
 * was asked for has been done.
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
