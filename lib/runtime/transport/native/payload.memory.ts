/** Payloads of these lengths share memory, since the allocator gives pages of this size back each time. */
const SLICED = { from: 16 * 1024, to: 256 * 1024 };
const SLAB = 1024 * 1024;

/** Memory for the payloads that a reader keeps, or tells; one for many readers. */
export class PayloadMemory {
  #slab = Buffer.alloc(0);
  #used = 0;

  room(length: number): Buffer {
    if (length < SLICED.from) return Buffer.allocUnsafe(length);
    if (length > SLICED.to) return Buffer.allocUnsafeSlow(length);
    if (this.#used + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB);
      this.#used = 0;
    }
    this.#used += length;
    return this.#slab.subarray(this.#used - length, this.#used);
  }
}
