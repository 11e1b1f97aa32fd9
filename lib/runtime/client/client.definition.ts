import type { ClientSettings } from './client-options.js';
import type { HandlerNames, Incarnation } from './incarnation.js';
import type { Target } from './request.builder.js';

/** What a client is made from. */
export interface ClientDefinition {
  /** Unique in the application. */
  readonly name: string;
  /** The name of the client class. */
  readonly module: string;
  readonly handlers: HandlerNames;
  /** How it behaves until {@link target} says more. */
  settings(): ClientSettings;
  /** Where to connect and how; asked before every attempt. May throw or reject: the attempt fails. */
  target(): Target | PromiseLike<Target>;
  /** Makes an instance of the class with fresh state. */
  incarnate(): Incarnation | PromiseLike<Incarnation>;
}
