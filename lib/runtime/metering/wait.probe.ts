import type { Clock } from '../clock/clock.port.js';

/** One of so many messages is followed. */
const EVERY = 64;

/**
 * Follows one of 64 messages through the queue of a mailbox, one at a time, by counting what is in front of it: messages
 * carry no stamp.
 */
export class WaitProbe {
  #count = 0;
  /** Since when the message that is followed waits. */
  #since: number | undefined;
  /** How many have their turn until it has, itself counted. */
  #ahead = 0;

  /** @param told how long it has waited, in seconds */
  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly told: (seconds: number) => void,
  ) {}

  /** One more waits. @param length how many do, that one counted */
  added(length: number): void {
    if (this.#count++ % EVERY !== 0 || this.#since !== undefined) return;
    this.#since = this.clock.now();
    this.#ahead = length;
  }

  /** Some more wait, before all others. */
  addedFirst(count: number): void {
    this.#ahead += count;
  }

  /** The first has its turn. */
  taken(): void {
    if (this.#since === undefined || --this.#ahead > 0) return;
    const seconds = (this.clock.now() - this.#since) / 1_000;
    this.#since = undefined;
    this.told(seconds);
  }

  /** Others than the first were taken out: which one is followed is not known any more. */
  lost(): void {
    this.#since = undefined;
  }
}
