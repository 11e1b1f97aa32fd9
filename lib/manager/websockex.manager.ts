import { Injectable, type Type } from '@nestjs/common';
import type { Observable } from 'rxjs';

import type { ClientHandle } from '../runtime/client/client-handle.js';
import type { WebSockexEvent } from '../runtime/telemetry/events.js';
import { ClientRegistry } from './client.registry.js';

/**
 * The clients of the application, by class or name.
 *
 * @example
 * constructor(private readonly manager: WebSockexManager) {}
 *
 * states() { return this.manager.clients().map(({ name, status }) => ({ name, status })); }
 *
 * @publicApi
 */
@Injectable()
export class WebSockexManager {
  constructor(private readonly registry: ClientRegistry) {}

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

  /** Every handle, in the order in which the clients were declared. */
  clients(): ClientHandle[] {
    return this.registry.all().map(({ handle }) => handle);
  }
}
