import { Fifo } from './fifo.js';
import { type MailboxMarks, Watermark, type WatermarkOwner } from './watermark.js';

/** What takes memory while it is held. */
interface Held {
  readonly data: { readonly length: number };
}

/** What waits before it may go to a mailbox, within the marks of that mailbox. */
export class HeldQueue<T extends Held> {
  readonly #items = new Fifo<T>();
  readonly #watermark: Watermark;

  /** @param owner told when the marks are crossed */
  constructor(marks: () => MailboxMarks, owner: WatermarkOwner) {
    this.#watermark = new Watermark(marks, owner);
  }

  push(item: T): void {
    this.#items.push(item);
    this.#watermark.added(item.data.length, this.#items.length);
  }

  /** Takes out the first of which that holds. */
  takeOut<S extends T>(isIt: (item: T) => item is S): S | undefined {
    const item = this.#items.takeOut(isIt);
    if (item === undefined) return undefined;
    this.#watermark.taken(item.data.length);
    this.#watermark.settle(this.#items.length);
    return item;
  }

  /** Takes out everything. */
  clear(): T[] {
    const items = this.#items.clear();
    this.#watermark.clear();
    return items;
  }

  /** As in a mailbox: from now on the number of what waits is no mark. */
  stretch(onFull: (() => void) | undefined): void {
    this.#watermark.stretch(this.#items.length, onFull);
  }
}
