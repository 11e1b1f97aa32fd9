import { Duplex } from 'node:stream';

import type { Clock, Timer } from '../../runtime/clock/clock.port.js';

/** How often a slow link lets something through, in milliseconds; where that is less than a byte, less often. */
const SLICE = 50;

/** What a socket reads at one time, at most: who is to stop after a frame is not given all that follows it. */
const SEGMENT = 65_536;

/** Bytes on their way to the client. */
interface Chunk {
  bytes: Buffer;
  /** Told once the client's side has taken them, or nobody will. */
  readonly done: () => void;
}

/** Told whenever something moves on a link. */
export type Activity = () => void;

/**
 * The wire between a client and a scripted peer, with a hand on it: bytes may be swallowed, held,
 * slowed down or put in. `outer` leads to the client; `inner` is the peer's socket.
 */
export class NetLink {
  readonly inner: Duplex;
  #silent = false;
  #bytesPerSecond = Infinity;
  /** What a slow link holds. */
  #queue: Chunk[] = [];
  /** The next slice, while a slow link holds something. */
  #draining: Timer | undefined;
  /** When a slow link has let through what it has, by the clock. */
  #freeAt = -Infinity;
  /** What is to arrive in one segment, while it is gathered. */
  #held: Buffer[] | undefined;
  /** Whether a test has its peer send something. */
  #isCalled = false;
  /** How much waits for the end of such a call. */
  #waiting = 0;
  /** Whether the client is told that its peer sends no more. */
  #isEnding = false;
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

  /** Whether nothing arrives anywhere any more. */
  get isSilent(): boolean {
    return this.#silent;
  }

  /** Whether something that the peer has sent waits on its way to the client. */
  get isCarrying(): boolean {
    return (
      !this.isOver && (this.#queue.length + this.#waiting > 0 || this.outer.writableLength > 0)
    );
  }

  /** Puts bytes before the client as they are, after what is on its way to it. */
  raw(bytes: Uint8Array): void {
    this.moved();
    // A peer that has ended says nothing more.
    if (this.inner.writable) this.call(() => this.inner.write(Buffer.from(bytes)));
  }

  /** Has a peer send what a test says: nothing of it arrives within the call, which the client could answer. */
  call(send: () => void): void {
    this.#isCalled = true;
    try {
      send();
    } finally {
      this.#isCalled = false;
    }
  }

  /** Gathers what goes to the client until {@link release}. */
  hold(): void {
    this.#held = [];
  }

  /** What was gathered arrives in one segment, whatever has become of the link since. */
  release(): void {
    const bytes = Buffer.concat(this.#held ?? []);
    this.#held = undefined;
    this.moved();
    if (bytes.length > 0) this.#towardsClient({ bytes, done: () => undefined });
    if (this.#isEnding) this.#end();
  }

  /** From now on nothing arrives anywhere, and nobody is told: a half-open connection. */
  silence(): void {
    this.#silent = true;
    this.#forget();
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
    this.#freeAt = -Infinity;
    this.#draining?.cancel();
    if (this.#queue.length > 0) this.#drain();
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
      write: (chunk: Buffer, _, done) => this.#accept([chunk], done),
      // What is written at one time, as the head and the payload of a frame, goes at one time.
      writev: (chunks: { chunk: Buffer }[], done) =>
        this.#accept(
          chunks.map(({ chunk }) => chunk),
          done,
        ),
      final: (done) => {
        this.moved();
        if (!this.#silent && this.#queue.length === 0) this.#end();
        done();
      },
    });
    inner.on('close', () => {
      this.moved();
      const isHeld = this.#silent || this.#queue.length > 0;
      if (!isHeld && !this.#isEnding) this.outer.destroy();
    });
    inner.on('error', () => undefined);
    return inner;
  }

  #accept(chunks: readonly Buffer[], done: () => void): void {
    this.moved();
    if (this.#silent) return done();
    // A copy, as any net makes: what the client does with its bytes is not to reach the peer's.
    this.#towardsClient({ bytes: Buffer.concat(chunks), done: () => done() });
  }

  #towardsClient(chunk: Chunk): void {
    if (this.#held !== undefined) {
      this.#held.push(chunk.bytes);
      return chunk.done();
    }
    const isFast = this.#bytesPerSecond === Infinity && this.#queue.length === 0;
    if (isFast || this.#isGone) return this.#write(chunk);
    this.#queue.push(chunk);
    if (this.#queue.length > 1) return;
    const wait = this.#freeAt - this.clock.now();
    // What fits beside the last slice needs no timer: a close right after it goes through.
    if (wait > SLICE) this.#draining = this.clock.setTimer(wait, () => this.#drain());
    else this.#drain();
  }

  /** Lets a slice through. */
  #drain(): void {
    const slice = Math.max(1, Math.floor((this.#bytesPerSecond * SLICE) / 1000));
    let sent = 0;
    for (let chunk = this.#queue[0]; chunk !== undefined && sent < slice; chunk = this.#queue[0]) {
      const bytes = chunk.bytes.subarray(0, slice - sent);
      sent += bytes.length;
      if (bytes.length === chunk.bytes.length) this.#write(this.#queue.shift() as Chunk);
      else {
        this.#write({ bytes, done: () => undefined });
        chunk.bytes = chunk.bytes.subarray(bytes.length);
      }
    }
    this.moved();
    const now = this.clock.now();
    this.#freeAt = Math.max(now, this.#freeAt) + (sent * 1000) / this.#bytesPerSecond;
    this.#draining =
      this.#queue.length > 0
        ? this.clock.setTimer(this.#freeAt - now, () => this.#drain())
        : undefined;
    if (this.#queue.length === 0 && this.inner.writableFinished) this.#end();
  }

  /** What the client does not read holds its peer up. */
  #write({ bytes, done }: Chunk): void {
    this.#soon(() => {
      const last = Math.max(0, Math.ceil(bytes.length / SEGMENT) - 1) * SEGMENT;
      for (let start = 0; start < last; start += SEGMENT) {
        this.outer.write(bytes.subarray(start, start + SEGMENT));
      }
      // What its side takes at once is on its way; the rest is told of when it is taken.
      let isTold = false;
      const tell = (): void => {
        if (!isTold) done();
        isTold = true;
      };
      if (this.outer.write(bytes.subarray(last), tell)) tell();
    });
  }

  #end(): void {
    this.#isEnding = true;
    if (this.#held === undefined) this.#soon(() => this.outer.end());
  }

  /** In order: at once, but after what waits for the end of a call of the test. */
  #soon(deed: () => void): void {
    if (!this.#isCalled && this.#waiting === 0) return deed();
    this.#waiting++;
    void Promise.resolve().then(() => {
      this.#waiting--;
      deed();
    });
  }

  /** What is held still has nowhere to go. */
  #forget(): void {
    this.#draining?.cancel();
    this.#draining = undefined;
    for (const { done } of this.#queue.splice(0)) done();
  }
}
