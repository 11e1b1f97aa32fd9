import type { Clock, Timer } from './clock.port.js';

/** `setTimeout` takes no longer delay; a longer one would fire at once. */
const LONGEST = 2 ** 31 - 1;

/** One that is never due keeps no process alive. */
const NEVER: Timer = { cancel: () => undefined };

/** The clock of the machine. */
export class SystemClock implements Clock {
  epoch(): number {
    return Date.now();
  }

  now(): number {
    return performance.now();
  }

  setTimer(delay: number, fire: () => void): Timer {
    if (delay === Infinity) return NEVER;
    let handle: NodeJS.Timeout;
    const wait = (left: number): void => {
      handle =
        left > LONGEST
          ? setTimeout(() => wait(left - LONGEST), LONGEST)
          : setTimeout(fire, Math.max(0, left));
    };
    wait(delay);
    return { cancel: () => clearTimeout(handle) };
  }
}
