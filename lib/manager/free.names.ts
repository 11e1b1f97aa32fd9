/** Finds names for clients that were given none: that of the class, or the lowest number after it. */
export class FreeNames {
  /** Below these numbers no name is free, for each base. */
  readonly #lowest = new Map<string, number>();

  /** @param isTaken whether somebody has the name */
  constructor(private readonly isTaken: (name: string) => boolean) {}

  /** A name that is free now. */
  next(base: string): string {
    if (!this.isTaken(base)) return base;
    let number = this.#lowest.get(base) ?? 2;
    while (this.isTaken(`${base}#${number}`)) number++;
    // Nobody counts up from the first again, however many there are.
    this.#lowest.set(base, number + 1);
    return `${base}#${number}`;
  }

  /** A name of {@link next} is free again. */
  release(base: string, name: string): void {
    const number = Number(name.slice(base.length + 1));
    const lowest = this.#lowest.get(base) ?? 0;
    if (number >= 2 && number < lowest) this.#lowest.set(base, number);
  }
}
