import type { INestApplicationContext } from '@nestjs/common';

import { AppStage } from '../../manager/app.stage.js';
import { ClientRegistry } from '../../manager/client.registry.js';
import { WebSockexManager } from '../../manager/websockex.manager.js';
import type { ClientHandle } from '../../runtime/client/client-handle.js';
import { LocalHandle } from '../../runtime/client/local-handle.js';
import type { FrameLedger } from '../script/frame.ledger.js';
import type { Dialect } from '../script/peer.protocol.js';
import type { VirtualClock } from '../script/virtual.clock.js';
import { dialectOf } from './client.dialect.js';
import { countFrames, watch } from './sent.log.js';

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
  readonly #ledgers = new Map<string, FrameLedger>();
  readonly #handles = new Map<string, ClientHandle>();
  #count = 0;

  /** Watches every client of an application, those that are started later too. */
  add(module: InstalledModule): void {
    this.#count++;
    const manager = findManager(module);
    if (manager === undefined) return;
    const registry = module.get(ClientRegistry, { strict: false });
    this.#apps.push({ manager, registry, stage: module.get(AppStage, { strict: false }) });
    for (const handle of manager.clients()) this.#watch(handle);
    manager.events$.subscribe(({ event, client }) => {
      const handle = event === 'connecting' ? manager.get(client) : undefined;
      if (handle !== undefined) this.#watch(handle);
    });
  }

  /** The books of the frames that the peers of a client send; the last client of that name. */
  ledgerOf(client: string): FrameLedger | undefined {
    return this.#ledgers.get(client);
  }

  /** How a client talks; the last client of that name. */
  dialectOf(name: string): Dialect {
    return dialectOf(() => {
      const handle = this.#handles.get(name);
      return handle && LocalHandle.clientOf(handle);
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
    return this.#apps.some(({ registry }) => registry.turns.isBusy || registry.isYielding);
  }

  /** Those that have been started and have not ended. */
  get running(): ClientHandle[] {
    return this.#apps
      .flatMap(({ manager }) => manager.clients())
      .filter(({ status }) => !['idle', 'terminated', 'failed'].includes(status));
  }

  #watch(handle: ClientHandle): void {
    watch(handle);
    this.#handles.set(handle.name, handle);
    this.#ledgers.set(handle.name, countFrames(handle));
  }
}

function findManager(module: InstalledModule): WebSockexManager | undefined {
  try {
    return module.get(WebSockexManager, { strict: false });
  } catch {
    return undefined; // A module without clients.
  }
}

/** Of thousands of clients a few show what they are like. */
const MOST = 10;

/**
 * Why nobody knocks at a server, as far as the net knows; sentences.
 *
 * @param key the name or the URL that the server was asked for by
 * @param dialled what was dialled and is not answered by any server
 * @param isUsed whether anybody has dialled on the net, whoever it was
 */
export function explainAbsence(
  key: string,
  clients: WatchedClients,
  clock: VirtualClock,
  dialled: readonly string[],
  isUsed: boolean,
): string {
  const elsewhere =
    dialled.length > 0 ? `Attempts that no net.server() answers: ${list(dialled)}.` : '';
  return `${explain(key, clients, clock, isUsed)} ${elsewhere}`.trim();
}

function explain(
  key: string,
  { apps, appCount }: WatchedClients,
  clock: VirtualClock,
  isUsed: boolean,
): string {
  if (appCount === 0) {
    if (isUsed) return '';
    return 'No application has been installed on this net: const module = await net.install(Test.createTestingModule(…)), then module.init().';
  }
  if (apps.length === 0) {
    return 'No application that was installed on this net has clients: import WebSockexModule.forRoot({ clients: […] }) in it.';
  }
  const found = apps
    .flatMap((app) => app.manager.clients().map((handle) => ({ app, handle })))
    .find(({ handle }) => handle.name === key);
  if (found !== undefined) return explainStatus(found.handle, found.app, clock);
  const [waiting] = apps.every(({ stage }) => stage.stage !== 'running') ? apps : [];
  const stage = waiting === undefined ? '' : explainStage(waiting);
  if (key.includes('://')) return stage;
  const names = list(apps.flatMap(({ manager }) => manager.clients().map(({ name }) => name)));
  return `There is no client of this name on the net; those there are: ${names}. ${stage}`.trim();
}

function list(items: readonly string[]): string {
  if (items.length === 0) return 'none';
  return [...items.slice(0, MOST), ...(items.length > MOST ? ['…'] : [])].join(', ');
}

function explainStatus(handle: ClientHandle, app: WatchedApp, clock: VirtualClock): string {
  const { name, status } = handle;
  if (status === 'idle') {
    return app.stage.stage === 'running'
      ? 'The client is idle: handle.start() starts it.'
      : `The client is idle. ${explainStage(app)}`;
  }
  const lostAt = LocalHandle.clientOf(handle)?.lostAt;
  const timers = clock.pending.filter(({ client, at }) => client === name && at < Infinity);
  // Not the one that only tells of an outage.
  const next = timers.find(({ at }) => at !== lostAt) ?? timers[0];
  if (status !== 'backoff' || next === undefined) return `The client is ${status}.`;
  return `The client is in backoff for another ${next.at - clock.now()} ms: move on with net.clock.advance().`;
}

/** What an application waits for that has started none of its clients. */
function explainStage({ stage }: WatchedApp): string {
  const why = stage.explain();
  return `${why.charAt(0).toUpperCase()}${why.slice(1)}.`;
}
