import type { Type } from '@nestjs/common';

import { readClientMetadata, readHandlers } from '../discovery/handler.accessor.js';
import type { ClientMetadata } from '../interfaces/client-metadata.interface.js';
import type { ClientOptions } from '../runtime/options/client-options.js';
import { type ClientSettings, toSettings } from '../runtime/options/client-settings.js';
import { checkTogether } from '../runtime/options/options.checker.js';
import { mergeOptions } from '../runtime/options/options.merger.js';
import { HandlerTable } from './handler.binder.js';

/** What is known of the client classes of an application: found once a class, not once a client. */
export class ClientClasses {
  readonly #known = new WeakMap<Type<object>, ClientClass>();

  /** @param defaults options for every client that does not say otherwise */
  constructor(private readonly defaults: () => ClientOptions) {}

  of(type: Type<object>): ClientClass {
    let found = this.#known.get(type);
    if (found === undefined) this.#known.set(type, (found = new ClientClass(type, this.defaults)));
    return found;
  }
}

/** One client class: what its decorators say. */
export class ClientClass {
  readonly metadata: ClientMetadata | undefined;
  readonly handlers: HandlerTable;
  /** Of a client of which nobody says more. */
  #settings: ClientSettings | undefined;

  constructor(
    readonly type: Type<object>,
    private readonly defaults: () => ClientOptions,
  ) {
    this.metadata = readClientMetadata(type);
    this.handlers = new HandlerTable(readHandlers(type));
  }

  /**
   * How a client of the class behaves, of which these layers say more, the last on top.
   *
   * @throws ConfigurationError for layers of options that contradict each other
   */
  settings(client: string, ...layers: readonly ClientOptions[]): ClientSettings {
    if (!layers.every(isEmpty)) return this.#merged(client, layers);
    return (this.#settings ??= this.#merged(client, []));
  }

  #merged(client: string, layers: readonly ClientOptions[]): ClientSettings {
    const merged = mergeOptions(this.defaults(), this.metadata?.options ?? {}, ...layers);
    return toSettings(checkTogether(client, merged));
  }
}

/** Whether an object of options says nothing. */
export function isEmpty(options: object): boolean {
  for (const _ in options) return false;
  return true;
}
