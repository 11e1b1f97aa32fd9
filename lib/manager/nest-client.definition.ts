import type { Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';

import { bindHandlers } from '../binding/handler.binder.js';
import { injectAll, makeInstance } from '../binding/class.maker.js';
import { getClientName } from '../websockex.tokens.js';
import {
  readClientMetadata,
  readHandlerNames,
  readHandlers,
} from '../discovery/handler.accessor.js';
import type { ClientMetadata } from '../interfaces/client-metadata.interface.js';
import { checkClient } from '../discovery/client.checker.js';
import { checkOwnScope, explainFailure } from '../discovery/scope.checker.js';
import type { ClientDefinition, CodeChange } from '../runtime/process/client.definition.js';
import {
  defined,
  toSettings,
  type ClientOptions,
  type ClientSettings,
} from '../runtime/options/client-options.js';
import type { HandlerNames, Incarnation } from '../runtime/process/incarnation.js';
import { checkOptions } from '../runtime/options/options.checker.js';
import type { Target } from '../runtime/process/request.builder.js';
import { isThenable, toPromise } from '../runtime/clock/thenable.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { messages } from '../websockex.messages.js';

/** What a factory of options has given, the URL beside the rest. */
interface Given {
  readonly url: unknown;
  readonly options: ClientOptions;
}

/** What the one who starts a client says over its class. */
export interface ClientOverrides extends ClientOptions {
  readonly name?: string;
  readonly url?: string | URL;
}

/** A client class of the application as the runtime takes it. */
export class NestClientDefinition implements ClientDefinition {
  readonly name: string;
  #type: Type<object>;
  #handlers: HandlerNames;
  readonly #metadata: ClientMetadata | undefined;
  readonly #overrides: ClientOptions;
  #moduleRef: ModuleRef | undefined;
  #injecting: Promise<readonly unknown[]> | undefined;
  #dependencies: readonly unknown[] | undefined;
  /** What the factory gave for the first attempt, before that. */
  #first: Given | PromiseLike<Given> | undefined;
  #given: ClientOptions = {};
  /** Until the factory gives others. */
  #settings: ClientSettings | undefined;
  readonly #isUrlGiven: boolean;

  constructor(
    type: Type<object>,
    private readonly defaults: () => ClientOptions,
    { name, url, ...overrides }: ClientOverrides = {},
  ) {
    this.name = name ?? getClientName(type);
    this.#type = type;
    this.#handlers = readHandlerNames(type);
    const metadata = readClientMetadata(type);
    this.#metadata = metadata && url !== undefined ? { ...metadata, url } : metadata;
    this.#overrides = overrides;
    this.#isUrlGiven = url !== undefined;
  }

  /** The class now. */
  get module(): string {
    return this.#type.name;
  }

  get handlers(): HandlerNames {
    return this.#handlers;
  }

  /** Says whose injector makes the class. */
  bind(moduleRef: ModuleRef): void {
    this.#moduleRef = moduleRef;
  }

  get isReady(): boolean {
    return this.#moduleRef !== undefined;
  }

  /** Injects the factory's dependencies, and asks it, unless the client is started by hand. */
  async prepare(): Promise<void> {
    if (this.#metadata?.factory === undefined) return;
    await this.#inject();
    if (this.settings().startup !== 'manual') this.begin();
  }

  /**
   * Asks the factory for the first attempt: what it says of the start counts, unless it is a
   * promise. What it fails with is that attempt's failure.
   */
  begin(): void {
    if (this.#dependencies === undefined || this.#first !== undefined) return;
    let given: Given | PromiseLike<Given>;
    try {
      given = this.#ask(this.#dependencies);
    } catch (error) {
      given = Promise.reject(error);
    }
    this.#first = given;
    if (isThenable(given)) given.then(undefined, () => undefined);
    else this.#give(given.options);
  }

  settings(): ClientSettings {
    this.#settings ??= toSettings({
      ...defined(this.defaults()),
      ...defined(this.#metadata?.options ?? {}),
      ...defined(this.#given),
      ...defined(this.#overrides),
    });
    return this.#settings;
  }

  target(): Target | PromiseLike<Target> {
    if (this.#metadata?.factory === undefined) {
      return { url: this.#metadata?.url, settings: this.settings() };
    }
    const given = this.#first ?? this.#askAgain();
    this.#first = undefined;
    return isThenable(given) ? given.then((later) => this.#lateTarget(later)) : this.#take(given);
  }

  incarnate(): Promise<Incarnation> {
    return this.#make(this.#type);
  }

  change(type: Type<object>): CodeChange {
    checkClient(type, `changeCode() of ${this.name}`, true);
    checkOwnScope(type);
    return {
      incarnate: () =>
        this.#make(type).catch((thrown: unknown) => {
          throw explainFailure(type, this.#injector, thrown);
        }),
      commit: () => {
        this.#type = type;
        this.#handlers = readHandlerNames(type);
      },
    };
  }

  async #make(type: Type<object>): Promise<Incarnation> {
    const instance = await makeInstance(this.#injector, type);
    return bindHandlers(instance, readHandlers(type));
  }

  get #injector(): ModuleRef {
    if (this.#moduleRef === undefined) {
      throw new ConfigurationError(`${this.name}: its module has not been initialised yet`);
    }
    return this.#moduleRef;
  }

  async #inject(): Promise<readonly unknown[]> {
    const tokens = this.#metadata?.factory?.inject ?? [];
    this.#injecting ??= injectAll(this.#injector, `${this.module}Options`, tokens);
    this.#dependencies = await this.#injecting;
    return this.#dependencies;
  }

  #askAgain(): Given | PromiseLike<Given> {
    if (this.#dependencies !== undefined) return this.#ask(this.#dependencies);
    return this.#inject().then((dependencies) => this.#ask(dependencies));
  }

  #ask(dependencies: readonly unknown[]): Given | PromiseLike<Given> {
    const value = this.#metadata?.factory?.useFactory(...(dependencies as never[]));
    return toPromise(value)?.then((late) => this.#check(late)) ?? this.#check(value);
  }

  #check(value: unknown): Given {
    if (typeof value !== 'object' || value === null) {
      throw new ConfigurationError(`${this.name}: useFactory must return an object with a url`);
    }
    const { url, ...options } = value as { url?: unknown };
    return { url, options: checkOptions(this.name, options) };
  }

  #lateTarget(given: Given): Target {
    if (given.options.startup !== undefined) {
      throw new ConfigurationError(messages.lateStartup(this.name));
    }
    return this.#take(given);
  }

  #give(options: ClientOptions): void {
    this.#given = options;
    this.#settings = undefined;
  }

  #take({ url, options }: Given): Target {
    this.#give(options);
    return { url: this.#isUrlGiven ? this.#metadata?.url : url, settings: this.settings() };
  }
}
