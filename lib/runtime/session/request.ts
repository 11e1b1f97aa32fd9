import { Deferred } from '../async/deferred.js';
import type { HeapEntry } from '../clock/timer.heap.js';
import type { RequestId } from '../codec/protocol.port.js';
import type { ClientMeter } from '../metering/client.meter.js';

/** What is asked of a request beside its message. */
export interface RequestSettings {
  /** Milliseconds from the call; `Infinity`: none. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Whether it is sent again, under a new id, when its session is lost. */
  readonly retry: boolean;
  /** Whether it waits for a session where there is none. */
  readonly isKept: boolean;
  /** Whether a handler of the client asks: while that waits, what arrives does so behind it. */
  readonly isOfHandler: boolean;
  /** Whether a login asks: then nothing is before it. */
  readonly isOfLogin: boolean;
  /** Whether it subscribes to a channel anew: then it goes before all that waits. */
  readonly isReplay: boolean;
}

/** How a request goes out. */
export interface RequestSender {
  /** What is asked, as it was given. */
  readonly message: unknown;
  /**
   * Sends it under this id, now or as soon as it may.
   *
   * @throws WebSockexError where it may not; then nothing of it is kept
   */
  send(id: RequestId, told: SendingTold): void;
  /** What tells the peer that nobody waits for the answer any more; not sent where that session is over. */
  cancel(id: RequestId, session: number): void;
}

/** Told on the way of one request. */
export interface SendingTold {
  /** A socket has it, that of this session: the peer may get it from now on. */
  handed(session: number): void;
  /** That socket gave it back, with no byte of it sent: it waits for the next session. */
  returned(): void;
  /** It waits; `withdraw` takes it out. */
  kept(withdraw: () => void): void;
  /** Nobody counts on the answer: it makes room for others, and may still be answered. */
  aside(): void;
  /** It will not be sent, or the socket had it, and is gone. */
  failed(error: Error): void;
}

/** One request. */
export class Request implements HeapEntry {
  place = -1;
  id: RequestId | undefined;
  /** The session whose socket has it, where one does. */
  session: number | undefined;
  withdraw: (() => void) | undefined;
  unwatch: (() => void) | undefined;
  /** Told how it has ended, where somebody measures that. */
  measured: ReturnType<ClientMeter['asks']> | undefined;
  /** Whether a handler of the client may wait for it. */
  isOfHandler = false;
  /** Whether it is in the line of those without a place. */
  isWaiting = false;
  /** Whether a socket of a session before had it. */
  wasSent = false;
  isSettled = false;
  /** Whether it has given up its place. */
  isAside = false;
  readonly #deferred = new Deferred<unknown>();

  constructor(
    readonly sender: RequestSender,
    readonly settings: RequestSettings,
    readonly at: number,
    readonly order: number,
  ) {}

  /** Whether the peer may have it. */
  get isSent(): boolean {
    return this.wasSent || this.session !== undefined;
  }

  get promise(): Promise<unknown> {
    return this.#deferred.promise;
  }

  resolve(value: unknown): void {
    this.#deferred.resolve(value);
  }

  reject(reason: unknown): void {
    this.#deferred.reject(reason);
  }
}
