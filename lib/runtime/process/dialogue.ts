import { Deferred, limited, rejected, type WaitOptions } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import { NotConnectedError } from '../errors/connection.errors.js';
import { LoginTimeoutError } from '../errors/login.errors.js';
import { BackpressureError } from '../errors/sending.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import { type CloseReason, describeReason } from '../frame/close-reason.js';
import type { DataFrame, FrameLike } from '../frame/frame.js';

/**
 * What `@OnConnect` gets to talk with the peer, one step after the other: the second argument. It is
 * that of one session; the next session has its own.
 *
 * @example
 * @OnConnect() async login(_: ConnectionInfo, dialogue: Dialogue) {
 *   await dialogue.send(Frame.json({ type: 'connection_init' }));
 *   const answer = await dialogue.next(undefined, { timeout: 5_000 });
 *   if (answer.data !== '{"type":"connection_ack"}') throw new LoginError('not let in');
 * }
 *
 * @publicApi
 */
export interface Dialogue {
  /**
   * Aborted when the session is over, or about to be: nothing more comes of it. Its reason is the error
   * that {@link next} rejects with.
   */
  readonly signal: AbortSignal;
  /**
   * Sends a frame, or several, at once, whatever else waits to be sent. Resolves when the socket has
   * taken them.
   *
   * @throws (rejects) NotConnectedError once the session is over; InvalidFrameError, FrameEncodeError
   */
  send(frame: FrameLike | readonly FrameLike[]): Promise<void>;
  /**
   * Waits for the next data frame that matches, those that have arrived by now first. It reaches no
   * handler. Frames that do not match keep their place: they are handled, in order, when `@OnConnect` has
   * returned. While it waits their number does not pause the socket, but their bytes do
   * (`mailbox.maxBytes`).
   *
   * @param match what it must be; what this throws, `next` rejects with. @default any
   * @param options milliseconds to wait, and a signal that ends the wait. @default `loginTimeout` alone
   * @throws (rejects) NotConnectedError when the session is over, with its end as `cause`;
   * LoginTimeoutError, which ends the session where it is not caught; BackpressureError when
   * `mailbox.maxBytes` of other frames wait
   */
  next<F extends DataFrame>(
    match: (frame: DataFrame) => frame is F,
    options?: WaitOptions,
  ): Promise<F>;
  next(match?: (frame: DataFrame) => boolean, options?: WaitOptions): Promise<DataFrame>;
}

type Match = (frame: DataFrame) => boolean;

/** Told of the frames of a session before anybody else is. */
export interface FrameListener {
  /** One has arrived. @returns `true` to take it */
  arrived(frame: DataFrame): boolean;
  /** As much waits as may. */
  full(): void;
}

/** One session, as its dialogue sees it. */
export interface DialoguePort {
  readonly client: string;
  readonly clock: Clock;
  /** @throws NotConnectedError, InvalidFrameError, FrameEncodeError */
  send(frames: readonly unknown[], done: (error?: Error | null) => void): void;
  /** A promise that rejects, of which is told where nobody listens. */
  refuse(what: string, error: unknown): Promise<never>;
  /** Takes out the first frame that waits for its handler, and matches; throws what `match` throws. */
  takeOut(match: Match): DataFrame | undefined;
  /**
   * From now on the listener is told; `undefined`: nobody is. While one is, the number of those that wait
   * does not pause reading. Where as much waits as may, it is told so in this call.
   */
  listen(listener: FrameListener | undefined): void;
  /** A frame has its turn now. @returns what goes on in its place, or `undefined` where somebody took it */
  handOver(frame: DataFrame): DataFrame | undefined;
}

/** Somebody waits for a frame. */
interface Waiter {
  readonly match: Match;
  readonly deferred: Deferred<DataFrame>;
}

/** Nobody does: one for all, since most dialogues have none. */
const NO_WAITERS: readonly Waiter[] = Object.freeze([]);

/**
 * The dialogue of one session.
 *
 *                  next()                              a frame arrives        send()
 *     open         the first that waits and matches,   the first who waits    it is sent
 *                  or waits                            for such a one has it
 *     closed by    the first that waits and matches,   there is none          it rejects
 *     the peer     or rejects
 *     over         rejects                             there is none          it rejects
 *
 * It is `over` when we close the session, when it is lost, and when its incarnation ends.
 */
export class SessionDialogue implements Dialogue, FrameListener {
  #waiters = NO_WAITERS;
  #abort: AbortController | undefined;
  /** Why nothing more comes. */
  #end: CloseReason | undefined;
  #isOver = false;

  constructor(private readonly port: DialoguePort) {}

  /** Why nothing more comes of its session; `undefined` while something may. */
  get end(): CloseReason | undefined {
    return this.#end;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#end !== undefined) this.#abort.abort(this.#ended('the session'));
    return this.#abort.signal;
  }

  send(frame: FrameLike | readonly FrameLike[]): Promise<void> {
    const method = 'dialogue.send()';
    if (this.#end !== undefined) return this.port.refuse(method, this.#ended(method));
    const sent = new Deferred<void>();
    try {
      this.port.send(Array.isArray(frame) ? frame : [frame], (cause) => {
        if (!cause) return sent.resolve();
        const what = `${method}: the frame was not sent`;
        sent.reject(new NotConnectedError(this.port.client, 'closing', what, { cause }));
      });
    } catch (error) {
      return this.port.refuse(method, error);
    }
    return sent.promise;
  }

  next<F extends DataFrame>(
    match?: ((frame: DataFrame) => frame is F) | Match,
    options?: WaitOptions,
  ): Promise<F>;
  next(match: Match = () => true, options: WaitOptions = {}): Promise<DataFrame> {
    const { client, clock } = this.port;
    const { signal } = options;
    if (typeof match !== 'function') {
      const given = inspectShort(match);
      return rejected(
        new TypeError(
          `${client}: dialogue.next(): ${given} is no function that says whether a frame matches`,
        ),
      );
    }
    if (signal?.aborted) return rejected(signal.reason);
    try {
      const waiting = this.#takeWaiting(match);
      if (waiting !== undefined) return Promise.resolve(waiting);
    } catch (error) {
      return rejected(error);
    }
    if (this.#end !== undefined) return rejected(this.#ended('dialogue.next()'));
    const deferred = limited<DataFrame>(
      clock,
      options,
      (timeout) =>
        new LoginTimeoutError(client, timeout, 'dialogue.next() got no frame that matches'),
    );
    const waiter = { match, deferred };
    const { reject } = deferred;
    // It waits no more from then on, and not from when those are told who wait for the promise.
    deferred.reject = (reason) => {
      this.#forget(waiter);
      reject(reason);
    };
    this.#waiters = [...this.#waiters, waiter];
    this.port.listen(this);
    return deferred.promise;
  }

  arrived(frame: DataFrame): boolean {
    for (const waiter of this.#waiters) {
      try {
        if (!waiter.match(frame)) continue;
      } catch (error) {
        waiter.deferred.reject(error);
        continue;
      }
      this.#give(frame, waiter);
      return true;
    }
    return false;
  }

  full(): void {
    const what =
      'dialogue.next(): mailbox.maxBytes of frames wait that do not match, and reading is paused. ' +
      'Match them, too, or allow more';
    this.#rejectAll(() => new BackpressureError(this.port.client, what));
  }

  /** The peer has closed: what has arrived before is still there. */
  closedByPeer(reason: CloseReason): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#rejectAll(() => this.#ended('dialogue.next()'));
    this.#abort?.abort(this.#ended('the session'));
  }

  /** The session is over, or is being closed by us. */
  over(reason: CloseReason): void {
    this.closedByPeer(reason);
    this.#isOver = true;
  }

  #takeWaiting(match: Match): DataFrame | undefined {
    while (!this.#isOver) {
      const frame = this.port.takeOut(match);
      const passed = frame && this.port.handOver(frame);
      if (frame === undefined || passed !== undefined) return passed;
    }
    return undefined;
  }

  #give(frame: DataFrame, waiter: Waiter): void {
    let passed: DataFrame | undefined;
    try {
      passed = this.port.handOver(frame);
    } catch (error) {
      return waiter.deferred.reject(error);
    }
    if (passed === undefined) return;
    this.#forget(waiter);
    waiter.deferred.resolve(passed);
  }

  #forget(waiter: Waiter): void {
    if (!this.#waiters.includes(waiter)) return;
    this.#waiters = this.#waiters.filter((one) => one !== waiter);
    if (this.#waiters.length === 0) this.port.listen(undefined);
  }

  #rejectAll(toError: () => Error): void {
    for (const { deferred } of this.#waiters) deferred.reject(toError());
  }

  #ended(what: string): NotConnectedError {
    const reason = this.#end as CloseReason;
    const cause = reason.by === 'error' ? reason.error : reason;
    return new NotConnectedError(
      this.port.client,
      'closing',
      `${what}: nothing more comes of the session (${describeReason(reason)})`,
      { cause, advice: '@OnConnect runs again in the next one' },
    );
  }
}
