import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';

import { ClientExplorer, type ListedClient } from '../discovery/client.explorer.js';
import { checkModuleOptions } from '../discovery/module-options.checker.js';
import { limited } from '../runtime/async/deferred.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import { AlreadyStartedError } from '../runtime/errors/client.errors.js';
import { redactUrl } from '../runtime/errors/redact-url.js';
import { CloseCode } from '../runtime/frame/close-code.js';
import { StartGate } from '../runtime/throttle/start.gate.js';
import { WEBSOCKEX_CLOCK } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';
import { getClientName } from '../websockex.tokens.js';
import { AppStage } from './app.stage.js';
import { isRequired, startGroup, startupOf, stopGroup } from './client.groups.js';
import { ClientRegistry } from './client.registry.js';
import { NameRegistrar } from './name.registrar.js';
import { AppCloser, onSignalDuringBoot } from './process.signals.js';
import type { RegisteredClient } from './registered.client.js';
import { TelemetryLogger } from './telemetry.logger.js';

/** Milliseconds that trace files have at least to be written, however late it is. */
const WRITING = 250;

/**
 * Runs the clients with the application. It stands in a global module, whose hooks run first at
 * boot and last at shutdown: until then the application can still send.
 */
@Injectable()
export class ClientOrchestrator
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  /** Those whose start is under way, or over. */
  private readonly begun = new Set<RegisteredClient>();
  private stopping: Promise<void> | undefined;

  constructor(
    private readonly explorer: ClientExplorer,
    private readonly registry: ClientRegistry,
    private readonly registrar: NameRegistrar,
    private readonly logger: TelemetryLogger,
    private readonly stage: AppStage,
    closer: AppCloser,
    @Inject(WEBSOCKEX_CLOCK) private readonly clock: Clock,
  ) {
    closer.endClients = () => this.stopAll();
  }

  /** Finds and checks every client; nothing has been started when one is refused. */
  onModuleInit(): void {
    this.stage.boots();
    try {
      checkModuleOptions(this.registry.options);
      this.registry.checkRunner();
      const listed = this.bind();
      for (const type of this.explorer.unlisted(listed)) {
        this.logger.warn(messages.unlisted(type.name));
      }
      this.explorer.removeMarkers();
    } catch (error) {
      this.stage.isRefused();
      throw error;
    }
  }

  /** Makes every incarnation first, then starts them, and waits for those that are required. */
  async onApplicationBootstrap(): Promise<void> {
    this.stage.runs();
    try {
      // A module that is being loaded meanwhile starts its clients itself.
      const clients = this.registry.declared().filter(({ definition }) => definition.isReady);
      const { required } = await this.begin(clients);
      if (required !== undefined) await this.untilSignal(required);
    } catch (error) {
      await this.stopAll();
      throw error;
    }
  }

  /**
   * Clients of a module that is loaded after the boot, for which Nest runs no hooks: they are found,
   * checked and started as at boot, and those that are required are waited for.
   *
   * @throws (rejects) ConfigurationError, UrlError; the error a required client failed with, by
   * which all of these end; what another provider of the module failed with
   */
  async adopt(types: readonly Type<object>[]): Promise<void> {
    if (!this.stage.isHooked) return;
    const isOwn = (one: RegisteredClient): boolean => !before.has(one);
    const before = new Set(this.begun);
    const own = (): RegisteredClient[] =>
      types.flatMap((type) => this.registry.get(type) ?? []).filter(isOwn);
    try {
      await this.stage.loaded();
      this.registry.checkRunner();
      this.bind();
      // Before that, the application starts them with the others.
      if (this.stage.isRunning) await (await this.begin(own())).required;
    } catch (error) {
      await endAll(own());
      for (const one of own()) this.forget(one);
      throw error;
    }
    if (this.stage.isClosing) await endAll(own());
  }

  /** Mailboxes and sessions, while queues and most databases are still there. */
  beforeApplicationShutdown(): Promise<void> {
    return this.stopAll();
  }

  onApplicationShutdown(): void {
    this.destroy();
    this.registry.hub.complete();
  }

  /** Tells the clients whose injector makes them. */
  private bind(): ListedClient[] {
    const listed = this.explorer.explore();
    const names = new Map<string, ListedClient>();
    for (const one of listed) {
      const { type } = one;
      const name = getClientName(type);
      const other = names.get(name);
      if (other !== undefined) {
        const detail = messages.listedTwice(placeOf(other), placeOf(one));
        const remedy = other.type === type ? messages.listOnce(type.name) : undefined;
        throw new AlreadyStartedError(name, detail, undefined, remedy);
      }
      names.set(name, one);
      // Refuses options whose layers contradict each other.
      this.registry.get(type)?.definition.settings();
    }
    for (const { type, moduleRef, isOverridden } of listed) {
      // Whoever overrides the provider of a handle wants no client behind it.
      const definition = this.registry.get(type)?.definition;
      if (definition?.isReady !== false) continue;
      if (isOverridden) definition.override();
      else definition.bind(moduleRef);
    }
    return listed;
  }

  /** Starts them; what is `required` has happened when those that are required are there. */
  private async begin(
    clients: readonly RegisteredClient[],
  ): Promise<{ readonly required: Promise<unknown> | undefined }> {
    for (const one of clients) this.begun.add(one);
    for (const { definition, client } of clients) await definition.prepare(client.isWanted);
    // Those that a hook of somebody else's has started are started already.
    const started = clients.filter((one) => startupOf(one) !== 'manual' || one.client.isWanted);
    for (const { client } of started) await client.incarnate();
    const groups = [...new Set(started.map(({ group }) => group))];
    const starts = Promise.all(groups.map((group) => startGroup(group, started)));
    return { required: started.some(isRequired) ? starts : undefined };
  }

  /** Waits while the application boots; a signal to end it ends the wait, and all clients. */
  private async untilSignal(required: Promise<unknown>): Promise<void> {
    let interrupted = false;
    const stopListening = onSignalDuringBoot((signal) => {
      interrupted = true;
      this.logger.warn(messages.signalDuringBoot(signal));
      void this.stopAll();
    });
    try {
      await required;
    } catch (error) {
      if (!interrupted) throw error;
    } finally {
      stopListening();
    }
  }

  /** One of a module that is not there after all: its next load begins anew. */
  private forget(client: RegisteredClient): void {
    this.begun.delete(client);
    this.registry.undeclare(client);
  }

  /** Ends every client, once; whoever asks again waits for that. */
  private stopAll(): Promise<void> {
    return (this.stopping ??= this.stopEach());
  }

  private async stopEach(): Promise<void> {
    this.stage.closes();
    const { shutdownTimeout } = this.registry;
    const deadline = this.clock.now() + shutdownTimeout;
    const remaining = (): number => Math.max(0, deadline - this.clock.now());
    const clients = this.registry.all();
    for (const { client } of clients) client.process.drain();
    const groups = [...new Set(clients.map(({ group }) => group))];
    const startGate = new StartGate();
    for (const { supervisor } of groups) supervisor.close();
    // The last that was started ends first: so no child ends by a link to a parent that ends as well.
    const stops = groups.toReversed().map(async (group) => {
      await startGate.turn();
      await stopGroup(group, remaining, (name, error) => this.failed(name, 'its stop', error));
    });
    await Promise.all(stops);
    this.destroy();
    await Promise.all([
      this.written(clients, Math.max(WRITING, remaining())),
      this.registrar.left(remaining()),
    ]);
    const undone = clients
      .map(({ client: { name, undelivered } }) => ({ name, counts: undelivered.counts }))
      .filter(({ counts }) => counts.size > 0);
    if (undone.length > 0) this.logger.warn(messages.undone(undone));
  }

  /** Waits for the trace files of clients that have ended; a file system that hangs is left behind. */
  private async written(clients: readonly RegisteredClient[], timeout: number): Promise<void> {
    const written = limited<unknown>(this.clock, { timeout }, () => new Error('left behind'));
    const all = Promise.all(clients.map(({ client }) => client.terminated));
    void all.then(written.resolve);
    await written.promise.catch(() => undefined);
  }

  /** Leaves no socket: whatever fails, the others are destroyed. */
  private destroy(): void {
    this.registry.destroy((name, error) => this.failed(name, 'the end of its socket', error));
  }

  private failed(name: string, where: string, error: unknown): void {
    this.logger.failed(name, where, error);
  }
}

async function endAll(clients: readonly RegisteredClient[]): Promise<void> {
  for (const { group } of clients) group.supervisor.close();
  await Promise.all(clients.map(({ client }) => client.stop(CloseCode.goingAway)));
}

/** Where a class is listed, and where it connects: a bundler may have given two classes one name. */
function placeOf({ type, metadata: { url }, listedIn }: ListedClient): string {
  const isUrl = typeof url === 'string' || url instanceof URL;
  return `${type.name}${isUrl ? ` (${redactUrl(url)})` : ''}, listed in ${listedIn}`;
}
