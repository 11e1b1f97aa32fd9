import type { HandlerKind, HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import type { DataFrame } from '../runtime/frame/frame.js';
import type { FrameHandlers, Handler, Incarnation } from '../runtime/process/client.definition.js';
import { FrameTable } from './frame.table.js';

type Methods = Record<string | symbol, (...args: unknown[]) => unknown>;

/**
 * Makes the methods of an instance callable for the runtime. They are looked up on the instance at
 * every call, so that a proxy around it stays in the path.
 */
export function bindHandlers(instance: object, handlers: readonly HandlerMetadata[]): Incarnation {
  const methods = instance as Methods;
  const single = (kind: HandlerKind): Handler | undefined => {
    const handler = handlers.find((one) => one.kind === kind);
    return handler && withOne(methods, handler.key);
  };
  const several = (kind: HandlerKind): Handler | undefined => {
    const handler = handlers.find((one) => one.kind === kind);
    return handler && withMany(methods, handler.key);
  };
  const named = (kind: HandlerKind): ReadonlyMap<string, Handler> =>
    new Map(
      handlers
        .filter((one) => one.kind === kind)
        .map(({ key }) => [String(key), withMany(methods, key)]),
    );
  return {
    instance,
    start: single('start'),
    beforeConnect: single('beforeConnect'),
    connect: several('connect'),
    ping: forPeer(single('ping')),
    pong: forPeer(single('pong')),
    info: single('info'),
    disconnect: single('disconnect'),
    terminate: single('terminate'),
    codeChange: several('codeChange'),
    formatStatus: single('formatStatus'),
    frames: new BoundFrames(methods, handlers),
    casts: named('cast'),
    calls: named('call'),
  };
}

/** Of a handler of the peer's own frames. */
function forPeer<T extends Handler | undefined>(handler: T): T {
  return handler && { ...handler, answersPeer: true };
}

/** Without a rest parameter: this is the way of every frame. */
function withOne(methods: Methods, key: string | symbol): Handler {
  return { method: String(key), invoke: (argument: unknown) => methods[key]!(argument) };
}

function withMany(methods: Methods, key: string | symbol): Handler {
  return { method: String(key), invoke: (...args: unknown[]) => methods[key]!(...args) };
}

/** The `@OnFrame`s of one instance. */
class BoundFrames implements FrameHandlers {
  readonly #table: FrameTable;
  readonly #handlers: readonly Handler[];

  constructor(methods: Methods, handlers: readonly HandlerMetadata[]) {
    const clauses = handlers.filter((one) => one.kind === 'frame');
    this.#table = new FrameTable(clauses);
    this.#handlers = clauses.map(({ key }) => forPeer(withOne(methods, key)));
  }

  get isEmpty(): boolean {
    return this.#handlers.length === 0;
  }

  find(frame: DataFrame): Handler | undefined {
    const index = this.#table.find(frame);
    return index === -1 ? undefined : this.#handlers[index];
  }
}
