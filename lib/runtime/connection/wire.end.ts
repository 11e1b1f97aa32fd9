import { ProtocolError } from '../errors/connection.errors.js';
import type { WebSockexError } from '../errors/websockex.error.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';

/** The peer's close frame. */
export interface PeerClose {
  readonly code: number | undefined;
  readonly message: string;
}

/** The cause of an attempt's failure where the peer said nothing: in time, or before it was gone. */
export class UnansweredError extends Error {}

/** What really happened, where a session's end was not our doing; `ws` would say 1006 to all of it. */
export function observedEnd(
  peerClose: PeerClose | undefined,
  error: WebSockexError | undefined,
): Omit<WireEnd, 'opened'> {
  if (peerClose !== undefined) {
    const { code, message } = peerClose;
    const reason = { by: 'remote', message, ...(code !== undefined && { code }) } as const;
    return { reason, voluntary: false };
  }
  const reason: CloseReason =
    error instanceof ProtocolError
      ? { by: 'local', code: error.closeCode, message: error.detail }
      : { by: 'remote', code: CloseCode.abnormal, message: '' };
  return { reason, voluntary: false, ...(error !== undefined && { error }) };
}

/** How a wire came to its end. */
export interface WireEnd {
  /** Whether it ever was open: the end of a session, or a failed attempt. */
  readonly opened: boolean;
  readonly reason: CloseReason;
  /** What broke, where something did. */
  readonly error?: unknown;
  /** Whether no attempt was made: what prepares one failed. */
  readonly isUnmade?: boolean;
  /** Whether another session has taken its place already: nothing is lost. */
  readonly isRotated?: boolean;
  /** Whether it ended because we wanted it to. */
  readonly voluntary: boolean;
}
