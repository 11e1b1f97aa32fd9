import type { Type } from '@nestjs/common';
import type { Observable } from 'rxjs';

import { checkClient } from '../../discovery/client.checker.js';
import { HandlerTable } from '../../binding/handler.binder.js';
import { readClientMetadata, readHandlers } from '../../discovery/handler.accessor.js';
import { limited, type WaitOptions } from '../../runtime/async/deferred.js';
import { callTimeout, noSuchHandler } from '../../runtime/client/admission.js';
import {
  type CallAnswer,
  type ChannelArgs,
  type ChannelItem,
  type ChannelName,
  ClientHandle,
  type MethodArgs,
  type MethodName,
} from '../../runtime/client/client-handle.js';
import type { LocalHandle } from '../../runtime/client/local-handle.js';
import type { RequestOptions, SendOptions } from '../../runtime/client/send.options.js';
import { toMessageFrame } from '../../runtime/codec/encode.js';
import type { MessagePattern } from '../../runtime/codec/message.pattern.js';
import { readMessages } from '../../runtime/codec/message.reader.js';
import type { Protocol } from '../../runtime/codec/protocol.port.js';
import type { SchemaOutput, StandardSchemaV1 } from '../../runtime/codec/standard.schema.js';
import type { RotateOptions } from '../../runtime/connection/rotation.port.js';
import { SystemClock } from '../../runtime/clock/system.clock.js';
import { type ClientStatus, NotConnectedError } from '../../runtime/errors/connection.errors.js';
import type { CloseReason } from '../../runtime/frame/close-reason.js';
import type { DataFrame, Frame, FrameLike } from '../../runtime/frame/frame.js';
import { PauseLock } from '../../runtime/mailbox/pause.lock.js';
import type { LeaveOptions } from '../../runtime/process/directive.js';
import type { ConnectionInfo } from '../../runtime/process/handler.arguments.js';
import type { ChannelInfo } from '../../runtime/session/channel.port.js';
import type { ClientSys } from '../../runtime/sys/client-sys.js';
import type { EventFields, EventName, WebSockexEvent } from '../../runtime/telemetry/events.js';
import { getClientName } from '../../websockex.tokens.js';
import type { RequestAnswer } from '../script/request.answers.js';
import { Answers, type RecordedCall } from './fake.answers.js';
import { FakeChannels, type PlayedChannel } from './fake.channels.js';
import { FakeRequests } from './fake.requests.js';
import type { FakeWatchers } from './fake.watchers.js';
import { LastingClient } from './lasting.client.js';
import { type PlayedClass, PlayedClient } from './played.client.js';
import { checkStatus, type PlayedFrame, type PlayedStatus, toDataFrame } from './played.js';

/** What a fake handle is told of the class. */
export interface FakeOptions {
  /** How the peer talks, where a factory of the class says so: nobody asks that. @default that of the class */
  readonly protocol?: Protocol;
}

/** Nothing waits for the consumers of a fake: there is no socket to pause. */
const UNPAUSED = { highWaterMark: Infinity, lowWaterMark: 0, maxBytes: Infinity };

/** An answer on its way. In a box, so that the client does not wait for it: a test may move on meanwhile. */
class Boxed {
  constructor(readonly answer: Promise<unknown>) {}
}

/**
 * A handle without a client, for the tests of a service that injects one. It records what is cast
 * and sent, answers calls and requests as it is told, and plays frames. It is `open` until told otherwise.
 *
 * Behind it is a client of the runtime, without an instance of the class and without a net: in every
 * state each call does and refuses what it does on a real handle. Its peer answers a close, and agrees
 * to `start()`, `reconnect()` and `rotate()`, soon after they are asked for; a backoff lasts until it is ended.
 * What the test itself does (`become`, `end`) is told as the state it leads to, and by no event.
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
  /** Every cast that was taken, in order. */
  readonly casts: RecordedCall[] = [];
  /** Every call that was taken, in order. */
  readonly calls: RecordedCall[] = [];
  /** Every info that was taken, in order. */
  readonly infos: unknown[] = [];
  /** Every frame that was sent, in order. */
  readonly sent: Frame[] = [];
  /** The session of every `accepted()` that counted, in order. */
  readonly acceptedSessions: number[] = [];
  /** Every close that was asked for, in order. */
  readonly closes: { readonly code: number | undefined; readonly reason: string }[] = [];
  readonly #answers: Answers;
  readonly #requests: FakeRequests;
  readonly #clock = new SystemClock();
  readonly #client: LastingClient;
  readonly #channels: FakeChannels;

  constructor(client: Type<T>, options: FakeOptions = {}) {
    super();
    this.name = getClientName(client);
    this.#answers = new Answers(this.name);
    this.#requests = new FakeRequests(this.name);
    const played: PlayedClass = {
      type: client,
      name: this.name,
      options: { ...readClientMetadata(client)?.options, ...options },
      handlers: new HandlerTable(readHandlers(client)).names,
    };
    this.#client = new LastingClient(() => this.#make(played));
    this.#channels = new FakeChannels(this.#client);
    this.become('open');
  }

  get status(): ClientStatus {
    return this.#local.status;
  }

  get status$(): Observable<ClientStatus> {
    return this.#watchers.observers.status$;
  }

  get session(): number {
    return this.#local.session;
  }

  /** Always `undefined`: nothing beats here. */
  get latency(): number | undefined {
    return this.#local.latency;
  }

  get frames$(): Observable<DataFrame> {
    return this.#watchers.observers.frames$;
  }

  get events$(): Observable<WebSockexEvent> {
    return this.#watchers.observers.events$;
  }

  get terminated(): Promise<CloseReason> {
    return this.#client.terminated;
  }

  /** That of a real client, whose instance has no fields but those that `replaceState` gives it. */
  get sys(): ClientSys<T> {
    return this.#local.sys;
  }

  /**
   * Plays frames that the client receives; a string is a text frame, bytes are a binary one.
   *
   * @throws NotConnectedError while it is not open
   */
  play(...frames: PlayedFrame[]): void {
    const checked = frames.map((frame) => toDataFrame(`${this.name}: play()`, frame));
    this.#watchers.act(() => {
      for (const frame of checked) {
        if (!this.#played.isOpen) {
          throw new NotConnectedError(this.name, this.status, 'cannot receive what play() plays');
        }
        this.#played.receive(frame);
      }
    });
  }

  /**
   * Plays messages that the client receives, as its protocol writes them.
   *
   * @example
   * feed.playMessage({ type: 'trade', price: 101 });
   *
   * @throws NotConnectedError while it is not open; FrameEncodeError for what the protocol cannot write
   */
  playMessage(...messages: unknown[]): void {
    const { protocol } = this.#played.settings;
    const where = `${this.name}: playMessage()`;
    this.play(...messages.map((message) => toMessageFrame(where, protocol, message)));
  }

  /**
   * Tells an event of telemetry to `events$`; what all of them carry is added.
   *
   * @example
   * feed.emit('backoff', { delay: 500, attempt: 1 });
   */
  emit<N extends EventName>(event: N, fields: EventFields<N>): void {
    const { name, session } = this;
    const { module } = this.#played.client.definition;
    const base = { event, time: Date.now(), client: name, module, session };
    this.#watchers.act(() =>
      this.#watchers.observers.next({ ...base, ...fields } as unknown as WebSockexEvent),
    );
  }

  /**
   * Says what a call is answered with; what `answer` throws, the caller is told, and the client goes on.
   *
   * @throws NoHandlerError where the class has no `@OnCall` of that name
   */
  answer<K extends MethodName<T>>(
    name: K,
    answer: (...args: MethodArgs<T, K>) => CallAnswer<T, K> | Promise<CallAnswer<T, K>>,
  ): this {
    const { definition } = this.#played.client;
    const { calls } = definition.handlers;
    if (!calls.has(name)) throw noSuchHandler(definition, calls, name, '@OnCall');
    this.#answers.set(name, answer);
    return this;
  }

  /**
   * Says what the peer answers requests with that the pattern takes, as `onRequest` of a scripted server does: a value, or
   * what a function makes, now or later; an `Error`, given, returned or thrown, is the error it answers. Of several that
   * take a request the last one said counts. One that none takes is refused, and the error says so.
   *
   * @example
   * feed.onRequest({ op: 'order' }, ({ side }) => ({ orderId: `${side} 1` }));
   *
   * @param pattern that of `@OnMessage`, for the message as it is given to `request()`
   * @throws TypeError for what is no pattern
   */
  onRequest<M = Record<string, unknown>>(pattern: MessagePattern, answer: RequestAnswer<M>): this {
    this.#requests.add(pattern, answer);
    return this;
  }

  /** Every message that was asked by `request()` and sent, as it was given, in order. */
  get requests(): unknown[] {
    return this.#requests.asked;
  }

  /**
   * The messages among what was {@link sent}, as the peer reads them, in order: those of `send()`, those of `request()`
   * with their ids, and whatever else the protocol reads.
   */
  get sentMessages(): readonly unknown[] {
    const { protocol } = this.#played.settings;
    return this.sent.flatMap((frame) => {
      if (frame.type !== 'text' && frame.type !== 'binary') return [];
      try {
        return readMessages(protocol, frame.data).values;
      } catch {
        return []; // a frame of another kind
      }
    });
  }

  /**
   * Changes the state now; `open` begins another session, and `idle` is that of a client that has not
   * been started yet.
   *
   * @throws NotConnectedError once it has ended; Error where it cannot get there, as while `sys` has
   * suspended it
   */
  become(status: PlayedStatus): void {
    checkStatus(this.name, status);
    if (this.#played.client.isStopped) {
      throw new NotConnectedError(this.name, this.status, `cannot become ${status}`);
    }
    this.#watchers.move(() => {
      if (status !== 'idle') this.#played.move(status);
      else if (this.status !== 'idle') this.#client.begin();
      return this.status === status ? status : undefined;
    });
    if (this.status === status) return;
    throw new Error(
      `${this.name}: it cannot become ${status}: it is ${this.status}, and what comes next waits in its mailbox (sys.resume() lets it go on)`,
    );
  }

  /** Ends the client for good. */
  end(reason: CloseReason = { by: 'local', code: 1000, message: '' }): void {
    if (this.#played.client.hasEnded) return;
    this.#watchers.move(() => {
      this.#played.end(reason);
      return this.status === 'terminated' ? 'terminated' : undefined;
    });
    this.#client.over(reason);
  }

  /**
   * Has its application shut down: from now on what is asked of it is refused with `ShuttingDownError`, as on a real
   * handle. The session is closed with 1001, which its peer answers soon, and the client ends. Once it
   * has ended before, it does so from now on as well.
   *
   * @example
   * void feed.shutDown();
   * await expect(trader.buy()).rejects.toThrow(ServiceUnavailableException);
   *
   * @returns the reason of its end
   */
  shutDown(): Promise<CloseReason> {
    this.#played.shutDown();
    return this.terminated;
  }

  connected(options?: WaitOptions): Promise<ConnectionInfo> {
    return this.#session((handle) => handle.connected(options));
  }

  sendFrame(frame: FrameLike | readonly FrameLike[], options?: SendOptions): Promise<void> {
    return this.#local.sendFrame(frame, options);
  }

  send(message: unknown, options?: SendOptions): Promise<void> {
    return this.#local.send(message, options);
  }

  request<S extends StandardSchemaV1 = StandardSchemaV1>(
    message: unknown,
    options?: RequestOptions<S>,
  ): Promise<SchemaOutput<S>> {
    return this.#local.request(message, options);
  }

  channel<K extends ChannelName<T>>(
    name: K,
    ...args: ChannelArgs<T, K>
  ): Observable<ChannelItem<T, K>> {
    return this.#client.items(
      ({ channels }) => channels.observe(name, args) as Observable<ChannelItem<T, K>>,
      `a subscriber of channel("${name}")`,
    );
  }

  get channels(): readonly ChannelInfo[] {
    return this.#played.channels.all;
  }

  /**
   * Has the subscriptions to a channel wait for the test from now on, in each session anew: it is `pending` until that
   * confirms it. Others are confirmed at once.
   *
   * @example
   * const trades = feed.holdChannel('trades', 'BTC');
   * trader.watch('BTC');
   * trades.confirm();
   * trades.send({ price: 101 });
   * feed.become('open'); // another session, in which it is asked for anew
   * trades.refuse('delisted');
   * expect(feed.channels).toMatchObject([{ state: 'failed' }]);
   *
   * @throws NoHandlerError where the class has no `@OnSubscribe` of that name
   */
  holdChannel<K extends ChannelName<T>>(
    name: K,
    ...args: ChannelArgs<T, K>
  ): PlayedChannel<ChannelItem<T, K>> {
    return this.#channels.hold(name, args);
  }

  /**
   * Gives items to those who subscribe to a channel now.
   *
   * @example
   * feed.playItems('trades', ['BTC'], { price: 1 }, { price: 2 });
   *
   * @throws NotConnectedError while it is not open
   */
  playItems<K extends ChannelName<T>>(
    name: K,
    args: ChannelArgs<T, K>,
    ...items: ChannelItem<T, K>[]
  ): void {
    this.#channels.play(name, args, items);
  }

  messages<S extends StandardSchemaV1>(
    pattern: MessagePattern | undefined,
    options: { readonly schema: S },
  ): Observable<SchemaOutput<S>>;
  messages(pattern?: MessagePattern): Observable<unknown>;
  messages(pattern?: MessagePattern, options?: { readonly schema?: unknown }): Observable<unknown> {
    return this.#client.items(
      ({ handle }) => handle.messages(pattern, options as { readonly schema: StandardSchemaV1 }),
      'a subscriber of messages()',
    );
  }

  cast<K extends MethodName<T>>(name: K, ...args: MethodArgs<T, K>): void {
    this.#local.cast(name, ...args);
    this.casts.push({ name, args });
  }

  call<K extends MethodName<T>>(name: K, ...args: MethodArgs<T, K>): Promise<CallAnswer<T, K>> {
    const { client, settings } = this.#played;
    if (client.admission.refusal(name) === undefined) this.calls.push({ name, args });
    const { callTimeout: timeout } = settings;
    const answer = limited<CallAnswer<T, K>>(this.#clock, { timeout }, () =>
      callTimeout(this.name, name, timeout),
    );
    const boxed = this.#local.call(name, ...args) as Promise<unknown> as Promise<Boxed>;
    boxed
      .then((box) => box.answer as Promise<CallAnswer<T, K>>)
      .then(answer.resolve, answer.reject);
    return answer.promise;
  }

  info(message: unknown): void {
    this.#local.info(message);
    this.infos.push(message);
  }

  close(code?: number, reason?: string): Promise<void> {
    const closed = this.#local.close(code, reason);
    this.closes.push({ code, reason: reason ?? '' });
    this.#played.leaving();
    return closed;
  }

  accepted(): void {
    this.#local.accepted();
    if (this.status === 'open' || this.status === 'closing')
      this.acceptedSessions.push(this.session);
  }

  reconnect(options?: LeaveOptions): Promise<ConnectionInfo> {
    this.#played.wanted();
    return this.#session((handle) => handle.reconnect(options));
  }

  rotate(options?: RotateOptions): Promise<ConnectionInfo> {
    const rotated = this.#local.rotate(options);
    this.#played.rotating();
    return rotated;
  }

  start(): Promise<ConnectionInfo> {
    this.#played.starting();
    return this.#session((handle) => handle.start());
  }

  stop(): Promise<CloseReason> {
    void this.#local.stop();
    this.#played.leaving();
    return this.terminated;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<DataFrame> {
    return this.#watchers.observers.iterate(UNPAUSED, new PauseLock(() => undefined));
  }

  /** How often its session has been rotated. @internal */
  get rotations(): number {
    return this.#played.client.rotations;
  }

  get #local(): LocalHandle<T> {
    return this.#played.handle as unknown as LocalHandle<T>;
  }

  get #played(): PlayedClient {
    return this.#client.now;
  }

  get #watchers(): FakeWatchers {
    return this.#client.watchers;
  }

  /** A client that has not been started. */
  #make(played: PlayedClass): PlayedClient {
    return new PlayedClient(played, {
      answer: (name, args) => new Boxed(this.#answers.give(name, args)),
      onSent: (frame) => this.sent.push(frame),
      onRequest: (request) => this.#requests.answer(request),
      isHeld: (channel) => this.#channels.isHeld(channel),
    });
  }

  #session(ask: (handle: LocalHandle<object>) => Promise<ConnectionInfo>): Promise<ConnectionInfo> {
    return this.#client.session(
      ({ handle }) => ask(handle),
      () => this.connected(),
    );
  }
}

/**
 * A handle without a client.
 *
 * @throws ConfigurationError for a class that cannot be a client
 * @publicApi
 */
export function fakeHandle<T extends object>(
  client: Type<T>,
  options?: FakeOptions,
): FakeHandle<T> {
  checkClient(client, 'fakeHandle()');
  return new FakeHandle(client, options);
}
