import type { ModuleMetadata, Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Test } from '@nestjs/testing';

import { makeInstance } from '../../binding/class.maker.js';
import { ClassSurroundings } from '../../binding/class.surroundings.js';
import { HandlerTable } from '../../binding/handler.binder.js';
import { checkClient } from '../../discovery/client.checker.js';
import { readHandlers } from '../../discovery/handler.accessor.js';
import type { MethodArgs, MethodName } from '../../runtime/client/client-handle.js';
import { NoHandlerError } from '../../runtime/errors/client.errors.js';
import type { CloseReason } from '../../runtime/frame/close-reason.js';
import type { PingFrame, PongFrame } from '../../runtime/frame/frame.js';
import { type Handler, type Incarnation } from '../../runtime/process/client.definition.js';
import type { DisconnectStatus } from '../../runtime/frame/disconnect.status.js';
import type { ConnectionInfo, ConnectRequest } from '../../runtime/process/handler.arguments.js';
import { NOWHERE } from './played.client.js';
import { PlayedDialogue } from './played.dialogue.js';
import { type PlayedFrame, toDataFrame } from './played.js';

/** What a method returns, as it returns it: a promise is a promise, a directive a directive. */
export type MethodResult<T, K extends keyof T> = T[K] extends (...args: never[]) => infer R
  ? R
  : never;

const SESSION: ConnectionInfo = { ...NOWHERE, session: 1 };

/**
 * One client class alone: its handlers are called directly, and what they return is yours to look
 * at: a directive is a value. No module, no net, no mailbox; no guards, pipes, interceptors or exception filters.
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
  #dialogue: PlayedDialogue;

  /** @internal */
  constructor(
    client: Type<T>,
    /** The instance: its fields are the state. */
    readonly instance: T,
  ) {
    this.#client = client;
    const handlers = readHandlers(client);
    const surroundings = ClassSurroundings.of(client, handlers, undefined);
    this.#incarnation = new HandlerTable(handlers).bind(instance, undefined, surroundings);
    this.#dialogue = new PlayedDialogue(client.name);
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
    const session = { ...SESSION, ...info };
    return this.#run('@OnConnect', this.#incarnation.connect, session, this.#dialogue);
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
    if (handler !== undefined) return handler.invoke(...(args as never[]));
    const { name } = this.#client;
    throw new NoHandlerError(name, `${name} has no ${what}`, 'Put the decorator on a method.');
  }
}

/**
 * Makes one client class alone, with what it injects.
 *
 * @throws ConfigurationError for a class that cannot be a client
 * @publicApi
 */
export async function createTestClient<T extends object>(
  client: Type<T>,
  metadata: Pick<ModuleMetadata, 'imports' | 'providers'> = {},
): Promise<TestClient<T>> {
  checkClient(client, 'createTestClient()');
  const module = await Test.createTestingModule(metadata).compile();
  return new TestClient(client, await makeInstance(module.get(ModuleRef), client));
}
