import type { ClientSettings } from '../options/client-options.js';
import type { HandlerNames, Incarnation } from './incarnation.js';
import type { Target } from './request.builder.js';

/** A class, as far as the runtime knows it. */
export type Type = new (...args: never[]) => object;

/** What a client is made from. */
export interface ClientDefinition {
  /** Unique in the application. */
  readonly name: string;
  /** The name of the client class; another after a change of code. */
  readonly module: string;
  readonly handlers: HandlerNames;
  /** Whether an instance can be made by now; a start that comes before waits for the boot. */
  readonly isReady: boolean;
  /**
   * A start that is waited for begins: {@link settings} may have something to ask first. Where it
   * fails nothing has begun.
   *
   * @throws (or rejects) ConfigurationError, UrlError for options that cannot be
   */
  begin(): void | PromiseLike<void>;
  /** How it behaves until {@link target} says more. */
  settings(): ClientSettings;
  /** Where to connect and how; asked before every attempt. May throw or reject: the attempt fails. */
  target(): Target | PromiseLike<Target>;
  /** Makes an instance of the class with fresh state. */
  incarnate(): Incarnation | PromiseLike<Incarnation>;
  /**
   * Another class instead of this one.
   *
   * @throws ConfigurationError for what cannot be a client
   */
  change(next: Type): CodeChange;
}

/** A class that may take over; nothing has changed until it does. */
export interface CodeChange {
  /** Makes an instance of it. */
  incarnate(): Incarnation | PromiseLike<Incarnation>;
  /** From now on it is the class of the client. */
  commit(): void;
}
