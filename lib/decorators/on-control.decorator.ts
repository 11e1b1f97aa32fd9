import type { PingFrame, PongFrame } from '../runtime/frame/frame.js';
import { createHandlerDecorator, type HandlerDecorator } from './create-handler.decorator.js';
import type { HandlerResult } from './handler-result.js';

/**
 * The method handles pings, in mailbox order. No pong is sent but the one it returns. A class
 * without it has every ping answered at once, as RFC 6455 section 5.5.2 asks.
 *
 * @example
 * @OnPing() ping(frame: PingFrame) { return reply(Frame.pong(frame.data)); } // the default
 *
 * @publicApi
 */
export function OnPing(): HandlerDecorator<[PingFrame], HandlerResult> {
  return createHandlerDecorator({ kind: 'ping', decorator: '@OnPing' }, arguments);
}

/**
 * The method handles pongs, those nobody asked for too.
 *
 * @publicApi
 */
export function OnPong(): HandlerDecorator<[PongFrame], HandlerResult> {
  return createHandlerDecorator({ kind: 'pong', decorator: '@OnPong' }, arguments);
}
