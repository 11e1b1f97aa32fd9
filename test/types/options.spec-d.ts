import { connect } from 'node:net';

import { ConfigService } from '@nestjs/config';
import { Injectable } from '@nestjs/common';
import { WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import type {
  ClientOptions,
  FactoryContext,
  ReconnectOptions,
  Startup,
  WebSockexClientOptions,
  WebSockexModuleOptions,
} from 'nestjs-websockex';
import { describe, expectTypeOf, test } from 'vitest';

class FeedClient {}

@Injectable()
class Tokens {
  fresh() {
    return 'token';
  }
}

describe('@WebSockexClient', () => {
  test('takes a URL, with options beside it or around it', () => {
    WebSockexClient('wss://feed.example');
    WebSockexClient(new URL('wss://feed.example'), { name: 'feed', startup: 'required' });
    WebSockexClient({ url: 'wss://feed.example', reconnect: false });
    WebSockexClient('wss://feed.example', {
      headers: { a: 'b', c: ['d', 'e'] },
      protocols: ['v1', 'v2'],
      reconnect: { initialDelay: 1, maxDelay: 2, jitter: 'full', maxAttempts: Infinity },
      mailbox: { highWaterMark: 1 },
      tls: { rejectUnauthorized: false, ca: 'pem' },
      socket: { family: 6, noDelay: true },
      ws: {
        skipUTF8Validation: true,
        createConnection: ({ host }: { host: string }) => connect({ host, port: 1 }),
        finishRequest: (request) => request.end(),
      },
    });
  });

  test('refuses typos and wrong values', () => {
    // @ts-expect-error -- no URL
    WebSockexClient();
    // @ts-expect-error -- a number is no URL
    WebSockexClient(8080);
    // @ts-expect-error -- no URL among the options
    WebSockexClient({ name: 'feed' });
    // @ts-expect-error -- a typo
    WebSockexClient('wss://feed.example', { startUp: 'required' });
    // @ts-expect-error -- a typo, nested
    WebSockexClient('wss://feed.example', { reconnect: { retries: 3 } });
    // @ts-expect-error -- a typo around the URL
    WebSockexClient({ url: 'wss://feed.example', recconect: false });
    // @ts-expect-error -- a value there is not
    WebSockexClient('wss://feed.example', { startup: 'eager' });
    // @ts-expect-error -- true is no policy
    WebSockexClient('wss://feed.example', { reconnect: true });
    // @ts-expect-error -- durations are numbers
    WebSockexClient('wss://feed.example', { callTimeout: '5s' });
    // @ts-expect-error -- the URL stands already
    WebSockexClient('wss://feed.example', { url: 'wss://feed.example' });
    // @ts-expect-error -- an option that has its place elsewhere
    WebSockexClient('wss://feed.example', { ws: { headers: { a: 'b' } } });
    // @ts-expect-error -- the URL says it
    WebSockexClient('wss://feed.example', { socket: { port: 1 } });
    // @ts-expect-error -- only servers have it
    WebSockexClient('wss://feed.example', { tls: { requestCert: true } });
    // @ts-expect-error -- it is between ws and itself
    WebSockexClient('wss://feed.example', { perMessageDeflate: { isServer: true } });
    // @ts-expect-error -- header values are strings
    WebSockexClient('wss://feed.example', { headers: { a: 1 } });
  });
});

describe('useFactory', () => {
  test('knows its parameters by inject', () => {
    WebSockexClient({
      inject: [ConfigService, Tokens],
      useFactory: (config, tokens) => {
        expectTypeOf(config.getOrThrow<string>).returns.toEqualTypeOf<string>();
        expectTypeOf(tokens).toEqualTypeOf<Tokens>();
        return { url: config.getOrThrow<string>('URL'), headers: { token: tokens.fresh() } };
      },
    });
  });

  test('knows nothing of what a string, a symbol or an optional token stands for', () => {
    WebSockexClient({
      inject: ['url', Symbol('token'), { token: Tokens, optional: true }],
      useFactory: (url, token, tokens) => {
        expectTypeOf(url).toEqualTypeOf<unknown>();
        expectTypeOf(token).toEqualTypeOf<unknown>();
        expectTypeOf(tokens).toEqualTypeOf<unknown>();
        return { url: String(url) };
      },
    });
  });

  test('takes fewer parameters, annotated ones, and none without inject', () => {
    WebSockexClient({
      inject: [ConfigService, Tokens],
      useFactory: () => ({ url: 'wss://a.example' }),
    });
    WebSockexClient({
      inject: [ConfigService, 'path'],
      useFactory: (config: ConfigService) => ({ url: config.getOrThrow<string>('URL') }),
    });
    WebSockexClient({ useFactory: async () => ({ url: new URL('wss://a.example') }) });
    WebSockexClient({
      name: 'feed',
      startup: 'manual',
      useFactory: () => ({ url: 'wss://a.example' }),
    });
    // @ts-expect-error -- nothing is injected
    WebSockexClient({ useFactory: (config: ConfigService) => ({ url: config.getOrThrow('URL') }) });
    // @ts-expect-error -- something else is injected
    WebSockexClient({ inject: [Tokens], useFactory: (url: URL) => ({ url }) });
    // @ts-expect-error -- less is injected
    WebSockexClient({ inject: [Tokens], useFactory: (_: Tokens, url: URL) => ({ url }) });
  });

  test('is told of a signal after what is injected', () => {
    WebSockexClient({
      inject: [Tokens],
      useFactory: (tokens, context) => {
        expectTypeOf(tokens).toEqualTypeOf<Tokens>();
        expectTypeOf(context).toEqualTypeOf<FactoryContext>();
        return { url: 'wss://a.example', headers: { token: tokens.fresh() } };
      },
    });
    WebSockexClient({
      useFactory: async ({ signal }) => {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        return { url: 'wss://a.example' };
      },
    });
  });

  test('may give any option, as it stands there', () => {
    WebSockexClient({ useFactory: () => ({ url: 'wss://a.example', unhandled: 'warn' }) });
    WebSockexClient({ useFactory: async () => ({ url: 'wss://a.example', startup: 'manual' }) });
    WebSockexClient({
      inject: [Tokens],
      useFactory: () => ({ url: 'wss://a.example', reconnect: { jitter: 'none' } }),
    });
    WebSockexClient({
      inject: [Tokens],
      useFactory: async (tokens: Tokens) => ({
        url: 'wss://a.example',
        headers: { token: tokens.fresh() },
        unhandled: 'crash',
      }),
    });
    WebSockexClient({
      inject: [Tokens],
      useFactory: (tokens) =>
        tokens.fresh() ? { url: 'wss://a.example', reconnect: false } : { url: 'wss://b.example' },
    });
  });

  test('must give a URL, and options that there are', () => {
    // @ts-expect-error -- no URL
    WebSockexClient({ useFactory: () => ({ startup: 'manual' }) });
    // @ts-expect-error -- no URL, later
    WebSockexClient({ useFactory: async () => ({}) });
    // @ts-expect-error -- nothing
    WebSockexClient({ useFactory: () => {} });
    // @ts-expect-error -- a wrong value
    WebSockexClient({ useFactory: () => ({ url: 'wss://a.example', unhandled: 'throw' }) });
  });
});

describe('WebSockexModule', () => {
  test('takes clients and options', () => {
    WebSockexModule.forRoot();
    WebSockexModule.forRoot({ clients: [FeedClient], defaults: { startup: 'manual' } });
    WebSockexModule.forRootAsync({
      clients: [FeedClient],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({ shutdownTimeout: config.getOrThrow<number>('T') }),
    });
    WebSockexModule.forFeature([FeedClient]);
  });

  test('refuses typos, instances and names', () => {
    // @ts-expect-error -- a typo
    WebSockexModule.forRoot({ client: [FeedClient] });
    // @ts-expect-error -- a typo, nested
    WebSockexModule.forRoot({ defaults: { startUp: 'manual' } });
    // @ts-expect-error -- an instance
    WebSockexModule.forRoot({ clients: [new FeedClient()] });
    // @ts-expect-error -- a name
    WebSockexModule.forFeature(['FeedClient']);
    // @ts-expect-error -- no list
    WebSockexModule.forFeature(FeedClient);
    // @ts-expect-error -- a name belongs to one client
    WebSockexModule.forRoot({ defaults: { name: 'feed' } });
  });

  test('has option types for those who build options', () => {
    expectTypeOf<Startup>().toEqualTypeOf<'background' | 'required' | 'manual'>();
    expectTypeOf<WebSockexModuleOptions['defaults']>().toEqualTypeOf<ClientOptions | undefined>();
    expectTypeOf<WebSockexClientOptions>().toExtend<ClientOptions>();
    expectTypeOf<ClientOptions['reconnect']>().toEqualTypeOf<
      false | ReconnectOptions | undefined
    >();
  });
});
