import type { Type } from '@nestjs/common';

import type { RedactList } from '../runtime/errors/redact-url.js';
import type { ClientOptions } from '../runtime/options/client-options.js';
import type { BudgetOptions } from '../runtime/throttle/budget.port.js';
import type { OnGiveUp } from './group.interface.js';

/**
 * What `forRoot` and the factories of `forRootAsync` take.
 *
 * @publicApi
 */
export interface WebSockexModuleOptions {
  /**
   * Options for every client that does not say otherwise: merged with those of the client name by
   * name, within `reconnect`, `mailbox`, `debug`, `headers`, `tls`, `socket`, `ws` and
   * `perMessageDeflate` too.
   */
  readonly defaults?: ClientOptions;
  /**
   * Milliseconds in which all clients together must end when the application does: new work is refused,
   * mailboxes are drained, sessions closed with 1001, then what is left is cut. @default 5000
   */
  readonly shutdownTimeout?: number;
  /**
   * How many attempts to connect go to one origin: so many at a time before the first has opened a
   * session, so many in a second, and those that a fleet allows. @default { concurrent: 64 }
   */
  readonly budget?: BudgetOptions;
  /**
   * How many attempts to connect may be under way at a time, in all of the application. The others
   * wait their turn; but an origin with none under way has a place in any case. @default 256
   */
  readonly maxConcurrentConnects?: number;
  /**
   * What else is a secret, for all clients: hidden in the URLs and texts of messages, logs, telemetry and
   * traces, as credentials, tokens and keys are in any case. A name hides the value of the query
   * parameter, field or header of that name, and the path segment that follows one of that name; a
   * `RegExp` hides what it matches, or only its groups where it has some. @default []
   */
  readonly redact?: RedactList;
  /**
   * Whether the application's global guards, pipes, interceptors and exception filters (`APP_GUARD`,
   * `app.useGlobalPipes()`, …) are for handlers of clients too. One that is made for requests, and reads their
   * headers, meets a message then: `isWebSockexContext` tells. @default false
   */
  readonly inheritGlobalEnhancers?: boolean;
  /** What to do when a supervisor gives up. @default 'log' */
  readonly onGiveUp?: OnGiveUp;
}

/**
 * What must be known before anything is injected: given beside the factory in `forRootAsync`.
 *
 * @publicApi
 */
export interface WebSockexModuleExtras {
  /** The classes to start with the application. @default [] */
  readonly clients?: readonly Type<object>[];
}
