import type { HandlerKind, HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { isThenable } from '../runtime/async/deferred.js';
import { check, type StandardSchemaV1 } from '../runtime/codec/standard.schema.js';
import type { DataFrame } from '../runtime/frame/frame.js';
import type {
  FrameHandlers,
  FrameRank,
  GapHandlers,
  Handler,
  HandlerNames,
  Incarnation,
  MessageHandlers,
} from '../runtime/process/client.definition.js';
import type { ClientMeter } from '../runtime/metering/client.meter.js';
import { TRACKED } from '../runtime/process/handler.calls.js';
import type { HandlerHost } from './call.context.js';
import type { ClassSurroundings } from './class.surroundings.js';
import { FrameTable } from './frame.table.js';
import { metered } from './metered.handler.js';
import { MessageTable } from './message.table.js';

type Methods = Record<string | symbol, (...args: unknown[]) => unknown>;
type Key = string | symbol;

/** The handlers of a client class, found once for all of its instances. */
export class HandlerTable {
  /** What callers may ask for. */
  readonly names: HandlerNames;
  readonly frames: FrameTable;
  /** The `@OnFrame`s, in order of declaration. */
  readonly frameClauses: readonly HandlerMetadata[];
  /** Absent in a class without `@OnMessage`. */
  readonly messages: MessageTable | undefined;
  /** The `@OnMessage`s, in order of declaration. */
  readonly messageClauses: readonly HandlerMetadata[];
  /** Whether it answers requests of the peer's. */
  readonly hasRequests: boolean;
  /** Whether it fills gaps. */
  readonly hasGaps: boolean;
  /** The method of each kind of which a class has one. */
  readonly #single = new Map<HandlerKind, HandlerMetadata>();
  /** What is known of them, of the kinds whose instances share it. */
  readonly #habits = new Map<HandlerKind, Habits>();

  constructor(private readonly handlers: readonly HandlerMetadata[]) {
    for (const handler of handlers) {
      if (!this.#single.has(handler.kind)) this.#single.set(handler.kind, handler);
    }
    this.frameClauses = this.several('frame');
    this.frames = new FrameTable(this.frameClauses);
    this.messageClauses = this.several('message');
    this.messages =
      this.messageClauses.length === 0 ? undefined : new MessageTable(this.messageClauses);
    this.hasRequests = this.#single.has('request');
    this.hasGaps = this.#single.has('gap');
    this.names = {
      casts: new Set(this.several('cast').map(({ key }) => String(key))),
      calls: new Set(this.several('call').map(({ key }) => String(key))),
      channels: new Set(this.several('subscribe').map(({ key }) => String(key))),
      hasInfo: this.#single.has('info'),
      hasPing: this.#single.has('ping'),
    };
  }

  /**
   * Makes the methods of an instance callable for the runtime. They are looked up on the instance at
   * every call, so that a proxy around it stays in the path.
   *
   * @param surroundings what stands before them, where something does
   * @param meter what measures them, where somebody wants that
   */
  bind(
    instance: object,
    host: HandlerHost = NO_HOST,
    surroundings?: ClassSurroundings,
    meter?: ClientMeter,
  ): Incarnation {
    return new BoundInstance(instance, this, host, surroundings, meter);
  }

  single(kind: HandlerKind): HandlerMetadata | undefined {
    return this.#single.get(kind);
  }

  /** What all instances of the class have shown of a handler. */
  habits(kind: HandlerKind): Habits {
    let habits = this.#habits.get(kind);
    if (habits === undefined)
      this.#habits.set(kind, (habits = { isAsync: undefined, returned: 0 }));
    return habits;
  }

  several(kind: HandlerKind): HandlerMetadata[] {
    return this.handlers.filter((one) => one.kind === kind);
  }
}

/** Of a class alone, behind which no client stands. */
const NO_HOST: HandlerHost = Object.freeze({
  handle: undefined,
  client: Object.freeze({ connection: undefined }),
});

/** One instance, whose handlers are made when they are first asked for: most idle clients need two of them. */
class BoundInstance implements Incarnation {
  readonly #table: HandlerTable;
  readonly readsMessages: boolean;
  readonly #host: HandlerHost;
  readonly #surroundings: ClassSurroundings | undefined;
  readonly #meter: ClientMeter | undefined;
  // These know from call to call whether they have returned a promise. The others run once a session, or less.
  #connect: Handler | undefined;
  #ping: Handler | undefined;
  #pong: Handler | undefined;
  #info: Handler | undefined;
  #error: Handler | undefined;
  #frames: BoundFrames | undefined;
  #messages: BoundMessages | undefined;
  #requests: ReadonlyMap<string, Handler> | undefined;
  #gaps: GapHandlers | undefined;
  #casts: ReadonlyMap<string, Handler> | undefined;
  #calls: ReadonlyMap<string, Handler> | undefined;

  constructor(
    readonly instance: object,
    table: HandlerTable,
    host: HandlerHost,
    surroundings: ClassSurroundings | undefined,
    meter: ClientMeter | undefined,
  ) {
    this.#table = table;
    this.#meter = meter;
    this.readsMessages = table.messages !== undefined || table.hasRequests || table.hasGaps;
    this.#host = host;
    this.#surroundings = surroundings;
  }

  get start(): Handler | undefined {
    return this.#shared('start');
  }

  get beforeConnect(): Handler | undefined {
    return this.#one('beforeConnect');
  }

  get connect(): Handler | undefined {
    return (this.#connect ??= this.#shared('connect'));
  }

  get ping(): Handler | undefined {
    return (this.#ping ??= this.#one('ping', true));
  }

  get pong(): Handler | undefined {
    return (this.#pong ??= this.#one('pong', true));
  }

  get info(): Handler | undefined {
    return (this.#info ??= this.#one('info'));
  }

  get disconnect(): Handler | undefined {
    return this.#shared('disconnect');
  }

  get terminate(): Handler | undefined {
    return this.#one('terminate');
  }

  get codeChange(): Handler | undefined {
    return this.#many('codeChange');
  }

  get formatStatus(): Handler | undefined {
    return this.#one('formatStatus');
  }

  get error(): Handler | undefined {
    return (this.#error ??= this.#one('error', true));
  }

  get messages(): MessageHandlers | undefined {
    if (this.#table.messages === undefined) return undefined;
    return (this.#messages ??= this.#bindMessages());
  }

  #bindMessages(): BoundMessages {
    return new BoundMessages(
      this.#table.messages as MessageTable,
      this.#table.messageClauses.map((clause) => this.#clause(clause)),
    );
  }

  get requests(): ReadonlyMap<string, Handler> | undefined {
    return this.#table.hasRequests ? (this.#requests ??= this.#bindRequests()) : undefined;
  }

  #bindRequests(): ReadonlyMap<string, Handler> {
    const handlers = this.#table.several('request');
    return new Map(handlers.map((one) => [one.pattern as string, this.#clause(one)]));
  }

  get frames(): FrameHandlers {
    return this.#frames ?? this.#bindFrames();
  }

  #bindFrames(): BoundFrames {
    const { frames, frameClauses } = this.#table;
    return (this.#frames = new BoundFrames(
      frames,
      frameClauses.map((clause) => this.#clause(clause)),
    ));
  }

  get casts(): ReadonlyMap<string, Handler> {
    return (this.#casts ??= this.#named('cast'));
  }

  get calls(): ReadonlyMap<string, Handler> {
    return (this.#calls ??= this.#named('call'));
  }

  get gaps(): GapHandlers | undefined {
    return this.#table.hasGaps ? (this.#gaps ??= this.#bindGaps()) : undefined;
  }

  #bindGaps(): GapHandlers {
    const clauses = this.#table.several('gap').map((clause) => ({
      pattern: clause.pattern as string | RegExp | undefined,
      handler: this.#ofMany(clause),
    }));
    return {
      find: (stream) => clauses.find(({ pattern }) => isStreamOf(pattern, stream))?.handler,
    };
  }

  /** Asked for once a subscription: not kept. */
  get channels(): ReadonlyMap<string, Handler> {
    return this.#named('subscribe');
  }

  #one(kind: HandlerKind, answersPeer = false): Handler | undefined {
    const handler = this.#table.single(kind);
    return handler === undefined ? undefined : this.#ofOne(handler, answersPeer);
  }

  #ofOne(handler: HandlerMetadata, answersPeer: boolean): Handler {
    const surrounded = this.#surrounded(handler, answersPeer);
    return this.#seamed(
      handler,
      surrounded ?? new OneArgument(this.instance, handler.key, answersPeer),
    );
  }

  /** An `@OnFrame`, `@OnMessage` or `@OnRequest`. */
  #clause(handler: HandlerMetadata): Handler {
    return this.#seamed(handler, this.#surrounded(handler, true) ?? this.#plainClause(handler));
  }

  #plainClause({ key, schema }: HandlerMetadata): Handler {
    const plain = new OneArgument(this.instance, key, true);
    return schema === undefined ? plain : new CheckedArgument(plain, schema);
  }

  /** What the runtime calls: the handler, in an application with a `HandlerRunner` what has that run it, and around that who measures and traces it. */
  #seamed(metadata: HandlerMetadata, handler: Handler): Handler {
    const seamed = this.#surroundings?.seam?.around(handler, metadata, this.#host) ?? handler;
    if (this.#meter === undefined) return seamed;
    return metered(seamed, metadata, this.#meter);
  }

  /** A handler before which something stands; its schema is part of that. */
  #surrounded(handler: HandlerMetadata, answersPeer: boolean): Handler | undefined {
    const surroundings = this.#surroundings?.of(handler);
    if (surroundings === undefined) return undefined;
    const method = new ManyArguments(this.instance, handler.key, answersPeer);
    return surroundings.around(method, this.#host);
  }

  #shared(kind: HandlerKind): Handler | undefined {
    const handler = this.#table.single(kind);
    if (handler === undefined) return undefined;
    const shared = new SharedHandler(this.instance, handler.key, this.#table.habits(kind));
    return this.#seamed(handler, shared);
  }

  #many(kind: HandlerKind): Handler | undefined {
    const handler = this.#table.single(kind);
    if (handler === undefined) return undefined;
    return this.#seamed(handler, new ManyArguments(this.instance, handler.key));
  }

  #named(kind: HandlerKind): ReadonlyMap<string, Handler> {
    const handlers = this.#table.several(kind);
    return new Map(handlers.map((one) => [String(one.key), this.#ofMany(one)]));
  }

  #ofMany(handler: HandlerMetadata): Handler {
    const surrounded = this.#surrounded(handler, false);
    return this.#seamed(handler, surrounded ?? new ManyArguments(this.instance, handler.key));
  }
}

/** Of a RegExp that is global `test` would remember where it was. */
function isStreamOf(pattern: string | RegExp | undefined, stream: string): boolean {
  if (pattern === undefined) return true;
  return typeof pattern === 'string' ? pattern === stream : stream.search(pattern) !== -1;
}

/** Without a rest parameter: this is the way of every frame. */
class OneArgument implements Handler {
  isAsync?: boolean;
  toTrack?: number;
  readonly #methods: Methods;
  readonly #key: Key;

  constructor(
    instance: object,
    key: Key,
    /** Of a handler of the peer's own frames. */
    readonly answersPeer: boolean,
  ) {
    this.#methods = instance as Methods;
    this.#key = key;
  }

  get method(): string {
    return String(this.#key);
  }

  invoke(argument: unknown): unknown {
    return this.#methods[this.#key]!(argument);
  }
}

class ManyArguments implements Handler {
  isAsync?: boolean;
  toTrack?: number;
  readonly #methods: Methods;
  readonly #key: Key;

  constructor(
    instance: object,
    key: Key,
    readonly answersPeer = false,
  ) {
    this.#methods = instance as Methods;
    this.#key = key;
  }

  get method(): string {
    return String(this.#key);
  }

  invoke(...args: unknown[]): unknown {
    return this.#methods[this.#key]!(...args);
  }
}

/** What is known of a method. */
interface Habits {
  isAsync: boolean | undefined;
  /** How many calls have returned something else than a promise. */
  returned: number;
}

/** One that runs once a session, or less: an instance alone would hardly ever know whether it returns promises. */
class SharedHandler implements Handler {
  toTrack?: number;
  readonly #methods: Methods;
  readonly #key: Key;
  readonly #habits: Habits;

  constructor(instance: object, key: Key, habits: Habits) {
    this.#methods = instance as Methods;
    this.#key = key;
    this.#habits = habits;
  }

  get method(): string {
    return String(this.#key);
  }

  get isAsync(): boolean | undefined {
    return this.#habits.isAsync;
  }

  set isAsync(isAsync: boolean | undefined) {
    const habits = this.#habits;
    // One may return a promise in some sessions only, such as those after the first.
    if (isAsync === false && ++habits.returned < TRACKED) return;
    habits.isAsync = isAsync;
  }

  invoke(...args: unknown[]): unknown {
    return this.#methods[this.#key]!(...args);
  }
}

/** The `@OnFrame`s of one instance. */
class BoundFrames implements FrameHandlers {
  readonly all: Handler | undefined;
  readonly #table: FrameTable;
  readonly #handlers: readonly Handler[];

  constructor(table: FrameTable, handlers: readonly Handler[]) {
    this.#table = table;
    this.#handlers = handlers;
    this.all = table.isOpen ? handlers[0] : undefined;
  }

  get isEmpty(): boolean {
    return this.#handlers.length === 0;
  }

  find(frame: DataFrame, rank?: FrameRank): Handler | undefined {
    const index = rank === undefined ? this.#table.find(frame) : this.#table.findOf(rank, frame);
    return index === -1 ? undefined : this.#handlers[index];
  }
}

/** The `@OnMessage`s of one instance. */
class BoundMessages implements MessageHandlers {
  readonly #table: MessageTable;
  readonly #handlers: readonly Handler[];

  constructor(table: MessageTable, handlers: readonly Handler[]) {
    this.#table = table;
    this.#handlers = handlers;
  }

  find(message: unknown, name: () => string | undefined): Handler | undefined {
    const index = this.#table.find(message, name);
    return index === -1 ? undefined : this.#handlers[index];
  }
}

/** Whose argument is what a schema makes of it. */
class CheckedArgument implements Handler {
  isAsync?: boolean;
  toTrack?: number;
  readonly answersPeer = true;
  readonly #handler: Handler;
  readonly #schema: StandardSchemaV1;

  constructor(handler: Handler, schema: StandardSchemaV1) {
    this.#handler = handler;
    this.#schema = schema;
  }

  get method(): string {
    return this.#handler.method;
  }

  invoke(argument: unknown): unknown {
    const checked = check(this.#schema, argument);
    return isThenable(checked)
      ? checked.then((value) => this.#handler.invoke(value as never))
      : this.#handler.invoke(checked as never);
  }
}
