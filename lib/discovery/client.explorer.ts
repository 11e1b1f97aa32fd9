import { Injectable, type Type } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';

import type { ClientMetadata } from '../interfaces/client-metadata.interface.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { CLIENT_LIST, ROOT_MARK } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';
import { INJECTION_CHECK, readMarker, removeMarkers } from './class.marker.js';
import { checkClient, checkProvider } from './client.checker.js';
import { readClientList } from './client.list.js';
import { readClientMetadata } from './handler.accessor.js';
import { checkInjections } from './injection.checker.js';
import { checkGroup } from './module-options.checker.js';
import { type NestModule, ownerOf } from './provider.finder.js';
import { checkScope } from './scope.checker.js';

/** A client class that a module lists. */
export interface ListedClient {
  readonly type: Type<object>;
  readonly metadata: ClientMetadata;
  /** The module that imports the list. */
  readonly module: NestModule;
  /** The injector of the module that lists it. */
  readonly moduleRef: ModuleRef;
  /** The name of that module, for errors. */
  readonly listedIn: string;
  /** Whether a test has put something in the place of the class: then nothing connects. */
  readonly isOverridden: boolean;
}

/** Finds the client classes of an application, and whose injector makes them. */
@Injectable()
export class ClientExplorer {
  constructor(private readonly modules: ModulesContainer) {}

  /**
   * Every class that a `forRoot` or `forFeature` lists, all of them checked.
   *
   * @throws ConfigurationError, UrlError
   */
  explore(): ListedClient[] {
    const modules = [...this.modules.values()];
    if (modules.filter((module) => module.providers.has(ROOT_MARK)).length > 1) {
      throw new ConfigurationError(messages.twoRoots());
    }
    const listed = modules.flatMap((module) => this.listedBy(module, modules));
    for (const client of listed) {
      checkScope(client.type, client.metadata.factory?.inject ?? [], client.module);
      refuseProviders(client, modules);
    }
    for (const provider of this.providers(modules)) checkProvider(provider);
    return listed;
  }

  /**
   * The injector for a client that is started at run time: of the module that lists its class, else
   * of one that provides it, else of the module with `forRoot`.
   *
   * @throws ConfigurationError, UrlError for a class that cannot be a client
   */
  injectorOf(type: Type<object>, place: string, isUrlGiven: boolean): ModuleRef {
    const metadata = checkClient(type, place, isUrlGiven);
    const modules = [...this.modules.values()];
    const lists = modules.filter((module) => module.providers.has(CLIENT_LIST));
    const list =
      lists.find((one) =>
        readClientList(one.providers.get(CLIENT_LIST)?.metatype).clients.includes(type),
      ) ??
      modules.find((one) => one.providers.has(type)) ??
      lists.find((one) => one.providers.has(ROOT_MARK));
    const module = lists.includes(list as NestModule) ? ownerOf(list, modules) : list;
    if (module === undefined) throw new ConfigurationError(messages.noRoot(type.name));
    if (lists.some((one) => isOverridden(one, type))) {
      throw new ConfigurationError(messages.overridden(type.name));
    }
    const inject = metadata.factory?.inject ?? [];
    checkScope(type, inject, module);
    checkInjections(type, inject, module, modules);
    return module.getProviderByKey<ModuleRef>(ModuleRef).instance;
  }

  /** Once all that is injected at boot has been made. */
  removeMarkers(): void {
    removeMarkers([...this.modules.values()]);
  }

  /** Client classes that are providers, and that no module lists. */
  unlisted(listed: readonly ListedClient[]): Type<object>[] {
    const known = new Set(listed.map(({ type }) => type));
    return this.providers([...this.modules.values()]).filter(
      (provider) => !known.has(provider) && readClientMetadata(provider) !== undefined,
    );
  }

  private listedBy(module: NestModule, modules: readonly NestModule[]): ListedClient[] {
    const list = module.providers.get(CLIENT_LIST);
    if (list === undefined) return [];
    const owner = ownerOf(module, modules) as NestModule;
    const listedIn = owner.name;
    const moduleRef = owner.getProviderByKey<ModuleRef>(ModuleRef).instance;
    const { clients, options } = readClientList(list.metatype);
    if (options !== undefined) checkGroup(options, listedIn);
    return clients.map((type) => ({
      type,
      metadata: checkClient(type, listedIn),
      module: owner,
      moduleRef,
      listedIn,
      isOverridden: isOverridden(module, type),
    }));
  }

  private providers(modules: readonly NestModule[]): Type<object>[] {
    const types = modules.flatMap((module) =>
      [...module.providers.values()].map(({ metatype }) => metatype),
    );
    return [...new Set(types)].filter(
      (type): type is Type<object> => typeof type === 'function' && 'prototype' in type,
    );
  }
}

/** What the module with a list sees under a class of it is the marker, or what a test put there. */
function isOverridden(list: NestModule, type: Type<object>): boolean {
  const { clients } = readClientList(list.providers.get(CLIENT_LIST)?.metatype);
  return clients.includes(type) && readMarker(list, type) === 'overridden';
}

/** Refuses a client that is a provider of somebody too, under whatever token. */
function refuseProviders({ type, listedIn }: ListedClient, modules: readonly NestModule[]): void {
  for (const module of modules) {
    if (module.providers.has(CLIENT_LIST) || module.providers.has(INJECTION_CHECK)) continue;
    for (const wrappers of [module.providers, module.controllers, module.injectables]) {
      for (const [token, { metatype, isAlias, inject }] of wrappers) {
        const stands = token === type || (metatype as unknown) === type;
        if (!stands && !(isAlias && inject?.[0] === type)) continue;
        const as = token === type ? '' : ` (as ${String(token)})`;
        throw new ConfigurationError(messages.providerToo(type.name, listedIn, module.name, as));
      }
    }
  }
}
