import type { ClientStatus } from '../errors/connection.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { PingFrame, PongFrame } from '../frame/frame.js';
import type { TransportInfo } from '../transport/transport.port.js';
import type { WireEnd } from './wire.end.js';
import type { FrameInbox } from './wire.port.js';

/** What a session is known by. */
export interface SessionInfo extends TransportInfo {
  readonly url: string;
  readonly session: number;
}

/** The socket of a session. */
export interface SessionWire {
  /** From now on its frames go elsewhere. */
  divert(inbox: FrameInbox): void;
}

/** Told of every change of a status. */
export interface StatusListener {
  onStatus(status: ClientStatus): void;
}

/** Whom the connection tells. */
export interface ConnectionOwner {
  /** Where frames go. */
  readonly inbox: FrameInbox;
  /** Who is told of the status. */
  readonly listener: StatusListener;
  onOpen(info: SessionInfo, wire: SessionWire): void;
  onPing(frame: PingFrame): void;
  onPong(frame: PongFrame): void;
  /** The peer has closed: nothing of the session follows. */
  onPeerClose(reason: CloseReason): void;
  /** The session is being closed, and not because its peer has; its `onEnd` follows, unless it is given up. */
  onLeaving(reason: CloseReason): void;
  /** A session is over, or an attempt failed. Told once for each. */
  onEnd(end: WireEnd): void;
  /** The delay of a backoff is over. */
  onRetry(): void;
  /** More answers wait to be sent than should (`true`), or all that waited then have gone (`false`). */
  onBackpressure(hasBackpressure: boolean): void;
  /** The socket has taken some of what waited above `sendHighWaterMark`. */
  onWritable(): void;
}
