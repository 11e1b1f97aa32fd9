import type { ClientStatus } from '../errors/connection.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame } from '../frame/frame.js';
import type { ConnectionInfo } from './callback.types.js';
import type { CallerMessage } from './message.js';
import type { LifetimeOwner } from './lifetime.js';

/** Whom a process tells. */
export interface ProcessOwner extends Omit<LifetimeOwner, 'onOver' | 'onCrash' | 'hasCrashed'> {
  /** A session is open and its `@OnConnect` is done. */
  onReady(info: ConnectionInfo): void;
  /** Observers see a frame when its turn has come, before its handler. */
  observe(frame: DataFrame): void;
  onStatus(status: ClientStatus): void;
  /** The incarnation is over, and these have not been handled. */
  onLeftovers(messages: readonly CallerMessage[], reason: CloseReason): void;
}
