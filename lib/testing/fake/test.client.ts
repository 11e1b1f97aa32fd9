import type { ModuleMetadata, Type } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { Test } from '@nestjs/testing';

import type { HandlerHost } from '../../binding/call.context.js';
import { makeInstance } from '../../binding/class.maker.js';
import { ClassSurroundings, enhancersOf } from '../../binding/class.surroundings.js';
import { ModuleEnhancers } from '../../binding/enhancers.js';
import { HandlerTable } from '../../binding/handler.binder.js';
import type { HandlerRunner } from '../../binding/handler.runner.js';
import { checkClient } from '../../discovery/client.checker.js';
import { readClientMetadata, readHandlers } from '../../discovery/handler.accessor.js';
import { RunnerFinder } from '../../manager/runner.finder.js';
import { isThenable } from '../../runtime/async/deferred.js';
import type {
  ChannelArgs,
  ChannelItem,
  ChannelName,
  ClientHandle,
  MethodArgs,
  MethodName,
} from '../../runtime/client/client-handle.js';
import { toMessageFrame } from '../../runtime/codec/encode.js';
import { nameOf } from '../../runtime/codec/message.reader.js';
import type { Protocol } from '../../runtime/codec/protocol.port.js';
import type { StandardSchemaV1 } from '../../runtime/codec/standard.schema.js';
import { SubscribeError } from '../../runtime/errors/channel.errors.js';
import { NoHandlerError } from '../../runtime/errors/client.errors.js';
import { type MessageError, MessageFault } from '../../runtime/errors/message.errors.js';
import { inspectShort } from '../../runtime/errors/websockex.error.js';
import type { CloseReason } from '../../runtime/frame/close-reason.js';
import type { DisconnectStatus } from '../../runtime/frame/disconnect.status.js';
import {
  type DataFrame,
  Frame,
  type PingFrame,
  type PongFrame,
} from '../../runtime/frame/frame.js';
import { toSettings } from '../../runtime/options/client-settings.js';
import type { Handler, Incarnation } from '../../runtime/process/client.definition.js';
import type { ConnectionInfo, ConnectRequest } from '../../runtime/process/handler.arguments.js';
import { notASource } from '../../runtime/session/channel.js';
import type { ChannelSource, SubscribeContext } from '../../runtime/session/channel.port.js';
import {
  checkPosition,
  type Gap,
  type GapContext,
  readFill,
  strangeMessages,
} from '../../runtime/session/gap.js';
import { type FakeHandle, fakeHandle, type FakeOptions } from './fake.handle.js';
import { NOWHERE } from './played.client.js';
import { PlayedDialogue } from './played.dialogue.js';
import { type PlayedFrame, toDataFrame } from './played.js';

/** What a method returns, as it returns it: a promise is a promise, a directive a directive. */
export type MethodResult<T, K extends keyof T> = T[K] extends (...args: never[]) => infer R
  ? R
  : never;

/**
 * What an `@OnSubscribe` has returned, for a test to look at: its functions take whatever that gives them.
 *
 * @publicApi
 */
export interface TestedSource<Item> extends Pick<ChannelSource<Item>, 'subscribe' | 'unsubscribe'> {
  match(message: unknown, answer?: unknown): boolean;
  readonly item?: StandardSchemaV1<unknown, Item> | ((message: unknown) => Item);
  readonly ack?: 'answer' | ((message: unknown) => boolean | Error);
}

/** The same, as the method returns it: a promise is a promise. */
export type SubscribeResult<T, K extends keyof T> =
  MethodResult<T, K> extends PromiseLike<unknown>
    ? Promise<TestedSource<ChannelItem<T, K>>>
    : TestedSource<ChannelItem<T, K>>;

const SESSION: ConnectionInfo = { ...NOWHERE, session: 1 };

/**
 * One client class alone: its handlers are called directly, and what they return is yours to look
 * at: a directive is a value. No module, no net, no mailbox. What a handler has before it is there: guards, interceptors,
 * schemas, pipes and exception filters of the class, the method and its parameters, made with what the test provides.
 * What one of them refuses is a `MessageError`, thrown, or rejected with where something before it was a promise. Those
 * that are global are not there. A `HandlerRunner` that the test provides runs every call.
 *
 * @example
 * const client = await createTestClient(FeedClient, { providers: [TokenService] });
 * expect(await client.frame('shutdown')).toEqual(close());
 *
 * @publicApi
 */
export class TestClient<T extends object> {
  readonly #client: Type<T>;
  readonly #incarnation: Incarnation;
  readonly #options: FakeOptions;
  readonly #protocol: Protocol;
  #dialogue: PlayedDialogue;
  #session = SESSION;
  #handle: FakeHandle<T> | undefined;

  /** @internal */
  constructor(
    client: Type<T>,
    /** The instance: its fields are the state. */
    readonly instance: T,
    made: ModuleEnhancers,
    runner: HandlerRunner | undefined,
    options: FakeOptions,
  ) {
    this.#client = client;
    this.#options = options;
    const handlers = readHandlers(client);
    const surroundings = ClassSurroundings.of(client, handlers, made, runner);
    this.#incarnation = new HandlerTable(handlers).bind(instance, this.#host(), surroundings);
    const known = { ...readClientMetadata(client)?.options, ...options };
    this.#protocol = toSettings(known).protocol;
    this.#dialogue = new PlayedDialogue(client.name);
  }

  /** What `@HandleRef()` gives, and guards and their like ask the context for: a handle that the test plays. */
  get handle(): FakeHandle<T> {
    return (this.#handle ??= fakeHandle(this.#client, this.#options));
  }

  /** Calls `@OnStart`. */
  start(args?: unknown): unknown {
    return this.#run('@OnStart', this.#incarnation.start, args);
  }

  /** Calls `@BeforeConnect`, and gives the request as it left it. */
  async beforeConnect(request: Partial<ConnectRequest> = {}): Promise<ConnectRequest> {
    const draft: ConnectRequest = {
      url: SESSION.url,
      headers: {},
      protocols: [],
      attempt: 1,
      signal: new AbortController().signal,
      ...request,
    };
    await this.#run('@BeforeConnect', this.#incarnation.beforeConnect, draft);
    return draft;
  }

  /** Calls `@OnConnect`, with a {@link dialogue} of its own. */
  connect(info: Partial<ConnectionInfo> = {}): unknown {
    this.#dialogue = new PlayedDialogue(this.#client.name);
    this.#session = { ...SESSION, ...info };
    return this.#run('@OnConnect', this.#incarnation.connect, this.#session, this.#dialogue);
  }

  /** What the last {@link connect} was given: the peer that `@OnConnect` talks with is yours to play. */
  get dialogue(): PlayedDialogue {
    return this.#dialogue;
  }

  /**
   * Calls the `@OnFrame` that has the frame; a string is a text frame, bytes are a binary one.
   *
   * @throws NoHandlerError where no clause matches
   */
  frame(frame: PlayedFrame): unknown {
    const data = toDataFrame(`${this.#client.name}: frame()`, frame);
    return this.#run(
      `@OnFrame for this ${data.type} frame`,
      this.#incarnation.frames.find(data),
      data,
    );
  }

  /**
   * Calls the `@OnMessage` that has the message, decoded: the one for its name, or the first whose pattern takes it.
   *
   * @example
   * expect(() => client.message({ type: 'trade', price: 'none' })).toThrow(MessageError);
   *
   * @throws NoHandlerError where none is for it; FrameEncodeError for what the protocol of the class cannot write:
   * a handler may ask for the frame
   */
  message(message: unknown): unknown {
    const name = (): string | undefined => nameOf(this.#protocol, message);
    const handler = this.#incarnation.messages?.find(message, name);
    const what = `@OnMessage for ${inspectShort(message)}`;
    return this.#run(what, handler, message, this.#frameOf('message()', message));
  }

  /**
   * Calls an `@OnRequest` with what the peer asks, and gives what it returns. What it throws is thrown here; a peer would
   * be answered with it.
   *
   * @throws NoHandlerError where none has that name
   */
  request(name: string, value?: unknown): unknown {
    const handler = this.#incarnation.requests?.get(name);
    const frame = Frame.text(JSON.stringify({ name, value }));
    return this.#run(`@OnRequest "${name}"`, handler, value, frame);
  }

  /**
   * Calls an `@OnSubscribe`, for a session as the last {@link connect} has begun one, and gives the source that it returns.
   *
   * @example
   * const trades = client.subscribe('trades', ['BTC']);
   * expect(trades.subscribe).toEqual({ op: 'subscribe', symbol: 'BTC' });
   * expect(trades.match({ type: 'trade', symbol: 'ETH' })).toBe(false);
   *
   * @param context what of its context is to be another, such as `after`
   * @throws NoHandlerError where none has that name; SubscribeError for what is no source
   */
  subscribe<K extends ChannelName<T>>(
    name: K,
    args: ChannelArgs<T, K>,
    context: Partial<SubscribeContext> = {},
  ): SubscribeResult<T, K> {
    const { session } = this.#session;
    const handler = this.#incarnation.channels?.get(name);
    const given = args as readonly unknown[];
    const all = [...given, { session, ...context }];
    return checked(this.#run(`@OnSubscribe "${name}"`, handler, ...all), (source) => {
      const wrong = notASource(source);
      if (wrong !== undefined) throw new SubscribeError(this.#client.name, name, given, wrong);
    }) as SubscribeResult<T, K>;
  }

  /**
   * Calls the `@OnGap` for a stream, and gives what it returns: messages, `resync(…)`, or nothing.
   *
   * @example
   * const at = (seq: number) => ({ stream: 'trades', seq });
   * expect(await client.gap({ from: at(3), to: at(5) })).toEqual([{ type: 'trade', seq: 4 }]);
   *
   * @param gap `stream` is that of `from`, and `reason` is `'missed'`, unless it says otherwise
   * @param context what of its context is to be another; the `signal` is one that is never aborted
   * @throws NoHandlerError where none is for the stream; TypeError, RangeError for what it may not return, such as messages
   * of another stream: in an array, as others are read once only
   */
  gap(gap: Pick<Gap, 'from' | 'to'> & Partial<Gap>, context: Partial<GapContext> = {}): unknown {
    const whole: Gap = { stream: gap.from.stream, reason: 'missed', ...gap };
    const handler = this.#incarnation.gaps?.find(whole.stream);
    const what = `@OnGap for the stream "${whole.stream}"`;
    const told: GapContext = { signal: new AbortController().signal, ...context };
    return checked(this.#run(what, handler, whole, told), (given) => {
      const fill = readFill(whole, given);
      if (fill?.position !== undefined || !Array.isArray(fill?.messages)) return;
      const strange = fill.messages.filter((message) => !this.#isOf(whole.stream, message));
      if (strange.length > 0) throw strangeMessages(strange.length);
    });
  }

  /** Calls `@OnError`, as with what {@link message} has thrown. */
  error(error: MessageError): unknown {
    return this.#run('@OnError', this.#incarnation.error, error);
  }

  /** Calls `@OnPing`. */
  ping(frame: PingFrame): unknown {
    return this.#run('@OnPing', this.#incarnation.ping, frame);
  }

  /** Calls `@OnPong`. */
  pong(frame: PongFrame): unknown {
    return this.#run('@OnPong', this.#incarnation.pong, frame);
  }

  /** Calls an `@OnCast`. */
  cast<K extends MethodName<T>>(name: K, ...args: MethodArgs<T, K>): unknown {
    return this.#run(`@OnCast "${name}"`, this.#incarnation.casts.get(name), ...args);
  }

  /** Calls an `@OnCall`. */
  call<K extends MethodName<T>>(name: K, ...args: MethodArgs<T, K>): MethodResult<T, K> {
    const answer = this.#run(`@OnCall "${name}"`, this.#incarnation.calls.get(name), ...args);
    return answer as MethodResult<T, K>;
  }

  /** Calls `@OnInfo`. */
  info(message: unknown): unknown {
    return this.#run('@OnInfo', this.#incarnation.info, message);
  }

  /** Calls `@OnDisconnect`. */
  disconnect(status: Partial<DisconnectStatus> = {}): unknown {
    const reason: CloseReason = { by: 'remote', code: 1006, message: '' };
    const lost: DisconnectStatus = { reason, attempt: 1, session: 1, ...status };
    return this.#run('@OnDisconnect', this.#incarnation.disconnect, lost);
  }

  /** Calls `@OnTerminate`. */
  terminate(reason: CloseReason = { by: 'local', code: 1000, message: '' }): unknown {
    return this.#run('@OnTerminate', this.#incarnation.terminate, reason);
  }

  #run(what: string, handler: Handler | undefined, ...args: unknown[]): unknown {
    const { name } = this.#client;
    if (handler === undefined) {
      throw new NoHandlerError(name, `${name} has no ${what}`, 'Put the decorator on a method.');
    }
    const told = (thrown: unknown): unknown =>
      thrown instanceof MessageFault ? toMessageError(name, handler, thrown, args) : thrown;
    let result: unknown;
    try {
      result = handler.invoke(...(args as never[]));
    } catch (thrown) {
      throw told(thrown);
    }
    if (!isThenable(result)) return result;
    return result.then(undefined, (thrown: unknown) => {
      throw told(thrown);
    });
  }

  #isOf(stream: string, message: unknown): boolean {
    return checkPosition(this.#protocol.position?.(message))?.stream === stream;
  }

  #frameOf(method: string, message: unknown): DataFrame {
    return toMessageFrame(`${this.#client.name}: ${method}`, this.#protocol, message);
  }

  /** What is behind the handlers of a client of its own. */
  #host(): HandlerHost {
    const session = (): ConnectionInfo => this.#session;
    const handle = (): FakeHandle<T> => this.handle;
    return {
      get handle() {
        return handle() as unknown as ClientHandle;
      },
      client: {
        get connection() {
          return session();
        },
      },
    };
  }
}

/** What a method has returned, once it has passed a check: now, or when it is there. */
function checked(result: unknown, check: (value: unknown) => void): unknown {
  const passed = (value: unknown): unknown => {
    check(value);
    return value;
  };
  return isThenable(result) ? result.then(passed) : passed(result);
}

/** As a client tells it to `@OnError`. */
function toMessageError(
  client: string,
  { method }: Handler,
  fault: MessageFault,
  [value, frame]: readonly unknown[],
): MessageError {
  const { data = '' } = (frame ?? {}) as Partial<DataFrame>;
  return fault.toError(client, method, fault.about ?? { noun: 'a message', data, value });
}

/**
 * Makes one client class alone, with what it injects.
 *
 * @throws ConfigurationError for a class that cannot be a client, and a `HandlerRunner` that cannot run its handlers
 * @publicApi
 */
export async function createTestClient<T extends object>(
  client: Type<T>,
  { protocol, ...metadata }: Pick<ModuleMetadata, 'imports' | 'providers'> & FakeOptions = {},
): Promise<TestClient<T>> {
  checkClient(client, 'createTestClient()');
  const module = await Test.createTestingModule(metadata).compile();
  const moduleRef = module.get(ModuleRef);
  const enhancers = enhancersOf(client, readHandlers(client));
  const made = await ModuleEnhancers.make(client, moduleRef, enhancers, false);
  const options = protocol === undefined ? {} : { protocol };
  const runner = new RunnerFinder(module.get(ModulesContainer)).find();
  return new TestClient(client, await makeInstance(moduleRef, client), made, runner, options);
}
