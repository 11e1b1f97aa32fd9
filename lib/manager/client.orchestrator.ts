import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';

import { ClientExplorer } from '../discovery/client.explorer.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import { AlreadyStartedError } from '../runtime/errors/client.errors.js';
import { WEBSOCKEX_CLOCK } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';
import { getClientName } from '../websockex.tokens.js';
import { onSignalDuringBoot } from './boot.signals.js';
import { ClientRegistry, type RegisteredClient } from './client.registry.js';
import { ClientStarter } from './client.starter.js';
import { isRequired, startGroup, startupOf, stopGroup } from './group.order.js';
import { NameRegistrar } from './name.registrar.js';
import { Pacer } from './pacer.js';
import { TelemetryLogger } from './telemetry.logger.js';
import { checkModuleOptions } from './module-options.checker.js';

/**
 * Runs the clients with the application. It stands in a global module, whose hooks run first at
 * boot and last at shutdown: until then the application can still send.
 */
@Injectable()
export class ClientOrchestrator
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  constructor(
    private readonly explorer: ClientExplorer,
    private readonly registry: ClientRegistry,
    private readonly starter: ClientStarter,
    private readonly registrar: NameRegistrar,
    private readonly logger: TelemetryLogger,
    @Inject(WEBSOCKEX_CLOCK) private readonly clock: Clock,
  ) {}

  /** Finds and checks every client; nothing has been started when one is refused. */
  onModuleInit(): void {
    checkModuleOptions(this.registry.options);
    const listed = this.explorer.explore();
    const names = new Map<string, string>();
    for (const { type, moduleRef, listedIn } of listed) {
      const name = getClientName(type);
      const place = `${type.name}, listed in ${listedIn}`;
      const other = names.get(name);
      if (other !== undefined) {
        throw new AlreadyStartedError(name, messages.listedTwice(other, place));
      }
      names.set(name, place);
      // Whoever overrides the provider of a handle wants no client behind it.
      this.registry.get(type)?.definition.bind(moduleRef);
    }
    for (const type of this.explorer.unlisted(listed)) {
      this.logger.warn(messages.unlisted(type.name));
    }
  }

  /** Makes every incarnation first, then starts them, and waits for those that are required. */
  async onApplicationBootstrap(): Promise<void> {
    // Those that a hook of somebody else's has started are started already.
    const clients = this.registry.declared();
    try {
      for (const { definition } of clients) await definition.prepare();
      const started = clients.filter((one) => startupOf(one) !== 'manual' || one.client.isWanted);
      for (const { client } of started) await client.incarnate();
      await this.start(started);
    } catch (error) {
      await this.stopAll();
      throw error;
    }
  }

  /** Mailboxes and sessions, while queues and most databases are still there. */
  beforeApplicationShutdown(): Promise<void> {
    return this.stopAll();
  }

  onApplicationShutdown(): void {
    this.registry.destroy();
    this.registry.hub.complete();
  }

  private async start(clients: readonly RegisteredClient[]): Promise<void> {
    const groups = [...new Set(clients.map(({ group }) => group))];
    const starts = Promise.all(groups.map((group) => startGroup(group, clients)));
    if (!clients.some(isRequired)) return;
    let interrupted = false;
    const stopListening = onSignalDuringBoot((signal) => {
      interrupted = true;
      this.logger.warn(messages.signalDuringBoot(signal));
      void this.stopAll();
    });
    try {
      await starts;
    } catch (error) {
      if (!interrupted) throw error;
    } finally {
      stopListening();
    }
  }

  private async stopAll(): Promise<void> {
    this.starter.close();
    const groups = [...new Set(this.registry.all().map(({ group }) => group))];
    for (const { supervisor } of groups) supervisor.close();
    // Those that were started last first: nobody ends by a link who is to end anyway.
    const { shutdownTimeout } = this.registry;
    const deadline = this.clock.now() + shutdownTimeout;
    const remaining = (): number => deadline - this.clock.now();
    const pacer = new Pacer();
    const stops = groups.toReversed().map(async (group) => {
      await pacer.turn();
      await stopGroup(group, remaining);
    });
    await Promise.all(stops);
    this.registry.destroy();
    await this.registrar.left(Math.max(0, remaining()));
  }
}
