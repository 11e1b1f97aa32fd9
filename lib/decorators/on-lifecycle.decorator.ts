import type { CloseReason } from '../runtime/frame/close-reason.js';
import type { DisconnectStatus } from '../runtime/frame/disconnect.status.js';
import type { Dialogue } from '../runtime/process/dialogue.js';
import type { ConnectionInfo, ConnectRequest } from '../runtime/process/handler.arguments.js';
import {
  createHandlerDecorator,
  type HandlerDecorator,
  type OpenHandlerDecorator,
  type StartDecorator,
} from './create-handler.decorator.js';
import type { DisconnectResult, HandlerResult, StartResult } from './handler-result.js';

/**
 * The method runs once in each incarnation, before its first attempt, which waits for it. It is given
 * the `args` that `manager.start` was given, after a restart the same ones. A method whose args
 * `manager.start` could not take does not compile: see `StartArgs`.
 *
 * @publicApi
 */
export function OnStart(): StartDecorator<StartResult> {
  return createHandlerDecorator({ kind: 'start', decorator: '@OnStart' }, arguments);
}

/**
 * The method runs before EVERY attempt, which waits for it, and may change its URL, headers and
 * subprotocols. While it throws or rejects, attempts fail, and the reconnect policy goes on.
 *
 * @example
 * @BeforeConnect() async sign(request: ConnectRequest) {
 *   request.headers.authorization = `Bearer ${await this.tokens.fresh()}`;
 * }
 *
 * @publicApi
 */
export function BeforeConnect(): HandlerDecorator<[ConnectRequest], StartResult> {
  return createHandlerDecorator({ kind: 'beforeConnect', decorator: '@BeforeConnect' }, arguments);
}

/**
 * The method runs when a session is open, before any of its frames is handled. The session is ready once
 * it has returned, and what it returned was sent; of an observable or an async iterable the first item.
 * Until then `connected()`, casts and infos wait, and `sendFrame` from elsewhere is refused. By its second
 * argument it logs in, step by step. A `LoginError` that it throws is no crash.
 *
 * @example
 * @OnConnect() async login(_: ConnectionInfo, dialogue: Dialogue) {
 *   await dialogue.send(this.credentials());
 *   const { data } = await dialogue.next();
 *   if (data !== 'welcome') throw new LoginError(`the peer says ${data}`);
 * }
 *
 * @publicApi
 */
export function OnConnect(): HandlerDecorator<[ConnectionInfo, Dialogue], HandlerResult> {
  return createHandlerDecorator({ kind: 'connect', decorator: '@OnConnect' }, arguments);
}

/**
 * The method runs when a session is over and when an attempt has failed, and may decide what
 * follows: `reconnect()` or `terminate()`. When it returns nothing the reconnect policy decides.
 * It does not run after a crash.
 *
 * @publicApi
 */
export function OnDisconnect(): HandlerDecorator<[DisconnectStatus], DisconnectResult> {
  return createHandlerDecorator({ kind: 'disconnect', decorator: '@OnDisconnect' }, arguments);
}

/**
 * The method runs once at the end of each incarnation that began: whose `@OnStart` ran, or, in a
 * class without one, that had a session. What it throws is logged and changes nothing.
 *
 * @publicApi
 */
export function OnTerminate(): HandlerDecorator<[CloseReason], void | Promise<void>> {
  return createHandlerDecorator({ kind: 'terminate', decorator: '@OnTerminate' }, arguments);
}

/**
 * The method takes over from an incarnation of another class, when `handle.sys.changeCode` puts this
 * one in its place: it is given the old instance, and whatever `changeCode` was given. What it
 * throws refuses the change: then nothing has changed.
 *
 * @example
 * @OnCodeChange() upgrade(old: FeedClient, extra: unknown) {
 *   this.book = new Map(old.book);
 * }
 *
 * @publicApi
 */
export function OnCodeChange(): OpenHandlerDecorator<void | Promise<void>> {
  return createHandlerDecorator({ kind: 'codeChange', decorator: '@OnCodeChange' }, arguments);
}

/**
 * What the method returns is shown as the state of the client by `handle.sys.getStatus()`, in the
 * place of all its fields. When it throws, the fields are shown, and the log has a line.
 *
 * @publicApi
 */
export function FormatStatus(): HandlerDecorator<[], unknown> {
  return createHandlerDecorator({ kind: 'formatStatus', decorator: '@FormatStatus' }, arguments);
}
