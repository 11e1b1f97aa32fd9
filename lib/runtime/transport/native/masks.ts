import { randomFillSync } from 'node:crypto';

/** Keys that are drawn at a time: a call for each would cost more than a short frame does. */
const DRAWN = 2048;

/** Whether the words of this machine have their lowest byte first, as a key has. */
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Masking keys (RFC 6455 section 5.3), and how they are laid on payloads. */
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
    const key = this.#drawn[this.#used] as number;
    // Nothing that was sent is to be read with what stands in memory.
    this.#drawn[this.#used++] = 0;
    return key;
  }

  /**
   * Masks bytes in place, four at a time: `words` is the same memory. What stands within four bytes behind
   * them is spoilt: nothing is there yet.
   */
  lay(key: number, bytes: Buffer, words: Int32Array, from: number, to: number): void {
    if (IS_LITTLE_ENDIAN) layWords(key, words, from, to);
    else layBytes(key, bytes, from, to);
  }
}

function layWords(key: number, words: Int32Array, from: number, to: number): void {
  if (from === to) return;
  const skipped = (from & 3) * 8;
  // No shift: that would take a length above 2 GiB for a negative one.
  const end = Math.ceil(to / 4);
  let word = from >> 2;
  // The bytes before them in their first word are met by zeros. A shift by 32 is one by 0.
  (words[word++] as number) ^= key << skipped;
  const mask = (key << skipped) | (key >>> (32 - skipped));
  // Eight in a round take two thirds of the time of eight rounds.
  for (; word + 8 <= end; word += 8) {
    (words[word] as number) ^= mask;
    (words[word + 1] as number) ^= mask;
    (words[word + 2] as number) ^= mask;
    (words[word + 3] as number) ^= mask;
    (words[word + 4] as number) ^= mask;
    (words[word + 5] as number) ^= mask;
    (words[word + 6] as number) ^= mask;
    (words[word + 7] as number) ^= mask;
  }
  while (word < end) (words[word++] as number) ^= mask;
}

function layBytes(key: number, bytes: Buffer, from: number, to: number): void {
  for (let at = from; at < to; at++) (bytes[at] as number) ^= key >>> (((at - from) & 3) * 8);
}
