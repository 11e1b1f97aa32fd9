import { inspectShort, WebSockexError } from './websockex.error.js';

/**
 * A channel could not be subscribed to: the peer has refused it, does not answer, or the `@OnSubscribe` has failed. Its
 * subscribers are told, and have left by that; whoever subscribes again asks again. The `cause` is what the peer has
 * answered, or what was thrown.
 *
 * @publicApi
 */
export class SubscribeError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_SUBSCRIBE';

  constructor(
    readonly client: string,
    /** The name of the `@OnSubscribe`. */
    readonly channel: string,
    readonly args: readonly unknown[],
    what: string,
    options?: ErrorOptions,
  ) {
    const given = args.map((one) => inspectShort(one)).join(', ');
    super(`${client}: the channel ${channel}(${given}): ${what}`, options);
  }
}
