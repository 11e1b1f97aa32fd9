/** What waits in a {@link TimerHeap}. */
export interface HeapEntry {
  /** When it is due. */
  readonly at: number;
  /** Of two of one instant the lower one is first. */
  readonly order: number;
  /** Where it stands; the heap's own. */
  place: number;
}

/** Timers by when they are due: a binary heap, so that thousands of one instant cost no more than others. */
export class TimerHeap<E extends HeapEntry> implements Iterable<E> {
  readonly #entries: E[] = [];

  /** The next that is due. */
  get first(): E | undefined {
    return this.#entries[0];
  }

  add(entry: E): void {
    this.#rise(entry, this.#entries.length);
  }

  /** Takes one out; does nothing where it is not in. */
  delete(entry: E): void {
    if (this.#entries[entry.place] !== entry) return;
    const last = this.#entries.pop() as E;
    if (last === entry) return;
    this.#sink(last, entry.place);
    this.#rise(last, last.place);
  }

  /** In no order. */
  [Symbol.iterator](): Iterator<E> {
    return this.#entries.values();
  }

  #rise(entry: E, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#entries[above] as E;
      if (isBefore(parent, entry)) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(entry, place);
  }

  #sink(entry: E, from: number): void {
    let place = from;
    for (;;) {
      const [left, right] = [this.#entries[2 * place + 1], this.#entries[2 * place + 2]];
      const child = right !== undefined && isBefore(right, left as E) ? right : left;
      if (child === undefined || isBefore(entry, child)) break;
      const below = child.place;
      this.#put(child, place);
      place = below;
    }
    this.#put(entry, place);
  }

  #put(entry: E, place: number): void {
    this.#entries[place] = entry;
    entry.place = place;
  }
}

function isBefore(one: HeapEntry, other: HeapEntry): boolean {
  return one.at < other.at || (one.at === other.at && one.order <= other.order);
}
