import type { INestApplicationContext } from '@nestjs/common';

import { AppStage } from '../manager/app.stage.js';
import { ClientRegistry } from '../manager/client.registry.js';
import { WebSockexManager } from '../manager/websockex.manager.js';
import type { ClientHandle } from '../runtime/client/client-handle.js';
import { watch } from './sent.log.js';

/** What is compiled for a net, as far as the net needs it. */
export type InstalledModule = Pick<INestApplicationContext, 'get'>;

/** An application with clients. */
export interface WatchedApp {
  readonly manager: WebSockexManager;
  readonly registry: ClientRegistry;
  readonly stage: AppStage;
}

/** The clients of the applications on one net. */
export class WatchedClients {
  readonly #apps: WatchedApp[] = [];
  #count = 0;

  /** Watches every client of an application, those that are started later too. */
  add(module: InstalledModule): void {
    this.#count++;
    const manager = findManager(module);
    if (manager === undefined) return;
    const registry = module.get(ClientRegistry, { strict: false });
    this.#apps.push({ manager, registry, stage: module.get(AppStage, { strict: false }) });
    for (const handle of manager.clients()) watch(handle);
    manager.events$.subscribe(({ event, client }) => {
      const handle = event === 'connecting' ? manager.get(client) : undefined;
      if (handle !== undefined) watch(handle);
    });
  }

  /** How many applications there are, those without clients too. */
  get appCount(): number {
    return this.#count;
  }

  /** Those with clients. */
  get apps(): readonly WatchedApp[] {
    return this.#apps;
  }

  /** Whether there is work of theirs that waits for a turn of the event loop. */
  get areBusy(): boolean {
    return this.#apps.some(({ registry }) => registry.turns.isBusy);
  }

  /** Those that have been started and have not ended. */
  get running(): ClientHandle[] {
    return this.#apps
      .flatMap(({ manager }) => manager.clients())
      .filter(({ status }) => !['idle', 'terminated', 'failed'].includes(status));
  }
}

function findManager(module: InstalledModule): WebSockexManager | undefined {
  try {
    return module.get(WebSockexManager, { strict: false });
  } catch {
    return undefined; // A module without clients.
  }
}
