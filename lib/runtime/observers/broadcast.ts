import type { Subscriber } from 'rxjs';

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
