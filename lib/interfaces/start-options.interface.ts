import type { ClientHandle } from '../runtime/client/client-handle.js';
import type { CloseReason } from '../runtime/frame/close-reason.js';
import type {
  BinaryFrame,
  ContinuationFrame,
  DataFrame,
  PingFrame,
  PongFrame,
  TextFrame,
} from '../runtime/frame/frame.js';
import type { ClientOptions } from '../runtime/options/client-options.js';
import type { DisconnectStatus } from '../runtime/frame/disconnect.status.js';
import type { ConnectionInfo, ConnectRequest } from '../runtime/process/handler.arguments.js';
import type { NameRegistry } from './name-registry.interface.js';

/** What handlers are given that are no `@OnStart`. */
type GivenElsewhere =
  | BinaryFrame
  | ContinuationFrame
  | DataFrame
  | PingFrame
  | PongFrame
  | TextFrame
  | CloseReason
  | ConnectionInfo
  | ConnectRequest
  | DisconnectStatus;

/** What a method takes first, one that need not be given included; nothing for what says no type. */
type FirstArgument<M> = M extends (...args: infer P) => unknown
  ? unknown extends P[0]
    ? never
    : Exclude<P[0], GivenElsewhere | undefined>
  : never;

/** The first arguments of every method of a class that could be its `@OnStart`. */
type Candidates<T> = { [K in keyof T]: FirstArgument<T[K]> }[keyof T];

/**
 * What the `@OnStart` of a client class takes. TypeScript does not see decorators: it is the first
 * argument of the method that is called `start`, or else `onStart`; in a class without either, what
 * any of its methods takes first (frames and what other handlers are given left out), or nothing.
 *
 * @publicApi
 */
export type StartArgs<T> = T extends { start(...args: infer P): unknown }
  ? P[0]
  : T extends { onStart(...args: infer P): unknown }
    ? P[0]
    : [Candidates<T>] extends [never]
      ? undefined
      : Candidates<T> | undefined;

/** What an `@OnStart` is refused with whose args `manager.start` could not take. */
interface HiddenArgs {
  readonly 'make it public, and call it start: its args are not those of its class': never;
}

/** Nothing to add for a method that takes these args; else what to do. */
type SameArgs<M, Args> = M extends (...args: infer P) => unknown
  ? [P[0]] extends [Args]
    ? unknown
    : HiddenArgs
  : never;

/**
 * Nothing to add for an `@OnStart` whose args {@link StartArgs} sees; else what to do. It asks as
 * little as it can: in a generic class the args are not known yet.
 */
export type SeenArgs<T, K, M> = M extends () => unknown
  ? unknown
  : K extends keyof T
    ? K extends 'start'
      ? unknown
      : T extends { start(...args: infer P): unknown }
        ? SameArgs<M, P[0]>
        : K extends 'onStart'
          ? unknown
          : T extends { onStart(...args: infer P): unknown }
            ? SameArgs<M, P[0]>
            : unknown
    : HiddenArgs;

/**
 * How a client is started at run time; each option stands over that of its class.
 *
 * @publicApi
 */
export interface DynamicClientOptions extends ClientOptions {
  /**
   * Unique in the application (or in `via`), and free again once the client has ended.
   * @default the name of the class; with a number, where that is taken
   */
  readonly name?: string;
  /** Where to connect. @default what the class says */
  readonly url?: string | URL;
  /** Where the name is registered. @default the application itself */
  readonly via?: NameRegistry;
}

/**
 * {@link DynamicClientOptions} with the arguments of the class.
 *
 * @publicApi
 */
export type StartOptions<T extends object> = DynamicClientOptions &
  (undefined extends StartArgs<T>
    ? { readonly args?: StartArgs<T> }
    : {
        /** What `@OnStart` of every incarnation is given. */
        readonly args: StartArgs<T>;
      });

/**
 * Whom a client is linked to by `manager.startLink`: a client, by its handle or name, or a signal.
 *
 * @publicApi
 */
export type LinkParent = ClientHandle | AbortSignal | string;

/**
 * How a linked client is started; see `manager.startLink`.
 *
 * @publicApi
 */
export interface LinkOptions {
  /**
   * Whether every end of the parent, a normal one too, comes as an `@OnInfo` message (`LinkExit`)
   * instead of ending the client, as OTP's `trap_exit` has it. The class must have an `@OnInfo`; as
   * any info, one that comes while the client has no session waits for it.
   * @default false
   */
  readonly trapExit?: boolean;
}

/**
 * What `@OnInfo` of a client with `trapExit` is given when an incarnation of its parent ends, and
 * once more when the supervisor of the parent gives up.
 *
 * @publicApi
 */
export interface LinkExit {
  readonly type: 'EXIT';
  /** The parent's name; `an AbortSignal` for one. */
  readonly from: string;
  readonly reason: CloseReason;
}

/** The options of a start as a parameter that may be left out where `args` may. */
export type StartParameters<T extends object, More = unknown> =
  undefined extends StartArgs<T>
    ? [options?: StartOptions<T> & More]
    : [options: StartOptions<T> & More];
