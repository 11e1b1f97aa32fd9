// Stands around a handler of a client that is measured. Nobody else's handlers have it.
import type { HandlerKind, HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import type { ClientMeter } from '../runtime/metering/client.meter.js';
import type { HandlerMeter } from '../runtime/metering/handler.meter.js';
import type { HandlerTracer } from '../runtime/metering/tracer.port.js';
import type { Handler } from '../runtime/process/client.definition.js';
import { followed, timed } from '../runtime/process/measured.call.js';

type Call = (...args: unknown[]) => unknown;

/** Those that every frame may run. */
const OF_FRAMES: ReadonlySet<HandlerKind> = new Set<HandlerKind>(['frame', 'message']);

/** Those that are called for what a peer sends, and are traced. */
const TRACED: ReadonlySet<HandlerKind> = new Set<HandlerKind>(['frame', 'message', 'request']);

/** The same handler, measured, and traced where somebody wants that. */
export function metered(handler: Handler, metadata: HandlerMetadata, client: ClientMeter): Handler {
  const { kind, pattern } = metadata;
  const meter = client.handler(handler.method);
  const { tracer } = client;
  if (tracer === undefined && OF_FRAMES.has(kind)) {
    // Anything around it would be one call more for each frame.
    meter.attach(handler);
    return handler;
  }
  if (tracer === undefined || !TRACED.has(kind)) return new MeteredCall(handler, meter);
  // What a frame is to be equal to is no name of it.
  const isName = kind !== 'frame' && typeof pattern === 'string';
  return new TracedHandler(handler, meter, isName ? pattern : handler.method, client, tracer);
}

/** Runs in a span of its own. */
class TracedHandler implements Handler {
  isAsync?: boolean;
  toTrack?: number;

  constructor(
    private readonly handler: Handler,
    private readonly counts: HandlerMeter,
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
    const { handler, counts: meter, tracer } = this;
    const since = meter.rests || --meter.left > 0 ? undefined : meter.begin();
    const call = (): unknown => handler.invoke(argument as never, frame as never);
    if (since === undefined && !tracer.tracesAll) return call();
    const span = tracer.begin(this.client, this.name, argument);
    return followed(
      () => span.run(call),
      (failure) => {
        if (since !== undefined) meter.end(since, failure);
        span.end(failure);
      },
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
    return this.#meter.rests || --this.#meter.left > 0
      ? (this.#handler.invoke as Call).apply(this.#handler, args)
      : timed(this.#handler, this.#meter, args);
  }
}
