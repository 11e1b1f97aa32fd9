import type { ArgumentsHost, Type } from '@nestjs/common';

import type { WebSockexExecutionContext } from '../interfaces/execution-context.interface.js';
import type { HandlerKind } from '../interfaces/handler-metadata.interface.js';
import type { ClientHandle } from '../runtime/client/client-handle.js';
import type { ConnectionInfo } from '../runtime/process/handler.arguments.js';

/** Whose handlers are called. */
export interface HandlerHost {
  readonly handle: ClientHandle | undefined;
  readonly client: { readonly connection: ConnectionInfo | undefined };
}

/** The handler that is called. */
export interface CalledHandler {
  readonly client: Type<object>;
  readonly kind: HandlerKind;
  readonly key: string | symbol;
  readonly pattern: unknown;
}

/** Handlers that get one value, and their parameters beside it from decorators alone. */
const OF_ONE_VALUE: ReadonlySet<HandlerKind> = new Set<HandlerKind>([
  'frame',
  'message',
  'request',
  'ping',
  'pong',
  'info',
  'error',
]);

type CallFrame = ReturnType<WebSockexExecutionContext['getFrame']>;
type ContextFunction = ReturnType<WebSockexExecutionContext['getHandler']>;

/**
 * Whether a guard, an interceptor, an exception filter or a parameter decorator was asked for a handler of a
 * WebSocket client, and not for a request or a gateway.
 *
 * @publicApi
 */
export function isWebSockexContext(context: ArgumentsHost): context is WebSockexExecutionContext {
  return context.getType<string>() === 'websockex';
}

/** One call of a handler, as guards and their like see it. */
export class CallContext implements WebSockexExecutionContext {
  readonly #host: HandlerHost;
  readonly #called: CalledHandler;
  #arguments: readonly unknown[];
  readonly #frame: CallFrame;

  private constructor(
    host: HandlerHost,
    called: CalledHandler,
    /** What the method is called with. */
    args: readonly unknown[],
    frame: CallFrame,
  ) {
    this.#host = host;
    this.#called = called;
    this.#arguments = args;
    this.#frame = frame;
  }

  /**
   * The call of a handler with what the runtime gives it: of a message or request its frame, too, which the
   * method does not get; a frame is its own.
   */
  static of(host: HandlerHost, called: CalledHandler, given: readonly unknown[]): CallContext {
    const { kind } = called;
    const args = OF_ONE_VALUE.has(kind) ? given.slice(0, 1) : given;
    const isFrame = kind === 'frame' || kind === 'ping' || kind === 'pong';
    const isOfFrame = kind === 'message' || kind === 'request';
    const frame = isFrame ? given[0] : isOfFrame ? given[1] : undefined;
    return new CallContext(host, called, args, frame as CallFrame);
  }

  getType<T extends string = 'websockex'>(): T {
    return 'websockex' as T;
  }

  getClass<T>(): Type<T> {
    return this.#called.client as Type<T>;
  }

  /** That of the class, which carries its metadata, whatever proxy stands before the instance. */
  getHandler(): ContextFunction {
    const { client, key } = this.#called;
    return (client.prototype as Record<string | symbol, ContextFunction>)[key]!;
  }

  getKind(): HandlerKind {
    return this.#called.kind;
  }

  getHandle(): ClientHandle | undefined {
    return this.#host.handle;
  }

  getPayload<T = unknown>(): T {
    return this.#arguments[0] as T;
  }

  /** A schema has made another value of the message. */
  replacePayload(value: unknown): void {
    this.#arguments = [value];
  }

  getArguments(): readonly unknown[] {
    return this.#arguments;
  }

  getFrame(): CallFrame {
    return this.#frame;
  }

  getConnection(): ConnectionInfo | undefined {
    return this.#host.client.connection;
  }

  getPattern(): unknown {
    const { kind, key, pattern } = this.#called;
    return kind === 'cast' || kind === 'call' ? String(key) : pattern;
  }

  getArgs<T extends unknown[] = unknown[]>(): T {
    return [this.getHandle(), this.getPayload(), this.#frame, this.getPattern()] as unknown as T;
  }

  getArgByIndex<T = unknown>(index: number): T {
    return this.getArgs()[index] as T;
  }

  switchToWs(): ReturnType<ArgumentsHost['switchToWs']> {
    return {
      getClient: <T>() => this.getHandle() as T,
      getData: <T>() => this.getPayload<T>(),
      getPattern: () => this.getPattern() as string,
    };
  }

  switchToRpc(): ReturnType<ArgumentsHost['switchToRpc']> {
    return {
      getData: <T>() => this.getPayload<T>(),
      getContext: <T>() => this.getHandle() as T,
    };
  }

  /** There is no request, and no response. */
  switchToHttp(): ReturnType<ArgumentsHost['switchToHttp']> {
    return {
      getRequest: <T>() => undefined as T,
      getResponse: <T>() => undefined as T,
      getNext: <T>() => undefined as T,
    };
  }
}
