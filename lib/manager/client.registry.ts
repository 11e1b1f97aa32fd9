import { AsyncLocalStorage } from 'node:async_hooks';

import { Inject, Injectable, type Type } from '@nestjs/common';

import type { WebSockexModuleOptions } from '../interfaces/module-options.interface.js';
import type { ContextRunner } from '../runtime/process/context.runner.js';
import { Client } from '../runtime/client/client.js';
import type { ClientHandle } from '../runtime/client/client-handle.js';
import { LocalHandle } from '../runtime/client/local-handle.js';
import type { Random } from '../runtime/connection/backoff.policy.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import type { Transport } from '../runtime/transport/transport.port.js';
import { WEBSOCKEX_CLOCK, WEBSOCKEX_RANDOM, WEBSOCKEX_TRANSPORT } from '../websockex.constants.js';
import { MODULE_OPTIONS_TOKEN } from '../websockex.module-definition.js';
import { EventHub } from './event.hub.js';
import { ListedClientDefinition } from './listed-client.definition.js';
import { TelemetryLogger } from './telemetry.logger.js';

/** How long all clients together may take to end, unless the options say otherwise. */
const SHUTDOWN_TIMEOUT = 5_000;

/** A client with what the application knows of it. */
export interface RegisteredClient {
  readonly type: Type<object>;
  readonly definition: ListedClientDefinition;
  readonly client: Client;
  readonly handle: ClientHandle;
}

/** The clients of one application, and their names. */
@Injectable()
export class ClientRegistry {
  private readonly clients = new Map<Type<object>, RegisteredClient>();
  private readonly run: ContextRunner;

  constructor(
    @Inject(MODULE_OPTIONS_TOKEN) readonly options: WebSockexModuleOptions | undefined,
    @Inject(WEBSOCKEX_TRANSPORT) private readonly transport: Transport,
    @Inject(WEBSOCKEX_CLOCK) private readonly clock: Clock,
    @Inject(WEBSOCKEX_RANDOM) private readonly random: Random,
    readonly hub: EventHub,
    private readonly logger: TelemetryLogger,
  ) {
    // Here the application boots: no request is in sight.
    this.run = AsyncLocalStorage.snapshot();
  }

  /** The client of a class; made when it is first asked for, and started by nobody yet. */
  declare(type: Type<object>): RegisteredClient {
    const known = this.clients.get(type);
    if (known !== undefined) return known;
    const definition = new ListedClientDefinition(type, () => this.options?.defaults ?? {});
    const client = new Client(definition, {
      transport: this.transport,
      clock: this.clock,
      random: this.random,
      run: this.run,
      sinks: [this.logger, this.hub],
      shutdownTimeout: () => this.options?.shutdownTimeout ?? SHUTDOWN_TIMEOUT,
    });
    const handle = new LocalHandle(client) as unknown as ClientHandle;
    const registered = { type, definition, client, handle };
    this.clients.set(type, registered);
    return registered;
  }

  /** The client of a class or a name. */
  get(client: Type<object> | string): RegisteredClient | undefined {
    return typeof client === 'string'
      ? this.all().find((one) => one.client.name === client)
      : this.clients.get(client);
  }

  all(): RegisteredClient[] {
    return [...this.clients.values()];
  }
}
