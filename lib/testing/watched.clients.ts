import type { TestingModule } from '@nestjs/testing';

import { ClientRegistry } from '../manager/client.registry.js';
import { WebSockexManager } from '../manager/websockex.manager.js';
import type { ClientHandle } from '../runtime/client/client-handle.js';
import { watch } from './sent.log.js';

/** The clients of the applications on one net. */
export class WatchedClients {
  readonly #managers: WebSockexManager[] = [];
  readonly #registries: ClientRegistry[] = [];

  /** Watches every client of an application, those that are started later too. */
  add(module: TestingModule): void {
    const manager = findManager(module);
    if (manager === undefined) return;
    this.#managers.push(manager);
    this.#registries.push(module.get(ClientRegistry, { strict: false }));
    for (const handle of manager.clients()) watch(handle);
    manager.events$.subscribe(({ event, client }) => {
      const handle = event === 'connecting' ? manager.get(client) : undefined;
      if (handle !== undefined) watch(handle);
    });
  }

  get all(): ClientHandle[] {
    return this.#managers.flatMap((manager) => manager.clients());
  }

  /** Whether there is work of theirs that waits for a turn of the event loop. */
  get areBusy(): boolean {
    return this.#registries.some(({ turns }) => turns.isBusy);
  }

  /** Those that have been started and have not ended. */
  get running(): ClientHandle[] {
    return this.all.filter(({ status }) => !['idle', 'terminated', 'failed'].includes(status));
  }
}

function findManager(module: TestingModule): WebSockexManager | undefined {
  try {
    return module.get(WebSockexManager, { strict: false });
  } catch {
    return undefined; // A module without clients.
  }
}
