import {
  createHandlerDecorator,
  type HandlerDecorator,
  type OpenHandlerDecorator,
} from './create-handler.decorator.js';
import type { HandlerResult } from './handler-result.js';

/**
 * The method handles `handle.cast('<its name>', ...args)`: in its turn, while nobody waits.
 *
 * @example
 * @OnCast() publish(frame: Frame) { return reply(frame); }
 *
 * @publicApi
 */
export function OnCast(): OpenHandlerDecorator<HandlerResult> {
  return createHandlerDecorator({ kind: 'cast', decorator: '@OnCast' }, arguments);
}

/**
 * The method answers `await handle.call('<its name>', ...args)`: what it returns, or what its
 * promise resolves with, goes to the caller. What it throws goes there too, and crashes the client.
 * A directive is acted on, and answers `undefined`.
 *
 * @example
 * @OnCall() position(symbol: string) { return this.book.get(symbol); }
 *
 * @publicApi
 */
export function OnCall(): OpenHandlerDecorator<unknown> {
  return createHandlerDecorator({ kind: 'call', decorator: '@OnCall' }, arguments);
}

/**
 * The method handles `handle.info(anything)`.
 *
 * @publicApi
 */
export function OnInfo(): HandlerDecorator<[unknown], HandlerResult> {
  return createHandlerDecorator({ kind: 'info', decorator: '@OnInfo' }, arguments);
}
