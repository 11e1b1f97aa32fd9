// Stands around a handler of a client that is measured. Nobody else's handlers have it.
import type { HandlerKind } from '../interfaces/handler-metadata.interface.js';
import { isThenable } from '../runtime/async/deferred.js';
import type { HandlerMeter } from '../runtime/metering/handler.meter.js';
import type { Handler } from '../runtime/process/client.definition.js';

type Call = (...args: unknown[]) => unknown;

/** Those that every frame may run: they are called with two arguments, and need no list of them. */
const OF_FRAMES: ReadonlySet<HandlerKind> = new Set<HandlerKind>(['frame', 'message']);

/** The same handler, measured. */
export function metered(handler: Handler, kind: HandlerKind, meter: HandlerMeter): Handler {
  return OF_FRAMES.has(kind) ? new MeteredClause(handler, meter) : new MeteredCall(handler, meter);
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
      : timed(this.#handler, this.#meter, [argument, frame]);
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
      : timed(this.#handler, this.#meter, args);
  }
}

/** Calls it, and times that until what it has returned has settled. */
function timed(handler: Handler, meter: HandlerMeter, args: unknown[]): unknown {
  const since = meter.begin();
  let value: unknown;
  try {
    value = (handler.invoke as Call).apply(handler, args);
  } catch (thrown) {
    meter.end(since, { thrown });
    throw thrown;
  }
  if (!isThenable(value)) {
    meter.end(since);
    return value;
  }
  // What is passed on in its place: of a promise that two await, the stack does not tell who awaits whom.
  return Promise.resolve(value).then(
    (late) => {
      meter.end(since);
      return late;
    },
    (thrown: unknown) => {
      meter.end(since, { thrown });
      throw thrown;
    },
  );
}
