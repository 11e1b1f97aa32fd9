import type { ContextRunner } from '../async/deferred.js';
import type { WireTools } from '../connection/wire.port.js';
import type { ClientStatus } from '../errors/connection.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame } from '../frame/frame.js';
import type { TurnBudget } from '../mailbox/turn.budget.js';
import type { TurnGate } from '../throttle/turn.gate.js';
import type { DialerTools } from './dialer.js';
import type { ConnectionInfo } from './handler.arguments.js';
import type { CallerMessage } from './message.js';

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

/** What a process is made with. */
export interface ProcessTools extends WireTools, DialerTools {
  /** Bounds how many sessions of the application end in one turn of the event loop. */
  readonly turns: TurnGate;
  /** What one client may do in one turn of the event loop, where that is not left to the runtime. */
  readonly budget?: () => TurnBudget;
  /** So that no handler runs in the context of the request that happened to start the client. */
  readonly run: ContextRunner;
  /** Milliseconds an incarnation has to end in. */
  readonly shutdownTimeout: () => number;
}

/** Whom a lifetime tells. */
export interface LifetimeOwner {
  /** Whether somebody waits for the start, and will be told that it has failed. */
  tellsStart(): boolean;
  /** The incarnation is over: nothing more of it counts. `@OnTerminate` is still to run. */
  onOver(reason: CloseReason): void;
  /** `@OnTerminate` is done. */
  onTerminated(reason: CloseReason): void;
  /** The incarnation is about to end because it crashed. */
  onCrash(): void;
  /** Whether a handler failed: an abnormal end. */
  hasCrashed(): boolean;
  /** `@OnStart` is done, or the incarnation has ended before. */
  onBegun(): void;
  /** Something failed that has no other place to go. */
  onError(error: unknown, where: string): void;
}
