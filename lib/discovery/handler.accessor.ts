import type { Type } from '@nestjs/common';

import type { ClientMetadata } from '../interfaces/client-metadata.interface.js';
import type { HandlerKind, HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { CLIENT_METADATA, HANDLERS_METADATA } from '../websockex.constants.js';

/** Kinds a class may have many of. */
export const REPEATABLE: ReadonlySet<HandlerKind> = new Set<HandlerKind>([
  'frame',
  'message',
  'request',
  'subscribe',
  'gap',
  'cast',
  'call',
]);

/** What `@WebSockexClient` noted on a class, or on one it extends. */
export function readClientMetadata(client: Type<object>): ClientMetadata | undefined {
  return Reflect.getMetadata(CLIENT_METADATA, client) as ClientMetadata | undefined;
}

/**
 * What the handler decorators noted, the class's own first, then those of the classes it extends.
 * A method that a class declares again counts once, as the class declares it.
 */
export function readHandlers(client: Type<object>): HandlerMetadata[] {
  const handlers: HandlerMetadata[] = [];
  for (let one: object | null = client; one !== null; one = Object.getPrototypeOf(one) as object) {
    if (one === Function.prototype) break;
    const own = (Reflect.getOwnMetadata(HANDLERS_METADATA, one) ?? []) as HandlerMetadata[];
    handlers.push(...own.filter((handler) => !isDeclaredBefore(handlers, handler)));
  }
  return handlers;
}

function isDeclaredBefore(handlers: readonly HandlerMetadata[], handler: HandlerMetadata): boolean {
  const isSingle = !REPEATABLE.has(handler.kind);
  return handlers.some((one) => one.kind === handler.kind && (isSingle || one.key === handler.key));
}

/** Only what this very class declares: for the errors that are about one class. */
export function readOwnHandlers(client: Type<object>): HandlerMetadata[] {
  return (Reflect.getOwnMetadata(HANDLERS_METADATA, client) ?? []) as HandlerMetadata[];
}
