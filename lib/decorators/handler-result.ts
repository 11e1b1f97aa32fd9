import type { Observable } from 'rxjs';

import type {
  Directive,
  ReconnectDirective,
  TerminateDirective,
} from '../runtime/process/directive.js';
import type { FrameLike } from '../runtime/frame/frame.js';

/** What a handler may return, or one item of what it streams. */
export type HandlerItem = FrameLike | Directive | void | undefined;

/** A value now or a promise of it. */
type MaybePromise<T> = T | Promise<T>;

/**
 * What most handlers may return: nothing, a directive, what can be sent, or a stream of those.
 *
 * @publicApi
 */
export type HandlerResult = MaybePromise<
  HandlerItem | Observable<HandlerItem> | AsyncIterable<HandlerItem>
>;

/** What `@OnStart` and `@BeforeConnect` may return. */
export type StartResult = MaybePromise<void | undefined | TerminateDirective>;

/** What `@OnDisconnect` may return. */
export type DisconnectResult = MaybePromise<
  void | undefined | ReconnectDirective | TerminateDirective
>;
