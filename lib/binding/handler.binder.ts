import type { HandlerKind, HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import type { DataFrame } from '../runtime/frame/frame.js';
import type { FrameClause, Handler, Incarnation } from '../runtime/process/client.definition.js';

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
    frames: handlers
      .filter((one) => one.kind === 'frame')
      .map((one): FrameClause => ({
        handler: forPeer(withOne(methods, one.key)),
        matches: createMatcher(one.frameType, one.pattern),
      })),
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

type Matcher = (frame: DataFrame) => boolean;

/** What an `@OnFrame(type, pattern)` takes, as one question. */
export function createMatcher(type: unknown, pattern: unknown): Matcher {
  if (type === undefined) return () => true;
  if (pattern === undefined) return (frame) => frame.type === type;
  if (typeof pattern === 'string') return (frame) => frame.type === type && frame.data === pattern;
  if (pattern instanceof RegExp) {
    // A global or sticky expression would begin where its last match ended.
    const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
    return (frame) => frame.type === type && stateless.test(frame.data as string);
  }
  const predicate = pattern as (data: unknown) => unknown;
  return (frame) => frame.type === type && Boolean(predicate(frame.data));
}
