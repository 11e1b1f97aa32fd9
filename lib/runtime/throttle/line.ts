interface Node<T> {
  readonly item: T;
  before: Node<T> | undefined;
  behind: Node<T> | undefined;
}

/**
 * Those who wait, in order; each may leave from anywhere. Every step costs the same however many there
 * are: a `Set` whose first one is taken again and again walks over all that were taken before.
 */
export class Line<T> {
  readonly #nodes = new Map<T, Node<T>>();
  #first: Node<T> | undefined;
  #last: Node<T> | undefined;

  get size(): number {
    return this.#nodes.size;
  }

  get first(): T | undefined {
    return this.#first?.item;
  }

  /** Adds one that is not in it yet at the end. */
  add(item: T): void {
    const node = { item, before: this.#last, behind: undefined };
    if (this.#last === undefined) this.#first = node;
    else this.#last.behind = node;
    this.#last = node;
    this.#nodes.set(item, node);
  }

  /** Takes one out; does nothing where it is not in it. */
  delete(item: T): void {
    const node = this.#nodes.get(item);
    if (node === undefined) return;
    this.#nodes.delete(item);
    if (node.before === undefined) this.#first = node.behind;
    else node.before.behind = node.behind;
    if (node.behind === undefined) this.#last = node.before;
    else node.behind.before = node.before;
  }
}
