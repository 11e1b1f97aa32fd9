import { Fifo } from './fifo.js';
import { TurnBudget } from './turn.budget.js';
import type { WaitProbe } from '../metering/wait.probe.js';
import { type MailboxMarks, Watermark, type WatermarkOwner } from './watermark.js';

/** What a mailbox asks of the process it belongs to. */
export interface MailboxOwner<M> extends WatermarkOwner {
  /** Handles one message. What it promises is awaited before the next. */
  handle(message: M): Awaitable;
  /** What was promised has come. There may be more to wait for, which comes here in its turn. */
  onSettled(value: unknown): Awaitable;
  /**
   * What has escaped from a message's turn, or from work between two messages. What this throws or
   * rejects with itself is lost: nobody is left who could be told.
   */
  onEscape(error: unknown): Pending;
  /** How many bytes a message holds on to. */
  sizeOf(message: M): number;
}

type Pending = void | PromiseLike<void>;

/** The same, of which it does not matter what it comes to. */
type Awaitable = void | PromiseLike<unknown>;

/** What is done between two messages. */
interface Job {
  readonly work: () => Awaitable;
  /** It will not be done, or nobody waits for it any more. */
  readonly dropped: () => void;
}

/**
 * Messages in order of arrival, one handled at a time. A handler that returns a promise is awaited
 * before the next, by one `then` with the same two callbacks for all of them: that costs less than a
 * closure for each, or an `await`. One that returns none costs no promise, and a message that finds the
 * mailbox empty is handled in the same call.
 *
 *           post ┌──────┐ handled at once: next of what waits
 *     idle ─────>│ busy │<──────────────┐
 *      ^         └──┬───┘               │
 *      │            │ a promise         │ settled, and nothing more to wait for
 *      │            v                   │
 *      │         awaited ───────────────┤
 *      └────────────────────────────────┘ nothing waits, or is held, or the turn is used up
 *
 * Nothing that happens in a turn gets out of it: what is thrown there goes to the owner, and the next
 * message has its turn. So many messages after the other, or so many milliseconds of them, and the
 * event loop has its own.
 */
export class Mailbox<M> {
  readonly #queue = new Fifo<M>();
  readonly #jobs: Job[] = [];
  /** The one that is being done. */
  #job: Job | undefined;
  readonly #watermark: Watermark;
  #busy = false;
  #suspended = false;
  #scheduled = false;
  /** Whether the next message waits for the next turn of the event loop. */
  #yielding = false;
  #awaited: PromiseLike<void> | undefined;
  #onSettled: ((value: unknown) => void) | undefined;
  #onRejected: ((error: unknown) => void) | undefined;

  constructor(
    private readonly owner: MailboxOwner<M>,
    marks: () => MailboxMarks,
    private readonly budget = new TurnBudget(),
    private readonly probe?: WaitProbe,
  ) {
    this.#watermark = new Watermark(marks, owner);
  }

  /** Messages that wait, the one being handled not counted. */
  get length(): number {
    return this.#queue.length;
  }

  /** Bytes of those. */
  get bytes(): number {
    return this.#watermark.bytes;
  }

  /** Whether a message is being handled, or work between two is done. */
  get isBusy(): boolean {
    return this.#busy;
  }

  /** Resolves when what is awaited now has been dealt with: what awaits that is awaited by this. */
  get awaited(): PromiseLike<void> | undefined {
    return this.#awaited;
  }

  /** Takes a message from a socket or timer: handled in this call when its turn is now. */
  post(message: M): void {
    if (this.#busy || this.#suspended || this.#queue.length > 0) return this.#postLast(message);
    this.#busy = true;
    let pending: Awaitable;
    // As in `#handle`, which is one call more on the way of every frame.
    try {
      pending = this.owner.handle(message);
    } catch (error) {
      pending = this.#escaped(error);
    }
    if (pending !== undefined) return this.#await(pending);
    this.#busy = false;
    if (this.#queue.length > 0 || this.#jobs.length > 0) this.#drain();
  }

  #postLast(message: M): void {
    this.#enqueue(message);
    if (!this.#busy) this.#drain();
  }

  /** Whether what callers have posted in this turn is handled soon, in the context of the first. */
  get isScheduled(): boolean {
    return this.#scheduled;
  }

  /** Takes a message from a caller: handled soon, after the call of the caller has returned. */
  postLater(message: M): void {
    this.#enqueue(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Not `queueMicrotask`: the fake timers of a test runner take its place.
    void Promise.resolve().then(() => {
      this.#scheduled = false;
      this.#drain();
    });
  }

  /** Puts messages before all that wait, in the order given. */
  putFirst(messages: readonly M[]): void {
    this.probe?.addedFirst(messages.length);
    for (let i = messages.length - 1; i >= 0; i--) {
      const message = messages[i] as M;
      this.#queue.unshift(message);
      this.#watermark.returned(this.owner.sizeOf(message));
    }
    this.#drain();
  }

  /** Takes out the first that waits of which that holds. */
  takeOut<S extends M>(isIt: (message: M) => message is S): S | undefined {
    const message = this.#queue.takeOut(isIt);
    if (message === undefined) return undefined;
    this.probe?.lost();
    this.#watermark.taken(this.owner.sizeOf(message));
    this.#watermark.settle(this.#queue.length);
    return message;
  }

  /**
   * From now on the number of those that wait is no mark, as their bytes are; `undefined`: it is one again.
   *
   * @param onFull told when a mark is reached: in this call, where one is
   */
  stretch(onFull: (() => void) | undefined): void {
    this.#watermark.stretch(this.#queue.length, onFull);
  }

  /** Takes out everything that waits. */
  clear(): M[] {
    this.probe?.lost();
    const messages = this.#queue.clear();
    this.#watermark.clear();
    return messages;
  }

  /** Takes out what is not wanted any more of what waits. */
  sweep(isWanted: (message: M) => boolean): void {
    this.probe?.lost();
    for (const message of this.#queue.clear()) {
      if (isWanted(message)) this.#queue.push(message);
      else this.#watermark.taken(this.owner.sizeOf(message));
    }
    this.#watermark.settle(this.#queue.length);
  }

  /** Whether messages are held. */
  get isSuspended(): boolean {
    return this.#suspended;
  }

  /** Holds every message until {@link resume}; the one being handled is finished. */
  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    if (!this.#suspended) return;
    this.#suspended = false;
    this.#drain();
  }

  /**
   * Does some work between two messages, before all that wait: now, where none is being handled. It
   * is done while messages are held too.
   *
   * @param dropped called in its place, or before it is done, by {@link dropJobs}
   */
  interject(work: Job['work'], dropped: () => void): void {
    this.#jobs.push({ work, dropped });
    this.#drain();
  }

  /** Nothing is done between messages any more: what is being handled may never end. */
  dropJobs(): void {
    const jobs = this.#jobs.splice(0);
    if (this.#job !== undefined) jobs.unshift(this.#job);
    this.#job = undefined;
    for (const { dropped } of jobs) dropped();
  }

  #enqueue(message: M): void {
    this.#queue.push(message);
    this.probe?.added(this.#queue.length);
    this.#watermark.added(this.owner.sizeOf(message), this.#queue.length);
  }

  #drain(): void {
    if (this.#busy) return;
    const pending = this.#next();
    if (pending !== undefined) this.#await(pending);
  }

  /** Handles what waits, until something is to be awaited: gives that. */
  #next(): Awaitable {
    while (!this.#busy) {
      if (this.#jobs.length > 0) this.#job = this.#jobs.shift();
      else if (this.#suspended || this.#yielding || this.#queue.length === 0) return undefined;
      else if (this.budget.isSpent) return this.#yield();
      this.#busy = true;
      const pending = this.#job === undefined ? this.#handleNext() : this.#work(this.#job);
      if (pending === undefined) {
        this.#job = undefined;
        this.#busy = false;
      }
      this.#watermark.settle(this.#queue.length);
      if (pending !== undefined) return pending;
    }
    return undefined;
  }

  #yield(): void {
    this.#yielding = true;
    this.budget.whenRenewed(() => {
      this.#yielding = false;
      this.#drain();
    });
  }

  #handleNext(): Awaitable {
    const message = this.#queue.shift() as M;
    this.probe?.taken();
    this.#watermark.taken(this.owner.sizeOf(message));
    this.budget.spend();
    return this.#handle(message);
  }

  #handle(message: M): Awaitable {
    try {
      return this.owner.handle(message);
    } catch (error) {
      return this.#escaped(error);
    }
  }

  #work({ work, dropped }: Job): Awaitable {
    try {
      return work();
    } catch (error) {
      dropped();
      return this.#escaped(error);
    }
  }

  #escaped(error: unknown): Pending {
    try {
      return this.owner.onEscape(error);
    } catch {
      return undefined;
    }
  }

  #await(pending: PromiseLike<unknown>): void {
    this.#onSettled ??= (value) => this.#settled(value);
    this.#onRejected ??= (error) => this.#rejected(error);
    this.#awaited = pending.then(this.#onSettled, this.#onRejected);
  }

  #settled(value: unknown): void {
    let pending: Awaitable;
    try {
      pending = this.owner.onSettled(value);
    } catch (error) {
      return this.#rejected(error);
    }
    if (pending === undefined) this.#goOn();
    else this.#await(pending);
  }

  #rejected(error: unknown): void {
    const told = this.#escaped(error);
    if (told === undefined) return this.#goOn();
    const goOn = (): void => this.#goOn();
    // What it rejects with is lost: nobody is left who could be told.
    told.then(goOn, goOn);
  }

  #goOn(): void {
    this.#job = undefined;
    this.#busy = false;
    this.#drain();
  }
}
