import { Injectable, type Type } from '@nestjs/common';
import type { Observable } from 'rxjs';

import type {
  LinkOptions,
  LinkParent,
  StartParameters,
} from '../interfaces/start-options.interface.js';
import type { ClientHandle } from '../runtime/client/client-handle.js';
import { Unheard } from '../runtime/client/unheard.js';
import type { CloseReason } from '../runtime/frame/close-reason.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import type { WebSockexEvent } from '../runtime/telemetry/events.js';
import { ClientRegistry } from './client.registry.js';
import { ClientStarter, type DynamicStart } from './client.starter.js';
import { Linker } from './linker.js';
import { TelemetryLogger } from './telemetry.logger.js';

/**
 * The clients of the application, by class or name; starts and stops more of them at run time.
 *
 * @example
 * constructor(private readonly manager: WebSockexManager) {}
 *
 * async open(userId: number) {
 *   const session = await this.manager.start(SessionClient, {
 *     name: `session:${userId}`,
 *     args: { userId },
 *   });
 *   session.cast('say', 'hello');
 * }
 *
 * @publicApi
 */
@Injectable()
export class WebSockexManager {
  readonly #unheard: Unheard;

  constructor(
    private readonly registry: ClientRegistry,
    private readonly starter: ClientStarter,
    private readonly linker: Linker,
    logger: TelemetryLogger,
  ) {
    this.#unheard = new Unheard((error, where) => logger.failed('WebSockexManager', where, error));
  }

  /** The events of every client. Hot and shared; free when nobody subscribes. */
  get events$(): Observable<WebSockexEvent> {
    return this.registry.hub.events$;
  }

  /** The handle of a client class, typed by it; `undefined` where no module lists the class. */
  get<T extends object>(client: Type<T>): ClientHandle<T> | undefined;
  /** The handle of a name; `undefined` where no client has it. */
  get(name: string): ClientHandle | undefined;
  get(client: Type<object> | string): ClientHandle | undefined {
    return this.registry.get(client)?.handle;
  }

  /** Every handle: of the listed clients in order of declaration, then of those started since. */
  clients(): ClientHandle[] {
    return this.registry.all().map(({ handle }) => handle);
  }

  /**
   * Starts one more client of a class, with options of its own over those of the class. It is made
   * by the injector of the module that lists the class, or else of the one that provides it, or of
   * the root module; it is supervised alone, and ends with the application.
   *
   * Resolves with its handle as the option `startup` says: `background`, once its instance is made;
   * `required`, after its first `@OnConnect`; `manual`, without starting it.
   *
   * @throws (rejects) `AlreadyStartedError` for a name that is taken; `ConfigurationError`,
   * `UrlError`; what the constructor throws; with `required`, what the start failed with;
   * `ShuttingDownError` once the application shuts down, `NotConnectedError` before it is initialised. Where nobody
   * awaits it, the log is told, and the process goes on
   */
  start<T extends object>(
    client: Type<T>,
    ...parameters: StartParameters<T>
  ): Promise<ClientHandle<T>> {
    const options = parameters[0] as DynamicStart | undefined;
    return this.#watch('start()', client, this.starter.start(client, options));
  }

  /**
   * As {@link start}, linked to a parent: another client, by handle or name, or an `AbortSignal`. The
   * client ends for good, with `LinkError`, when an incarnation of its parent ends abnormally (also
   * when that is restarted), when its parent is ended from outside (stopped, or restarted with its
   * group), or the signal is aborted. A parent that ends normally by itself leaves it alone. With
   * `trapExit` it is told of every end by `@OnInfo` instead, and goes on.
   *
   * The parent does not end with the child.
   *
   * @throws (rejects) as `start`; `NotConnectedError` for a parent that has ended, or that there is
   * not; the reason of a signal that is aborted already; `ConfigurationError` for what can be no
   * parent, and for `trapExit` without an `@OnInfo`
   */
  startLink<T extends object>(
    parent: LinkParent,
    client: Type<T>,
    ...parameters: StartParameters<T, LinkOptions>
  ): Promise<ClientHandle<T>> {
    const { trapExit, ...options } = (parameters[0] ?? {}) as DynamicStart & LinkOptions;
    const linking = this.linker.linking(parent, client, trapExit);
    return this.#watch('startLink()', client, this.starter.start(client, options, linking));
  }

  /**
   * Ends a client for good, as `handle.stop()` does, by its name, its handle, or the class that a
   * module lists. Resolves with the reason, and with `undefined` where there is no such client.
   */
  stop(client: Type<object> | ClientHandle | string): Promise<CloseReason | undefined> {
    const isKey = typeof client === 'string' || typeof client === 'function';
    const handle = isKey ? this.registry.get(client)?.handle : client;
    return handle?.stop() ?? Promise.resolve(undefined);
  }

  /** What it fails with is told where nobody awaits it, and ends no process. */
  #watch<T extends object>(
    method: string,
    client: Type<T>,
    starting: Promise<ClientHandle>,
  ): Promise<ClientHandle<T>> {
    const what = (): string =>
      `manager.${method} of ${typeof client === 'function' ? client.name : inspectShort(client)}`;
    return this.#unheard.watch(what, starting as unknown as Promise<ClientHandle<T>>);
  }
}
