import type { Observable } from 'rxjs';

import type { WaitOptions } from '../async/deferred.js';
import type { MessagePattern } from '../codec/message.pattern.js';
import type { SchemaOutput, StandardSchemaV1 } from '../codec/standard.schema.js';
import type { RotateOptions } from '../connection/rotation.port.js';
import type { ClientStatus } from '../errors/connection.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame, FrameLike } from '../frame/frame.js';
import type { RequestOptions, SendOptions } from './send.options.js';
import type { Directive, LeaveOptions } from '../process/directive.js';
import type { ConnectionInfo } from '../process/handler.arguments.js';
import type { ChannelInfo, ChannelSource, SubscribeContext } from '../session/channel.port.js';
import type { ClientSys } from '../sys/client-sys.js';
import type { WebSockexEvent } from '../telemetry/events.js';

/** A client class nothing is known of: any name may be cast or called. */
export type UnknownClient = Record<string, (...args: unknown[]) => unknown>;

/** The names of the methods of a client class. */
export type MethodName<T> = {
  [K in keyof T]: T[K] extends (...args: never[]) => unknown ? K : never;
}[keyof T] &
  string;

/** The arguments of a method. */
export type MethodArgs<T, K extends keyof T> = T[K] extends (...args: infer A) => unknown
  ? A
  : never;

/** What a call to a method is answered with: a directive is acted on and answers nothing. */
export type CallAnswer<T, K extends keyof T> = T[K] extends (...args: never[]) => infer R
  ? Awaited<R> extends infer V
    ? V extends Directive
      ? undefined
      : V
    : never
  : never;

/** The names of the `@OnSubscribe` methods of a client class; of one that nothing is known of, any name. */
export type ChannelName<T> = {
  [K in keyof T]: T[K] extends (...args: never[]) => infer R
    ? unknown extends R
      ? K
      : Awaited<R> extends ChannelSource<unknown>
        ? K
        : never
    : never;
}[keyof T] &
  string;

/** What a subscriber gives: the arguments of the method without its context, which comes last. */
export type ChannelArgs<T, K extends keyof T> = T[K] extends (...args: infer A) => unknown
  ? A extends readonly [...infer Given, SubscribeContext?]
    ? Given
    : A
  : never;

/** The items of a channel. */
export type ChannelItem<T, K extends keyof T> = T[K] extends (...args: never[]) => infer R
  ? unknown extends R
    ? unknown
    : Awaited<R> extends ChannelSource<infer Item>
      ? Item
      : never
  : never;

/**
 * What others hold of a client: stable over reconnects and restarts, as a registered name is, and
 * typed by the client class. Inject it with `@InjectClient(FeedClient)`.
 *
 * No promise of it ends the process when its rejection is not listened to. Once the application shuts down
 * whatever it refuses, it refuses with `ShuttingDownError`, a `NotConnectedError`.
 *
 * @example
 * constructor(@InjectClient(FeedClient) private readonly feed: ClientHandle<FeedClient>) {}
 *
 * async buy() {
 *   await this.feed.connected({ timeout: 5_000 });
 *   this.feed.cast('publish', Frame.text('buy'));
 * }
 *
 * @publicApi
 */
export abstract class ClientHandle<
  T extends object = UnknownClient,
> implements AsyncIterable<DataFrame> {
  /** The client's name, unique in the application. */
  abstract readonly name: string;

  /** What the client's connection is doing now. */
  abstract readonly status: ClientStatus;

  /** {@link status}, now and whenever it changes. Completes after `terminated`; never errors. */
  abstract readonly status$: Observable<ClientStatus>;

  /** The number of the current session, or of the last one; 0 before the first. */
  abstract readonly session: number;

  /**
   * The last round trip of a heartbeat, in milliseconds; `undefined` before the first. A message in place
   * of a ping is measured where its answer is expected (`heartbeat.expect`).
   */
  abstract readonly latency: number | undefined;

  /**
   * The text and binary frames, each when its turn in the mailbox has come, before its handler
   * runs. Hot and shared, live over reconnects, free when nobody subscribes; completes when the
   * client ends for good, never errors. It does not wait for its subscribers: iterate over the
   * handle where back pressure is wanted.
   */
  abstract readonly frames$: Observable<DataFrame>;

  /** What telemetry tells of this client. Hot and shared; completes when the client ends. */
  abstract readonly events$: Observable<WebSockexEvent>;

  /**
   * Why the client ended for good. Never rejects: an end by an error resolves with
   * `{ by: 'error', error }`.
   */
  abstract readonly terminated: Promise<CloseReason>;

  /** Looks into the running client: traces it, reads and replaces its state, suspends it. */
  abstract readonly sys: ClientSys<T>;

  /**
   * Waits until a session is open and its `@OnConnect` is done; at once where one is. Do not await it
   * in a constructor, a factory or `onModuleInit`: the application starts its clients after these. A
   * wait for a client that nobody has started is told in the log after two seconds.
   *
   * @throws (rejects) the error the client ended with; `NotConnectedError` once it has ended, and
   * `ShuttingDownError` when the application shuts down;
   * `CallTimeoutError` after `timeout`; the signal's reason; `DeadlockError` when it is awaited in a
   * handler of the same client while no session is ready
   */
  abstract connected(options?: WaitOptions): Promise<ConnectionInfo>;

  /**
   * Hands one frame, or several, to the socket, ahead of what waits in the mailbox; of several all are
   * sent or none. Resolves when the socket has taken them, which is not when the peer has got them. A
   * string is a text frame, a `Buffer` a binary one.
   *
   * It goes at once, unless `sendHighWaterMark` or `sendRate` hold it up: then it waits its turn, in order.
   * While no session is ready, `whenDisconnected` says what becomes of it; in `@OnConnect`, which makes it
   * ready, it goes at once. One that waits and whose caller
   * has given up, by `timeout` or `signal`, is not sent any more.
   *
   * @example
   * await feed.sendFrame(Frame.json(order), { whenDisconnected: 'queue', timeout: 5_000 });
   *
   * @throws (rejects) `NotConnectedError`, with the state, where it needs a session and there is none, or
   * that session ends before the socket has taken it; `SessionOverError` for one that is bound to a `session`;
   * `QueueFullError`, `SendExpiredError` and `SupersededError` of those that wait for a session;
   * `BackpressureError` above `maxBuffered`; `FrameEncodeError`, `InvalidFrameError` or `ConfigurationError`
   * for what cannot be sent; the signal's reason; `CallTimeoutError` when the socket did not take it in
   * `timeout` (it may still where it was its turn)
   */
  abstract sendFrame(frame: FrameLike | readonly FrameLike[], options?: SendOptions): Promise<void>;

  /**
   * Sends a message: what the `protocol` of the client writes of it, by default its JSON. In all else it is
   * {@link sendFrame}.
   *
   * @example
   * await feed.send({ op: 'subscribe', channel: 'trades' });
   *
   * @throws (rejects) as `sendFrame`; `FrameEncodeError` for what the protocol cannot write
   */
  abstract send(message: unknown, options?: SendOptions): Promise<void>;

  /**
   * Sends a request, and waits for the answer of the peer; `protocol` says how one is written and an answer known. It
   * ends once, whatever happens, and what it rejects with says by `sent` whether the peer may have done what it was asked
   * for. More than `maxInFlight` wait for their turn, in order. An answer is taken ahead of the mailbox: a handler of the
   * same client may wait for it, and meanwhile the number of messages that wait does not pause reading.
   *
   * @example
   * const order = await feed.request({ op: 'order', side: 'buy' }, { schema: Order, timeout: 2_000 });
   *
   * @throws (rejects) `RequestFailedError`: the peer's; `RequestTimeoutError`; the signal's reason; `DisconnectedError`
   * when the session ends after it was sent; `NotConnectedError` and what `sendFrame` rejects with, when it was not;
   * `BackpressureError` when a handler waits for it and `mailbox.maxBytes` of frames wait behind that;
   * `MessageError` where the schema does not accept the answer; `ConfigurationError` where the protocol has no requests
   */
  abstract request<S extends StandardSchemaV1 = StandardSchemaV1>(
    message: unknown,
    options?: RequestOptions<S>,
  ): Promise<SchemaOutput<S>>;

  /**
   * The messages that the pattern takes, or all, each before its handler runs: hot and shared, live over
   * reconnects. Answers to requests are not among them. It completes when the client ends, and never errors: a
   * message that the schema does not accept is left out, and told as those for `@OnMessage` are where there is no
   * `@OnError`. The pattern is that of `@OnMessage`; one that throws takes no message.
   *
   * @example
   * feed.messages('trade', { schema: Trade }).subscribe(({ price }) => this.prices.push(price));
   *
   * @throws ConfigurationError, at once, for a pattern or a schema that is none
   */
  abstract messages<S extends StandardSchemaV1>(
    pattern: MessagePattern | undefined,
    options: { readonly schema: S },
  ): Observable<SchemaOutput<S>>;
  abstract messages(pattern?: MessagePattern): Observable<unknown>;

  /**
   * The items of a channel of the peer's: what the `@OnSubscribe` method of this name says. The first subscriber has the
   * peer asked for it, once for all who give the same arguments, and the last one to leave has it ended, after the
   * option `linger`. It is asked for anew in each session, so subscribers live over reconnects, rotations and crashes.
   * It completes when the client ends.
   *
   * It errors with a `SubscribeError` where the peer refuses it the first time, or the method throws. In later sessions
   * it is tried again instead, and the event `channel:failed` tells. It does not wait for its subscribers.
   *
   * @example
   * feed.channel('trades', 'BTC').subscribe(({ price }) => console.log(price));
   *
   * @param args texts, finite numbers, bigints, booleans, `null`, `undefined`, and arrays and plain objects of those, by
   * which channels are told apart; copied, and frozen
   * @throws NoHandlerError where the class has no such `@OnSubscribe`; ConfigurationError for other arguments
   */
  abstract channel<K extends ChannelName<T>>(
    name: K,
    ...args: ChannelArgs<T, K>
  ): Observable<ChannelItem<T, K>>;

  /** The channels that somebody subscribes to, and how they stand; in order of first subscription. */
  abstract readonly channels: readonly ChannelInfo[];

  /**
   * Has an `@OnCast` method called in its turn, and does not wait. While no session is ready the
   * cast is kept, and handled in the next one.
   *
   * @throws NoHandlerError where the class has no such `@OnCast`; NotConnectedError once the
   * client has ended, or when too many casts are kept already (`mailbox.maxPostponed`)
   */
  abstract cast<K extends MethodName<T>>(name: K, ...args: MethodArgs<T, K>): void;

  /**
   * Has an `@OnCall` method called in its turn, and waits for what it returns. It is answered in
   * every state but `idle`, `terminated` and `failed`.
   *
   * @throws (rejects) what the method throws, which ends the incarnation; `NoHandlerError`;
   * `DeadlockError` when it is awaited in a handler of the same client;
   * `CallTimeoutError` after `callTimeout`, and a call whose turn has not come by then is not run any
   * more; `NotConnectedError` when the client ends before
   */
  abstract call<K extends MethodName<T>>(
    name: K,
    ...args: MethodArgs<T, K>
  ): Promise<CallAnswer<T, K>>;

  /**
   * Gives anything to `@OnInfo`, in its turn; kept while no session is ready, as a cast is.
   *
   * @throws NoHandlerError where the class has no `@OnInfo`; NotConnectedError as `cast`
   */
  abstract info(message: unknown): void;

  /**
   * Closes the session now: with an empty close frame, or a code and a reason of at most 123
   * bytes. What arrives after it is dropped. Unless `@OnDisconnect` says otherwise the client
   * ends then; between sessions it ends at once. Resolves when the session is over.
   *
   * @throws FrameEncodeError, at once, for a code or reason that may not be sent
   */
  abstract close(code?: number, reason?: string): Promise<void>;

  /**
   * Says that the peer has taken the session in, as the directive `accepted()` does: its end will be the
   * first of a row, so that the delays and `maxAttempts` begin anew. Without it that is so after
   * `reconnect.stableAfter`. Between sessions it does nothing.
   */
  abstract accepted(): void;

  /**
   * Connects again: closes an open session with 1000, or `code`, and follows the reconnect policy's
   * delay, or cuts a backoff short. With `force` the socket is cut at once, without a closing handshake,
   * and an attempt that is under way is given up for another. The wait before a restart stays as it
   * is. Resolves when the next session is ready.
   *
   * @throws FrameEncodeError, ConfigurationError, at once, for a code, a reason or a `force` that cannot
   * be; (rejects) `NotConnectedError` before the start and after the end; `DeadlockError` when it is
   * awaited in a handler of the same client: return `reconnect()` there
   */
  abstract reconnect(options?: LeaveOptions): Promise<ConnectionInfo>;

  /**
   * Puts a new session in the place of the one that is open, without a gap: the new one is opened, its
   * `@OnConnect` runs, and when it has brought a data frame, `ready()` was returned, or 5 seconds have
   * passed, it takes over. The old one is read for `overlap` more, and closed with 1000, or `code`. `status` stays `open`, and
   * `@OnDisconnect` is not told. Where the new one fails, the old one stays, and it is tried again as
   * `classify` and `reconnect` say, with `reconnect: false` as by default. One that is under way is joined. Resolves when the new session has taken over.
   *
   * @example
   * await feed.rotate({ within: 60_000 });
   *
   * @throws UrlError, ConfigurationError, FrameEncodeError, at once, for a URL, a time, a code or a reason
   * that cannot be; (rejects) `NotConnectedError` while no session is ready, and when the session is left or lost before;
   * `CallTimeoutError` after `within`; what an attempt has failed with that none follows, because it was
   * fatal, or by `maxAttempts`; `DeadlockError` when it is awaited in a handler of the same client: return
   * `rotate()` there
   */
  abstract rotate(options?: RotateOptions): Promise<ConnectionInfo>;

  /**
   * Starts a client of `startup: 'manual'`, and waits for its first `@OnConnect`; of one that is
   * started already it only waits. One that this call has started, and that is not
   * there within `startupTimeout`, is stopped. While the application boots it is a wish: the client
   * starts with the boot.
   *
   * @throws (rejects) the error the start failed with; `NotConnectedError` once the client has ended,
   * and at once, with nothing changed, in an application that has not been initialised
   */
  abstract start(): Promise<ConnectionInfo>;

  /**
   * Ends the client for good: no more frames are taken, what waits in the mailbox is handled, the
   * session is closed with 1000, and `@OnTerminate` runs; after `shutdownTimeout` what is left is
   * cut. Resolves with the reason.
   *
   * @throws (rejects) `DeadlockError` when it is awaited in a handler of the same client, which ends all
   * the same
   */
  abstract stop(): Promise<CloseReason>;

  /**
   * The text and binary frames from now on, with back pressure: a loop that falls behind pauses
   * the socket, and leaving it lets the socket go on. Ends when the client ends for good. Who takes an
   * iterator by hand and reads no more calls its `return()`: without that the socket waits until the
   * iterator is collected as garbage.
   */
  abstract [Symbol.asyncIterator](): AsyncIterableIterator<DataFrame>;
}
