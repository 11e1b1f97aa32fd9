import type { ClientStatus } from '../errors/connection.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { ProcessOwner } from '../process/process.port.js';

/** Whom a succession tells. */
export interface SuccessionOwner extends Pick<ProcessOwner, 'onReady' | 'observe' | 'onError'> {
  /** Whether somebody waits for the start. */
  readonly isStartAwaited: boolean;
  onStatus(status: ClientStatus): void;
  /** The client has ended for good. */
  onEnded(reason: CloseReason): void;
}
