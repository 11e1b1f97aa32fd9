import type { Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';

import { checkClient } from '../discovery/client.checker.js';
import { checkOwnScope, explainFailure } from '../discovery/scope.checker.js';
import type { FactoryContext } from '../interfaces/client-metadata.interface.js';
import { type ContextRunner, isThenable, toPromise } from '../runtime/async/deferred.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { UrlError } from '../runtime/errors/connection.errors.js';
import { toError } from '../runtime/errors/websockex.error.js';
import type { ClientOptions } from '../runtime/options/client-options.js';
import type { ClientSettings } from '../runtime/options/client-settings.js';
import type { ClientMeter } from '../runtime/metering/client.meter.js';
import { checkOptions } from '../runtime/options/options.checker.js';
import type {
  ClientDefinition,
  CodeChange,
  HandlerNames,
  Incarnation,
  Target,
} from '../runtime/process/client.definition.js';
import { checkUrl } from '../runtime/transport/request.checker.js';
import type { TransportOptions } from '../runtime/transport/transport.options.js';
import { messages } from '../websockex.messages.js';
import type { HandlerHost } from './call.context.js';
import { injectAll, makeInstance } from './class.maker.js';
import { type ClientClass, type ClientClasses, isEmpty } from './client.classes.js';

/** What a factory of options has given, the URL beside the rest. */
interface Given {
  readonly url: unknown;
  readonly options: ClientOptions;
}

/** What the factory was asked before an attempt. */
interface FirstAnswer {
  readonly given: Given | PromiseLike<Given>;
  readonly at: number;
  /** Aborts the signal it was given. */
  readonly abort: AbortController;
}

/**
 * For so many milliseconds an answer that the factory gave before the start counts for the first
 * attempt: what it says of a token may not be true for longer.
 */
const FRESH = 1_000;

/** What the one who starts a client says over its class. */
export interface ClientOverrides extends ClientOptions {
  readonly name?: string;
  readonly url?: string | URL;
}

/** Nothing is said over the class: one for all. */
const NONE: ClientOptions = Object.freeze({});

/** What stands among the options that a factory gives, beside those of the client. */
const BESIDE = { url: '' } as const;

/** What the definitions of one application have in common. */
export interface DefinitionTools {
  readonly classes: ClientClasses;
  readonly clock: Clock;
  /** Looks whether the transport can do what the options say; rejects where it cannot. */
  readonly check: (client: string, options: TransportOptions) => Promise<void> | undefined;
  /** So that no factory runs in the context of the request that happened to start the client. */
  readonly run: ContextRunner;
}

/** A client class of the application as the runtime takes it. */
export class NestClientDefinition implements ClientDefinition {
  readonly name: string;
  /** What handlers may ask for of the client behind them. */
  host: HandlerHost | undefined;
  /** Measures them, where somebody wants that. */
  meter: ClientMeter | undefined;
  #class: ClientClass;
  /** That of the class it was declared with: a change of code does not change its options. */
  readonly #declared: ClientClass;
  readonly #url: string | URL | undefined;
  /** What is said over its class. */
  readonly #overrides: ClientOptions;
  #moduleRef: ModuleRef | undefined;
  #injecting: Promise<readonly unknown[]> | undefined;
  #dependencies: readonly unknown[] | undefined;
  /** What the factory gave for the first attempt, before that. */
  #first: FirstAnswer | undefined;
  #isAsked = false;
  /** Until the factory gives others. */
  #settings: ClientSettings | undefined;
  #isOverridden = false;

  constructor(
    type: Type<object>,
    private readonly tools: DefinitionTools,
    { name, url, ...overrides }: ClientOverrides = {},
  ) {
    this.#declared = this.#class = tools.classes.of(type);
    this.name = name ?? this.#class.name;
    this.#url = url;
    this.#overrides = isEmpty(overrides) ? NONE : overrides;
  }

  /** The class now. */
  get module(): string {
    return this.#class.type.name;
  }

  /** The W3C trace context of a message, where the protocol finds one. */
  traceparent(message: unknown): string | undefined {
    return this.settings().protocol.traceparent?.(message);
  }

  get handlers(): HandlerNames {
    return this.#class.handlers.names;
  }

  /** Says whose injector makes the class. */
  bind(moduleRef: ModuleRef): void {
    this.#moduleRef = moduleRef;
  }

  /** Says that a test has put something in the place of the class: nothing is made, nothing connects. */
  override(): void {
    this.#isOverridden = true;
    this.#settings = { ...this.settings(), startup: 'manual' };
  }

  get isReady(): boolean {
    return this.#moduleRef !== undefined || this.#isOverridden;
  }

  /**
   * Injects the factory's dependencies, and asks it, unless the client is started by hand.
   *
   * @param isWanted whether somebody has started it by hand already
   * @throws (or rejects) as {@link begin}, and ConfigurationError for what the transport cannot do
   */
  prepare(isWanted = false): void | Promise<void> {
    if (this.#isOverridden) return undefined;
    const surroundings = this.#class.surroundings(this.#injector);
    const isAsync = surroundings instanceof Promise;
    const hasFactory = this.#declared.metadata?.factory !== undefined;
    if (!isAsync && !hasFactory) return this.#checkTransport();
    return this.#prepareFirst(isWanted, isAsync ? surroundings : undefined);
  }

  async #prepareFirst(
    isWanted: boolean,
    surroundings: Promise<unknown> | undefined,
  ): Promise<void> {
    await surroundings;
    if (this.#declared.metadata?.factory !== undefined) await this.#prepareFactory(isWanted);
    await this.#checkTransport();
  }

  #checkTransport(): Promise<void> | undefined {
    return this.tools.check(this.name, this.settings().transport);
  }

  async #prepareFactory(isWanted: boolean): Promise<void> {
    const dependencies = await this.#inject();
    const isByHand = (): boolean => this.settings().startup === 'manual' && !isWanted;
    if (this.#isAsked || isByHand()) return;
    this.#askFirst(dependencies);
    // The factory itself says that its first attempt is for later: it is asked again then.
    if (isByHand()) this.#forgetFirst();
  }

  begin(): void | Promise<void> {
    // Before the boot a start is a wish: the boot asks.
    if (this.#declared.metadata?.factory === undefined || this.#moduleRef === undefined)
      return undefined;
    if (this.#isFresh) return undefined;
    if (this.#dependencies !== undefined) return this.#askFirst(this.#dependencies);
    return this.#inject().then((dependencies) => {
      if (!this.#isFresh) this.#askFirst(dependencies);
    });
  }

  /** @throws ConfigurationError for layers of options that contradict each other */
  settings(): ClientSettings {
    const isAll = this.#declared.metadata?.factory === undefined;
    return (this.#settings ??= this.#settingsWith({}, isAll));
  }

  target(attempt: FactoryContext): Target | PromiseLike<Target> {
    if (this.#declared.metadata?.factory === undefined) {
      return { url: this.#url ?? this.#declared.metadata?.url, settings: this.settings() };
    }
    const given = this.#takeFirst(attempt) ?? this.#askAgain({ signal: attempt.signal });
    return isThenable(given) ? given.then((later) => this.#lateTarget(later)) : this.#take(given);
  }

  incarnate(): Incarnation | Promise<Incarnation> {
    if (this.#isOverridden) throw new ConfigurationError(messages.overridden(this.module));
    return this.#make(this.#class);
  }

  change(type: Type<object>): CodeChange {
    checkClient(type, `changeCode() of ${this.name}`, true);
    checkOwnScope(type);
    const next = this.tools.classes.of(type);
    next.checkProtocol(this.name, this.settings().protocol);
    return {
      incarnate: async () => {
        try {
          return await this.#make(next);
        } catch (thrown) {
          throw explainFailure(type, this.#injector, thrown);
        }
      },
      commit: () => {
        this.#class = next;
      },
    };
  }

  #make(made: ClientClass): Incarnation | Promise<Incarnation> {
    const surroundings = made.surroundings(this.#injector);
    const instance = makeInstance(this.#injector, made.type, made.isAlone);
    if (!(instance instanceof Promise) && !(surroundings instanceof Promise)) {
      return made.handlers.bind(instance, this.host, surroundings, this.meter);
    }
    return this.#makeLater(made, instance, surroundings);
  }

  async #makeLater(
    { handlers }: ClientClass,
    instance: object | Promise<object>,
    surroundings: ReturnType<ClientClass['surroundings']>,
  ): Promise<Incarnation> {
    const [made, before] = await Promise.all([instance, surroundings]);
    return handlers.bind(made, this.host, before, this.meter);
  }

  get #injector(): ModuleRef {
    if (this.#moduleRef === undefined) {
      throw new ConfigurationError(`${this.name}: its module has not been initialised yet`);
    }
    return this.#moduleRef;
  }

  async #inject(): Promise<readonly unknown[]> {
    const tokens = this.#declared.metadata?.factory?.inject ?? [];
    this.#injecting ??= this.tools.run(() =>
      injectAll(this.#injector, `${this.module}Options`, tokens),
    );
    this.#dependencies = await this.#injecting;
    return this.#dependencies;
  }

  /** Whether the first attempt can do with what the factory gave before it. */
  get #isFresh(): boolean {
    return this.#first !== undefined && this.tools.clock.now() - this.#first.at <= FRESH;
  }

  /** What the factory has given for the first attempt, if that follows soon enough. */
  #takeFirst({ signal }: FactoryContext): FirstAnswer['given'] | undefined {
    const first = this.#first;
    if (first === undefined || !this.#isFresh) return this.#forgetFirst();
    this.#first = undefined;
    const giveUp = (): void => first.abort.abort(signal.reason);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    return first.given;
  }

  #forgetFirst(): undefined {
    this.#first?.abort.abort();
    this.#first = undefined;
  }

  /** What the factory says of the start counts, unless it is a promise. */
  #askFirst(dependencies: readonly unknown[]): void {
    this.#isAsked = true;
    const at = this.tools.clock.now();
    this.#forgetFirst();
    const abort = new AbortController();
    const given = this.#askStrictly(dependencies, { signal: abort.signal });
    if (isThenable(given)) given.then(undefined, () => undefined);
    else this.#settings = this.#settingsWith(given.options);
    this.#first = { given, at, abort };
  }

  /** What a factory throws, rather than rejects with, is a fault of the program. */
  #askStrictly(
    dependencies: readonly unknown[],
    context: FactoryContext,
  ): Given | PromiseLike<Given> {
    try {
      return this.#ask(dependencies, context);
    } catch (thrown) {
      if (thrown instanceof ConfigurationError || thrown instanceof UrlError) throw thrown;
      const text = messages.factoryFailed(this.name, toError(thrown).message);
      throw new ConfigurationError(text, { cause: thrown });
    }
  }

  #askAgain(context: FactoryContext): Given | PromiseLike<Given> {
    if (this.#dependencies !== undefined) return this.#ask(this.#dependencies, context);
    return this.#inject().then((dependencies) => this.#ask(dependencies, context));
  }

  #ask(dependencies: readonly unknown[], context: FactoryContext): Given | PromiseLike<Given> {
    const { factory } = this.#declared.metadata ?? {};
    const args = [...dependencies, context] as never[];
    const value = this.tools.run(() => factory?.useFactory(...args));
    return toPromise(value)?.then((late) => this.#check(late)) ?? this.#check(value);
  }

  #check(value: unknown): Given {
    if (typeof value !== 'object' || value === null) {
      throw new ConfigurationError(`${this.name}: useFactory must return an object with a url`);
    }
    const { url, ...options } = value as { url?: unknown };
    checkOptions(this.name, options, BESIDE);
    if (this.#url === undefined) checkUrl(this.name, url);
    return { url, options };
  }

  #lateTarget(given: Given): Target {
    if (given.options.startup !== undefined) {
      throw new ConfigurationError(messages.lateStartup(this.name));
    }
    return this.#take(given);
  }

  #take({ url, options }: Given): Target {
    this.#settings = this.#settingsWith(options);
    return { url: this.#url ?? url, settings: this.#settings };
  }

  /**
   * All layers, the factory's among them.
   *
   * @param isAll whether the factory, where there is one, has been asked
   */
  #settingsWith(given: ClientOptions, isAll = true): ClientSettings {
    const settings = this.#declared.settings(this.name, given, this.#overrides);
    if (isAll) this.#class.checkProtocol(this.name, settings.protocol);
    return settings;
  }
}
