import type { ChannelSource } from '../runtime/session/channel.port.js';
import { createHandlerDecorator, type OpenHandlerDecorator } from './create-handler.decorator.js';

/**
 * The method says how a channel of the peer's is subscribed to. `handle.channel(name, ...args)` of its name is an
 * observable of the items; its first subscriber has the method called with these arguments and a `SubscribeContext`,
 * and so does each new session as long as there are any: what it returns counts for that session. What it throws is a
 * `SubscribeError` for those who subscribe, and no crash.
 *
 * @example
 * @OnSubscribe()
 * trades(symbol: string, { after }: SubscribeContext = { session: 0 }): ChannelSource<Trade> {
 *   return {
 *     subscribe: { op: 'subscribe', symbol, after: after?.seq },
 *     unsubscribe: { op: 'unsubscribe', symbol },
 *     match: (message: Trade) => message.type === 'trade' && message.symbol === symbol,
 *   };
 * }
 *
 * @publicApi
 */
export function OnSubscribe(): OpenHandlerDecorator<ChannelSource<unknown>> {
  return createHandlerDecorator({ kind: 'subscribe', decorator: '@OnSubscribe' }, arguments);
}
