import type { Subscriber } from 'rxjs';

/**
 * Tells values to those who are subscribed at the time, as a `Subject` does. A frame costs no closure
 * and no copy of their list here, which is most of what a `Subject` does for it.
 */
export class Broadcast<T> {
  /** Never changed, only replaced: who comes or goes meanwhile does not disturb a round. */
  #subscribers: readonly Subscriber<T>[] = [];
  #isComplete = false;

  get observed(): boolean {
    return this.#subscribers.length > 0;
  }

  /** Tells a subscriber from now on, until what it returns is called. */
  add(subscriber: Subscriber<T>): () => void {
    if (this.#isComplete) subscriber.complete();
    else this.#subscribers = [...this.#subscribers, subscriber];
    return () => {
      this.#subscribers = this.#subscribers.filter((one) => one !== subscriber);
    };
  }

  next(value: T): void {
    for (const subscriber of this.#subscribers) subscriber.next(value);
  }

  complete(): void {
    const subscribers = this.#subscribers;
    this.#subscribers = [];
    this.#isComplete = true;
    for (const subscriber of subscribers) subscriber.complete();
  }
}
