import { limited, Waiters, type WaitOptions } from '../async/deferred.js';
import type { SignalWatchers } from '../async/signal.watchers.js';
import type { Clock } from '../clock/clock.port.js';
import type { ConnectionInfo } from '../process/handler.arguments.js';

/** Knows whether a session is open with its `@OnConnect` done, and who waits for one. */
export class Readiness {
  readonly #starting = new Waiters<ConnectionInfo>();
  // Made for the first who waits so.
  #connecting: Waiters<ConnectionInfo> | undefined;
  #info: ConnectionInfo | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly signals: SignalWatchers,
  ) {}

  /** The session that is ready, if one is. */
  get info(): ConnectionInfo | undefined {
    return this.#info;
  }

  /** Whether somebody waits for the start, and will be told of its failure. */
  get isStartAwaited(): boolean {
    return this.startsAwaited > 0;
  }

  /** How many wait for the start. */
  get startsAwaited(): number {
    return this.#starting.size;
  }

  /** Waits for the first session of a client that starts. */
  started(timeout: number, onTimeout: () => Error): Promise<ConnectionInfo> {
    return this.#starting.add(limited(this.clock, { timeout }, onTimeout));
  }

  /** Waits for a session. */
  connected(options: WaitOptions, onTimeout: (timeout: number) => Error): Promise<ConnectionInfo> {
    if (this.#info) return Promise.resolve(this.#info);
    this.#connecting ??= new Waiters();
    return this.#connecting.add(limited(this.clock, options, onTimeout, this.signals));
  }

  /** `@OnConnect` is done; `isOpen`: and its session is still there. */
  ready(info: ConnectionInfo, isOpen: boolean): void {
    if (isOpen) {
      this.#info = info;
      this.#connecting?.resolve(info);
    }
    this.#starting.resolve(info);
  }

  /** No session is open any more. */
  lost(): void {
    this.#info = undefined;
  }

  /** There will be none; `toError` is asked where somebody waits. */
  ended(toError: () => unknown): void {
    if (this.#starting.size + (this.#connecting?.size ?? 0) === 0) return;
    const error = toError();
    this.#starting.reject(error);
    this.#connecting?.reject(error);
  }
}
