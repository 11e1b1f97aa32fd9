import type { Clock, Timer } from '../clock/clock.port.js';
import type { ClientStatus } from '../errors/connection.errors.js';
import type { LostEvent } from '../telemetry/events.js';
import type { Telemetry } from '../telemetry/telemetry.js';

/** What an {@link OutageWatch} asks of its client. */
export interface WatchedClient {
  /** Milliseconds without a session after which the client is lost. */
  readonly lostAfter: number;
  /** Whether the session is left because somebody wants the client to end. */
  readonly isLeaving: boolean;
  /** The last end, as far as it is known. */
  readonly lastEnd: Pick<LostEvent, 'attempt' | 'reason' | 'error'>;
}

/** An outage, from the end of a session that was ready to the next one that is. */
interface Outage {
  /** On the clock's own scale. */
  readonly began: number;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** When it is told, on the clock's own scale. */
  readonly due: number;
  timer?: Timer;
  isTold?: boolean;
}

/**
 * Tells of an outage once it has lasted for `lostAfter`, and of its end. It goes on over attempts,
 * sessions that never were ready, and restarts; the end of the client ends it untold. A client that has
 * had no session that was ready has lost none. No timer runs but in an outage.
 *
 *     ready ──closing, backoff──> outage ──lostAfter──> lost ──ready──> restored
 *                                    └──ready──> nothing is told
 */
export class OutageWatch {
  #outage: Outage | undefined;
  /** Whether there has been a session that was ready. */
  #hasBeenReady = false;
  #hasStarted = false;
  #awaySince: number | undefined;

  constructor(
    private readonly client: WatchedClient,
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
  ) {
    this.#awaySince = clock.now();
  }

  /**
   * Since when there is no session that is ready, whyever, on the clock's own scale; `undefined` while there is one.
   * Before the first that is since the start, and before the start since the client was made.
   */
  get awaySince(): number | undefined {
    return this.#awaySince;
  }

  /** When an outage will be told, on the clock's own scale. */
  get due(): number | undefined {
    return this.#outage?.isTold === true ? undefined : this.#outage?.due;
  }

  onStatus(status: ClientStatus): void {
    this.#note(status);
    if (status === 'terminated' || status === 'failed') return this.#over();
    if (status !== 'closing' && status !== 'backoff') return;
    if (this.#outage !== undefined || !this.#hasBeenReady) return;
    if (!this.client.isLeaving) this.#begin();
  }

  /** A session is ready. */
  ready(): void {
    const outage = this.#outage;
    this.#hasBeenReady = true;
    this.#awaySince = undefined;
    this.#over();
    if (outage?.isTold !== true) return;
    this.telemetry.emit('restored', { lasted: Math.round(this.clock.now() - outage.began) });
  }

  #note(status: ClientStatus): void {
    const isAway = this.#awaySince !== undefined || status === 'open';
    if (this.#hasStarted && isAway) return;
    this.#hasStarted = true;
    this.#awaySince = this.clock.now();
  }

  #begin(): void {
    const { clock } = this;
    const { lostAfter } = this.client;
    const began = clock.now();
    const outage: Outage = { began, since: clock.epoch(), due: began + lostAfter };
    this.#outage = outage;
    if (lostAfter === 0) this.#tell(outage);
    else if (lostAfter !== Infinity) {
      outage.timer = clock.setTimer(lostAfter, () => this.#tell(outage));
    }
  }

  #tell(outage: Outage): void {
    // What is about to end is not lost.
    if (this.client.isLeaving) return;
    outage.isTold = true;
    this.telemetry.emit('lost', { since: outage.since, ...this.client.lastEnd });
  }

  #over(): void {
    this.#outage?.timer?.cancel();
    this.#outage = undefined;
  }
}
