import { Injectable, type Type } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';

import type { ClientMetadata } from '../interfaces/client-metadata.interface.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { messages } from '../websockex.messages.js';
import { CLIENT_LIST, ROOT_MARK } from '../websockex.constants.js';
import { checkClient, checkProvider } from './client.checker.js';
import { readClientMetadata } from './handler.accessor.js';
import { checkScope } from './scope.checker.js';

type Module = ModulesContainer extends Map<string, infer M> ? M : never;

/** A client class that a module lists. */
export interface ListedClient {
  readonly type: Type<object>;
  readonly metadata: ClientMetadata;
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
    const listed = modules.flatMap((module) => this.#listedBy(module, modules));
    for (const { type, metadata, moduleRef } of listed) {
      checkScope(type, metadata.factory?.inject ?? [], moduleRef);
    }
    for (const provider of this.#providers(modules)) checkProvider(provider);
    return listed;
  }

  /** Client classes that are providers, and that no module lists. */
  unlisted(listed: readonly ListedClient[]): Type<object>[] {
    const known = new Set(listed.map(({ type }) => type));
    return this.#providers([...this.modules.values()]).filter(
      (provider) => !known.has(provider) && readClientMetadata(provider) !== undefined,
    );
  }

  #listedBy(module: Module, modules: readonly Module[]): ListedClient[] {
    const list = module.providers.get(CLIENT_LIST);
    if (list === undefined) return [];
    const owner = modules.find((one) => one.imports.has(module)) ?? module;
    const listedIn = owner.name;
    const moduleRef = owner.getProviderByKey<ModuleRef>(ModuleRef).instance;
    return (list.instance as readonly Type<object>[]).map((type) => ({
      type,
      metadata: checkClient(type, listedIn),
      moduleRef,
      listedIn,
    }));
  }

  #providers(modules: readonly Module[]): Type<object>[] {
    const types = modules.flatMap((module) =>
      [...module.providers.values()].map(({ metatype }) => metatype),
    );
    return [...new Set(types)].filter(
      (type): type is Type<object> => typeof type === 'function' && 'prototype' in type,
    );
  }
}
