import type { Clock, Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import type { Connection } from '../connection/connection.js';
import type { Mailbox } from '../mailbox/mailbox.js';

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
      [timeout - Math.min(250, timeout / 10), () => connection.cut(true)],
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
      setDeadline(clock, delay, () => {
        while (done <= index) steps[done++]?.[1]();
      }),
    );
  }

  /** The client has ended. */
  over(): void {
    for (const timer of this.#timers) timer.cancel();
  }
}
