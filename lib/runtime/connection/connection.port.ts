import type { ClientStatus } from '../errors/connection.errors.js';
import type { DataFrame, PingFrame, PongFrame } from '../frame/frame.js';
import type { TransportInfo } from '../transport/transport.port.js';
import type { WireEnd } from './wire.end.js';

/** What a session is known by. */
export interface SessionInfo extends TransportInfo {
  readonly url: string;
  readonly session: number;
}

/** As much of a connection as it takes to answer a ping. */
export interface PingAnswerer {
  readonly isOpen: boolean;
  send(frames: readonly PongFrame[], done: undefined, isAnswer: true): void;
}

/** Whom the connection tells. */
export interface ConnectionOwner {
  onOpen(info: SessionInfo): void;
  onData(frame: DataFrame): void;
  /** `connection` is the one that tells: a ping may be answered at once. */
  onPing(frame: PingFrame, connection: PingAnswerer): void;
  onPong(frame: PongFrame): void;
  onPeerClose(): void;
  /** A session is over, or an attempt failed. Told once for each. */
  onEnd(end: WireEnd): void;
  /** The delay of a backoff is over. */
  onRetry(): void;
  /** More answers wait to be sent than should (`true`), or all that waited then have gone (`false`). */
  onBackpressure(hasBackpressure: boolean): void;
  onStatus(status: ClientStatus): void;
}
