import type { Position } from '../codec/protocol.port.js';
import type { SubscribeError } from '../errors/channel.errors.js';
import type { GapError } from '../errors/gap.errors.js';
import type { MessageError } from '../errors/message.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame, Frame, PingFrame, PongFrame } from '../frame/frame.js';

/** What every event carries. */
export interface EventBase {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** The client's name. */
  readonly client: string;
  /** The client class's name. */
  readonly module: string;
  /** The number of the current session, or of the last one; 0 before the first. */
  readonly session: number;
}

/** A close frame, as telemetry shows it. */
export interface CloseFrame {
  readonly type: 'close';
  readonly code?: number;
  readonly reason: string;
}

/**
 * The peer did not end a session that was being closed within `closeTimeout`, or before the time of
 * a shutdown was over: it is cut.
 */
export interface CloseTimeoutEvent extends EventBase {
  readonly event: 'close:timeout';
}

/** An attempt to connect begins. */
export interface ConnectingEvent extends EventBase {
  readonly event: 'connecting';
  /** Without credentials. */
  readonly url: string;
  /** The number its failure would have: 1 for the very first, 2 for the first after a lost session. */
  readonly attempt: number;
}

/** A session is open; told before `@OnConnect` runs. */
export interface ConnectedEvent extends EventBase {
  readonly event: 'connected';
  /** Where it leads, after the redirects that were followed; without credentials. */
  readonly url: string;
  /** The subprotocol the peer chose; empty when none. */
  readonly protocol: string;
  /** What speaks to the peer: `native` or `ws`; absent for a transport of another make. */
  readonly transport?: string;
}

/** A session was lost or an attempt failed; told before `@OnDisconnect` runs. */
export interface DisconnectedEvent extends EventBase {
  readonly event: 'disconnected';
  readonly reason: CloseReason;
  readonly attempt: number;
  /** What broke, where something did. */
  readonly error?: unknown;
}

/**
 * A client has lost its session, and had none that is ready for `lostAfter`: an outage. Told once for
 * each, and not where the client is about to end, nor before its first session. {@link RestoredEvent}
 * follows.
 */
export interface LostEvent extends EventBase {
  readonly event: 'lost';
  /** When it began: milliseconds since the epoch. */
  readonly since: number;
  /** The loss and the failed attempts so far, as `disconnected` counts them; 0 where none has been told. */
  readonly attempt: number;
  /** The last end, where one has been told. */
  readonly reason?: CloseReason;
  /** What broke, where something did. */
  readonly error?: unknown;
}

/** The outage that {@link LostEvent} told of is over: a session is ready. */
export interface RestoredEvent extends EventBase {
  readonly event: 'restored';
  /** Milliseconds that the client had no session that was ready. */
  readonly lasted: number;
}

/**
 * A new session has taken the place of the old one, without a gap, and all that the old one has brought
 * is handled; with `dedupe` it is told when nothing is expected to come twice any more.
 */
export interface RotatedEvent extends EventBase {
  readonly event: 'rotated';
  /** The number of the old session. */
  readonly from: number;
  /** The number of the new one. */
  readonly to: number;
  /** Frames that the old session has brought after the switch. */
  readonly overlapped: number;
  /** Frames of the new session that were dropped, since the old one had brought them (`dedupe`). */
  readonly deduped: number;
}

/** The client waits before its next attempt. */
export interface BackoffEvent extends EventBase {
  readonly event: 'backoff';
  /** Milliseconds until the attempt. */
  readonly delay: number;
  readonly attempt: number;
}

/**
 * A whole frame arrived, and its turn in the mailbox has come; told before its handler runs. A
 * ping that is answered at once, for want of an `@OnPing`, is told at once.
 */
export interface FrameReceivedEvent extends EventBase {
  readonly event: 'frame:received';
  readonly frame: DataFrame | PingFrame | PongFrame;
}

/** A frame was handed to the socket: replies, pongs and closes too. */
export interface FrameSentEvent extends EventBase {
  readonly event: 'frame:sent';
  readonly frame: Frame | CloseFrame;
}

/**
 * A frame was not sent, and nobody waits for it: what a handler returned, when its session is over or too
 * much waits to be sent; or a send with `whenDisconnected: 'drop'` without a session.
 */
export interface FrameDroppedEvent extends EventBase {
  readonly event: 'frame:dropped';
  readonly frame: Frame;
  readonly error: unknown;
}

/** No `@OnFrame` matched a frame, and `unhandled` is not `ignore`. */
export interface FrameUnhandledEvent extends EventBase {
  readonly event: 'frame:unhandled';
  readonly frame: DataFrame;
  /** How many there have been in this client's life. */
  readonly count: number;
}

/** An answer has come that nobody waits for: its request has ended, or was none of ours. */
export interface AnswerUnmatchedEvent extends EventBase {
  readonly event: 'answer:unmatched';
  readonly id: string | number;
}

/**
 * A channel that was subscribed to before is so no more: the peer has refused it in a new session, or does not answer.
 */
export interface ChannelFailedEvent extends EventBase {
  readonly event: 'channel:failed';
  /** The name of its `@OnSubscribe`. */
  readonly channel: string;
  readonly args: readonly unknown[];
  readonly error: SubscribeError;
  /** Milliseconds until it is tried again; absent where that is in the next session. */
  readonly delay?: number;
}

/** Messages of a stream are missing, and `@OnGap` could not give them. */
export interface GapLostEvent extends EventBase {
  readonly event: 'gap:lost';
  readonly stream: string;
  /** Where the last message before them stands, and the first one behind them. */
  readonly from: Position;
  readonly to: Position;
  readonly error: GapError;
}

/** A message has come that was handled before: its position is not above the last one. */
export interface MessageDuplicateEvent extends EventBase {
  readonly event: 'message:duplicate';
  readonly position: Position;
  /** How many there have been in this client's life. */
  readonly count: number;
}

/** A message of the peer's was a bad one: it did not decode, was not valid, or was refused. */
export interface MessageRejectedEvent extends EventBase {
  readonly event: 'message:rejected';
  readonly error: MessageError;
  /** How many there have been in this client's life. */
  readonly count: number;
  /** Whether `@OnError` has it, or something ends by it; else the log tells of it. */
  readonly isHandled: boolean;
}

/** A handler has been running for long; told again when that is ten times as long. */
export interface HandlerSlowEvent extends EventBase {
  readonly event: 'handler:slow';
  /** Which one, in words. */
  readonly method: string;
  /** Milliseconds, so far. */
  readonly running: number;
  /** Messages that wait for it. */
  readonly waiting: number;
}

/** The peer has answered a heartbeat. */
export interface HeartbeatEvent extends EventBase {
  readonly event: 'heartbeat';
  /** Milliseconds from when the socket had taken it to the answer. */
  readonly rtt: number;
}

/** A client has ended for good, and casts and infos that waited are handled by nobody. */
export interface MailboxDroppedEvent extends EventBase {
  readonly event: 'mailbox:dropped';
  /** Why the client ended. */
  readonly reason: CloseReason;
  /** How many there were; calls that waited are not among them: each has rejected. */
  readonly dropped: number;
}

/**
 * Reading from the socket stops: too much waits to be handled, or the peer does not take the answers to
 * its own frames.
 */
export interface PauseEvent extends EventBase {
  readonly event: 'pause';
}

/** Reading from the socket goes on. */
export interface ResumeEvent extends EventBase {
  readonly event: 'resume';
}

/** A supervisor has decided to restart a client: it crashed, or another one of its group did. */
export interface RestartPlannedEvent extends EventBase {
  readonly event: 'restart:planned';
  /** Why the incarnation ended. */
  readonly reason: CloseReason;
  /** Milliseconds until the next begins. */
  readonly delay: number;
  /** How many restarts count against the limit by now. */
  readonly restarts: number;
  /** Casts and infos that waited, and are dropped; see `mailboxOnRestart`. */
  readonly dropped: number;
}

/** A new incarnation begins; told before its `@OnStart` runs, and not for the first. */
export interface RestartEvent extends EventBase {
  readonly event: 'restart';
  /** 2 after the first restart. */
  readonly incarnation: number;
}

/** An incarnation ended; told before `@OnTerminate` runs, once for each. */
export interface TerminateEvent extends EventBase {
  readonly event: 'terminate';
  readonly reason: CloseReason;
  /** Whether `handle.start()` (or the boot) was waiting and is told the same. */
  readonly duringStart?: boolean;
  /** Whether a handler failed; else the end was decided: by a handler, the policy, a holder of the handle. */
  readonly crashed?: boolean;
}

/** Something failed beside the client's life: an observer that threw, an `@OnTerminate` that did. */
export interface ErrorEvent extends EventBase {
  readonly event: 'error';
  readonly error: unknown;
  /** Where, for a person: "a subscriber of frames$". */
  readonly where: string;
}

/**
 * Something is not as it should be. Told once of each: a proxy of the environment that cannot be spoken
 * to, and `tls.rejectUnauthorized: false`. Told each time: a handler that has not returned when its client
 * is stopped, and is left behind.
 */
export interface WarningEvent extends EventBase {
  readonly event: 'warning';
  /** What it is, and what to do: a sentence for a person, with the client's name. */
  readonly message: string;
}

/**
 * What `events$` shows and what is published on the channel `websockex:<event>`.
 *
 * @publicApi
 */
export type WebSockexEvent =
  | ConnectingEvent
  | ConnectedEvent
  | DisconnectedEvent
  | LostEvent
  | RestoredEvent
  | RotatedEvent
  | BackoffEvent
  | FrameReceivedEvent
  | FrameSentEvent
  | FrameDroppedEvent
  | FrameUnhandledEvent
  | MessageRejectedEvent
  | AnswerUnmatchedEvent
  | ChannelFailedEvent
  | GapLostEvent
  | MessageDuplicateEvent
  | HandlerSlowEvent
  | HeartbeatEvent
  | MailboxDroppedEvent
  | PauseEvent
  | ResumeEvent
  | CloseTimeoutEvent
  | RestartPlannedEvent
  | RestartEvent
  | TerminateEvent
  | WarningEvent
  | ErrorEvent;

/** The names of the events. */
export type EventName = WebSockexEvent['event'];

/** An event without what every event carries. */
export type EventFields<N extends EventName> = Omit<
  Extract<WebSockexEvent, { event: N }>,
  keyof EventBase | 'event'
>;
