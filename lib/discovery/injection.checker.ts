import type { FactoryProvider, Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

import type { ClientDependency } from '../interfaces/client-metadata.interface.js';
import { ClientHandle } from '../runtime/client/client-handle.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { CLIENT_LIST } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';
import { getClientToken, readClientToken } from '../websockex.tokens.js';
import { INJECTION_CHECK, readMarker } from './class.marker.js';
import { readClientList } from './client.list.js';
import { findUntyped, readDependencies, readInjected, type Dependency } from './dependencies.js';
import { readClientMetadata } from './handler.accessor.js';
import { findProvider, ownerOf, type NestModule } from './provider.finder.js';

/**
 * Runs the check when Nest makes instances. Whoever asks for what a marker stands under waits for it; a
 * token that stands nowhere is Nest's to refuse, with the words of `getClientToken`.
 */
export const injectionCheck: FactoryProvider = {
  provide: INJECTION_CHECK,
  inject: [ModulesContainer],
  useFactory: (container: ModulesContainer) => {
    const modules = [...container.values()];
    for (const module of modules) checkModule(module, modules);
    return null;
  },
};

/** Who asks for something. */
interface Asker {
  readonly name: string;
  readonly module: NestModule;
  /** A factory has no decorators. */
  readonly isFactory: boolean;
}

/**
 * Refuses a client class that asks for a client in a way that gives no handle, and one of which nobody
 * knows what it asks for.
 *
 * @param inject what the factory of its options asks for
 * @throws ConfigurationError naming the class, the place, and what to write
 */
export function checkInjections(
  client: Type<object>,
  inject: readonly ClientDependency[],
  module: NestModule,
  modules: readonly NestModule[],
): void {
  const untyped = findUntyped(client);
  if (untyped !== undefined) {
    throw new ConfigurationError(messages.untypedParameter(client.name, untyped));
  }
  const { name } = client;
  for (const one of readDependencies(client)) {
    checkDependency({ name, module, isFactory: false }, one, modules);
  }
  for (const one of readInjected(inject)) {
    checkDependency({ name: `the options of ${name}`, module, isFactory: true }, one, modules);
  }
}

/** The same for everybody else in a module, and for the clients it lists. */
function checkModule(module: NestModule, modules: readonly NestModule[]): void {
  for (const wrappers of [module.providers, module.controllers, module.injectables]) {
    for (const { metatype, inject, name } of wrappers.values()) {
      const isFactory = Array.isArray(inject);
      if (!isFactory && typeof metatype !== 'function') continue;
      const wanted = isFactory ? readInjected(inject) : readDependencies(metatype as object);
      const asker = { name: String(name), module, isFactory };
      for (const one of wanted) checkDependency(asker, one, modules);
    }
  }
  const list = module.providers.get(CLIENT_LIST);
  if (list === undefined) return;
  for (const client of readClientList(list.metatype).clients) {
    // What is no class, or no client, is told with the name of the module that lists it.
    if (typeof client !== 'function') continue;
    const inject = readClientMetadata(client)?.factory?.inject;
    const owner = ownerOf(module, modules) as NestModule;
    checkInjections(client, Array.isArray(inject) ? inject : [], owner, modules);
  }
}

/** A class or a handle is asked for where a module may see something of the name all the same. */
function checkDependency(
  { name, module, isFactory }: Asker,
  { token, place, isOptional }: Dependency,
  modules: readonly NestModule[],
): void {
  if (typeof token === 'function') {
    const isHandle = (token as unknown) === ClientHandle;
    if (!isHandle && readClientMetadata(token as Type<object>) === undefined) return;
    const found = readMarker(module, token as Type<object>);
    if (found === 'overridden' || (found === 'none' && isOptional)) return;
    const refused = isHandle ? messages.handleOfNothing : messages.classInjected;
    throw new ConfigurationError(refused(name, place, isFactory, token.name));
  }
  const wanted = readClientToken(token);
  if (wanted === undefined || isOptional || findProvider(module, token) !== undefined) return;
  const lister = modules.find(({ providers }) => providers.has(getClientToken(wanted)));
  throw new ConfigurationError(
    messages.unlistedHandle(name, place, wanted, module.name, ownerOf(lister, modules)?.name),
  );
}
