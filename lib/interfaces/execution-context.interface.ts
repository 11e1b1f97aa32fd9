import type { ExecutionContext } from '@nestjs/common';

import type { ClientHandle } from '../runtime/client/client-handle.js';
import type { DataFrame, PingFrame, PongFrame } from '../runtime/frame/frame.js';
import type { ConnectionInfo } from '../runtime/process/handler.arguments.js';
import type { HandlerKind } from './handler-metadata.interface.js';

/**
 * What guards, interceptors, exception filters, parameter decorators and a `HandlerRunner` get of a call of a handler. Its type is
 * `'websockex'`. Of `switchToWs()` `getClient()` is the handle, `getData()` the payload, and `getPattern()` what
 * stands in the decorator of the handler, or the name of the cast or call.
 *
 * @publicApi
 */
export interface WebSockexExecutionContext extends ExecutionContext {
  getType<T extends string = 'websockex'>(): T;
  /** What the handler is called for: `'frame'` of `@OnFrame`, `'connect'` of `@OnConnect`. */
  getKind(): HandlerKind;
  /** `undefined` in a test of the class alone. */
  getHandle(): ClientHandle | undefined;
  /** The message, the frame, or the first argument of a cast or call; of any other handler its first argument. */
  getPayload<T = unknown>(): T;
  /** What the method is called with, but for its decorated parameters. */
  getArguments(): readonly unknown[];
  /** That of an `@OnFrame`, `@OnMessage`, `@OnRequest`, `@OnPing` or `@OnPong`; `undefined` for all others. */
  getFrame(): DataFrame | PingFrame | PongFrame | undefined;
  /** The session that is open; `undefined` without one. */
  getConnection(): ConnectionInfo | undefined;
}
