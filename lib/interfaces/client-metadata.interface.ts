import type { FactoryProvider } from '@nestjs/common';

import type { ClientOptions } from '../runtime/options/client-options.js';

/** An injection token, or one that may be missing. */
export type ClientDependency = NonNullable<FactoryProvider['inject']>[number];

/** The instance a token stands for, where the token is a class. */
export type Injected<Token> = Token extends abstract new (...args: never[]) => infer Instance
  ? Instance
  : unknown;

/**
 * The options of one client; those of `forRoot({ defaults })` stand under them.
 *
 * @publicApi
 */
export interface WebSockexClientOptions extends ClientOptions {
  /** The client's name, unique in the application. @default the name of the class */
  readonly name?: string;
}

/** Options with the URL among them. */
export interface WebSockexClientTarget extends WebSockexClientOptions {
  /** Where to connect: `ws:`, `wss:`, `http:`, `https:` or `ws+unix:`. */
  readonly url: string | URL;
}

/** What a factory of options returns: where to connect, and any option but the name. */
export type WebSockexFactoryResult = Omit<WebSockexClientTarget, 'name'>;

/**
 * What a factory of options is given after what was injected.
 *
 * @publicApi
 */
export interface FactoryContext {
  /**
   * Aborted when nobody wants the answer any more: `prepareTimeout` has passed, or the client is closed
   * or stopped. Hand it to what the factory waits for.
   */
  readonly signal: AbortSignal;
}

/**
 * Options made by injection. The factory is asked right before each attempt, once; what it returns
 * stands over the options beside it, name by name. Its first answer is asked for at boot, or by
 * `start()` of a client that is started by hand, and serves an attempt that follows within a second.
 *
 * @publicApi
 */
export interface WebSockexClientFactory<
  Tokens extends readonly ClientDependency[] = readonly ClientDependency[],
> extends WebSockexClientOptions {
  /** What to inject, as the module that lists the client sees it. */
  readonly inject?: readonly [...Tokens];
  /**
   * Gives URL and options, or a promise of them. While it fails, attempts fail; but what it throws
   * at first, or gives at first that cannot be, fails the boot or the `start()`, with a
   * `ConfigurationError` (the cause is what was thrown) or a `UrlError`. Nothing waits for a promise:
   * whatever is wrong with that fails the attempt. `startup` counts only from a factory that returns
   * no promise; otherwise set it beside the factory. It runs in the async context of the boot.
   *
   * @example
   * useFactory: async (tokens, { signal }) => ({
   *   url: 'wss://feed.example',
   *   headers: { authorization: `Bearer ${await tokens.fresh({ signal })}` },
   * }),
   */
  useFactory(
    ...args: [
      ...dependencies: { [K in keyof Tokens]: Injected<Tokens[K]> },
      context: FactoryContext,
    ]
  ): WebSockexFactoryResult | Promise<WebSockexFactoryResult>;
}

/** What `@WebSockexClient` has been given. */
export interface ClientMetadata {
  readonly url?: unknown;
  readonly name?: unknown;
  /** All other options, as they stand there: checked when the application boots. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly factory?: {
    readonly inject: readonly ClientDependency[];
    readonly useFactory: (...args: never[]) => unknown;
  };
}
