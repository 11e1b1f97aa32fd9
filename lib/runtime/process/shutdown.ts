import type { Clock, Timer } from '../clock/clock.port.js';
import type { Connection } from '../connection/connection.js';
import { CloseCode, MAX_CLOSE_REASON } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { PauseLock } from '../mailbox/pause.lock.js';
import type { Message } from './message.js';

/** What is seen to its end. */
export interface Stoppable {
  readonly connection: Connection;
  readonly mailbox: Pick<Mailbox<unknown>, 'isBusy'>;
  /** Ends it now, whatever still runs. */
  abandon(): void;
}

/**
 * Sees that a client ends within a time: most of it for what waits in the mailbox, then the session
 * is closed whatever waits, then its socket is cut, and last a handler that hangs is left behind.
 */
export class Shutdown {
  /** When it has to be over, on the clock. */
  readonly deadline: number;
  readonly #timers: readonly Timer[];

  constructor(clock: Clock, process: Stoppable, timeout: number, onLeftBehind: () => void) {
    this.deadline = clock.now() + timeout;
    const { connection } = process;
    const steps: readonly (readonly [number, () => void])[] = [
      [timeout - Math.min(1000, timeout / 4), () => connection.close(1001)],
      [timeout - Math.min(250, timeout / 10), () => connection.cut()],
      [
        timeout,
        () => {
          if (process.mailbox.isBusy) onLeftBehind();
          process.abandon();
        },
      ],
    ];
    // A process that stalls fires them in any order: each does first what should have been done.
    let done = 0;
    this.#timers = steps.map(([delay], index) =>
      clock.setTimer(delay, () => {
        while (done <= index) steps[done++]?.[1]();
      }),
    );
  }

  /** The client has ended. */
  over(): void {
    for (const timer of this.#timers) timer.cancel();
  }
}

/**
 * The wish that a client end, from whoever has it, until it has. Between sessions it ends in the
 * turn of the next message; in one, when the session is over. A mailbox that is held goes on.
 */
export class Ending {
  #reason: CloseReason | undefined;
  /** What a `terminate()` says of the reason: it stands over that of the session. */
  decided: CloseReason | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly mailbox: Mailbox<Message>,
    private readonly pauseLock: PauseLock,
  ) {}

  /** Why the client is to end; the first wish counts. */
  get reason(): CloseReason | undefined {
    return this.#reason;
  }

  /** The same, once there is no session any more. */
  get due(): CloseReason | undefined {
    return this.connection.hasWire ? undefined : this.#reason;
  }

  /** Ends after what waits in the mailbox has been handled; no more is read. */
  stop(code: number): void {
    const reason = { by: 'local', code, message: '' } as const;
    if (!this.connection.isOpen) return this.finish(reason);
    this.#reason ??= reason;
    this.pauseLock.hold(this);
    this.mailbox.postLater({ type: 'stop', code });
    this.mailbox.resume();
  }

  /** What waited before the stop has been handled. */
  drained(code: number): void {
    this.pauseLock.release(this);
    this.connection.close(code);
  }

  /** Ends by a `terminate()` of a handler. */
  end(reason: string | Error | undefined): void {
    const message = reason instanceof Error ? '' : (reason ?? '');
    const decided: CloseReason =
      reason instanceof Error
        ? { by: 'error', error: reason }
        : { by: 'local', code: CloseCode.normal, message };
    // A session that is open ends with it; one that is closing already has another reason.
    if (reason !== undefined && !this.connection.isOpen) this.decided ??= decided;
    this.finish(decided);
    const fits = Buffer.byteLength(message) <= MAX_CLOSE_REASON;
    if (reason instanceof Error) this.connection.fail(reason);
    else this.connection.close(CloseCode.normal, fits ? message : '');
  }

  /** Ends as soon as the session is over: now, where there is none. */
  finish(reason: CloseReason): void {
    this.#reason ??= reason;
    this.connection.giveUp();
    if (!this.connection.hasWire) this.mailbox.postLater({ type: 'conclude' });
    this.mailbox.resume();
  }
}
