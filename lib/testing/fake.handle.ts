import type { Type } from '@nestjs/common';
import type { Observable } from 'rxjs';

import type { ConnectionInfo } from '../runtime/process/callback.types.js';
import { noInfoHandler, noSuchHandler } from '../runtime/client/caller.errors.js';
import {
  ClientHandle,
  type CallAnswer,
  type MethodArgs,
  type MethodName,
} from '../runtime/client/client-handle.js';
import type { HandlerNames } from '../runtime/process/incarnation.js';
import { Observers } from '../runtime/observers/observers.js';
import { Readiness } from '../runtime/client/readiness.js';
import { Deferred, rejected, type WaitOptions } from '../runtime/clock/waiters.js';
import { SignalWatchers } from '../runtime/clock/signal.watchers.js';
import { SystemClock } from '../runtime/clock/system.clock.js';
import type { ClientStatus } from '../runtime/errors/connection.errors.js';
import { CallTimeoutError } from '../runtime/errors/client.errors.js';
import { NotConnectedError } from '../runtime/errors/connection.errors.js';
import { checkClose } from '../runtime/frame/close-code.js';
import type { CloseReason } from '../runtime/frame/close-reason.js';
import { FrameChecker } from '../runtime/frame/frame.checker.js';
import type { DataFrame, Frame, FrameLike } from '../runtime/frame/frame.js';
import type { EventFields, EventName, WebSockexEvent } from '../runtime/telemetry/events.js';
import type { ClientSys } from '../runtime/sys/client-sys.js';
import { checkClient } from '../discovery/client.checker.js';
import { readHandlerNames } from '../discovery/handler.accessor.js';
import { getClientName } from '../websockex.tokens.js';
import { absentSys } from './absent.sys.js';
import { Answers } from './answers.js';
import { checkStatus, iterateUnpaused, NOWHERE, type PlayedStatus } from './nowhere.js';
import { toDataFrame, type PlayedFrame } from './played.frame.js';
import type { RecordedCall } from './recorded.call.js';

/**
 * A handle without a client, for the tests of a service that injects one. It records what is cast
 * and sent, answers calls as it is told, and plays frames. It is `open` until told otherwise, and
 * refuses what a real handle refuses: names without a handler, frames that cannot be sent, sending
 * while not open.
 *
 * @example
 * const feed = fakeHandle(FeedClient);
 * const module = await Test.createTestingModule({
 *   providers: [Trader, { provide: getClientToken(FeedClient), useValue: feed }],
 * }).compile();
 * module.get(Trader).buy();
 * expect(feed.casts).toEqual([{ name: 'publish', args: ['buy'] }]);
 *
 * @publicApi
 */
export class FakeHandle<T extends object> extends ClientHandle<T> {
  readonly name: string;
  /** Every cast, in order. */
  readonly casts: RecordedCall[] = [];
  /** Every call, in order. */
  readonly calls: RecordedCall[] = [];
  /** Every info, in order. */
  readonly infos: unknown[] = [];
  /** Every frame that was sent, in order. */
  readonly sent: Frame[] = [];
  /** Every close, in order. */
  readonly closes: { readonly code: number | undefined; readonly reason: string }[] = [];
  /** There is nothing to look into: every call of it rejects. It is no promise itself. */
  readonly sys: ClientSys<T>;
  readonly #handlers: HandlerNames;
  readonly #definition: { readonly name: string; readonly module: string };
  readonly #answers: Answers;
  readonly #observers = new Observers((error) => {
    throw error;
  });
  readonly #readiness = new Readiness(new SystemClock(), new SignalWatchers());
  readonly #terminated = new Deferred<CloseReason>();
  readonly #checker: FrameChecker;
  #status: ClientStatus = 'idle';
  #session = 0;

  constructor(client: Type<T>) {
    super();
    this.name = getClientName(client);
    this.sys = absentSys(this.name);
    this.#answers = new Answers(this.name);
    this.#definition = { name: this.name, module: client.name };
    this.#handlers = readHandlerNames(client);
    this.#checker = new FrameChecker(this.name);
    this.become('open');
  }

  get status(): ClientStatus {
    return this.#status;
  }

  get status$(): Observable<ClientStatus> {
    return this.#observers.status$;
  }

  get session(): number {
    return this.#session;
  }

  get frames$(): Observable<DataFrame> {
    return this.#observers.frames$;
  }

  get events$(): Observable<WebSockexEvent> {
    return this.#observers.events$;
  }

  get terminated(): Promise<CloseReason> {
    return this.#terminated.promise;
  }

  /** Plays frames that the client receives; a string is a text frame, bytes are a binary one. */
  play(...frames: PlayedFrame[]): void {
    for (const frame of frames) this.#observers.frame(toDataFrame(`${this.name}: play()`, frame));
  }

  /**
   * Tells an event of telemetry to `events$`; what all of them carry is added.
   *
   * @example
   * feed.emit('backoff', { delay: 500, attempt: 1 });
   */
  emit<N extends EventName>(event: N, fields: EventFields<N>): void {
    const { module } = this.#definition;
    const base = { event, time: Date.now(), client: this.name, module, session: this.#session };
    this.#observers.next({ ...base, ...fields } as unknown as WebSockexEvent);
  }

  /**
   * Says what a call is answered with; what `answer` throws, the caller is told.
   *
   * @throws NoHandlerError where the class has no `@OnCall` of that name
   */
  answer<K extends MethodName<T>>(
    name: K,
    answer: (...args: MethodArgs<T, K>) => CallAnswer<T, K> | Promise<CallAnswer<T, K>>,
  ): this {
    const { calls } = this.#handlers;
    if (!calls.has(name)) throw noSuchHandler(this.#definition, calls, name, '@OnCall');
    this.#answers.set(name, answer);
    return this;
  }

  /** Changes the state; `open` begins another session. */
  become(status: PlayedStatus): void {
    checkStatus(this.name, status);
    this.#requireLife(`cannot become ${status}`);
    this.#status = status;
    this.#readiness.lost();
    if (status === 'open') {
      this.#readiness.ready({ ...NOWHERE, session: ++this.#session }, true);
    }
    this.#observers.status(status);
  }

  /** Ends the client for good. */
  end(reason: CloseReason = { by: 'local', code: 1000, message: '' }): void {
    if (this.#status === 'terminated') return;
    this.#status = 'terminated';
    this.#observers.status('terminated');
    this.#readiness.ended(() => this.#notConnected('is not connected'));
    this.#observers.complete();
    this.#terminated.resolve(reason);
  }

  connected(options: WaitOptions = {}): Promise<ConnectionInfo> {
    if (this.#status === 'terminated') return rejected(this.#notConnected('cannot connect'));
    return this.#readiness.connected(
      options,
      (timeout) => new CallTimeoutError(this.name, timeout, 'was not connected'),
    );
  }

  sendFrame(frame: FrameLike | readonly FrameLike[]): Promise<void> {
    if (this.#status !== 'open') return rejected(this.#notConnected('cannot send'));
    try {
      const frames: readonly unknown[] = Array.isArray(frame) ? frame : [frame];
      this.sent.push(...this.#checker.check(frames));
      return Promise.resolve();
    } catch (error) {
      return rejected(error);
    }
  }

  cast<K extends MethodName<T>>(name: K, ...args: MethodArgs<T, K>): void {
    const { casts } = this.#handlers;
    if (!casts.has(name)) throw noSuchHandler(this.#definition, casts, name, '@OnCast');
    this.#requireLife(`cannot cast "${name}"`);
    this.casts.push({ name, args });
  }

  call<K extends MethodName<T>>(name: K, ...args: MethodArgs<T, K>): Promise<CallAnswer<T, K>> {
    const { calls } = this.#handlers;
    if (!calls.has(name)) return rejected(noSuchHandler(this.#definition, calls, name, '@OnCall'));
    if (this.#status === 'terminated') return rejected(this.#notConnected(`cannot call "${name}"`));
    this.calls.push({ name, args });
    return this.#answers.give(name, args) as Promise<CallAnswer<T, K>>;
  }

  info(message: unknown): void {
    if (!this.#handlers.hasInfo) throw noInfoHandler(this.#definition);
    this.#requireLife('cannot take an info');
    this.infos.push(message);
  }

  close(code?: number, reason = ''): Promise<void> {
    checkClose(`${this.name}: close()`, code, reason);
    this.closes.push({ code, reason });
    this.end({ by: 'local', message: reason, ...(code !== undefined && { code }) });
    return Promise.resolve();
  }

  reconnect(): Promise<ConnectionInfo> {
    if (this.#status !== 'terminated') this.become('open');
    return this.connected();
  }

  start(): Promise<ConnectionInfo> {
    if (this.#status === 'idle') this.become('open');
    return this.connected();
  }

  stop(): Promise<CloseReason> {
    this.end();
    return this.terminated;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<DataFrame> {
    return iterateUnpaused(this.#observers);
  }

  #requireLife(what: string): void {
    if (this.#status === 'terminated') throw this.#notConnected(what);
  }

  #notConnected(what: string): NotConnectedError {
    return new NotConnectedError(this.name, this.#status, what);
  }
}

/**
 * A handle without a client.
 *
 * @throws ConfigurationError for a class that cannot be a client
 * @publicApi
 */
export function fakeHandle<T extends object>(client: Type<T>): FakeHandle<T> {
  checkClient(client, 'fakeHandle()');
  return new FakeHandle(client);
}
