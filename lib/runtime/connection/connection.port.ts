import type { ClientStatus } from '../errors/connection.errors.js';
import type { PingFrame, PongFrame } from '../frame/frame.js';
import type { TransportInfo } from '../transport/transport.port.js';
import type { WireEnd } from './wire.end.js';
import type { FrameInbox } from './wire.port.js';

/** What a session is known by. */
export interface SessionInfo extends TransportInfo {
  readonly url: string;
  readonly session: number;
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
  onOpen(info: SessionInfo): void;
  onPing(frame: PingFrame): void;
  onPong(frame: PongFrame): void;
  onPeerClose(): void;
  /** A session is over, or an attempt failed. Told once for each. */
  onEnd(end: WireEnd): void;
  /** The delay of a backoff is over. */
  onRetry(): void;
  /** More answers wait to be sent than should (`true`), or all that waited then have gone (`false`). */
  onBackpressure(hasBackpressure: boolean): void;
}
