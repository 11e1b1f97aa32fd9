import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers';

/** A call of a handler, as far as its context must know it. */
interface ContextCall {
  /** Nothing is part of it any more. */
  readonly isOver: boolean;
}

/**
 * Which call of a handler some code belongs to; also after an `await` in it. One for an application.
 *
 * Before Node 24 a storage that has been used makes each promise of the process dear, whosever it is. So it
 * is switched off again when no call goes on that is known in it: what it forgets then belongs to calls
 * that are over.
 */
export class HandlerContext {
  readonly #storage = new AsyncLocalStorage<ContextCall | undefined>();
  /** The calls that go on. */
  readonly #calls = new Set<ContextCall>();
  #isDue = false;
  /** How many handlers run that are not known here, and are asked for. */
  unknown = 0;

  /** The call that the code which runs now is part of. */
  get current(): ContextCall | undefined {
    return this.#storage.getStore();
  }

  /** Whether the code that runs now is part of a handler, or may be. */
  get isInCall(): boolean {
    return this.unknown > 0 || this.current?.isOver === false;
  }

  run<R>(call: ContextCall, work: () => R): R {
    // Of a call that is over nothing is asked any more, and nobody would say that it has ended.
    if (!call.isOver) this.#calls.add(call);
    return this.#storage.run(call, work);
  }

  /** Runs a handler that is not known here. */
  runUnknown<R>(work: () => R): R {
    this.unknown++;
    try {
      return work();
    } finally {
      this.unknown--;
    }
  }

  /** The code that runs now becomes part of a call, until what this returns is called. */
  enter(call: ContextCall): () => void {
    this.#calls.add(call);
    const before = this.current;
    this.#storage.enterWith(call);
    return () => this.#storage.enterWith(before);
  }

  /** A call is over. */
  left(call: ContextCall): void {
    if (!this.#calls.delete(call) || this.#calls.size > 0 || this.#isDue) return;
    this.#isDue = true;
    // Others may follow in this turn, and to switch it costs more than a call.
    setImmediate(() => {
      this.#isDue = false;
      if (this.#calls.size === 0) this.#storage.disable();
    });
  }
}
