import type { CloseReason } from '../frame/close-reason.js';
import type { Restart, RestartLimit } from './restart.policy.js';

/**
 * Who else is restarted with a member that is.
 *
 * - `one_for_one`: nobody.
 * - `one_for_all`: every other member.
 * - `rest_for_one`: those that were started after it.
 *
 * @publicApi
 */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one';

/** How a member wants to be restarted; asked whenever one is. */
export interface MemberPolicy {
  readonly restart: Restart;
  /** A limit of its own, beside that of its group. */
  readonly limit: RestartLimit | undefined;
  /** Milliseconds; the cap of its delays. */
  readonly maxDelay: number;
  /** Milliseconds of life after which its delays begin anew. */
  readonly healthyAfter: number;
}

/** A client, as its supervisor sees it. */
export interface Member {
  readonly name: string;
  readonly policy: MemberPolicy;
  /** Whether an incarnation is alive, however it is connected. */
  readonly isAlive: boolean;
  /** Whether its incarnation ended, or is about to, by a crash. */
  readonly hasCrashed: boolean;
  /** Whether it has ended for good. */
  readonly hasEnded: boolean;
  /** The number of the incarnation that is alive, or was last. */
  readonly incarnation: number;
  /** Begins the next incarnation. */
  begin(): void;
  /** Resolves when the incarnation that is alive has begun, or has ended before. Never rejects. */
  begun(): Promise<void>;
  /**
   * Ends the incarnation, which is to be followed by another; gives what it ended with. Never
   * rejects.
   */
  halt(): Promise<CloseReason>;
  /** Ends the client for good, whose incarnation is over: with the reason of that. */
  end(reason: CloseReason): void;
  /** Its supervisor gave up: however the client ends, it is with this error. */
  condemn(error: Error): void;
  /** Ends a client that is condemned. Never rejects. */
  fail(error: Error): Promise<void>;
  /** Its incarnation has ended, and another will begin, after so many milliseconds. */
  onRestart(reason: CloseReason, delay: number, restarts: number): void;
}
