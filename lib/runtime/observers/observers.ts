import type { Observable } from 'rxjs';

import type { ClientStatus } from '../errors/connection.errors.js';
import type { DataFrame } from '../frame/frame.js';
import type { MailboxMarks } from '../mailbox/mailbox.js';
import type { EventName, WebSockexEvent } from '../telemetry/events.js';
import type { EventSink } from '../telemetry/telemetry.js';
import type { Flow } from '../mailbox/flow.js';
import { Broadcast } from './broadcast.js';
import { FrameIterator } from './frame-iterator.js';
import { SafeObservable } from './safe-observable.js';

/** Told what an observer threw, and what it was observing. */
export type ObserverErrorReport = (error: unknown, where: string) => void;

/** Those who watch one client: hot, shared, free when nobody does. */
export class Observers implements EventSink {
  readonly #frames: Broadcast<DataFrame>;
  readonly #statuses: Broadcast<ClientStatus>;
  readonly #events: Broadcast<WebSockexEvent>;
  readonly #iterators = new Set<FrameIterator>();
  #status: ClientStatus = 'idle';
  /** The change that is being told, and those that wait to be. */
  readonly #changes: ClientStatus[] = [];
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
      subscriber.next(this.#status);
      return this.#statuses.add(subscriber);
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
    if (this.#iterators.size === 0) return;
    for (const iterator of this.#iterators) iterator.push(frame);
  }

  status(status: ClientStatus): void {
    // One who is told may bring about the next: those after him are told in order all the same.
    if (this.#changes.push(status) > 1) return;
    for (let next: ClientStatus | undefined = status; next; next = this.#changes[0]) {
      this.#status = next;
      this.#statuses.next(next);
      this.#changes.shift();
    }
    if (this.#isComplete) this.#statuses.complete();
  }

  iterate(marks: MailboxMarks, flow: Flow): FrameIterator {
    const iterator = new FrameIterator(marks, flow, (one) => this.#iterators.delete(one));
    this.#iterators.add(iterator);
    return iterator;
  }

  complete(): void {
    for (const iterator of this.#iterators) iterator.end();
    this.#frames.complete();
    this.#isComplete = true;
    if (this.#changes.length === 0) this.#statuses.complete();
    this.#events.complete();
  }
}
