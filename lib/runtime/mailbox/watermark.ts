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

/** So many wait at most, however small they are. */
const MOST = 100_000;

/** Counts the bytes of what waits, and tells when that, or its number, crosses a mark. */
export class Watermark {
  #bytes = 0;
  #isHigh = false;
  /** Told when it is crossed, while it is stretched. */
  #onFull: (() => void) | undefined;

  constructor(
    private readonly marks: () => MailboxMarks,
    private readonly owner: WatermarkOwner,
  ) {}

  /** Bytes of all that waits. */
  get bytes(): number {
    return this.#bytes;
  }

  /** One more of so many bytes waits, with it `length`. */
  added(bytes: number, length: number): void {
    this.#bytes += bytes;
    if (!this.#isHigh && this.#isOver(length)) this.#rise();
  }

  /** So long as somebody is told when it is crossed, the number of what waits is hardly a mark. */
  stretch(length: number, onFull: (() => void) | undefined): void {
    this.#onFull = onFull;
    const isOver = this.#isOver(length);
    if (!isOver && this.#isHigh && onFull !== undefined) {
      this.#isHigh = false;
      this.owner.onLowWater();
    } else if (isOver && !this.#isHigh) this.#rise();
    else if (isOver) onFull?.();
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

  #isOver(length: number): boolean {
    const { highWaterMark, maxBytes } = this.marks();
    // Empty frames have no bytes, and take memory all the same.
    const most = this.#onFull === undefined ? highWaterMark : Math.max(highWaterMark, MOST);
    return length >= most || this.#bytes >= maxBytes;
  }

  #rise(): void {
    this.#isHigh = true;
    this.owner.onHighWater();
    this.#onFull?.();
  }

  /** Nothing waits any more. */
  clear(): void {
    this.#bytes = 0;
    this.settle(0);
  }
}
