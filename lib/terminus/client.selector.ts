import 'reflect-metadata';

import { startupOf } from '../manager/client.groups.js';
import type { ClientRegistry } from '../manager/client.registry.js';
import type { Client } from '../runtime/client/client.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { CLIENT_METADATA } from '../websockex.constants.js';
import type { HealthClient, HealthSettings } from './health.options.js';

/** Whom a check looks at, and whether they must be there. */
export interface Selection {
  readonly clients: ReadonlyMap<Client, boolean>;
  /** Names that no client has, and classes of which there must be one and is none. */
  readonly unknown: ReadonlyMap<string, boolean>;
}

/** A client, or the name of one that there is not. */
type Found = Client | string;

/** Finds the clients that the options of a check name. */
export class ClientSelector {
  constructor(private readonly registry: ClientRegistry) {}

  /**
   * @param where who was given the options, as errors say it
   * @throws ConfigurationError for what can name no client
   */
  select(where: string, { clients, required }: HealthSettings): Selection {
    const areNeeded = clients !== undefined && required === undefined;
    const looked =
      clients === undefined ? this.#all() : this.#find(`${where}: "clients"`, clients, areNeeded);
    const selection = { clients: new Map<Client, boolean>(), unknown: new Map<string, boolean>() };
    const add = (found: Found, isRequired: boolean): void => {
      if (typeof found === 'string') selection.unknown.set(found, isRequired);
      else selection.clients.set(found, isRequired);
    };
    for (const one of looked) add(one, areNeeded);
    if (areNeeded) return selection;
    const needed =
      required === undefined
        ? this.#neededByDefault()
        : this.#find(`${where}: "required"`, required, true);
    for (const one of needed) add(one, true);
    return selection;
  }

  #all(): Client[] {
    return this.registry.all().map(({ client }) => client);
  }

  /** Who lists a client wants it to be there, unless it is started when somebody asks for it. */
  #neededByDefault(): Client[] {
    const listed = this.registry.declared();
    return listed.filter((one) => startupOf(one) !== 'manual').map(({ client }) => client);
  }

  #find(where: string, given: readonly HealthClient[], isRequired: boolean): Found[] {
    return given.flatMap((one): readonly Found[] => {
      if (typeof one === 'string') return [this.registry.get(one)?.client ?? one];
      if (typeof one === 'function' && Reflect.hasMetadata(CLIENT_METADATA, one)) {
        const found = this.registry.all().filter(({ type }) => type === one);
        // Of a class whose clients come and go there may be none.
        if (found.length === 0 && isRequired) return [one.name];
        return found.map(({ client }) => client);
      }
      const isHandle = typeof one === 'object' && one !== null;
      const known = isHandle ? this.registry.behind(one) : undefined;
      if (known !== undefined) return [known.client];
      throw new ConfigurationError(
        `${where} has ${inspectShort(one)}, which is neither a class with @WebSockexClient, nor a name, nor a handle of ` +
          'this application. Two source files that import each other see undefined for one moment: give the name then',
      );
    });
  }
}
