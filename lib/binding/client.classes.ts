import type { Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';

import type { Enhancers } from '../discovery/enhancer.accessor.js';
import { readClientMetadata, readHandlers } from '../discovery/handler.accessor.js';
import type { ClientMetadata } from '../interfaces/client-metadata.interface.js';
import type { HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import type { ClientOptions } from '../runtime/options/client-options.js';
import { type ClientSettings, toSettings } from '../runtime/options/client-settings.js';
import type { Protocol } from '../runtime/codec/protocol.port.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { checkTogether } from '../runtime/options/options.checker.js';
import { mergeOptions } from '../runtime/options/options.merger.js';
import { messages } from '../websockex.messages.js';
import { getClientName } from '../websockex.tokens.js';
import { asksForNothing } from './class.maker.js';
import { ClassSurroundings, enhancersOf } from './class.surroundings.js';
import { ModuleEnhancers } from './enhancers.js';
import type { HandlerRunner } from './handler.runner.js';
import { HandlerTable } from './handler.binder.js';

/** What is known of the client classes of an application: found once a class, not once a client. */
export class ClientClasses {
  readonly #known = new WeakMap<Type<object>, ClientClass>();

  /**
   * @param defaults options for every client that does not say otherwise
   * @param inheritsGlobals whether the guards of the application, and their like, are for clients too
   * @param runner what is to run the handlers; asked once all providers of the application have been made
   */
  constructor(
    private readonly defaults: () => ClientOptions,
    private readonly inheritsGlobals: boolean,
    private readonly runner: () => HandlerRunner | undefined,
  ) {}

  of(type: Type<object>): ClientClass {
    let found = this.#known.get(type);
    if (found === undefined) {
      found = new ClientClass(type, this.defaults, this.inheritsGlobals, this.runner);
      this.#known.set(type, found);
    }
    return found;
  }
}

type Surrounded = ClassSurroundings | undefined | Promise<ClassSurroundings | undefined>;

/** One client class: what its decorators say. */
export class ClientClass {
  readonly metadata: ClientMetadata | undefined;
  readonly handlers: HandlerTable;
  /** What its clients go by, unless they are given a name. */
  readonly name: string;
  #isAlone: boolean | undefined;
  /** Of a client of which nobody says more. */
  #settings: ClientSettings | undefined;
  readonly #noted: readonly HandlerMetadata[];
  /** What the decorators name for an injector to make. */
  readonly #enhancers: readonly Enhancers[];
  /** What stands before the handlers, by whose injector has made it. */
  #surroundings: WeakMap<ModuleRef, Surrounded> | undefined;
  /** The same where nothing has to be made for it. */
  #plain: { readonly surroundings: ClassSurroundings | undefined } | undefined;

  constructor(
    readonly type: Type<object>,
    private readonly defaults: () => ClientOptions,
    private readonly inheritsGlobals: boolean,
    private readonly runner: () => HandlerRunner | undefined,
  ) {
    this.metadata = readClientMetadata(type);
    this.name = getClientName(type);
    this.#noted = readHandlers(type);
    this.handlers = new HandlerTable(this.#noted);
    this.#enhancers = enhancersOf(type, this.#noted);
  }

  /** Whether it asks an injector for nothing. */
  get isAlone(): boolean {
    return (this.#isAlone ??= asksForNothing(this.type));
  }

  /** What stands before the handlers of instances that an injector makes; a promise until it has made that, too. */
  surroundings(moduleRef: ModuleRef): Surrounded {
    if (this.#enhancers.length === 0 && !this.inheritsGlobals) {
      this.#plain ??= { surroundings: this.#surround(undefined) };
      return this.#plain.surroundings;
    }
    this.#surroundings ??= new WeakMap();
    if (!this.#surroundings.has(moduleRef)) {
      this.#surroundings.set(moduleRef, this.#make(moduleRef, this.#surroundings));
    }
    return this.#surroundings.get(moduleRef);
  }

  #surround(made: ModuleEnhancers | undefined): ClassSurroundings | undefined {
    return ClassSurroundings.of(this.type, this.#noted, made, this.runner());
  }

  async #make(
    moduleRef: ModuleRef,
    known: WeakMap<ModuleRef, Surrounded>,
  ): Promise<ClassSurroundings | undefined> {
    try {
      const { type, inheritsGlobals } = this;
      const made = await ModuleEnhancers.make(type, moduleRef, this.#enhancers, inheritsGlobals);
      const surroundings = this.#surround(made);
      known.set(moduleRef, surroundings);
      return surroundings;
    } catch (thrown) {
      known.delete(moduleRef);
      throw thrown;
    }
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

  /**
   * What its handlers wait for the protocol has to tell.
   *
   * @throws ConfigurationError where it does not
   */
  checkProtocol(client: string, protocol: Protocol): void {
    for (const { kind, key, decorator } of this.#noted) {
      const needed = NEEDED[kind];
      if (needed === undefined || protocol[needed.part] !== undefined) continue;
      const { part, what } = needed;
      throw new ConfigurationError(
        messages.deafProtocol(client, String(key), decorator, part, what),
      );
    }
  }

  #merged(client: string, layers: readonly ClientOptions[]): ClientSettings {
    const merged = mergeOptions(this.defaults(), this.metadata?.options ?? {}, ...layers);
    return toSettings(checkTogether(client, merged));
  }
}

/** The part of a protocol that a kind of handler cannot do without. */
const NEEDED: Partial<
  Record<HandlerMetadata['kind'], { readonly part: keyof Protocol; readonly what: string }>
> = {
  request: { part: 'call', what: 'what a request of the peer is' },
  gap: { part: 'position', what: 'where a message stands' },
};

/** Whether an object of options says nothing. */
export function isEmpty(options: object): boolean {
  for (const _ in options) return false;
  return true;
}
