import type { Clock, Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import type { DataFrame } from '../frame/frame.js';
import type { FrameInbox } from './wire.port.js';

/** So many keys are remembered of what a session has delivered. */
const REMEMBERED = 65_536;

/** What a session has delivered, by the keys that the user gives its frames. */
export class Deliveries {
  readonly #keys = new Set<unknown>();
  #deduped = 0;
  #isFiltering = false;
  #timer: Timer | undefined;
  #done: ((deduped: number) => void) | undefined;
  #isOver = false;
  #before: Deliveries | undefined;

  /** @param before what the session before has delivered, where that is dropped still */
  constructor(
    private readonly dedupe: (frame: DataFrame) => unknown,
    private readonly noted: <R>(work: () => R) => R | undefined,
    before?: Deliveries,
  ) {
    this.#before = before;
  }

  /** What the session before has delivered, while that is dropped. */
  get before(): Deliveries | undefined {
    if (this.#before !== undefined && this.#before.#isOver) this.#before = undefined;
    return this.#before;
  }

  /** Notes what it passes on; once it filters, it drops what has been noted. */
  inbox(mailbox: FrameInbox): FrameInbox {
    return {
      post: (frame) => {
        const key = this.noted(() => this.dedupe(frame));
        if (key === undefined) return mailbox.post(frame);
        const isKnown = this.#drops(key);
        if (!this.#isFiltering) this.#note(key);
        if (!isKnown) mailbox.post(frame);
      },
    };
  }

  /** From now on what comes is the new session's, and may have come before. */
  filter(done: (deduped: number) => void): void {
    this.#isFiltering = true;
    this.#done = done;
  }

  /** It may do so for so many milliseconds more; only the first time counts. */
  expire(clock: Clock, time: number): void {
    if (this.#isFiltering) this.#timer ??= setDeadline(clock, time, () => this.over());
  }

  over(): void {
    this.#timer?.cancel();
    this.#isOver = true;
    const done = this.#done;
    this.#done = undefined;
    done?.(this.#deduped);
  }

  #drops(key: unknown): boolean {
    if (this.#isFiltering && this.#keys.has(key)) {
      this.#deduped++;
      return true;
    }
    const { before } = this;
    return before !== undefined && before.#drops(key);
  }

  #note(key: unknown): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= REMEMBERED) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return;
    }
  }
}
