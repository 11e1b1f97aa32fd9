import type { DataFrame } from '../frame/frame.js';
import { Fifo } from '../mailbox/fifo.js';
import type { MailboxMarks } from '../mailbox/mailbox.js';
import type { Flow } from '../mailbox/flow.js';

type Waiting = (result: IteratorResult<DataFrame, undefined>) => void;

/**
 * Frames for a `for await` loop, from the moment it is made. A loop that falls behind pauses the
 * socket; leaving it early lets the socket go on.
 */
export class FrameIterator implements AsyncIterableIterator<DataFrame, undefined> {
  readonly #frames = new Fifo<DataFrame>();
  readonly #waiting = new Fifo<Waiting>();
  #bytes = 0;
  #ended = false;
  #full = false;

  constructor(
    private readonly marks: MailboxMarks,
    private readonly flow: Flow,
    private readonly leave: (iterator: FrameIterator) => void,
  ) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<DataFrame, undefined>> {
    const frame = this.#frames.shift();
    if (frame !== undefined) {
      this.#bytes -= frame.data.length;
      this.#checkLow();
      return Promise.resolve({ done: false, value: frame });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<DataFrame, undefined>> {
    this.#frames.clear();
    this.#bytes = 0;
    this.#checkLow();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  push(frame: DataFrame): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting({ done: false, value: frame });
    this.#frames.push(frame);
    this.#bytes += frame.data.length;
    const { highWaterMark, maxBytes } = this.marks;
    if (!this.#full && (this.#frames.length >= highWaterMark || this.#bytes >= maxBytes)) {
      this.#full = true;
      this.flow.hold(this);
    }
  }

  /** No more frames will come; what waits can still be taken. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.leave(this);
    for (const waiting of this.#waiting.clear()) waiting({ done: true, value: undefined });
  }

  #checkLow(): void {
    const { lowWaterMark, maxBytes } = this.marks;
    if (this.#full && this.#frames.length <= lowWaterMark && this.#bytes <= maxBytes / 2) {
      this.#full = false;
      this.flow.release(this);
    }
  }
}
