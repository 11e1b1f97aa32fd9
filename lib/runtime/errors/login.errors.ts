import { WebSockexError } from './websockex.error.js';

/**
 * The peer has not let this client in. Throw it in `@OnConnect`: it is no crash. The session is closed
 * with 1000, the attempt has failed by this error, and the reconnect policy goes on; the option `classify`
 * and `@OnDisconnect` see it as the `error` of their status. Thrown by any other handler it is a crash like
 * any error. A class of your own may extend it.
 *
 * @example
 * const ack = await dialogue.next();
 * if (ack.data !== 'welcome') throw new LoginError('the key was refused');
 *
 * @publicApi
 */
export class LoginError extends WebSockexError {
  readonly code: 'ERR_WEBSOCKEX_LOGIN' | 'ERR_WEBSOCKEX_LOGIN_TIMEOUT' = 'ERR_WEBSOCKEX_LOGIN';
}

/**
 * A session was not ready within `loginTimeout`, or a frame that `dialogue.next()` waits for did not come
 * in the time that was given. By the former the session ends at once, without a close frame; the latter is
 * as any {@link LoginError}. The attempt has failed, and the reconnect policy goes on.
 *
 * @publicApi
 */
export class LoginTimeoutError extends LoginError {
  override readonly code = 'ERR_WEBSOCKEX_LOGIN_TIMEOUT';

  constructor(
    readonly client: string,
    /** Milliseconds. */
    readonly timeout: number,
    /** What has not happened, in words. */
    what: string,
    /** Why, where that is known. */
    why?: string,
  ) {
    super(`${client}: ${what} within ${timeout} ms${why === undefined ? '' : ` ${why}`}`);
  }
}
