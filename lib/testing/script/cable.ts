import { Duplex } from 'node:stream';

type Done = (error?: Error | null) => void;

/** The two ends of a {@link cable}. */
export interface Cable {
  readonly near: Duplex;
  readonly far: Duplex;
}

/**
 * A connection in memory, that ends as one of TCP: whatever was written is called back exactly once,
 * also where its end is destroyed meanwhile; the other end of one that is destroyed reads what had come
 * and then the end, and what it writes fails. (What Node makes by `duplexPair()` forgets the write under
 * way, and tells the other end nothing or all, by its version.)
 */
export function cable(): Cable {
  const near = new End();
  const far = new End();
  near.other = far;
  far.other = near;
  return { near, far };
}

class End extends Duplex {
  other!: End;
  /** As a socket of TCP counts them. */
  bytesRead = 0;
  #bytesTaken = 0;
  /** Calls back the write that the other end has not taken yet. */
  #pending: Done | undefined;

  /** Those that wait to be written are counted, as a socket of TCP does. */
  get bytesWritten(): number {
    return this.#bytesTaken + this.writableLength;
  }

  override _read(): void {
    this.other.#taken();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: Done): void {
    if (this.other.destroyed) return done(brokenPipe());
    this.#pending = (error) => {
      this.#bytesTaken += chunk.length;
      done(error);
    };
    this.other.bytesRead += chunk.length;
    this.other.push(chunk);
    if (chunk.length === 0) this.#taken();
  }

  override _final(done: Done): void {
    if (!this.other.destroyed) this.other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    // Without an error, as a socket does it: that it is gone is what there is to know.
    this.#taken();
    if (!this.other.destroyed) {
      // Nobody will read what is under way to here.
      this.other.#taken(brokenPipe());
      this.other.push(null);
    }
    done(error);
  }

  #taken(error?: Error): void {
    const done = this.#pending;
    this.#pending = undefined;
    done?.(error);
  }
}

function brokenPipe(): Error {
  return Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' });
}
