import type { DataFrame } from '../frame/frame.js';
import { Fifo } from '../mailbox/fifo.js';
import { type MailboxMarks, Watermark } from '../mailbox/watermark.js';
import type { PauseLock } from '../mailbox/pause.lock.js';

type Result = IteratorResult<DataFrame, undefined>;

/** One who has asked for the next frame. */
interface Waiting {
  readonly resolve: (result: Result) => void;
  /** Whether he has been told to go on without. */
  isGivenUp: boolean;
}

/** Gives a promise out, and says when nobody waits for it any more. */
export type WaitGuard = (promise: Promise<Result>, giveUp: () => void) => Promise<Result>;

const END: Result = { done: true, value: undefined };

/**
 * The frames that wait for one loop, or the loop for them. It knows nothing of the iterator that the
 * loop holds: one that is collected tells it so, and the socket goes on.
 */
export class FrameQueue {
  readonly #frames = new Fifo<DataFrame>();
  readonly #waiting = new Fifo<Waiting>();
  readonly #watermark: Watermark;
  #isOver = false;
  #isForgotten = false;

  /** @param leave told once that no more frames are wanted */
  constructor(
    marks: MailboxMarks,
    pauseLock: PauseLock,
    private readonly leave: (queue: FrameQueue) => void,
    private readonly guard: WaitGuard = (promise) => promise,
  ) {
    this.#watermark = new Watermark(() => marks, {
      onHighWater: () => pauseLock.hold(this),
      onLowWater: () => pauseLock.release(this),
    });
  }

  take(): Promise<Result> {
    const frame = this.#frames.shift();
    if (frame !== undefined) {
      this.#watermark.taken(frame.data.length);
      this.#watermark.settle(this.#frames.length);
      return Promise.resolve({ done: false, value: frame });
    }
    if (this.#isOver) return Promise.resolve(END);
    return this.#wait();
  }

  push(frame: DataFrame): void {
    // One that has left in the middle of a round.
    if (this.#isOver) return;
    let waiting = this.#waiting.shift();
    while (waiting?.isGivenUp) waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: frame });
      if (this.#isForgotten && this.#waiting.length === 0) this.drop();
      return;
    }
    this.#frames.push(frame);
    this.#watermark.added(frame.data.length, this.#frames.length);
  }

  /** No more frames will come; what waits can still be taken. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.leave(this);
    for (const { resolve } of this.#waiting.clear()) resolve(END);
  }

  /** Nobody wants what waits, or what would come. */
  drop(): void {
    this.#frames.clear();
    this.#watermark.clear();
    this.end();
  }

  /** Nobody can ask any more; who has asked is still answered. */
  forget(): void {
    this.#isForgotten = true;
    if (this.#waiting.length === 0) this.drop();
  }

  #wait(): Promise<Result> {
    let giveUp!: () => void;
    const next = new Promise<Result>((resolve) => {
      const waiting: Waiting = { resolve, isGivenUp: false };
      giveUp = () => (waiting.isGivenUp = true);
      this.#waiting.push(waiting);
    });
    return this.guard(next, giveUp);
  }
}

/**
 * Frames for a `for await` loop, from the moment it is made. A loop that falls behind pauses the
 * socket; leaving it early lets the socket go on.
 */
export class FrameIterator implements AsyncIterableIterator<DataFrame, undefined> {
  readonly #queue: FrameQueue;

  constructor(queue: FrameQueue) {
    this.#queue = queue;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    return this.#queue.take();
  }

  return(): Promise<Result> {
    this.#queue.drop();
    return Promise.resolve(END);
  }
}
