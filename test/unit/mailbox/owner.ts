import { TurnBudget } from '../../../lib/runtime/mailbox/turn.budget.js';
import { Mailbox, type MailboxOwner } from '../../../lib/runtime/mailbox/mailbox.js';
import type { MailboxMarks } from '../../../lib/runtime/mailbox/watermark.js';

/** One message of the tests. */
export interface Note {
  readonly id: number | string;
  readonly size?: number;
  /** What its handler does; a promise is awaited. */
  readonly work?: () => void | PromiseLike<void>;
}

/** An owner that writes down what it is asked, and sees that it is asked one thing at a time. */
export class Owner implements MailboxOwner<Note> {
  readonly mailbox: Mailbox<Note>;
  /** `1` for a message whose handler began, `high` and `low` for the marks. */
  readonly story: (number | string)[] = [];
  /** Messages that were handed over while another was being handled. */
  readonly overlaps: (number | string)[] = [];
  /** What got out of a turn. */
  readonly escaped: unknown[] = [];
  onEscaped: ((error: unknown) => void | PromiseLike<void>) | undefined;
  onHandle: ((note: Note) => void) | undefined;
  /** How often what was promised has come. */
  settled = 0;
  isFull = false;
  isBusy = false;

  /** @param budget without one, a machine that is busy is not to end a turn sooner */
  constructor(marks: Partial<MailboxMarks> = {}, budget = new TurnBudget(1000, Infinity)) {
    const all = { highWaterMark: 1000, lowWaterMark: 0, maxBytes: 1e6, ...marks };
    this.mailbox = new Mailbox<Note>(this, () => all, budget);
  }

  /** Whether nothing waits and nothing is being handled. */
  get isIdle(): boolean {
    return !this.mailbox.isBusy && this.mailbox.length === 0;
  }

  onEscape(error: unknown): void | PromiseLike<void> {
    this.escaped.push(error);
    return this.onEscaped?.(error);
  }

  handle(note: Note): void | PromiseLike<void> {
    if (this.isBusy) this.overlaps.push(note.id);
    this.story.push(note.id);
    this.onHandle?.(note);
    this.isBusy = true;
    let pending: void | PromiseLike<void>;
    try {
      pending = note.work?.();
    } catch (error) {
      this.isBusy = false;
      throw error;
    }
    if (pending === undefined) {
      this.isBusy = false;
      return undefined;
    }
    const done = (): void => {
      this.isBusy = false;
    };
    return pending.then(done, (error: unknown) => {
      done();
      throw error;
    });
  }

  onSettled(_value?: unknown): void | PromiseLike<void> {
    this.settled++;
  }

  sizeOf({ size = 0 }: Note): number {
    return size;
  }

  onHighWater(): void {
    this.isFull = true;
    this.story.push('high');
  }

  onLowWater(): void {
    this.isFull = false;
    this.story.push('low');
  }
}

/** Work that lasts until it is told to end. */
export class Gate {
  readonly #promise: Promise<void>;
  open!: () => void;
  fail!: (error: unknown) => void;

  constructor() {
    this.#promise = new Promise((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
  }

  readonly wait = (): Promise<void> => this.#promise;
}
