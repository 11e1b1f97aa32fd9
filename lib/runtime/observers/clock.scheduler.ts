import { Subscription, type SchedulerAction, type SchedulerLike } from 'rxjs';

import type { Clock, Timer } from '../clock/clock.port.js';

/**
 * A scheduler for the operators of rxjs that take time, on a clock: what `interval`, `timer`, `debounceTime` or
 * `timeout` wait for with it is moved by a test, as the timers of the client are. Without it they wait in real time,
 * on a test net too.
 *
 * @example
 * constructor(@Inject(WEBSOCKEX_CLOCK) private readonly clock: Clock) {}
 *
 * heartbeat$ = () => interval(10_000, toScheduler(this.clock));
 *
 * @publicApi
 */
export function toScheduler(clock: Clock): SchedulerLike {
  return {
    now: () => clock.epoch(),
    schedule: <T>(work: Work<T>, delay?: number, state?: T) =>
      new ClockAction<T>(clock, work).schedule(state, delay),
  };
}

type Work<T> = (this: SchedulerAction<T>, state: T) => void;

/** Something to be done, once or, as often as it asks for it, again. */
class ClockAction<T> extends Subscription implements SchedulerAction<T> {
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly work: Work<T>,
  ) {
    super(() => this.#timer?.cancel());
  }

  schedule(state?: T, delay = 0): Subscription {
    this.#timer?.cancel();
    if (!this.closed) this.#timer = this.clock.setTimer(delay, () => this.#run(state as T));
    return this;
  }

  #run(state: T): void {
    try {
      this.work.call(this, state);
    } catch (error) {
      this.unsubscribe();
      throw error;
    }
  }
}
