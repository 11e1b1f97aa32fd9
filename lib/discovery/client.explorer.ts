import { Injectable, type Type } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';

import type { ClientMetadata } from '../interfaces/client-metadata.interface.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { messages } from '../websockex.messages.js';
import { CLIENT_LIST, ROOT_MARK } from '../websockex.constants.js';
import { checkClient, checkProvider } from './client.checker.js';
import { checkGroup } from './group.checker.js';
import { readClientMetadata } from './handler.accessor.js';
import { readClientList } from './client.list.js';
import type { NestModule } from './provider.finder.js';
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
    for (const { type, metadata, module } of listed) {
      checkScope(type, metadata.factory?.inject ?? [], module);
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
    checkScope(type, metadata.factory?.inject ?? [], module);
    return module.getProviderByKey<ModuleRef>(ModuleRef).instance;
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

/** The module that imports a list of clients. */
function ownerOf(
  list: NestModule | undefined,
  modules: readonly NestModule[],
): NestModule | undefined {
  return modules.find((one) => list !== undefined && one.imports.has(list)) ?? list;
}
