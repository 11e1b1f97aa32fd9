import type { HandlerKind, HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { isThenable } from '../runtime/async/deferred.js';
import { check, type StandardSchemaV1 } from '../runtime/codec/standard.schema.js';
import type { DataFrame } from '../runtime/frame/frame.js';
import type {
  FrameHandlers,
  FrameRank,
  Handler,
  HandlerNames,
  Incarnation,
  MessageHandlers,
} from '../runtime/process/client.definition.js';
import { TRACKED } from '../runtime/process/handler.calls.js';
import { FrameTable } from './frame.table.js';
import { MessageTable } from './message.table.js';

type Methods = Record<string | symbol, (...args: unknown[]) => unknown>;
type Key = string | symbol;

/** The handlers of a client class, found once for all of its instances. */
export class HandlerTable {
  /** What callers may ask for. */
  readonly names: HandlerNames;
  readonly frames: FrameTable;
  /** The methods of the `@OnFrame`s, in order of declaration. */
  readonly frameKeys: readonly Key[];
  /** Absent in a class without `@OnMessage`. */
  readonly messages: MessageTable | undefined;
  /** The `@OnMessage`s, in order of declaration. */
  readonly messageClauses: readonly HandlerMetadata[];
  /** The method of each kind of which a class has one. */
  readonly #single = new Map<HandlerKind, Key>();
  /** What is known of them, of the kinds whose instances share it. */
  readonly #habits = new Map<HandlerKind, Habits>();

  constructor(private readonly handlers: readonly HandlerMetadata[]) {
    for (const { kind, key } of handlers) {
      if (!this.#single.has(kind)) this.#single.set(kind, key);
    }
    const clauses = handlers.filter((one) => one.kind === 'frame');
    this.frames = new FrameTable(clauses);
    this.frameKeys = clauses.map(({ key }) => key);
    this.messageClauses = handlers.filter((one) => one.kind === 'message');
    this.messages =
      this.messageClauses.length === 0 ? undefined : new MessageTable(this.messageClauses);
    this.names = {
      casts: new Set(this.several('cast').map(String)),
      calls: new Set(this.several('call').map(String)),
      hasInfo: this.#single.has('info'),
      hasPing: this.#single.has('ping'),
    };
  }

  /**
   * Makes the methods of an instance callable for the runtime. They are looked up on the instance at
   * every call, so that a proxy around it stays in the path.
   */
  bind(instance: object): Incarnation {
    return new BoundInstance(instance, this);
  }

  single(kind: HandlerKind): Key | undefined {
    return this.#single.get(kind);
  }

  /** What all instances of the class have shown of a handler. */
  habits(kind: HandlerKind): Habits {
    let habits = this.#habits.get(kind);
    if (habits === undefined)
      this.#habits.set(kind, (habits = { isAsync: undefined, returned: 0 }));
    return habits;
  }

  several(kind: HandlerKind): Key[] {
    return this.handlers.filter((one) => one.kind === kind).map(({ key }) => key);
  }
}

/** One instance, whose handlers are made when they are first asked for: most idle clients need two of them. */
class BoundInstance implements Incarnation {
  readonly #table: HandlerTable;
  readonly #hasMessages: boolean;
  // These know from call to call whether they have returned a promise. The others run once a session, or less.
  #connect: Handler | undefined;
  #ping: Handler | undefined;
  #pong: Handler | undefined;
  #info: Handler | undefined;
  #error: Handler | undefined;
  #frames: BoundFrames | undefined;
  #messages: BoundMessages | undefined;
  #casts: ReadonlyMap<string, Handler> | undefined;
  #calls: ReadonlyMap<string, Handler> | undefined;

  constructor(
    readonly instance: object,
    table: HandlerTable,
  ) {
    this.#table = table;
    this.#hasMessages = table.messages !== undefined;
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
    // Asked for every frame: mostly there are none, and that takes one look.
    return this.#hasMessages ? (this.#messages ??= this.#bindMessages()) : undefined;
  }

  #bindMessages(): BoundMessages {
    return new BoundMessages(this.instance, this.#table, this.#table.messages as MessageTable);
  }

  get frames(): FrameHandlers {
    return (this.#frames ??= new BoundFrames(this.instance, this.#table));
  }

  get casts(): ReadonlyMap<string, Handler> {
    return (this.#casts ??= this.#named('cast'));
  }

  get calls(): ReadonlyMap<string, Handler> {
    return (this.#calls ??= this.#named('call'));
  }

  #one(kind: HandlerKind, answersPeer = false): Handler | undefined {
    const key = this.#table.single(kind);
    return key === undefined ? undefined : new OneArgument(this.instance, key, answersPeer);
  }

  #shared(kind: HandlerKind): Handler | undefined {
    const key = this.#table.single(kind);
    if (key === undefined) return undefined;
    return new SharedHandler(this.instance, key, this.#table.habits(kind));
  }

  #many(kind: HandlerKind): Handler | undefined {
    const key = this.#table.single(kind);
    return key === undefined ? undefined : new ManyArguments(this.instance, key);
  }

  #named(kind: HandlerKind): ReadonlyMap<string, Handler> {
    const keys = this.#table.several(kind);
    return new Map(keys.map((key) => [String(key), new ManyArguments(this.instance, key)]));
  }
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

  constructor(instance: object, key: Key) {
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

  constructor(instance: object, { frames, frameKeys }: HandlerTable) {
    this.#table = frames;
    this.#handlers = frameKeys.map((key) => new OneArgument(instance, key, true));
    this.all = frames.isOpen ? this.#handlers[0] : undefined;
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

  constructor(instance: object, { messageClauses }: HandlerTable, table: MessageTable) {
    this.#table = table;
    this.#handlers = messageClauses.map(({ key, schema }) => {
      const handler = new OneArgument(instance, key, true);
      return schema === undefined ? handler : new CheckedArgument(handler, schema);
    });
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
