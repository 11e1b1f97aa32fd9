import 'reflect-metadata';

import type {
  ClientDependency,
  ClientMetadata,
  WebSockexClientFactory,
  WebSockexClientOptions,
  WebSockexClientTarget,
} from '../interfaces/client-metadata.interface.js';
import { CLIENT_METADATA } from '../websockex.constants.js';
import { checkClass, checkFactory } from './decorator.checker.js';

/**
 * URL and options are made by a factory with injection, asked again before each attempt.
 *
 * @example
 * @WebSockexClient({
 *   inject: [ConfigService],
 *   useFactory: (config) => ({ url: config.getOrThrow('FEED_URL') }),
 * })
 */
// The factories come first: what a function returns is typed by the first overload it meets.
export function WebSockexClient<const Tokens extends readonly ClientDependency[]>(
  factory: WebSockexClientFactory<Tokens> & { readonly inject: readonly [...Tokens] },
): ClassDecorator;
/** URL and options are made by a factory, asked again before each attempt. */
export function WebSockexClient(
  factory: WebSockexClientFactory<[]> & { readonly inject?: undefined },
): ClassDecorator;
/** The URL stands among the options. */
export function WebSockexClient(target: WebSockexClientTarget): ClassDecorator;
/**
 * The class is a WebSocket client: its methods are the callbacks, its fields the state. List it in
 * `WebSockexModule.forRoot({ clients: […] })` or `forFeature([…])` to have it started with the
 * application. Options are checked when the application boots, not here.
 *
 * @example
 * @WebSockexClient('wss://feed.example/v1', { startup: 'required' })
 * export class FeedClient {
 *   @OnFrame('text') text(frame: TextFrame) {}
 * }
 *
 * @publicApi
 */
export function WebSockexClient(
  url: string | URL,
  options?: WebSockexClientOptions,
): ClassDecorator;
export function WebSockexClient(
  target: string | URL | WebSockexClientTarget | WebSockexClientFactory,
  options: WebSockexClientOptions = {},
): ClassDecorator {
  checkFactory('@WebSockexClient', '@WebSockexClient(url)', arguments);
  const metadata = toMetadata(target, options);
  return (...decorated: [client: object]) => {
    checkClass('@WebSockexClient', decorated);
    Reflect.defineMetadata(CLIENT_METADATA, metadata, decorated[0]);
  };
}

/** `useFactory` as the plain function it is, called without a `this`. */
type FactoryAndOptions = Record<string, unknown> &
  Pick<NonNullable<ClientMetadata['factory']>, 'useFactory'>;

function toMetadata(target: unknown, options: unknown): ClientMetadata {
  // What is no object is refused at boot, with the name of the class.
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return { url: target, options: options as ClientMetadata['options'] };
  }
  if (typeof target !== 'object' || target === null || target instanceof URL) {
    const { name, ...rest } = options as WebSockexClientOptions;
    return { url: target, name, options: rest };
  }
  if ('useFactory' in target) {
    const { inject = [], name, ...rest } = target as WebSockexClientFactory;
    const { useFactory, ...others } = { ...rest } as FactoryAndOptions;
    return { name, options: others, factory: { inject, useFactory } };
  }
  const { url, name, ...rest } = target as WebSockexClientTarget;
  return { url, name, options: rest };
}
