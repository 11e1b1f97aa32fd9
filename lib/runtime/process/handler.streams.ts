import { isObservable, type Observable, Subscriber } from 'rxjs';

import { toPromise } from '../async/deferred.js';
import type { TurnBudget } from '../mailbox/turn.budget.js';
import type { Handler } from './client.definition.js';

/** What a stream a handler returned needs of its client. */
export interface HandlerStreamsOwner {
  /** Acts on one item. Throws for one that is nothing to act on. */
  onItem(handler: Handler, item: unknown, taken?: () => void, greeting?: Greeting): void;
  /** The stream failed, or one of its items was refused. */
  onStreamError(error: unknown): void;
  /** What runs when a stream is ended early has failed. */
  onTeardownError(handler: Handler, error: unknown): void;
}

/** Told what became of what `@OnConnect` has returned. */
export interface Greeting {
  /** Whether its session is open. */
  readonly isOpen: boolean;
  /** It was sent; of a stream its first item was, or there was none. */
  sent(): void;
  /** It is a stream, and that has failed. Whether that has been seen to. */
  failed(error: unknown): boolean;
  /** It is a stream: what iterates it is a part of the login. */
  stream<R>(handler: Handler, iterate: () => R): R;
}

/** Where a stream comes from. */
export interface StreamOrigin {
  readonly handler: Handler;
  /** The login whose `@OnConnect` has returned it. */
  readonly greeting: Greeting | undefined;
}

type Source = Observable<unknown> | AsyncIterable<unknown>;

/** Whether a handler returned something that yields items over time. */
export function isStream(value: unknown): value is Source {
  if (typeof value !== 'object' || value === null) return false;
  return isObservable(value) || Symbol.asyncIterator in value;
}

/** The streams that handlers of one session returned: each item as it comes, until it ends. */
export class HandlerStreams {
  #cancels: Map<() => void, StreamOrigin> | undefined;

  constructor(
    private readonly owner: HandlerStreamsOwner,
    /** No item is asked for where what is sent could not be taken. */
    private readonly connection: { readonly isOpen: boolean },
    private readonly budget: TurnBudget,
  ) {}

  add(handler: Handler, source: Source, greeting?: Greeting): void {
    if (isObservable(source)) this.#subscribe(handler, source, greeting);
    else void this.#iterate(handler, source, greeting);
  }

  /** The session is over, for all of them or for some. */
  cancel(isOver: (origin: StreamOrigin) => boolean = () => true): void {
    if (this.#cancels === undefined) return;
    const ends = Array.from(this.#cancels).filter(([, origin]) => isOver(origin));
    for (const [cancel] of ends) {
      this.#cancels?.delete(cancel);
      cancel();
    }
  }

  #subscribe(handler: Handler, source: Observable<unknown>, greeting?: Greeting): void {
    const subscriber = new ItemSubscriber({
      item: (item) => {
        this.owner.onItem(handler, item, undefined, greeting);
        greeting?.sent();
      },
      completed: () => greeting?.sent(),
      failed: (error) => {
        if (greeting?.failed(error) !== true) this.owner.onStreamError(error);
      },
      teardownFailed: (error) => this.owner.onTeardownError(handler, error),
    });
    const cancel = (): void => subscriber.unsubscribe();
    (this.#cancels ??= new Map()).set(cancel, { handler, greeting });
    subscriber.add(() => this.#cancels?.delete(cancel));
    try {
      const subscription = source.subscribe(subscriber);
      // An Observable that is not RxJS' own may give another one.
      if (subscription !== subscriber) subscriber.add(subscription);
    } catch (error) {
      // One that has ended in this very call runs its teardown in it.
      if (subscriber.closed) this.owner.onTeardownError(handler, error);
      else subscriber.error(error);
    }
  }

  async #iterate(
    handler: Handler,
    source: AsyncIterable<unknown>,
    greeting?: Greeting,
  ): Promise<void> {
    const { owner, budget } = this;
    let isOver = false;
    let iterator: AsyncIterator<unknown> | undefined;
    const cancel = (): void => {
      if (isOver) return;
      isOver = true;
      this.#return(handler, iterator);
    };
    (this.#cancels ??= new Map()).set(cancel, { handler, greeting });
    try {
      iterator = source[Symbol.asyncIterator]();
      // While the session closes nothing would be taken, and a source that never waits never ends.
      while (!isOver && (greeting ?? this.connection).isOpen) {
        // Before: what the first item of a turn takes counts, and tells how many more fit in.
        budget.spend();
        const { done, value } = await iterator.next();
        if (done) isOver = true;
        if (isOver) break;
        const taken = new Promise<void>((resolve) =>
          owner.onItem(handler, value, resolve, greeting),
        );
        greeting?.sent();
        await taken;
        if (budget.isSpent) await new Promise<void>((next) => budget.whenRenewed(next));
      }
      greeting?.sent();
      cancel();
    } catch (error) {
      if (isOver) return owner.onTeardownError(handler, error);
      cancel();
      if (greeting?.failed(error) !== true) owner.onStreamError(error);
    } finally {
      this.#cancels?.delete(cancel);
    }
  }

  /** Runs the `finally` of a generator. */
  #return(handler: Handler, iterator: AsyncIterator<unknown> | undefined): void {
    const failed = (error: unknown): void => this.owner.onTeardownError(handler, error);
    try {
      toPromise(iterator?.return?.())?.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

/** What becomes of the items of an Observable. */
interface ItemSink {
  readonly item: (value: unknown) => void;
  readonly completed: () => void;
  readonly failed: (error: unknown) => void;
  readonly teardownFailed: (error: unknown) => void;
}

/**
 * A subscriber of its own kind, since RxJS throws what a teardown throws at whoever ends the
 * subscription: at the end of a session, or at the timer that completes the source.
 */
class ItemSubscriber extends Subscriber<unknown> {
  readonly #sink: ItemSink;

  constructor(sink: ItemSink) {
    super();
    this.#sink = sink;
  }

  protected override _next(value: unknown): void {
    try {
      this.#sink.item(value);
    } catch (error) {
      this.error(error);
    }
  }

  protected override _error(error: unknown): void {
    this.unsubscribe();
    this.#sink.failed(error);
  }

  protected override _complete(): void {
    this.unsubscribe();
    try {
      this.#sink.completed();
    } catch (error) {
      this.#sink.failed(error);
    }
  }

  override unsubscribe(): void {
    try {
      super.unsubscribe();
    } catch (error) {
      this.#sink.teardownFailed(error);
    }
  }
}
