import { setImmediate } from 'node:timers';

import { isMilestone } from '../telemetry/milestone.js';

/** Told of a rejection that nobody has listened to, and where it came from. */
type Tell = (error: unknown, where: string) => void;

/** A promise that knows whether anybody listens to it. `await` and `Promise.all` do. */
class Heard<T> extends Promise<T> {
  #isHeard = false;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  constructor(
    executor: (
      resolve: (value: T | PromiseLike<T>) => void,
      reject: (error: unknown) => void,
    ) => void,
  ) {
    super(executor);
    // Unheard it ends no process, as no promise of a handle does.
    super.then(undefined, () => undefined);
  }

  get isHeard(): boolean {
    return this.#isHeard;
  }

  // oxlint-disable-next-line unicorn/no-thenable
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#isHeard = true;
    return super.then(onFulfilled, onRejected);
  }
}

/** A promise that has rejected. */
interface Refusal {
  readonly promise: Heard<unknown>;
  readonly error: unknown;
  readonly what: string;
}

/**
 * What is refused by promises that nobody may listen to, as in `void handle.sendFrame(…)`: such a
 * rejection is told in the next turn of the event loop. Of a handle only a refusal costs anything. Of many the first, the tenth, the hundredth, … are told, for each method.
 */
export class Unheard {
  readonly #counts = new Map<string, number>();
  #refusals: Refusal[] = [];

  constructor(private readonly tell: Tell) {}

  /** A promise that rejects. `what`: the method, of which there are few. */
  refuse(what: string, error: unknown): Promise<never> {
    const promise = new Heard<never>((_resolve, reject) => reject(error));
    this.#refused({ promise, error, what });
    return promise;
  }

  /** The same promise, of which a rejection is told where nobody listens. */
  watch<T>(what: () => string, promised: Promise<T>): Promise<T> {
    const promise = new Heard<T>((resolve, reject) => {
      promised.then(resolve, (error: unknown) => {
        reject(error);
        this.#refused({ promise, error, what: what() });
      });
    });
    return promise;
  }

  /** A session is ready: what is refused from now on is news. */
  reset(): void {
    this.#counts.clear();
  }

  #refused(refusal: Refusal): void {
    if (this.#refusals.push(refusal) === 1) setImmediate(() => this.#check());
  }

  #check(): void {
    const unheard = this.#refusals.filter(({ promise }) => !promise.isHeard);
    this.#refusals = [];
    for (const { what, error } of unheard) {
      const count = (this.#counts.get(what) ?? 0) + 1;
      this.#counts.set(what, count);
      const many = count === 1 ? '' : ` (${count} so far)`;
      if (isMilestone(count)) this.tell(error, `a ${what} that nobody awaits${many}`);
    }
  }
}
