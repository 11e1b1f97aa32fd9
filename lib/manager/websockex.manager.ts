import { Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';

import type { ClientHandle } from '../runtime/client/client-handle.js';
import type { WebSockexEvent } from '../runtime/telemetry/events.js';
import { ClientRegistry } from './client.registry.js';

/**
 * The clients of the application, by name.
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

  /** The handle of a name, or `undefined`. */
  get(name: string): ClientHandle | undefined {
    return this.registry.get(name)?.handle;
  }

  /** Every handle, in the order in which the clients were declared. */
  clients(): ClientHandle[] {
    return this.registry.all().map(({ handle }) => handle);
  }
}
