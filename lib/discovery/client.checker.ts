import type { Type } from '@nestjs/common';

import type { ClientMetadata } from '../interfaces/client-metadata.interface.js';
import type { HandlerKind, HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { notAPattern } from '../runtime/codec/message.pattern.js';
import { isSchema } from '../runtime/codec/standard.schema.js';
import { checkOptions } from '../runtime/options/options.checker.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { checkUrl } from '../runtime/transport/request.checker.js';
import { PAYLOAD_PARAMETER } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';
import { ENHANCED, ENHANCERS } from './enhancer.accessor.js';
import { checkForeign } from './foreign.checker.js';
import {
  readClientMetadata,
  readHandlers,
  readOwnHandlers,
  REPEATABLE,
} from './handler.accessor.js';
import { readParameters } from './parameter.accessor.js';

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
    if (NAMED.has(kind) && typeof key === 'symbol') {
      throw new ConfigurationError(messages.symbolHandler(client.name, String(key), decorator));
    }
    if (kind === 'frame') checkPattern(client, handler);
    if (kind === 'message') checkMessage(client, handler);
    if (kind === 'request') checkRequest(client, handler, handlers);
    if (kind === 'gap') checkStream(client, handler);
    checkIdle(client, handler);
    checkParameters(client, handler);
  }
}

/** Whose handlers are asked for by the names of their methods. */
const NAMED: ReadonlySet<HandlerKind> = new Set<HandlerKind>(['cast', 'call', 'subscribe']);

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
  checkSchema(client, key, schema);
}

function checkRequest(
  client: Type<object>,
  handler: HandlerMetadata,
  handlers: readonly HandlerMetadata[],
): void {
  const { pattern, schema } = handler;
  const key = String(handler.key);
  const given = inspectShort(pattern);
  if (typeof pattern !== 'string' || pattern === '') {
    throw new ConfigurationError(messages.badRequestName(client.name, key, given));
  }
  const first = handlers.find((one) => one.kind === 'request' && one.pattern === pattern);
  if (first !== undefined && first !== handler) {
    throw new ConfigurationError(messages.twoRequests(client.name, given, String(first.key), key));
  }
  checkSchema(client, handler.key, schema);
}

function checkStream(client: Type<object>, { pattern, key }: HandlerMetadata): void {
  if (pattern === undefined || pattern instanceof RegExp || typeof pattern === 'string') return;
  const given = inspectShort(pattern);
  throw new ConfigurationError(messages.badStream(client.name, String(key), given));
}

function checkSchema(client: Type<object>, key: string | symbol, schema: unknown): void {
  if (schema === undefined || isSchema(schema)) return;
  throw new ConfigurationError(messages.noSchema(client.name, String(key), inspectShort(schema)));
}

/** What would be passed over is worse than none. */
function checkIdle(client: Type<object>, { key, kind, decorator }: HandlerMetadata): void {
  if (ENHANCED.has(kind)) return;
  const place = `${client.name}.${String(key)}()`;
  const method = (client.prototype as Record<string | symbol, object | undefined>)[key] ?? {};
  const enhancer = ENHANCERS.find((one) => Reflect.hasMetadata(one.key, method))?.decorator;
  const idle = readParameters(client, key).length > 0 ? 'decorated parameters' : enhancer;
  if (idle === undefined) return;
  throw new ConfigurationError(messages.idleDecorator(place, decorator, idle));
}

function checkParameters(client: Type<object>, handler: HandlerMetadata): void {
  const { key, kind, schema, decorator } = handler;
  const place = `${client.name}.${String(key)}()`;
  for (const one of readParameters(client, key)) {
    if (one.type !== undefined && one.type !== PAYLOAD_PARAMETER) {
      throw new ConfigurationError(messages.foreignParameter(place, one.index + 1));
    }
    if (one.schema === undefined) continue;
    checkSchema(client, key, one.schema);
    const isWhole = one.type === PAYLOAD_PARAMETER && one.data === undefined && one.index === 0;
    if ((kind === 'message' || kind === 'request') && schema !== undefined && isWhole) {
      throw new ConfigurationError(messages.twoSchemas(place, decorator));
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
