import type { SignalWatchers } from '../async/signal.watchers.js';
import type { Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import { TimerHeap } from '../clock/timer.heap.js';
import { answerOf, type Reading, readMessages } from '../codec/message.reader.js';
import type { Answer, Protocol, RequestId } from '../codec/protocol.port.js';
import { NotConnectedError } from '../errors/connection.errors.js';
import {
  DisconnectedError,
  RequestFailedError,
  RequestTimeoutError,
} from '../errors/request.errors.js';
import { BackpressureError, type SendFailure } from '../errors/sending.errors.js';
import { toError, WebSockexError, withoutStacks } from '../errors/websockex.error.js';
import type { DataFrame } from '../frame/frame.js';
import type { Failure } from '../metering/handler.meter.js';
import { Request, type RequestSender, type RequestSettings } from './request.js';
import { RequestLine } from './request.line.js';
import type { FeatureContext, SessionFeature } from './session.feature.js';

/**
 * Requests of ours, until each has ended, once:
 *
 *                     its place is there        an answer       the session is over          time is up, aborted
 *     waiting         it is sent, or kept       –               rejects, unless retry, kept  rejects, not sent
 *     kept            a socket has it: sent     –               waits on                     withdrawn, rejects
 *     sent            –                         it is settled   rejects, or waits: retry     cancelled, rejects
 *
 * What subscribes to a channel anew has its place before all that wait, and that of one that is kept where none is left:
 * what is kept is sent after it, and would never make room.
 *
 * Answers are looked for as frames arrive, ahead of the mailbox: a handler may await a request of its own client. Ids
 * come from one counter for the life of the client, and are never used again. Over a crash it keeps what waits with
 * `retry`, or for a session. All deadlines have one timer.
 */
export class Requests implements SessionFeature {
  #lastId = 0;
  #order = 0;
  /** Those that have a place, by their ids. */
  #placedById: Map<RequestId, Request> | undefined;
  /** Those that have none yet. */
  #line: RequestLine | undefined;
  /** Those of them that subscribe to a channel anew: before the others. */
  #replayLine: RequestLine | undefined;
  #heap: TimerHeap<Request> | undefined;
  #timer: Timer | undefined;
  /** When that is due. */
  #timerAt = Infinity;
  /** The session that is ready; 0 for none. */
  #ready = 0;
  /** Those that a handler may wait for. */
  #ofHandlers = 0;
  /** What was decoded as it arrived, until its turn. */
  #early: WeakMap<DataFrame, Reading> | undefined;
  #drained: (() => void)[] | undefined;
  #isPumping = false;
  /** How many have a place no more, and may still be answered. */
  #aside = 0;

  constructor(private readonly context: FeatureContext) {}

  // Most clients never ask anything: none of these is made before the first request.
  get #placed(): Map<RequestId, Request> {
    return (this.#placedById ??= new Map());
  }

  get #waiting(): RequestLine {
    return (this.#line ??= new RequestLine());
  }

  get #replays(): RequestLine {
    return (this.#replayLine ??= new RequestLine());
  }

  /** Those without a place. */
  get #unplaced(): Request[] {
    return [...this.#replays, ...this.#waiting];
  }

  #lineOf({ settings }: Request): RequestLine {
    return settings.isReplay ? this.#replays : this.#waiting;
  }

  get #deadlines(): TimerHeap<Request> {
    return (this.#heap ??= new TimerHeap());
  }

  /** Whether nothing has been asked, in the life of the client. */
  get #isUnused(): boolean {
    return this.#lastId === 0 && this.#order === 0;
  }

  /** How many hold a place. */
  get #inFlight(): number {
    return this.#placed.size - this.#aside;
  }

  /** How many have not ended. */
  get pending(): number {
    return this.#placed.size + this.#replays.size + this.#waiting.size;
  }

  /**
   * Sends a request, now or when there is a place for it.
   *
   * @param watchers who else watches the signal
   * @throws WebSockexError where it may not be sent now
   */
  request(
    sender: RequestSender,
    settings: RequestSettings,
    watchers: SignalWatchers,
  ): Promise<unknown> {
    const { clock, settings: options } = this.context;
    const { timeout, signal } = settings;
    const request = new Request(sender, settings, clock.now() + timeout, this.#order++);
    request.measured = this.context.meter?.asks(sender.message, options.protocol.system);
    const line = this.#lineOf(request);
    if (settings.isReplay && line.size === 0) this.#takeBack();
    // What waits does so for the session that this one makes ready.
    const isNext = this.#inFlight < options.maxInFlight && line.size === 0;
    const hasPlace = settings.isOfLogin || isNext;
    if (hasPlace) this.#sendFirst(request);
    else line.push(request);
    if (request.isSettled) return request.promise;
    if (timeout !== Infinity) {
      this.#deadlines.add(request);
      this.#arm();
    }
    if (signal !== undefined) {
      request.unwatch = watchers.add(signal, (reason) => this.#giveUp(request, reason));
    }
    request.isOfHandler = settings.isOfHandler;
    if (request.isOfHandler && ++this.#ofHandlers === 1) this.context.stretch(() => this.#full());
    return request.promise;
  }

  /** What was found in a frame as it arrived, without the answers in it; `undefined` where nobody has looked. */
  earlyReading(frame: DataFrame): Reading | undefined {
    return this.#early?.get(frame);
  }

  /** Only a protocol that knows answers is asked for them. */
  get arrived(): SessionFeature['arrived'] {
    if (this.context.settings.protocol.answer === undefined) return undefined;
    return (frame) => this.#arrived(frame);
  }

  ready(session: number): void {
    this.#ready = session;
    if (!this.#isUnused) this.#pump();
  }

  /** Channels have been subscribed to anew: others may have the places that are left. */
  writable(): void {
    if (!this.#isUnused) this.#pump();
  }

  /** Answers to what was asked are waited for, as long as a shutdown may. */
  drain(): Promise<void> | undefined {
    if (this.#isUnused || this.#inFlight === 0) return undefined;
    return new Promise((resolve) => (this.#drained ??= []).push(resolve));
  }

  /** Not with its `end`, which waits behind a handler that may wait for an answer. */
  lost(cause: unknown): void {
    if (this.#isUnused) return this.#left(this.context.session);
    this.#lose(this.context.session, cause);
    this.#refuseWaiting();
  }

  /** What was asked of the old session of a rotation may have been answered until now. */
  overlapOver(): void {
    if (this.#isUnused) return;
    this.#lose(this.context.session - 1, undefined);
  }

  over(): void {
    if (this.#isUnused) return this.lost(undefined);
    // No handler of it waits any more.
    this.#ofHandlers = 0;
    for (const request of [...this.#placed.values(), ...this.#unplaced])
      request.isOfHandler = false;
    this.lost(undefined);
  }

  close(): void {
    this.#ready = 0;
    if (this.#isUnused) return;
    const left = [...this.#placed.values(), ...this.#replays.take(), ...this.#waiting.take()];
    this.#takeDeadlines(left);
    for (const request of left) {
      this.#reject(request, this.#notConnected('the request was not answered'));
    }
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arrived(frame: DataFrame): void {
    // Where none is under way, what it holds is seen when its turn has come.
    if (this.#isUnused || this.#placed.size === 0 || this.#early?.has(frame) === true) return;
    const { protocol } = this.context.settings;
    let reading: Reading;
    // Of two answers to one request the first counts.
    const answered = new Map<Request, Answer>();
    try {
      const { values: all, isBatch } = readMessages(protocol, frame.data);
      const answers = new Set<unknown>();
      for (const value of all) {
        const answer = knownAnswer(protocol, value);
        const request = answer?.id === undefined ? undefined : this.#placed.get(answer.id);
        if (answer === undefined || request === undefined) continue;
        answers.add(value);
        if (!answered.has(request)) answered.set(request, answer);
      }
      // Most frames of many messages hold none.
      const values = answers.size === 0 ? all : all.filter((value) => !answers.has(value));
      reading = { values, isBatch };
    } catch (thrown) {
      reading = { thrown };
    }
    (this.#early ??= new WeakMap()).set(frame, reading);
    // After all of it has been read: of a frame that cannot be read none is settled.
    if (reading.values === undefined) return;
    for (const [request, answer] of answered) this.#answered(request, answer);
  }

  #answered(
    request: Request,
    answer: { readonly value: unknown } | { readonly error: Error },
  ): void {
    // What was told of one before may have ended it.
    if (request.isSettled) return;
    if ('error' in answer) this.#reject(request, this.#failed(answer.error));
    else this.#settle(request, () => request.resolve(answer.value));
  }

  /** Nobody holds the error of a message to what its type says. */
  #failed(error: unknown): Error {
    if (error instanceof RequestFailedError) return error.toldTo(this.context.client);
    const { message } = toError(error);
    return new RequestFailedError(this.context.client, message, { cause: error });
  }

  /** @throws WebSockexError where it may not be sent: then it is none */
  #sendFirst(request: Request): void {
    try {
      this.#send(request);
    } catch (thrown) {
      request.measured?.(false, { thrown });
      throw thrown;
    }
  }

  /** @throws WebSockexError where it may not be sent: then it has no place */
  #send(request: Request): void {
    const id = ++this.#lastId;
    request.id = id;
    this.#placed.set(id, request);
    const isThis = (): boolean => request.id === id && !request.isSettled;
    try {
      request.sender.send(id, {
        handed: (session) => {
          if (isThis()) request.session = session;
        },
        returned: () => {
          if (!isThis()) return;
          request.session = undefined;
          // What waits to be replayed goes before it.
          if (this.#replays.size === 0) return;
          this.#takeBack();
          this.#pump();
        },
        kept: (withdraw) => {
          if (isThis()) request.withdraw = withdraw;
        },
        aside: () => {
          if (!isThis() || request.isAside) return;
          request.isAside = true;
          this.#aside++;
          this.#roomMade();
        },
        failed: (error) => {
          if (isThis()) this.#unsent(request, error);
        },
      });
    } catch (error) {
      request.id = undefined;
      this.#placed.delete(id);
      throw error;
    }
  }

  /** It was not sent, or the socket that had it is gone. */
  #unsent(request: Request, error: SendFailure): void {
    const { session } = request;
    const isUnsent = session === undefined || error.isUnsent === true;
    const isOfSocket = !(error instanceof WebSockexError) || error instanceof NotConnectedError;
    // Of that session there is no socket any more: what is to be sent again waits for the next.
    if (isOfSocket && (session === undefined || session === this.#ready)) this.#ready = 0;
    if (isUnsent) request.session = undefined;
    if (request.settings.retry && isOfSocket) return this.#again(request);
    if (!isUnsent) {
      const { client } = this.context;
      return this.#reject(request, new DisconnectedError(client, session, { cause: error }));
    }
    const told =
      error instanceof WebSockexError
        ? error
        : this.context.notConnected('the request was not sent', error);
    this.#reject(request, told);
  }

  /** The session is not there any more, where it was. */
  #left(session: number): void {
    if (this.#ready <= session) this.#ready = 0;
  }

  /** All that the session had, or one before it, is not answered any more. */
  #lose(session: number, cause: unknown): void {
    this.#left(session);
    const { client } = this.context;
    const options = cause === undefined ? {} : { cause };
    // Those that go may make room for others.
    const lost = [...this.#placed.values()].filter(
      (request) => (request.session ?? Infinity) <= session,
    );
    this.#takeDeadlines(lost.filter(({ settings }) => !settings.retry));
    for (const request of lost) {
      if (request.settings.retry) this.#again(request);
      else {
        const of = request.session as number;
        this.#reject(
          request,
          withoutStacks(() => new DisconnectedError(client, of, options)),
        );
      }
    }
  }

  /** Those without a place are not sent in this session any more. */
  #refuseWaiting(): void {
    const waiting = [...this.#replays.take(), ...this.#waiting.take()];
    const isToWait = ({ settings: { retry, isKept } }: Request): boolean => retry || isKept;
    this.#takeDeadlines(waiting.filter((request) => !isToWait(request)));
    for (const request of waiting) {
      if (isToWait(request)) this.#waiting.push(request);
      else this.#reject(request, this.#notConnected('the request was not sent'));
    }
  }

  /** Of many the last first: most were asked in the order in which they are due, and the last of a heap is out at once. */
  #takeDeadlines(requests: readonly Request[]): void {
    for (const request of requests.toReversed()) this.#deadlines.delete(request);
  }

  /** Of many that end at once, to note the stack would take most of the time, and it is the same for all. */
  #notConnected(what: string): NotConnectedError {
    return withoutStacks(() => this.context.notConnected(what));
  }

  /** It waits for the next session, before all that came after it. */
  #again(request: Request): void {
    this.#displace(request);
    this.#pump();
  }

  /** It has no place any more, and waits before all that came after it. */
  #displace(request: Request): void {
    request.withdraw?.();
    if (request.id !== undefined) this.#placed.delete(request.id);
    request.wasSent ||= request.session !== undefined;
    request.id = undefined;
    request.session = undefined;
    request.withdraw = undefined;
    this.#waiting.comeBack(request);
  }

  /**
   * Where no place is left, one that has it and is not sent gives it up: that waits for what is to have the place. More
   * do where a session has fewer places than the one before.
   */
  #takeBack(): void {
    while (this.#inFlight >= this.context.settings.maxInFlight) {
      const kept = [...this.#placed.values()].findLast(
        ({ session, withdraw, isAside }) =>
          session === undefined && withdraw !== undefined && !isAside,
      );
      if (kept === undefined) return;
      this.#displace(kept);
    }
  }

  /** Sends as many of those that wait as there are places. */
  #pump(): void {
    // What ends meanwhile makes room for what is sent next in any case.
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      this.#sendWaiting();
    } finally {
      this.#isPumping = false;
    }
  }

  #sendWaiting(): void {
    while (this.#ready > 0 && this.#inFlight < this.context.settings.maxInFlight) {
      const request = this.#next();
      if (request === undefined) return;
      try {
        this.#send(request);
      } catch (error) {
        const isToWait = request.settings.retry && error instanceof NotConnectedError;
        if (!isToWait) this.#reject(request, error as Error);
        else {
          this.#ready = 0;
          this.#waiting.comeBack(request);
        }
      }
    }
  }

  /** What is to be sent next: none but replays, as long as there may be more of those. */
  #next(): Request | undefined {
    return this.#replays.shift() ?? (this.context.isReplaying ? undefined : this.#waiting.shift());
  }

  #giveUp(request: Request, reason: unknown): void {
    const { id, session, sender } = request;
    this.#settle(request, () => request.reject(reason), { thrown: reason });
    // Only a peer that may have it has to be told.
    if (id !== undefined && session !== undefined) sender.cancel(id, session);
  }

  #expire(): void {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    const { client, clock } = this.context;
    const now = clock.now();
    const due: Request[] = [];
    for (
      let request = this.#deadlines.first;
      request !== undefined && request.at <= now;
      request = this.#deadlines.first
    ) {
      this.#deadlines.delete(request);
      due.push(request);
    }
    // Those without a place first: else one that leaves its own would have one sent whose time is up as well.
    const waiting = due.filter(({ isWaiting }) => isWaiting);
    const placed = due.filter(({ isWaiting }) => !isWaiting);
    for (const request of [...waiting, ...placed]) {
      const { timeout } = request.settings;
      const tell = (): Error => new RequestTimeoutError(client, timeout, request.isSent);
      this.#giveUp(request, withoutStacks(tell));
    }
    this.#arm();
  }

  /** One timer, for the first that is due. */
  #arm(): void {
    const first = this.#deadlines.first;
    if (first === undefined || first.at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = first.at;
    const { clock } = this.context;
    this.#timer = setDeadline(clock, Math.max(0, first.at - clock.now()), () => this.#expire());
  }

  /** As much waits behind the handler as may, and is not read any more: the answer may never come. */
  #full(): void {
    const { client } = this.context;
    const what =
      'the handler that waits for the answer to a request keeps mailbox.maxBytes of frames waiting, and ' +
      'reading is paused. Do not wait for it in the handler, or allow more';
    for (const request of [...this.#placed.values(), ...this.#unplaced]) {
      if (request.isOfHandler) this.#reject(request, new BackpressureError(client, what));
    }
  }

  #reject(request: Request, error: Error): void {
    if (error instanceof WebSockexError && error.sent === undefined) {
      Object.assign(error, { sent: request.isSent });
    }
    this.#settle(request, () => request.reject(error), { thrown: error });
  }

  /** Ends it, once, and gives its place to the next. */
  #settle(request: Request, tell: () => void, failure?: Failure): void {
    if (request.isSettled) return;
    request.isSettled = true;
    request.measured?.(request.isSent, failure);
    this.#deadlines.delete(request);
    request.unwatch?.();
    if (request.id !== undefined) this.#placed.delete(request.id);
    else if (request.isWaiting) this.#lineOf(request).forget();
    // A socket that has it may give it back yet, and nobody waits for it any more.
    request.withdraw?.();
    if (request.isOfHandler && --this.#ofHandlers === 0) this.context.stretch(undefined);
    tell();
    if (request.isAside) this.#aside--;
    this.#roomMade();
  }

  #roomMade(): void {
    this.#pump();
    if (this.#inFlight > 0) return;
    for (const resolve of this.#drained?.splice(0) ?? []) resolve();
  }
}

/** What a message answers; one that cannot be looked at is told in its turn, and harms no other. */
function knownAnswer(protocol: Protocol, value: unknown): Answer | undefined {
  try {
    return answerOf(protocol, value);
  } catch {
    return undefined;
  }
}
