/** So many values are kept until somebody collects. */
const ROOM = 512;

/**
 * Keeps some of the values that come, until somebody collects them: of more than it has room for each is kept with the
 * same chance, so that what is told of them holds for all.
 */
export class Reservoir {
  readonly #values: number[] = [];
  #seen = 0;

  add(value: number): void {
    this.#seen++;
    if (this.#values.length < ROOM) {
      this.#values.push(value);
      return;
    }
    const place = Math.floor(Math.random() * this.#seen);
    if (place < ROOM) this.#values[place] = value;
  }

  /** Takes out what is kept. */
  take(): number[] {
    this.#seen = 0;
    return this.#values.splice(0);
  }
}
