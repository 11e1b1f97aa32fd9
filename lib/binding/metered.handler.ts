// Stands around a handler of a client that is measured. Nobody else's handlers have it.
import type { HandlerKind, HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { isThenable } from '../runtime/async/deferred.js';
import type { ClientMeter } from '../runtime/metering/client.meter.js';
import type { Failure, HandlerMeter } from '../runtime/metering/handler.meter.js';
import type { HandlerTracer } from '../runtime/metering/tracer.port.js';
import type { Handler } from '../runtime/process/client.definition.js';

type Call = (...args: unknown[]) => unknown;

/** Those that every frame may run: they are called with two arguments, and need no list of them. */
const OF_FRAMES: ReadonlySet<HandlerKind> = new Set<HandlerKind>(['frame', 'message']);

/** Those that are called for what a peer sends, and are traced. */
const TRACED: ReadonlySet<HandlerKind> = new Set<HandlerKind>(['frame', 'message', 'request']);

/** The same handler, measured, and traced where somebody wants that. */
export function metered(
  handler: Handler,
  metadata: HandlerMetadata,
  client: ClientMeter,
  /** Where the handler does nothing but call a method of it. */
  instance?: object,
): Handler {
  const { kind, pattern, key } = metadata;
  const meter = client.handler(handler.method);
  const { tracer } = client;
  const made = OF_FRAMES.has(kind)
    ? instance === undefined
      ? new MeteredClause(handler, meter)
      : new MeteredMethod(handler, meter, instance, key)
    : new MeteredCall(handler, meter);
  if (tracer === undefined || !TRACED.has(kind)) return made;
  // What a frame is to be equal to is no name of it.
  const isName = kind !== 'frame' && typeof pattern === 'string';
  return new TracedHandler(made, meter, isName ? pattern : handler.method, client, tracer);
}

/** An `@OnFrame` or `@OnMessage`: most calls cost a number that is counted down. */
class MeteredClause implements Handler {
  isAsync?: boolean;
  toTrack?: number;
  readonly #handler: Handler;
  readonly #meter: HandlerMeter;

  constructor(handler: Handler, meter: HandlerMeter) {
    this.#handler = handler;
    this.#meter = meter;
  }

  get method(): string {
    return this.#handler.method;
  }

  get answersPeer(): boolean {
    return this.#handler.answersPeer === true;
  }

  invoke(argument: unknown, frame: unknown): unknown {
    return --this.#meter.left > 0
      ? this.#handler.invoke(argument as never, frame as never)
      : timed(this.#handler, this.#meter, argument, frame);
  }
}

/** The same of one that is a method as it is: looked up at every call, so that a proxy around it stays in the path. */
class MeteredMethod implements Handler {
  isAsync?: boolean;
  toTrack?: number;
  readonly #handler: Handler;
  readonly #meter: HandlerMeter;
  readonly #methods: Record<string | symbol, Call>;
  readonly #key: string | symbol;

  constructor(handler: Handler, meter: HandlerMeter, instance: object, key: string | symbol) {
    this.#handler = handler;
    this.#meter = meter;
    this.#methods = instance as Record<string | symbol, Call>;
    this.#key = key;
  }

  get method(): string {
    return this.#handler.method;
  }

  get answersPeer(): boolean {
    return this.#handler.answersPeer === true;
  }

  invoke(argument: unknown, frame: unknown): unknown {
    return --this.#meter.left > 0
      ? this.#methods[this.#key]!(argument)
      : timed(this.#handler, this.#meter, argument, frame);
  }
}

/** As {@link followed}, without a closure where nothing is promised: of a feed there are many. */
function timed(handler: Handler, meter: HandlerMeter, argument: unknown, frame: unknown): unknown {
  const since = meter.begin();
  let value: unknown;
  try {
    value = handler.invoke(argument as never, frame as never);
  } catch (thrown) {
    meter.end(since, { thrown });
    throw thrown;
  }
  if (isThenable(value)) return settled(value, (failure) => meter.end(since, failure));
  meter.end(since);
  return value;
}

/** Runs in a span of its own. */
class TracedHandler implements Handler {
  isAsync?: boolean;
  toTrack?: number;

  constructor(
    private readonly handler: Handler,
    private readonly meter: HandlerMeter,
    private readonly name: string,
    private readonly client: ClientMeter,
    private readonly tracer: HandlerTracer,
  ) {}

  get method(): string {
    return this.handler.method;
  }

  get answersPeer(): boolean {
    return this.handler.answersPeer === true;
  }

  invoke(argument: unknown, frame: unknown): unknown {
    const { handler, tracer } = this;
    const call = (): unknown => handler.invoke(argument as never, frame as never);
    // With one call left, this is the one that is timed.
    if (!tracer.tracesAll && this.meter.left > 1) return call();
    const span = tracer.begin(this.client, this.name, argument);
    return followed(
      () => span.run(call),
      (failure) => span.end(failure),
    );
  }
}

/** Any other. What is known of it stays with the handler, which may share that with those of other instances. */
class MeteredCall implements Handler {
  readonly #handler: Handler;
  readonly #meter: HandlerMeter;

  constructor(handler: Handler, meter: HandlerMeter) {
    this.#handler = handler;
    this.#meter = meter;
  }

  get method(): string {
    return this.#handler.method;
  }

  get answersPeer(): boolean {
    return this.#handler.answersPeer === true;
  }

  get isAsync(): boolean | undefined {
    return this.#handler.isAsync;
  }

  set isAsync(isAsync: boolean | undefined) {
    this.#handler.isAsync = isAsync;
  }

  get toTrack(): number | undefined {
    return this.#handler.toTrack;
  }

  set toTrack(toTrack: number | undefined) {
    this.#handler.toTrack = toTrack;
  }

  invoke(...args: unknown[]): unknown {
    return --this.#meter.left > 0
      ? (this.#handler.invoke as Call).apply(this.#handler, args)
      : this.#timed(args);
  }

  #timed(args: unknown[]): unknown {
    const handler = this.#handler;
    const meter = this.#meter;
    const since = meter.begin();
    return followed(
      () => (handler.invoke as Call).apply(handler, args),
      (failure) => meter.end(since, failure),
    );
  }
}

/** Calls, and tells when what was returned has settled; gives that, or what it comes to. */
function followed(call: () => unknown, over: (failure?: Failure) => void): unknown {
  let value: unknown;
  try {
    value = call();
  } catch (thrown) {
    over({ thrown });
    throw thrown;
  }
  if (isThenable(value)) return settled(value, over);
  over();
  return value;
}

/** Tells when it has settled; gives what it comes to. */
function settled(
  promise: PromiseLike<unknown>,
  over: (failure?: Failure) => void,
): Promise<unknown> {
  // What is passed on in its place: of a promise that two await, the stack does not tell who awaits whom.
  return Promise.resolve(promise).then(
    (late) => {
      over();
      return late;
    },
    (thrown: unknown) => {
      over({ thrown });
      throw thrown;
    },
  );
}
