/** When too much waits, and when it is little again. */
export interface MailboxMarks {
  /** Messages waiting at which the socket is paused. */
  readonly highWaterMark: number;
  /** Messages waiting at which it is resumed. */
  readonly lowWaterMark: number;
  /** Bytes waiting at which the socket is paused; it is resumed at half of them. */
  readonly maxBytes: number;
}

/** Told by a watermark, each time it is crossed. */
export interface WatermarkOwner {
  /** Too much waits: stop the source. */
  onHighWater(): void;
  /** Little waits again: let the source go on. */
  onLowWater(): void;
}

/** Counts the bytes of what waits, and tells when that, or its number, crosses a mark. */
export class Watermark {
  #bytes = 0;
  #isHigh = false;

  constructor(
    private readonly marks: () => MailboxMarks,
    private readonly owner: WatermarkOwner,
  ) {}

  /** One more of so many bytes waits, with it `length`. */
  added(bytes: number, length: number): void {
    this.#bytes += bytes;
    const { highWaterMark, maxBytes } = this.marks();
    if (this.#isHigh || (length < highWaterMark && this.#bytes < maxBytes)) return;
    this.#isHigh = true;
    this.owner.onHighWater();
  }

  /** One that has been counted before waits again: that fills nothing. */
  returned(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Some of so many bytes wait no more; {@link settle} is to follow. */
  taken(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** What is left waits: `length` of them. */
  settle(length: number): void {
    if (!this.#isHigh) return;
    const { lowWaterMark, maxBytes } = this.marks();
    if (length > lowWaterMark || this.#bytes > maxBytes / 2) return;
    this.#isHigh = false;
    this.owner.onLowWater();
  }

  /** Nothing waits any more. */
  clear(): void {
    this.#bytes = 0;
    this.settle(0);
  }
}
