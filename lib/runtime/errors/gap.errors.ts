import { WebSockexError } from './websockex.error.js';

/**
 * Messages of a stream are missing, and were not got: `@OnGap` gave nothing, failed three times, or more came meanwhile
 * than may wait. The event `gap:lost` has it; where `onUnfilled` says so, the session or the incarnation ends by it. The
 * `cause` is what the last try has failed with.
 *
 * @publicApi
 */
export class GapError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_GAP';

  constructor(
    readonly client: string,
    readonly stream: string,
    /** The last message before those that are missing. */
    readonly from: number | bigint,
    /** The first one behind them. */
    readonly to: number | bigint,
    what: string,
    options?: ErrorOptions,
  ) {
    super(
      `${client}: between ${from} and ${to} of the stream "${stream}" messages are missing: ${what}`,
      options,
    );
  }
}
