import { randomFillSync } from 'node:crypto';

/** Keys that are drawn at a time: a call for each would cost more than a short frame does. */
const DRAWN = 2048;

/** Masking keys (RFC 6455 section 5.3). */
export class Masks {
  readonly #drawn = new Int32Array(DRAWN);
  #used = DRAWN;

  /**
   * 32 bits of the system's generator for cryptography, which are given out once. The lowest byte masks the
   * first byte of a payload.
   */
  next(): number {
    if (this.#used === DRAWN) {
      randomFillSync(this.#drawn);
      this.#used = 0;
    }
    const mask = this.#drawn[this.#used] as number;
    // Nothing that was sent is to be read with what stands in memory.
    this.#drawn[this.#used++] = 0;
    return mask;
  }
}
