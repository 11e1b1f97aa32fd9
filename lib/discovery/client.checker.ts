import type { Type } from '@nestjs/common';

import type { ClientMetadata } from '../interfaces/client-metadata.interface.js';
import type { HandlerKind, HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { notAPattern } from '../runtime/codec/message.pattern.js';
import { isSchema } from '../runtime/codec/standard.schema.js';
import { checkOptions } from '../runtime/options/options.checker.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { checkUrl } from '../runtime/transport/request.checker.js';
import { messages } from '../websockex.messages.js';
import { checkForeign } from './foreign.checker.js';
import {
  readClientMetadata,
  readHandlers,
  readOwnHandlers,
  REPEATABLE,
} from './handler.accessor.js';

/** What Nest's `@UseGuards` and its like leave on a class or method. */
const ENHANCERS: Readonly<Record<string, string>> = {
  __guards__: '@UseGuards',
  __pipes__: '@UsePipes',
  __interceptors__: '@UseInterceptors',
  __exceptionFilters__: '@UseFilters',
};

/** What stands beside the options, and is said where it is among them all the same. */
const BESIDE = {
  name: 'stands beside the options already',
  url: 'stands before the options already',
  inject: 'stands beside useFactory, in place of the URL',
  useFactory: 'stands in place of the URL: @WebSockexClient({ useFactory })',
} as const;

/**
 * Refuses a class that cannot work as a client, before anything is made of it.
 *
 * @param isUrlGiven whether who starts it says where to connect
 * @throws ConfigurationError naming class and method; UrlError
 */
export function checkClient(
  client: Type<object>,
  listedIn: string,
  isUrlGiven = false,
): ClientMetadata {
  if (typeof client !== 'function') {
    throw new ConfigurationError(messages.notAClass(inspectShort(client), listedIn));
  }
  const metadata = readClientMetadata(client);
  const handlers = readHandlers(client);
  if (metadata === undefined) {
    throw new ConfigurationError(messages.undecorated(client.name, listedIn));
  }
  checkName(client, metadata);
  checkHandlers(client, handlers);
  checkEnhancers(client, handlers);
  checkForeign(client, new Set(handlers.map(({ key }) => key)));
  checkTarget(client, metadata, isUrlGiven);
  return metadata;
}

/**
 * Refuses a provider whose methods carry handler decorators, but whose class is no client: nothing
 * would ever call them.
 */
export function checkProvider(provider: Type<object>): void {
  if (readClientMetadata(provider) !== undefined) return;
  const [handler] = readOwnHandlers(provider);
  if (handler === undefined) return;
  throw new ConfigurationError(
    messages.strayHandler(provider.name, String(handler.key), handler.decorator),
  );
}

function checkName(client: Type<object>, { name }: ClientMetadata): void {
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw new ConfigurationError(messages.badName(client.name, inspectShort(name)));
  }
}

function checkHandlers(client: Type<object>, handlers: readonly HandlerMetadata[]): void {
  const seen = new Map<HandlerKind, HandlerMetadata>();
  for (const handler of handlers) {
    const { kind, key, decorator } = handler;
    const other = seen.get(kind);
    if (other !== undefined && !REPEATABLE.has(kind)) {
      throw new ConfigurationError(
        messages.twoHandlers(client.name, decorator, String(other.key), String(key)),
      );
    }
    seen.set(kind, handler);
    if ((kind === 'cast' || kind === 'call') && typeof key === 'symbol') {
      throw new ConfigurationError(messages.symbolHandler(client.name, String(key), decorator));
    }
    if (kind === 'frame') checkPattern(client, handler);
    if (kind === 'message') checkMessage(client, handler);
  }
}

function checkPattern(client: Type<object>, handler: HandlerMetadata): void {
  const { frameType, pattern, key } = handler;
  const isKnownType = [undefined, 'text', 'binary'].includes(frameType as string | undefined);
  const isTextual = typeof pattern === 'string' || pattern instanceof RegExp;
  const fits =
    pattern === undefined ||
    (typeof pattern === 'function' && frameType !== undefined) ||
    (isTextual && frameType === 'text');
  if (!isKnownType || !fits) {
    throw new ConfigurationError(messages.badPattern(client.name, String(key)));
  }
}

function checkMessage(client: Type<object>, { pattern, schema, key }: HandlerMetadata): void {
  const wanted = pattern === undefined ? undefined : notAPattern(pattern);
  if (wanted !== undefined) {
    const text = messages.badMessagePattern(
      client.name,
      String(key),
      inspectShort(pattern),
      wanted,
    );
    throw new ConfigurationError(text);
  }
  if (schema !== undefined && !isSchema(schema)) {
    throw new ConfigurationError(messages.noSchema(client.name, String(key), inspectShort(schema)));
  }
}

/** Guards that would be silently left out are worse than none. */
function checkEnhancers(client: Type<object>, handlers: readonly HandlerMetadata[]): void {
  const prototype = client.prototype as Record<string | symbol, object | undefined>;
  const places = [
    { place: client.name, target: client as object },
    ...handlers.map(({ key }) => ({
      place: `${client.name}.${String(key)}()`,
      target: prototype[key] ?? client,
    })),
  ];
  for (const { place, target } of places) {
    for (const [key, decorator] of Object.entries(ENHANCERS)) {
      if (Reflect.hasMetadata(key, target)) {
        throw new ConfigurationError(messages.unsupportedEnhancer(place, decorator));
      }
    }
  }
}

function checkTarget(
  client: Type<object>,
  { url, options, factory }: ClientMetadata,
  isUrlGiven: boolean,
): void {
  checkOptions(client.name, options, BESIDE);
  if (factory === undefined) {
    if (!isUrlGiven) checkUrl(client.name, url);
  } else if (typeof factory.useFactory !== 'function' || !Array.isArray(factory.inject)) {
    throw new ConfigurationError(messages.badFactory(client.name));
  }
}
