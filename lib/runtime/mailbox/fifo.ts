/** A queue on a ring: adding and taking at either end costs the same however long it is. */
export class Fifo<T> {
  // Most queues never hold more; a literal, which is made at once.
  #ring: (T | undefined)[] = [undefined, undefined, undefined, undefined];
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = item;
    this.#length++;
  }

  unshift(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = item;
    this.#length++;
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    // A burst must not hold its memory for ever; one of a chunk or two comes again at once.
    if (this.#ring.length > 8192 && this.#length < this.#ring.length / 8) {
      this.#resize(this.#ring.length / 4);
    }
    return item;
  }

  /** Takes out the first of which that holds; what is asked may throw, and then nothing has changed. */
  takeOut<S extends T>(isIt: (item: T) => item is S): S | undefined {
    const mask = this.#ring.length - 1;
    for (let i = 0; i < this.#length; i++) {
      const item = this.#ring[(this.#head + i) & mask] as T;
      if (!isIt(item)) continue;
      // Those before it move up.
      for (let j = i; j > 0; j--) {
        this.#ring[(this.#head + j) & mask] = this.#ring[(this.#head + j - 1) & mask];
      }
      this.shift();
      return item;
    }
    return undefined;
  }

  /** All that is in it, in order. */
  items(): T[] {
    const mask = this.#ring.length - 1;
    return Array.from({ length: this.#length }, (_, i) => this.#ring[(this.#head + i) & mask] as T);
  }

  clear(): T[] {
    const items: T[] = [];
    while (this.#length > 0) items.push(this.shift() as T);
    return items;
  }

  #resize(size: number): void {
    const ring: (T | undefined)[] = Array.from({ length: size });
    for (let i = 0; i < this.#length; i++) {
      ring[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    }
    this.#ring = ring;
    this.#head = 0;
  }
}
