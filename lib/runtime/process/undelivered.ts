/** What may be left undone: what a caller has asked, a frame of the peer's, what was to be sent, a handler. */
export type UndeliveredKind = 'cast' | 'info' | 'call' | 'frame' | 'reply' | 'send' | 'handler';

/** What of one client is left undone because its application ends; of what it lost before, others are told. */
export class Undelivered {
  /** Made where something is counted, which is seldom. */
  #counts: Map<UndeliveredKind, number> | undefined;
  /** How many sends are under way. */
  #sends = 0;
  #isOver = false;

  constructor(private readonly host: { readonly isClosing: boolean } | undefined) {}

  /** How many there are of each kind that there is. */
  get counts(): ReadonlyMap<UndeliveredKind, number> {
    return (this.#counts ??= new Map());
  }

  /** A send begins. Returns what is to be told, once, when it is over. */
  sending(): (hasFailed: boolean) => void {
    let isTold = false;
    this.begun();
    return (hasFailed) => {
      if (isTold) return;
      isTold = true;
      this.ended(1, hasFailed);
    };
  }

  /** The same for who knows himself how many there are: {@link ended} follows for each. */
  begun(): void {
    this.#sends++;
  }

  ended(count: number, haveFailed: boolean): void {
    this.#sends -= count;
    if (haveFailed && !this.#isOver) this.add('send', count);
  }

  /** The client has ended: what is still under way fails, as soon as its socket says so. */
  over(): void {
    this.#isOver = true;
    this.add('send', this.#sends);
  }

  /** Whether the socket, or what keeps frames until they may go, may still take some. */
  get isSending(): boolean {
    return this.#sends > 0;
  }

  add(kind: UndeliveredKind, count = 1): void {
    if (this.host?.isClosing !== true || count === 0) return;
    this.#counts ??= new Map();
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }
}
