import { filter, type Observable, type Subscriber } from 'rxjs';

import { type MessagePattern, type ReceivedMessage, selectorOf } from '../codec/message.pattern.js';
import type { ClientStatus } from '../errors/connection.errors.js';
import type { DataFrame } from '../frame/frame.js';
import type { MailboxMarks } from '../mailbox/watermark.js';
import type { PauseLock } from '../mailbox/pause.lock.js';
import type { EventName, WebSockexEvent } from '../telemetry/events.js';
import type { EventSink } from '../telemetry/telemetry.js';
import { FrameIterator, FrameQueue, type WaitGuard } from './frame-iterator.js';
import { SafeObservable } from './safe-observable.js';

/** Whose observers they are: told what one of them threw, and what it was observing. */
export interface ObserversOwner {
  readonly telemetry: { error(error: unknown, where: string): void };
}

/** Those who watch one client: hot, shared, free when nobody does. */
export class Observers implements EventSink {
  // Made for the first who watches: most clients have none, and there may be ten thousand of them.
  #frames: Watched<DataFrame> | undefined;
  #messages: Watched<ReceivedMessage> | undefined;
  #statuses: Watched<ClientStatus> | undefined;
  #events: Watched<WebSockexEvent> | undefined;
  /** Of those who iterate. Never changed, only replaced; there is none while nobody does. */
  #queues: readonly FrameQueue[] | undefined;
  /** An iterator that nobody holds any more must not hold up reading for ever. */
  #forgotten: FinalizationRegistry<FrameQueue> | undefined;
  #status: ClientStatus = 'idle';
  /** Changes that wait to be told. */
  #changes: ClientStatus[] | undefined;
  #isTelling = false;
  #isComplete = false;
  /** Whether anybody sees events. */
  seesFrames = false;

  constructor(private readonly owner: ObserversOwner) {}

  get frames$(): Observable<DataFrame> {
    return (this.#frames ??= this.#watched('frames$')).values$;
  }

  get events$(): Observable<WebSockexEvent> {
    this.#events ??= this.#watched('events$', undefined, (isObserved) => {
      this.seesFrames = isObserved;
    });
    return this.#events.values$;
  }

  /** Whether anybody sees messages. */
  get seesMessages(): boolean {
    return this.#messages?.all.observed === true;
  }

  /** The messages that a pattern takes. */
  messages(pattern: MessagePattern | undefined): Observable<ReceivedMessage> {
    this.#messages ??= this.#watched('messages()');
    if (pattern === undefined) return this.#messages.values$;
    const isWanted = selectorOf(pattern);
    const select = (message: ReceivedMessage): boolean => {
      try {
        return isWanted(message);
      } catch (error) {
        // One message that it cannot look at must not keep those after it from the subscriber.
        this.owner.telemetry.error(error, 'a pattern of messages()');
        return false;
      }
    };
    return this.#messages.values$.pipe(filter(select));
  }

  get status$(): Observable<ClientStatus> {
    this.#statuses ??= this.#watched('status$', (subscriber, statuses) => {
      // One who acts on the first value is told of what comes of it: once he has been told that.
      let leave = (): void => undefined;
      this.#tell(() => {
        subscriber.next(this.#status);
        leave = statuses.add(subscriber);
      });
      return () => leave();
    });
    return this.#statuses.values$;
  }

  /** For telemetry: frames and ends are only built when somebody looks. */
  wants(): boolean {
    return this.seesFrames;
  }

  next(event: WebSockexEvent & { event: EventName }): void {
    this.#events?.all.next(event);
  }

  frame(frame: DataFrame): void {
    if (this.#frames !== undefined) this.#frames.all.next(frame);
    if (this.#queues !== undefined) this.#queue(this.#queues, frame);
  }

  #queue(queues: readonly FrameQueue[], frame: DataFrame): void {
    for (const queue of queues) queue.push(frame);
  }

  message(message: ReceivedMessage): void {
    this.#messages?.all.next(message);
  }

  status(status: ClientStatus): void {
    // Nobody is told, and nobody is being told.
    if (this.#statuses === undefined) {
      this.#status = status;
      return;
    }
    (this.#changes ??= []).push(status);
    this.#tell();
  }

  iterate(marks: MailboxMarks, pauseLock: PauseLock, guard?: WaitGuard): FrameIterator {
    const queue = new FrameQueue(marks, pauseLock, (one) => this.#leave(one), guard);
    const iterator = new FrameIterator(queue);
    if (this.#isComplete) queue.end();
    else {
      this.#queues = [...(this.#queues ?? []), queue];
      this.#forgotten ??= new FinalizationRegistry((one) => one.forget());
      this.#forgotten.register(iterator, queue);
    }
    return iterator;
  }

  #leave(queue: FrameQueue): void {
    const others = this.#queues?.filter((one) => one !== queue) ?? [];
    this.#queues = others.length > 0 ? others : undefined;
  }

  complete(): void {
    this.#isComplete = true;
    for (const queue of this.#queues ?? []) queue.end();
    this.#frames?.all.complete();
    this.#messages?.all.complete();
    this.#tell();
    this.#events?.all.complete();
  }

  /**
   * @param subscribe how a subscriber is added, where that is not all
   * @param watched told whether anybody is subscribed, when that changes
   */
  #watched<T>(
    name: string,
    subscribe = (subscriber: Subscriber<T>, all: Broadcast<T>) => all.add(subscriber),
    watched?: (isObserved: boolean) => void,
  ): Watched<T> {
    const report = (error: unknown): void =>
      this.owner.telemetry.error(error, `a subscriber of ${name}`);
    const all = new Broadcast<T>(report, watched);
    if (this.#isComplete) all.complete();
    const values$ = new SafeObservable<T>(report, (subscriber) => subscribe(subscriber, all));
    return { all, values$ };
  }

  /** Tells `first`, then the changes. What one who is told brings about waits until all have been told. */
  #tell(first?: () => void): void {
    const isOutermost = !this.#isTelling;
    this.#isTelling = true;
    first?.();
    if (!isOutermost) return;
    for (let next = this.#changes?.shift(); next; next = this.#changes?.shift()) {
      this.#status = next;
      this.#statuses?.all.next(next);
    }
    this.#isTelling = false;
    if (this.#isComplete) this.#statuses?.all.complete();
  }
}

/** One thing that can be watched: those who do, and how they come to. */
interface Watched<T> {
  readonly all: Broadcast<T>;
  readonly values$: Observable<T>;
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
   * @param watched told whether there are subscribers, when that changes
   */
  constructor(
    private readonly report: (error: unknown) => void,
    private readonly watched: (isObserved: boolean) => void = () => undefined,
  ) {}

  get observed(): boolean {
    return this.#subscribers.length > 0;
  }

  /** Tells a subscriber from now on, until what it returns is called. */
  add(subscriber: Subscriber<T>): () => void {
    if (this.#isComplete) this.#complete(subscriber);
    else this.#change([...this.#subscribers, subscriber]);
    return () => this.#change(this.#subscribers.filter((one) => one !== subscriber));
  }

  #change(subscribers: readonly Subscriber<T>[]): void {
    const wasObserved = this.observed;
    this.#subscribers = subscribers;
    if (this.observed !== wasObserved) this.watched(this.observed);
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
    this.#isComplete = true;
    this.#change([]);
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
