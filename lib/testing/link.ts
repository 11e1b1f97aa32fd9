import { Duplex } from 'node:stream';

import type { Clock, Timer } from '../runtime/clock/clock.port.js';

/** How often a slow link lets something through, in milliseconds; where that is less than a byte, less often. */
const SLICE = 50;

/** Told whenever something moves on a link. */
export type Activity = () => void;

/**
 * The wire between a client and a scripted peer, with a hand on it: bytes may be swallowed, held,
 * slowed down or put in. `outer` leads to the client; `inner` is the peer's socket.
 */
export class Link {
  readonly inner: Duplex;
  #silent = false;
  #bytesPerSecond = Infinity;
  #slow: Buffer[] = [];
  /** The next slice, while a slow link holds something. */
  #draining: Timer | undefined;
  #isGone = false;

  /**
   * @param cut resets the client's side, as a host that is gone does
   */
  constructor(
    private readonly outer: Duplex,
    private readonly cut: () => void,
    private readonly clock: Clock,
    private readonly moved: Activity,
  ) {
    this.inner = this.#makeInner();
    outer.on('data', (chunk: Buffer) => {
      this.moved();
      if (!this.#silent) this.inner.push(chunk);
    });
    outer.on('end', () => {
      this.moved();
      if (!this.#silent) this.inner.push(null);
    });
    outer.on('close', () => {
      this.moved();
      if (!this.#silent && !outer.readableEnded) this.inner.destroy();
    });
    outer.on('error', () => undefined);
  }

  get isOver(): boolean {
    return this.#isGone || this.outer.destroyed || this.outer.closed;
  }

  /** Puts bytes before the client as they are, after what a slow link still holds. */
  raw(bytes: Uint8Array): void {
    this.moved();
    if (!this.#silent) this.#towardsClient(Buffer.from(bytes));
  }

  /** From now on nothing arrives anywhere, and nobody is told: a half-open connection. */
  silence(): void {
    this.#silent = true;
  }

  /** The peer reads no more: what the client sends piles up on its side. */
  stall(): void {
    this.outer.pause();
  }

  /** The peer reads on. */
  unstall(): void {
    this.outer.resume();
  }

  /** What the peer sends arrives at this rate, by the clock. */
  slowly(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    if (this.#draining === undefined) return;
    this.#draining.cancel();
    this.#drain();
  }

  /** The client's side is closed. A pair of streams does not tell its other half of a `destroy()`. */
  gone(): void {
    this.#isGone = true;
    this.#forget();
    this.moved();
    // What a peer has not read is lost to it, as with a reset.
    if (this.outer.isPaused() && !this.#silent) this.inner.push(null);
    else if (!this.outer.destroyed) this.outer.push(null);
  }

  /** Resets the connection. */
  drop(): void {
    this.#silent = true;
    this.#forget();
    this.moved();
    this.cut();
    this.inner.destroy();
  }

  /** The peer's socket: what is written to it goes to the client, through the hand. */
  #makeInner(): Duplex {
    const inner = new Duplex({
      // What the client sends is not held here: `stall` holds it on the client's side.
      read: () => undefined,
      write: (chunk: Buffer, _, done) => {
        this.moved();
        // A copy, as any net makes: what the client does with its bytes is not to reach the peer's.
        if (!this.#silent) this.#towardsClient(Buffer.from(chunk));
        done();
      },
      final: (done) => {
        this.moved();
        if (!this.#silent && this.#draining === undefined) this.outer.end();
        done();
      },
    });
    inner.on('close', () => {
      this.moved();
      const isHeld = this.#silent || this.#draining !== undefined;
      if (!isHeld && !this.outer.writableEnded) this.outer.destroy();
    });
    inner.on('error', () => undefined);
    return inner;
  }

  #towardsClient(chunk: Buffer): void {
    if (this.#bytesPerSecond === Infinity && this.#draining === undefined) {
      this.outer.write(chunk);
      return;
    }
    this.#slow.push(chunk);
    if (this.#draining === undefined) this.#drain();
  }

  #drain(): void {
    const waiting = Buffer.concat(this.#slow);
    const slice = Math.max(1, Math.floor((this.#bytesPerSecond * SLICE) / 1000));
    const isLast = waiting.length <= slice;
    this.#slow = isLast ? [] : [waiting.subarray(slice)];
    if (!this.#silent) this.outer.write(waiting.subarray(0, slice));
    this.moved();
    this.#draining = isLast
      ? undefined
      : this.clock.setTimer((slice * 1000) / this.#bytesPerSecond, () => this.#drain());
    if (isLast && !this.#silent && this.inner.writableFinished) this.outer.end();
  }

  /** What is held still has nowhere to go. */
  #forget(): void {
    this.#draining?.cancel();
    this.#draining = undefined;
    this.#slow = [];
  }
}
