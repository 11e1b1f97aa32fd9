import { Injectable, type Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';

import { ClientExplorer } from '../discovery/client.explorer.js';
import type { NameRegistry } from '../interfaces/name-registry.interface.js';
import type { DynamicClientOptions } from '../interfaces/start-options.interface.js';
import { CloseCode } from '../runtime/frame/close-code.js';
import { AlreadyStartedError, ConfigurationError } from '../runtime/errors/client.errors.js';
import { NotConnectedError } from '../runtime/errors/connection.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { checkOptions } from '../runtime/options/options.checker.js';
import { checkUrl } from '../runtime/transport/request.checker.js';
import { messages } from '../websockex.messages.js';
import { getClientName } from '../websockex.tokens.js';
import { ClientRegistry, type RegisteredClient } from './client.registry.js';
import { Pacer } from './pacer.js';
import { TelemetryLogger } from './telemetry.logger.js';

/** How a client is started at run time. */
export type DynamicStart = DynamicClientOptions & { readonly args?: unknown };

const REGISTRY_METHODS = ['register', 'unregister', 'whereis'] as const;

/** Starts clients at run time, each with a name, and forgets them once they have ended. */
@Injectable()
export class ClientStarter {
  private readonly pacer = new Pacer();
  private readonly injectors = new WeakMap<Type<object>, ModuleRef>();
  /** Names of clients that are about to be made. */
  private readonly reserved = new Set<string>();
  private isClosed = false;

  constructor(
    private readonly explorer: ClientExplorer,
    private readonly registry: ClientRegistry,
    private readonly logger: TelemetryLogger,
  ) {}

  /** The application ends: nothing is started any more. */
  close(): void {
    this.isClosed = true;
  }

  /**
   * Starts a client, and waits for it as its `startup` says.
   *
   * @param onMade told before it is started
   */
  async start(
    type: Type<object>,
    { args, via, ...overrides }: DynamicStart,
    onMade: (made: RegisteredClient) => void = () => undefined,
  ): Promise<RegisteredClient> {
    const moduleRef = this.check(type, overrides, via);
    const name = overrides.name ?? this.freeName(getClientName(type));
    if (via === undefined) this.reserve(name);
    let made: RegisteredClient;
    try {
      await this.pacer.turn();
      if (this.isClosed) throw new NotConnectedError(name, 'terminated', messages.noStart());
      made = this.registry.add(type, { ...overrides, name });
    } finally {
      this.reserved.delete(name);
    }
    made.definition.bind(moduleRef);
    onMade(made);
    try {
      if (via !== undefined) await this.register(via, made);
      await this.begin(made, args);
      return made;
    } catch (error) {
      await made.client.stop(CloseCode.normal);
      throw error;
    }
  }

  private async begin({ definition, client }: RegisteredClient, args: unknown): Promise<void> {
    await definition.prepare();
    await client.incarnate();
    // Whoever stopped it, or all of the application, meanwhile.
    if (client.hasEnded)
      throw new NotConnectedError(client.name, client.status, messages.noStart());
    const { startup } = definition.settings();
    client.prepare(args);
    if (startup === 'required') await client.start();
    else if (startup === 'background') void client.launch();
  }

  private check(
    type: Type<object>,
    { name, url, ...options }: DynamicClientOptions,
    via: unknown,
  ): ModuleRef {
    const place = 'manager.start()';
    if (name !== undefined && (typeof name !== 'string' || name === '')) {
      throw new ConfigurationError(messages.badName(place, inspectShort(name)));
    }
    const who =
      name ?? `${place} of ${typeof type === 'function' ? type.name : inspectShort(type)}`;
    if (url !== undefined) checkUrl(who, url);
    checkOptions(who, options);
    if (via !== undefined && !isRegistry(via)) {
      throw new ConfigurationError(`${who}: via must have ${REGISTRY_METHODS.join('(), ')}()`);
    }
    const known = this.injectors.get(type);
    if (known !== undefined && url !== undefined) return known;
    const moduleRef = this.explorer.injectorOf(type, place, url !== undefined);
    this.injectors.set(type, moduleRef);
    return moduleRef;
  }

  private isTaken(name: string): boolean {
    const holder = this.registry.get(name);
    return this.reserved.has(name) || (holder !== undefined && !holder.client.hasEnded);
  }

  private freeName(base: string): string {
    let name = base;
    for (let n = 2; this.isTaken(name); n++) name = `${base}#${n}`;
    return name;
  }

  private reserve(name: string): void {
    if (this.isTaken(name)) {
      const holder = this.registry.get(name);
      throw new AlreadyStartedError(name, messages.nameTaken(holder?.type.name), holder?.handle);
    }
    this.reserved.add(name);
  }

  private async register(via: NameRegistry, { client, handle }: RegisteredClient): Promise<void> {
    const { name } = client;
    if (!(await via.register(name, handle))) {
      const holder = await via.whereis(name);
      throw new AlreadyStartedError(name, messages.nameTaken(undefined), holder);
    }
    void client.terminated.then(async () => {
      try {
        await via.unregister(name);
      } catch (error) {
        this.logger.failed(name, 'unregister() of its name registry', error);
      }
    });
  }
}

function isRegistry(via: unknown): via is NameRegistry {
  return (
    typeof via === 'object' &&
    via !== null &&
    REGISTRY_METHODS.every((name) => typeof (via as Record<string, unknown>)[name] === 'function')
  );
}
