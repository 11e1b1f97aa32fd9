import type { Clock, Timer } from './clock.port.js';

/** Milliseconds by which a busy event loop may be late, without anybody having been cut off for it. */
const PUNCTUAL = 25;

/** One that is later, in milliseconds, is given so much time again. */
const LATE = 1_000;

/**
 * Calls `due` when somebody else has not done something in time. Whether he has is known from what was
 * read, and a process that stalled, or was suspended, has read nothing meanwhile. So one that comes late
 * waits for a turn of reading; one that comes more than a second late waits for another second, in which
 * those who answer in several steps can do so. No longer: a peer that is gone is gone.
 *
 * @param delay milliseconds; `Infinity`: never
 * @see https://github.com/centrifugal/centrifuge-js/releases/tag/5.8.0
 */
export function setDeadline(clock: Clock, delay: number, due: () => void): Timer {
  const deadline = new Deadline(clock, due);
  deadline.set(delay);
  return deadline;
}

class Deadline implements Timer {
  #timer: Timer | undefined;
  #turn: NodeJS.Immediate | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly due: () => void,
  ) {}

  set(delay: number): void {
    const at = this.clock.now() + delay;
    this.#timer = this.clock.setTimer(delay, () => this.#come(this.clock.now() - at));
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#turn !== undefined) clearImmediate(this.#turn);
  }

  #come(late: number): void {
    if (late <= PUNCTUAL) this.due();
    // Timers come before sockets in a turn of the event loop, and this after them.
    else if (late <= LATE) this.#turn = setImmediate(this.due);
    else this.set(LATE);
  }
}
