import type { Observable, Subscriber } from 'rxjs';

import type { ClientStatus } from '../errors/connection.errors.js';
import type { DataFrame } from '../frame/frame.js';
import type { MailboxMarks } from '../mailbox/watermark.js';
import type { PauseLock } from '../mailbox/pause.lock.js';
import type { EventName, WebSockexEvent } from '../telemetry/events.js';
import type { EventSink } from '../telemetry/telemetry.js';
import { FrameIterator, FrameQueue, type WaitGuard } from './frame-iterator.js';
import { SafeObservable } from './safe-observable.js';

/** Told what an observer threw, and what it was observing. */
export type ObserverErrorReport = (error: unknown, where: string) => void;

/** Those who watch one client: hot, shared, free when nobody does. */
export class Observers implements EventSink {
  readonly #frames: Broadcast<DataFrame>;
  readonly #statuses: Broadcast<ClientStatus>;
  readonly #events: Broadcast<WebSockexEvent>;
  /** Of those who iterate. */
  readonly #queues = new Set<FrameQueue>();
  /** An iterator that nobody holds any more must not hold up reading for ever. */
  readonly #forgotten = new FinalizationRegistry<FrameQueue>((queue) => queue.forget());
  #status: ClientStatus = 'idle';
  /** Changes that wait to be told. */
  readonly #changes: ClientStatus[] = [];
  #isTelling = false;
  #isComplete = false;
  readonly frames$: Observable<DataFrame>;
  readonly status$: Observable<ClientStatus>;
  readonly events$: Observable<WebSockexEvent>;

  constructor(report: ObserverErrorReport) {
    const reporting = (name: string) => (error: unknown) =>
      report(error, `a subscriber of ${name}`);
    this.#frames = new Broadcast(reporting('frames$'));
    this.#statuses = new Broadcast(reporting('status$'));
    this.#events = new Broadcast(reporting('events$'));
    this.frames$ = new SafeObservable(reporting('frames$'), (subscriber) =>
      this.#frames.add(subscriber),
    );
    this.events$ = new SafeObservable(reporting('events$'), (subscriber) =>
      this.#events.add(subscriber),
    );
    this.status$ = new SafeObservable(reporting('status$'), (subscriber) => {
      // One who acts on the first value is told of what comes of it: once he has been told that.
      let leave = (): void => undefined;
      this.#tell(() => {
        subscriber.next(this.#status);
        leave = this.#statuses.add(subscriber);
      });
      return () => leave();
    });
  }

  /** For telemetry: frames and ends are only built when somebody looks. */
  wants(): boolean {
    return this.#events.observed;
  }

  next(event: WebSockexEvent & { event: EventName }): void {
    this.#events.next(event);
  }

  frame(frame: DataFrame): void {
    if (this.#frames.observed) this.#frames.next(frame);
    if (this.#queues.size === 0) return;
    for (const queue of this.#queues) queue.push(frame);
  }

  status(status: ClientStatus): void {
    this.#changes.push(status);
    this.#tell();
  }

  iterate(marks: MailboxMarks, pauseLock: PauseLock, guard?: WaitGuard): FrameIterator {
    const queue = new FrameQueue(marks, pauseLock, (one) => this.#queues.delete(one), guard);
    const iterator = new FrameIterator(queue);
    if (this.#isComplete) queue.end();
    else {
      this.#queues.add(queue);
      this.#forgotten.register(iterator, queue);
    }
    return iterator;
  }

  complete(): void {
    this.#isComplete = true;
    for (const queue of this.#queues) queue.end();
    this.#frames.complete();
    this.#tell();
    this.#events.complete();
  }

  /** Tells `first`, then the changes. What one who is told brings about waits until all have been told. */
  #tell(first?: () => void): void {
    const isOutermost = !this.#isTelling;
    this.#isTelling = true;
    first?.();
    if (!isOutermost) return;
    for (let next = this.#changes.shift(); next; next = this.#changes.shift()) {
      this.#status = next;
      this.#statuses.next(next);
    }
    this.#isTelling = false;
    if (this.#isComplete) this.#statuses.complete();
  }
}

/**
 * Tells values to those who are subscribed at the time, as a `Subject` does. A frame costs no closure
 * and no copy of their list here, which is most of what a `Subject` does for it.
 */
export class Broadcast<T> {
  /** Never changed, only replaced: who comes or goes meanwhile does not disturb a round. */
  #subscribers: readonly Subscriber<T>[] = [];
  #isComplete = false;

  /**
   * @param report told what a subscriber throws: an operator between us and its observer may, and so
   * may what runs when it is ended
   */
  constructor(private readonly report: (error: unknown) => void) {}

  get observed(): boolean {
    return this.#subscribers.length > 0;
  }

  /** Tells a subscriber from now on, until what it returns is called. */
  add(subscriber: Subscriber<T>): () => void {
    if (this.#isComplete) this.#complete(subscriber);
    else this.#subscribers = [...this.#subscribers, subscriber];
    return () => {
      this.#subscribers = this.#subscribers.filter((one) => one !== subscriber);
    };
  }

  next(value: T): void {
    for (const subscriber of this.#subscribers) {
      try {
        subscriber.next(value);
      } catch (error) {
        this.report(error);
      }
    }
  }

  complete(): void {
    const subscribers = this.#subscribers;
    this.#subscribers = [];
    this.#isComplete = true;
    for (const subscriber of subscribers) this.#complete(subscriber);
  }

  #complete(subscriber: Subscriber<T>): void {
    try {
      subscriber.complete();
    } catch (error) {
      this.report(error);
    }
  }
}
