import { Injectable, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { getClientToken, OnConnect, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import type { ClientHandle, ConnectionInfo } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot } from '../../fixtures/nest/app.js';
import { WsServer } from '../../fixtures/ws-server.js';

const config = (values: Record<string, unknown>) =>
  ConfigModule.forRoot({ ignoreEnvFile: true, ignoreEnvVars: true, load: [() => values] });

describe('options', () => {
  it('stand beside the URL, which is a string or a URL', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(new URL(server.url('/a?b=c')), { headers: { 'x-one': '1' }, name: 'urls' })
    class UrlClient {}
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [UrlClient] })],
    });
    const { request } = await server.nextConnection();

    expect([request.url, request.headers['x-one']]).toEqual(['/a?b=c', '1']);
    expect(app.get(getClientToken('urls'))).toBe(app.handle(UrlClient));
  });

  it('are one object with the URL among them', async () => {
    await using server = await WsServer.listen({ handleProtocols: () => 'v2' });
    const seen: ConnectionInfo[] = [];
    @WebSockexClient({
      url: server.url('/object'),
      name: 'object',
      protocols: ['v1', 'v2'],
      origin: 'https://app.example',
      headers: { 'x-many': ['1', '2'] },
    })
    class ObjectClient {
      @OnConnect()
      hello(info: ConnectionInfo) {
        seen.push(info);
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [ObjectClient] })],
    });
    const { request } = await server.nextConnection();
    await app.handle(ObjectClient).connected();

    expect(request.url).toBe('/object');
    expect(request.headers).toMatchObject({
      'sec-websocket-protocol': 'v1,v2',
      origin: 'https://app.example',
      'x-many': '1, 2',
    });
    expect(seen).toEqual([
      expect.objectContaining({ url: server.url('/object'), protocol: 'v2', session: 1 }),
    ]);
    expect(app.handle(ObjectClient).name).toBe('object');
  });

  it('of a client win over the defaults of all, one by one', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url('/own'), { headers: { 'x-from': 'client' } })
    class OwnClient {}
    @WebSockexClient(server.url('/default'), { headers: undefined })
    class DefaultClient {}
    @WebSockexClient({
      headers: { 'x-from': 'beside' },
      origin: 'https://beside.example',
      useFactory: () => ({ url: server.url('/factory'), headers: { 'x-from': 'factory' } }),
    })
    class FactoryClient {}
    await using _app = await boot({
      imports: [
        WebSockexModule.forRoot({
          clients: [OwnClient, DefaultClient, FactoryClient],
          defaults: { headers: { 'x-from': 'defaults' }, origin: 'https://default.example' },
        }),
      ],
    });
    const requests = await Promise.all([1, 2, 3].map(() => server.nextConnection()));
    const seen = requests.map(({ request }) => [
      request.url,
      request.headers['x-from'],
      request.headers.origin,
    ]);

    expect(new Set(seen.map((one) => one.join(' ')))).toEqual(
      new Set([
        '/own client https://default.example',
        '/default defaults https://default.example',
        '/factory factory https://beside.example',
      ]),
    );
  });
});

describe('an options factory', () => {
  it('is given what it injects, such as the ConfigService', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient({
      name: 'configured',
      inject: [ConfigService],
      useFactory: (values) => ({ url: values.getOrThrow<string>('FEED_URL') }),
    })
    class ConfiguredClient {}
    await using app = await boot({
      imports: [
        config({ FEED_URL: server.url('/configured') }),
        WebSockexModule.forRoot({ clients: [ConfiguredClient] }),
      ],
    });
    // The ConfigModule is not global: the module that imports forRoot sees it.
    expect((await server.nextConnection()).request.url).toBe('/configured');
    expect(app.handle(ConfiguredClient).name).toBe('configured');
  });

  it('sees what the module sees that lists its client', async () => {
    await using server = await WsServer.listen();
    @Injectable()
    class Tokens {
      fresh() {
        return Promise.resolve('t0k');
      }
    }
    @WebSockexClient({
      inject: [Tokens, 'path', { token: 'nobody', optional: true }],
      useFactory: async (tokens, path, nobody) => ({
        url: server.url(String(path)),
        headers: { authorization: `${await tokens.fresh()} ${String(nobody)}` },
      }),
    })
    class FeatureClient {}
    @Module({
      imports: [WebSockexModule.forFeature([FeatureClient])],
      providers: [Tokens, { provide: 'path', useValue: '/private' }],
    })
    class FeatureModule {}
    await using _app = await boot({ imports: [WebSockexModule.forRoot(), FeatureModule] });
    const { request } = await server.nextConnection();

    expect([request.url, request.headers.authorization]).toEqual(['/private', 't0k undefined']);
  });

  it('that misses a dependency fails the boot, naming it and the client', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient({ inject: ['nobody'], useFactory: () => ({ url: server.url() }) })
    class MissingClient {}
    const booting = boot({ imports: [WebSockexModule.forRoot({ clients: [MissingClient] })] });

    await expect(booting).rejects.toThrow(/MissingClient.*"nobody"/s);
    expect(server.connectionCount).toBe(0);
  });

  it('may ask a handle of another client', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url('/first'))
    class FirstClient {}
    @WebSockexClient({
      inject: [getClientToken(FirstClient)],
      useFactory: async (first) => {
        const { session } = await (first as ClientHandle).connected();
        return { url: server.url(`/after-session-${session}`) };
      },
    })
    class SecondClient {}
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [SecondClient, FirstClient] })],
    });

    expect((await app.handle(SecondClient).connected()).url).toBe(server.url('/after-session-1'));
  });
});
