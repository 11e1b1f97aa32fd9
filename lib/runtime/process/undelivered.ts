/** What may be left undone: what a caller has asked, a frame of the peer's, what was to be sent, a handler. */
export type UndeliveredKind = 'cast' | 'info' | 'call' | 'frame' | 'reply' | 'send' | 'handler';

/** What of one client is left undone because its application ends; of what it lost before, others are told. */
export class Undelivered {
  readonly #counts = new Map<UndeliveredKind, number>();

  constructor(private readonly host: { readonly isClosing: boolean } | undefined) {}

  /** How many there are of each kind that there is. */
  get counts(): ReadonlyMap<UndeliveredKind, number> {
    return this.#counts;
  }

  add(kind: UndeliveredKind, count = 1): void {
    if (this.host?.isClosing !== true || count === 0) return;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }
}
