import { Injectable, Module } from '@nestjs/common';
import {
  ConfigurationError,
  WebSockexClient,
  WebSockexModule,
  type WebSockexModuleOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../fixtures/nest/app.js';
import { WsServer } from '../../fixtures/ws-server.js';

/** A client class whose options say nothing: what its request carries comes from the defaults. */
const plain = (url: string) => {
  @WebSockexClient(url)
  class PlainClient {}
  return PlainClient;
};

/** Options by which a request can be told from others. */
const marked = (mark: string): WebSockexModuleOptions => ({
  defaults: { headers: { 'x-mark': mark } },
});

/** What the request of the first connection was marked with. */
const markSeen = async (server: WsServer): Promise<unknown> =>
  (await server.nextConnection()).request.headers['x-mark'];

describe('forRoot', () => {
  it('takes clients and the defaults of all', async () => {
    await using server = await WsServer.listen();
    await using _app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [plain(server.url())], ...marked('root') })],
    });

    expect(await markSeen(server)).toBe('root');
  });

  it('takes nothing, where the clients are in features', async () => {
    await using server = await WsServer.listen();
    await using _app = await boot({
      imports: [WebSockexModule.forRoot(), WebSockexModule.forFeature([plain(server.url())])],
    });

    expect(await markSeen(server)).toBeUndefined();
  });

  it('is refused when it is imported twice', async () => {
    await using server = await WsServer.listen();
    @Module({ imports: [WebSockexModule.forRoot({ clients: [plain(server.url('/b'))] })] })
    class OtherModule {}
    const error = await bootError({
      imports: [WebSockexModule.forRoot({ clients: [plain(server.url('/a'))] }), OtherModule],
    });

    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(/forRoot\(\) is imported twice.*forFeature/s);
    expect(server.connectionCount).toBe(0);
  });

  it('is one, however many modules import the module that imports it', async () => {
    await using server = await WsServer.listen();
    const Plain = plain(server.url());
    @Module({ imports: [WebSockexModule.forRoot({ clients: [Plain] })] })
    class SharedModule {}
    @Module({ imports: [SharedModule] })
    class OneModule {}
    @Module({ imports: [SharedModule] })
    class OtherModule {}
    await using app = await boot({ imports: [OneModule, OtherModule] });
    await app.handle(Plain).connected();

    expect(server.connectionCount).toBe(1);
  });

  it('refuses an option it does not know, and one that does not fit', async () => {
    const errors = await Promise.all(
      [
        { timeout: 5 },
        { shutdownTimout: 5 },
        { connectTimeout: 5 },
        { shutdownTimeout: '5s' },
        { shutdownTimeout: -1 },
        { shutdownTimeout: NaN },
        { maxConcurrentConnects: 0 },
        { concurrent: 5 },
        { budget: 5 },
        { budget: null },
        { budget: { concurent: 5 } },
        { budget: { maxConcurrentConnects: 5 } },
        { budget: { concurrent: 0 } },
        { budget: { concurrent: 1.5 } },
        { budget: { perSecond: 0 } },
        { budget: { perSecond: '1' } },
        { budget: { limiter: () => undefined } },
      ]
        .map((options) => WebSockexModule.forRoot(options as object))
        .map((imported) => bootError({ imports: [imported] })),
    );

    expect(errors.every((error) => error instanceof ConfigurationError)).toBe(true);
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/forRoot\(\): unknown option "timeout".*clients, budget, defaults/),
      expect.stringMatching(/"shutdownTimout" \(did you mean "shutdownTimeout"\?\)/),
      expect.stringMatching(/"connectTimeout" \(it belongs into defaults\)/),
      expect.stringMatching(/shutdownTimeout is "5s"; it must be a number/),
      expect.stringMatching(/shutdownTimeout is -1/),
      expect.stringMatching(/shutdownTimeout is NaN/),
      expect.stringMatching(/maxConcurrentConnects is 0; it must be a whole number above 0/),
      expect.stringMatching(/"concurrent" \(it belongs into budget\)/),
      expect.stringMatching(
        /budget is 5; it must be an object of concurrent, perSecond and limiter/,
      ),
      expect.stringMatching(/budget is null/),
      expect.stringMatching(/"budget\.concurent" \(did you mean "concurrent"\?\)/),
      expect.stringMatching(/"budget\.maxConcurrentConnects" \(it stands beside budget\)/),
      expect.stringMatching(/budget\.concurrent is 0; it must be a whole number above 0/),
      expect.stringMatching(/budget\.concurrent is 1\.5/),
      expect.stringMatching(/budget\.perSecond is 0; it must be a number above 0/),
      expect.stringMatching(/budget\.perSecond is "1"/),
      expect.stringMatching(/budget\.limiter is .*; it must be an object with the method enter/),
    ]);
  });

  it('refuses defaults that do not fit, naming them', async () => {
    const error = await bootError({
      imports: [WebSockexModule.forRoot({ defaults: { callTimeout: 'long' as never } })],
    });

    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(/forRoot\(\) defaults: the option "callTimeout" is "long"/);
  });
});

describe('forRootAsync', () => {
  @Injectable()
  class Settings {
    createWebSockexOptions(): WebSockexModuleOptions {
      return marked('class');
    }
  }

  @Module({ providers: [Settings], exports: [Settings] })
  class SettingsModule {}

  it('takes a factory with imports and inject', async () => {
    await using server = await WsServer.listen();
    await using _app = await boot({
      imports: [
        WebSockexModule.forRootAsync({
          clients: [plain(server.url())],
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: async (settings: Settings) => ({
            ...settings.createWebSockexOptions(),
            shutdownTimeout: 100,
          }),
        }),
      ],
    });

    expect(await markSeen(server)).toBe('class');
  });

  it('takes a class that makes the options', async () => {
    await using server = await WsServer.listen();
    await using _app = await boot({
      imports: [
        WebSockexModule.forRootAsync({ clients: [plain(server.url())], useClass: Settings }),
      ],
    });

    expect(await markSeen(server)).toBe('class');
  });

  it('takes a provider that exists and makes the options', async () => {
    await using server = await WsServer.listen();
    await using _app = await boot({
      imports: [
        WebSockexModule.forRootAsync({
          clients: [plain(server.url())],
          imports: [SettingsModule],
          useExisting: Settings,
        }),
      ],
    });

    expect(await markSeen(server)).toBe('class');
  });

  it('refuses what the factory gives as it would at forRoot, clients too', async () => {
    await using server = await WsServer.listen();
    const clients = [plain(server.url())];
    const errors = await Promise.all(
      [{ clients }, { shutdownTimeout: false }, { defaults: { reconnect: { tries: 3 } } }]
        .map((options) =>
          WebSockexModule.forRootAsync({ clients, useFactory: () => options as object }),
        )
        .map((imported) => bootError({ imports: [imported] })),
    );

    expect(errors.every((error) => error instanceof ConfigurationError)).toBe(true);
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/unknown option "clients".*stand beside the factory/),
      expect.stringMatching(/shutdownTimeout is false/),
      expect.stringMatching(/defaults: unknown option "reconnect\.tries"/),
    ]);
    expect(server.connectionCount).toBe(0);
  });

  it('fails the boot with what the factory throws', async () => {
    const thrown = new Error('no settings today');
    const error = await bootError({
      imports: [
        WebSockexModule.forRootAsync({
          useFactory: () => {
            throw thrown;
          },
        }),
      ],
    });

    expect(error).toBe(thrown);
  });
});
