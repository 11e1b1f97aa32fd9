import type { Position, RequestResult } from '../codec/protocol.port.js';
import type { StandardSchemaV1 } from '../codec/standard.schema.js';

/**
 * How a channel of the peer's is subscribed to in one session: what an `@OnSubscribe` returns.
 *
 * @example
 * const source: ChannelSource<Trade> = {
 *   subscribe: { op: 'subscribe', symbol },
 *   unsubscribe: { op: 'unsubscribe', symbol },
 *   match: (message: Trade) => message.type === 'trade' && message.symbol === symbol,
 *   item: Trade,
 *   ack: 'answer',
 * };
 *
 * @publicApi
 */
export interface ChannelSource<Item> {
  /** The message that subscribes. With `ack: 'answer'` it is sent as a request. */
  readonly subscribe: unknown;
  /**
   * The message that ends it, when the last subscriber has gone; or what makes that of the answer to `subscribe`, for
   * peers that give each subscription an id. @default nothing is sent
   */
  readonly unsubscribe?: unknown;
  /**
   * Whether a message is an item of it. One that takes a second parameter gets the answer to `subscribe`, or the message
   * that was its `ack`: it is asked once that is there, of all that has come since the subscription was sent.
   */
  match(message: never, answer: never): boolean;
  /** Makes the item of a message: a schema, which it must fit, or a function. @default the message itself */
  readonly item?: StandardSchemaV1<unknown, Item> | ((message: never) => Item);
  /**
   * What confirms it: the answer to the request, or a message (`true`); an `Error` refuses it.
   *
   * @default nothing: it is taken as confirmed once it is sent
   */
  readonly ack?: 'answer' | ((message: never) => boolean | Error);
}

/**
 * What an `@OnSubscribe` is given after the arguments of the subscriber.
 *
 * @publicApi
 */
export interface SubscribeContext {
  /** The number of the session it is for. */
  readonly session: number;
  /** Where the last item that was delivered stood, in sessions before this, where `protocol.position` says so. */
  readonly after?: Position;
}

/**
 * Whether items come: not yet; yes; no, because the peer has refused it, or is silent.
 *
 * @publicApi
 */
export type ChannelState = 'pending' | 'active' | 'failed';

/**
 * A channel that somebody subscribes to.
 *
 * @publicApi
 */
export interface ChannelInfo {
  /** The name of the `@OnSubscribe`. */
  readonly name: string;
  readonly args: readonly unknown[];
  readonly state: ChannelState;
  readonly subscribers: number;
  /** Why it has failed. */
  readonly error?: Error;
}

/** Whom channels talk by. */
export interface ChannelPort {
  /**
   * Asks the `@OnSubscribe` of that name, between two messages.
   *
   * @param later told where it takes its time
   */
  ask(
    name: string,
    args: readonly unknown[],
    told: (outcome: RequestResult) => void,
    later: () => void,
  ): void;
  /**
   * @param isReplay whether it goes before all that waits to be sent
   * @param done told when the socket has taken it, or why it never will
   * @param handed told when it is handed to the socket: it may wait for its turn. What answers it comes after that
   * @throws WebSockexError where it may not be sent
   */
  send(
    message: unknown,
    isReplay: boolean,
    done: (error?: Error | null) => void,
    handed: () => void,
  ): void;
  /**
   * The same, as a request; rejects with what it ends by, and when it is aborted.
   *
   * @param sent told when the socket has it: it may wait for its turn. `aside` makes room for other requests
   */
  request(
    message: unknown,
    isReplay: boolean,
    signal: AbortSignal,
    sent: (aside: () => void) => void,
  ): Promise<unknown>;
  /** Where a message stands. Throws what the protocol throws. */
  position(message: unknown): Position | undefined;
  /** A message is no item as it must be, or could not be looked at: it is a bad one. It may have had its turn before. */
  bad(error: unknown, message: unknown): void;
}
