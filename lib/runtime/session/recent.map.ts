/** How much is kept. */
export interface RecentLimits {
  readonly entries: number;
  /** Of all names together. */
  readonly characters: number;
}

/**
 * A map for names that somebody else makes up: beyond its limits it forgets those that nobody has asked for for longest.
 * It has two halves: when one is full it becomes the older one, and what is left of that is forgotten. To keep all in
 * order of use would cost each look a change.
 */
export class RecentMap<V> {
  #recent = new Map<string, V>();
  #older = new Map<string, V>();
  /** Of the names of the recent ones. */
  #characters = 0;

  /**
   * @param isKept whether one is not to be forgotten yet
   * @param forgotten told how many are
   */
  constructor(
    private readonly limits: RecentLimits,
    private readonly isKept: (value: V) => boolean,
    private readonly forgotten: (count: number) => void,
  ) {}

  get(name: string): V | undefined {
    const recent = this.#recent.get(name);
    if (recent !== undefined) return recent;
    const older = this.#older.get(name);
    if (older === undefined) return undefined;
    this.#older.delete(name);
    this.set(name, older);
    return older;
  }

  /** Takes in one that is not there. */
  set(name: string, value: V): void {
    const { entries, characters } = this.limits;
    if (this.#recent.size >= entries / 2 || this.#characters >= characters / 2) this.#turn();
    this.#add(name, value);
  }

  *values(): IterableIterator<V> {
    yield* this.#older.values();
    yield* this.#recent.values();
  }

  clear(): void {
    this.#recent.clear();
    this.#older.clear();
    this.#characters = 0;
  }

  #add(name: string, value: V): void {
    this.#recent.set(name, value);
    this.#characters += name.length;
  }

  #turn(): void {
    const oldest = this.#older;
    this.#older = this.#recent;
    this.#recent = new Map();
    this.#characters = 0;
    for (const [name, value] of oldest) {
      if (!this.isKept(value)) continue;
      oldest.delete(name);
      this.#add(name, value);
    }
    if (oldest.size > 0) this.forgotten(oldest.size);
  }
}
