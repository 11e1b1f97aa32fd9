import type { Protocol } from '../codec/protocol.port.js';
import type { ReconnectOptions } from '../connection/backoff.policy.js';
import type { DisconnectStatus, EndClass } from '../frame/disconnect.status.js';
import type { DataFrame, FrameLike } from '../frame/frame.js';
import type { Restart } from '../supervision/restart.policy.js';
import type { TransportOptions } from '../transport/transport.options.js';

/**
 * How a client behaves. All durations are milliseconds, all sizes bytes.
 *
 * @publicApi
 */
export interface ClientOptions extends TransportOptions {
  /**
   * How long the peer has to confirm that a channel is subscribed to, or left, where it does so at all. Past it the
   * session is left, since nobody knows what the peer has; the second time in a row for the same channel that has failed.
   * `Infinity` and 0: for ever. @default 10000
   */
  readonly ackTimeout?: number;
  /**
   * How long `handle.call()` waits for its answer, and `handle.sys` for the handler that runs;
   * `Infinity` for ever. @default 5000
   */
  readonly callTimeout?: number;
  /**
   * What an end that the client did not want says of the next attempt, asked after each: for a peer whose
   * codes or statuses mean something of their own. It is given what `@OnDisconnect` is given, but for
   * `retryIn`, with the `class` that holds where it returns nothing; what `@OnDisconnect` returns stands
   * over both. Where it throws, or returns anything else, that class holds too, and the log tells of it the
   * first, the tenth, the hundredth, … time. It may not return a promise. Asked of the failed attempts of a
   * rotation, too: there `'fatal'` ends that, and never the session. @default none
   * @example
   * classify: ({ reason }) =>
   *   reason.by === 'remote' && reason.code === 4004 ? 'fatal' : undefined
   */
  readonly classify?: (status: DisconnectStatus) => EndClass | undefined;
  /** How long to wait for the peer's close frame before the socket is cut. @default 5000 */
  readonly closeTimeout?: number;
  /**
   * One deadline for an attempt, over DNS, TCP, TLS and the answer of the handshake together.
   * It does not cover what `prepareTimeout` does. `Infinity`: none. @default 10000
   */
  readonly connectTimeout?: number;
  /**
   * What of `handle.sys` is on from the start; `true` is `trace`. A factory that returns a promise
   * knows it too late.
   * @default nothing
   */
  readonly debug?: boolean | DebugOptions | readonly ('trace' | 'log' | 'statistics')[];
  /**
   * By what a frame is known that comes on the old and on the new session of a rotation: its sequence
   * number, for one. What the old one has delivered, of the last 65,536 keys, is dropped where the new one
   * brings it again; `undefined`: never. Keys are compared as those of a `Set`. What it throws is a crash, as
   * in a handler. Without it
   * such frames are handled twice. @default none
   * @example
   * dedupe: ({ type, data }) => (type === 'text' ? JSON.parse(data).seq : undefined)
   */
  readonly dedupe?: (frame: DataFrame) => unknown;
  /**
   * Whether a FIRST attempt that fails goes to `@OnDisconnect` and the reconnect policy. Where
   * `false`, it ends the client at once with its error, and no callback runs.
   * @default true; false with `startup: 'required'`
   */
  readonly handleInitialFailure?: boolean;
  /**
   * A handler that has not returned by then is left behind, and the client crashes with
   * `HandlerTimeoutError`. `Infinity` and 0: none. @default Infinity
   */
  readonly handlerTimeout?: number;
  /** A tighter deadline from the connected socket to the answer of the handshake. @default none */
  readonly handshakeTimeout?: number;
  /**
   * Headers of the handshake's request; a name is one whatever its case. Those that belong to the
   * connection and its handshake are refused (`Connection`, `Content-Length`, `Sec-WebSocket-*`, …).
   * `Host` is not.
   */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** How to notice that a peer is gone; `false`: not at all. */
  readonly heartbeat?: false | HeartbeatOptions;
  /**
   * How long a channel that nobody subscribes to any more is kept, in milliseconds, for those who come back soon.
   * `Infinity`: for ever. @default 0
   */
  readonly linger?: number;
  /**
   * How long a session may take to be ready: until `@OnConnect` has returned, and what it returned was
   * sent, of a stream its first item. Past it the session ends with `LoginTimeoutError`, and an `@OnConnect`
   * that still runs is left behind. `Infinity` and 0: none. @default 30000
   */
  readonly loginTimeout?: number;
  /**
   * How long a client is without a session that is ready until that is told as an outage: by a warning in
   * the log and the event `lost`. `status` changes at once, and a reconnect that is quicker is a line at
   * level `debug`. 0: at once; `Infinity`: never. @default 5000
   */
  readonly lostAfter?: number;
  /** When messages wait to be handled. */
  readonly mailbox?: MailboxOptions;
  /**
   * How old a session may become, in milliseconds, until it is rotated: a new one takes its place without a
   * gap. Drawn for each session from 90 to 110 % of it, so that many clients do not do it at one time.
   * `Infinity` and 0: none. @default Infinity
   */
  readonly maxAge?: number;
  /**
   * Bytes that may wait to be sent: a send with which it would be more rejects with `BackpressureError`,
   * and nothing of it is sent. Small frames are counted, too: one may wait for each 256 bytes of it, at least 1,024. A
   * send alone is always taken, and so is what answers the peer's own frames. `Infinity`: no bound.
   * @default 16 MiB
   */
  readonly maxBuffered?: number;
  /**
   * What becomes of casts, infos and calls that wait when the client is restarted: the next
   * incarnation handles them, or they are dropped, as OTP does it; a dropped call rejects. Frames that
   * wait are dropped in any case; what comes between two incarnations is kept in any case.
   * @default 'drop'
   */
  readonly mailboxOnRestart?: 'keep' | 'drop';
  /**
   * Requests that may wait for their answers at a time; more wait for their turn, in order. A protocol such as OCPP
   * needs 1. @default 256
   */
  readonly maxInFlight?: number;
  /**
   * The longest delay before a restart. The first is made at once, those that follow it grow; after
   * `within` of life, and at least 5 seconds, they begin anew. @default 30000
   */
  readonly maxRestartDelay?: number;
  /**
   * Restarts that are allowed `within` the time; with one more the supervisor gives up, and the
   * client ends with `RestartLimitError`. In a group (`forFeature` with options) the limit of the
   * group counts, and this one beside it only where it, or `within`, is set. @default 9
   */
  readonly maxRestarts?: number;
  /**
   * What follows a message that is a bad one: it does not decode, is not valid, or is refused. `@OnError` is told
   * in any case, or else the log: the first, the tenth, the hundredth, …
   *
   * - `report`: nothing more; the feed lives on.
   * - `crash`: the incarnation ends by the `MessageError`, as by a handler that throws.
   * - `close`: the session is closed with 1007, or 1008 where a guard refused it; then the policy decides.
   *
   * @default 'report'
   */
  readonly onBadMessage?: 'report' | 'crash' | 'close';
  /**
   * What follows where messages of a stream are missing, and `@OnGap` could not give them: the stream goes on without
   * them; the session is left; or the incarnation crashes. The event `gap:lost` tells in any case. @default 'continue'
   */
  readonly onUnfilled?: 'continue' | 'reconnect' | 'crash';
  /**
   * How long the old session of a rotation is read after the switch, in milliseconds; its frames are handled
   * before those of the new one. It stands still while the client does not read. @default 1000
   */
  readonly overlap?: number;
  /**
   * One deadline for what prepares an attempt: the options factory and `@BeforeConnect` together. Past
   * it the attempt has failed, their signal is aborted, and they are not waited for. `connectTimeout`
   * begins after them. `Infinity` or 0: none. @default 10000
   */
  readonly prepareTimeout?: number;
  /**
   * How the peer talks: what makes messages of frames, and frames of messages. Layers of options replace
   * each other's. @default json()
   */
  readonly protocol?: Protocol;
  /**
   * The subprotocols to offer (RFC 6455 section 1.9). The peer must choose one of them, or none with
   * `requireProtocol: false`.
   */
  readonly protocols?: string | readonly string[];
  /** What may wait for a session, where a send asks for that (`whenDisconnected`). */
  readonly queue?: QueueOptions;
  /** When a lost connection is tried again; `false`: never. */
  readonly reconnect?: false | ReconnectOptions;
  /** How fast channels are subscribed to anew in each session. */
  readonly replay?: ReplayOptions;
  /**
   * How long `handle.request()` waits for its answer, from the call; each request may say otherwise. `Infinity` and
   * 0: for ever. @default 30000
   */
  readonly requestTimeout?: number;
  /** Whether a new incarnation follows one that has ended. @default 'transient' */
  readonly restart?: Restart;
  /**
   * Bytes waiting to be sent from which on a send waits its turn, until the socket has taken some. What it
   * has then promised is the same. `Infinity`: none waits. @default 1 MiB
   */
  readonly sendHighWaterMark?: number;
  /**
   * How often the client may send, for a peer that limits messages. What is more waits its turn, in
   * order. Pings, pongs, heartbeats and what `@OnConnect` sends pass, and are not counted: leave room for
   * them. A session begins with nothing counted. @default none
   * @example
   * sendRate: { limit: 5, per: 1_000 } // never more than 5 messages in any second
   */
  readonly sendRate?: SendRateOptions;
  /**
   * Bytes wait to be sent, and the socket has taken none of them for so long: the session ends with
   * `SendTimeoutError`. `Infinity` and 0: none. @default 15000
   */
  readonly sendTimeout?: number;
  /**
   * No data frame has come for so long: the session ends with `SilenceTimeoutError`. It stands still
   * while the client does not read. `Infinity` and 0: none. @default 0
   */
  readonly silenceTimeout?: number;
  /**
   * A handler that has not returned by then is told, by a warning and the event `handler:slow`; then
   * again ten times later. `Infinity` and 0: never. @default 10000
   */
  readonly slowHandler?: number;
  /**
   * When the client starts.
   *
   * - `background`: with the application, which does not wait for it.
   * - `required`: with the application; `app.init()` waits for the first `@OnConnect` and fails
   *   with the connection's error.
   * - `manual`: when `handle.start()` is called.
   *
   * @default 'background'
   */
  readonly startup?: Startup;
  /** How long a start that is waited for may take. @default 30000 */
  readonly startupTimeout?: number;
  /**
   * What to do with a frame that no `@OnFrame` of the class matches: log it (the first, the
   * tenth, the hundredth, …), crash, or nothing. Without any `@OnFrame` nothing is unhandled.
   * @default 'warn'
   */
  readonly unhandled?: 'warn' | 'crash' | 'ignore';
  /**
   * More URLs of the same service, to be tried beside `url`. A round begins with the one that worked
   * last, or else with `url`; a failure that is likely to pass (no answer, a time-out, 408, 425, 429,
   * most 5xx) moves on to the next at once. When all of them have failed, the client waits as
   * `reconnect` says, and the next round begins: `maxAttempts` counts rounds. One that `reconnect({ url })`
   * gives is tried alone. Layers of options replace each other's list. @default none
   */
  readonly urls?: readonly (string | URL)[];
  /**
   * What becomes of a send while no session is ready; each send may say otherwise.
   *
   * - `reject`: it rejects with `NotConnectedError`.
   * - `queue`: it waits for the next session, in order, within the bounds of `queue`.
   * - `latest`: the same, but a newer one with the same `key` takes its place.
   * - `drop`: it resolves, is not sent, and telemetry tells of it (`frame:dropped`).
   *
   * Casts wait by themselves (`mailbox.maxPostponed`). @default 'reject'
   */
  readonly whenDisconnected?: WhenDisconnected;
  /** The time in which restarts count. @default 300000 */
  readonly within?: number;
}

/** See {@link ClientOptions.whenDisconnected}. */
export type WhenDisconnected = 'reject' | 'queue' | 'latest' | 'drop';

/** See {@link ClientOptions.queue}. */
export interface QueueOptions {
  /** Frames; one more rejects with `QueueFullError`. @default 1000 */
  readonly max?: number;
  /** Bytes of them; a send with which it would be more rejects with `QueueFullError`. @default 1 MiB */
  readonly maxBytes?: number;
  /**
   * Milliseconds that one may wait, until the socket is given it; then it rejects with
   * `SendExpiredError`. `Infinity`: any. @default 30000
   */
  readonly ttl?: number;
}

/** See {@link ClientOptions.replay}. */
export interface ReplayOptions {
  /**
   * Channels in any second, in order of first subscription; what else waits to be sent comes after them. @default 50
   */
  readonly perSecond?: number;
}

/** See {@link ClientOptions.sendRate}. A message in fragments is one. */
export interface SendRateOptions {
  /** Messages in any `per` milliseconds. */
  readonly limit: number;
  readonly per: number;
  /** Messages that may go at once; then they are spread evenly. @default limit */
  readonly burst?: number;
}

/**
 * See {@link ClientOptions.heartbeat}. Whatever is read, of a frame that is not whole too, answers a
 * heartbeat; one that nothing answers in time ends the session with `HeartbeatTimeoutError`. While the
 * client does not read, no heartbeat is sent, and none is judged.
 *
 * @example
 * @WebSockexClient('wss://feed.example', {
 *   heartbeat: {
 *     send: () => '{"op":"ping"}',
 *     expect: ({ data }) => data === '{"op":"pong"}',
 *   },
 * })
 */
export interface HeartbeatOptions {
  /** Milliseconds between two; the first of a session comes after a random part of it. @default 20000 */
  readonly interval?: number;
  /** Milliseconds for the answer, from when the socket has taken the heartbeat. @default 10000 */
  readonly timeout?: number;
  /** What each ping carries, at most 125 bytes. @default another one for each ping */
  readonly payload?: string | Uint8Array;
  /**
   * Gives the message to send in place of a ping, to a peer that answers none. It is sent once
   * `@OnConnect` is done. What it throws is a crash, as in a handler.
   */
  readonly send?: () => FrameLike;
  /**
   * Whether a frame answers such a message. One that does reaches no handler and no `frames$`. It is only
   * asked while an answer is missing. What it throws is a crash, as in a handler.
   */
  readonly expect?: (frame: DataFrame) => boolean;
}

/** See {@link ClientOptions.debug}; what each does, the members of `handle.sys` tell. */
export interface DebugOptions {
  readonly trace?: boolean;
  readonly log?: number | boolean;
  readonly statistics?: boolean;
  readonly logToFile?: string;
}

/** See {@link ClientOptions.startup}. */
export type Startup = 'background' | 'required' | 'manual';

/** See {@link ClientOptions.mailbox}. */
export interface MailboxOptions {
  /** Waiting messages at which the socket is paused. @default 1024 */
  readonly highWaterMark?: number;
  /** Waiting messages at which it is resumed. @default a quarter of `highWaterMark` */
  readonly lowWaterMark?: number;
  /**
   * Waiting bytes at which the socket is paused; resumed at half of them. As many bytes of answers
   * to the peer's own frames waiting to be sent pause it too: a peer that does not take its answers is
   * not read. What others send does not. @default 4 MiB
   */
  readonly maxBytes?: number;
  /**
   * Casts and infos that are kept while no session is ready, to be handled in the next one. One
   * more is refused to its caller. @default 10000
   */
  readonly maxPostponed?: number;
  /**
   * Casts, infos and calls that may wait for their turn, in any state. One more is refused to its caller,
   * with `MailboxFullError`. @default 100000
   */
  readonly maxWaiting?: number;
}
