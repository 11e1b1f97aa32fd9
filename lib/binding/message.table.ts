import type { HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { matcherOf, namesOf } from '../runtime/codec/message.pattern.js';

/** One that is not looked up by a name. */
interface Clause {
  readonly index: number;
  readonly isFor: (message: unknown) => boolean;
}

/**
 * Which `@OnMessage` of a class has a message: the one for its name, or else the first one declared whose shape
 * or predicate takes it, or else the one for all that is left. Made once a class. However many names there
 * are, they cost what one costs.
 */
export class MessageTable {
  readonly #names = new Map<string, number>();
  readonly #clauses: Clause[] = [];

  /** @param clauses the `@OnMessage`s of a class, in order of declaration */
  constructor(clauses: readonly HandlerMetadata[]) {
    const rest: Clause[] = [];
    for (const [index, { pattern }] of clauses.entries()) {
      const names = namesOf(pattern);
      if (names === undefined) {
        (pattern === undefined ? rest : this.#clauses).push({ index, isFor: matcherOf(pattern) });
      }
      // Of two for one name the first has its messages, as of two clauses.
      for (const name of names ?? []) if (!this.#names.has(name)) this.#names.set(name, index);
    }
    this.#clauses.push(...rest);
  }

  /** The index of the clause that has the message, or -1. Throws what a predicate throws, or `name`. */
  find(message: unknown, name: () => string | undefined): number {
    if (this.#names.size > 0) {
      const index = this.#names.get(name() as string);
      if (index !== undefined) return index;
    }
    for (const { index, isFor } of this.#clauses) if (isFor(message)) return index;
    return -1;
  }
}
