import { Injectable, Module, type Type } from '@nestjs/common';
import {
  AlreadyStartedError,
  ClientHandle,
  ConfigurationError,
  InjectClient,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../fixtures/nest/app.js';
import { WsServer } from '../../fixtures/ws-server.js';

const plain = (url: string): Type<object> => {
  @WebSockexClient(url)
  class PlainClient {}
  return PlainClient;
};

describe('forFeature', () => {
  it('without forRoot is an error that says so', async () => {
    await using server = await WsServer.listen();
    const error = await bootError({
      imports: [WebSockexModule.forFeature([plain(server.url())])],
    });

    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(
      /forFeature\(\[PlainClient\]\) needs WebSockexModule\.forRoot\(\)/,
    );
  });

  it.each([
    [{ stategy: 'one_for_all' }, 'unknown option "stategy" (did you mean "strategy"?)'],
    [{ restart: 'permanent' }, '"restart" (it belongs into @WebSockexClient(), or into defaults)'],
    [{ nope: 1 }, '"nope". Known are: strategy, maxRestarts, within, onGiveUp'],
  ])('refuses what is no option of a group: %j', async (options, says) => {
    const error = await bootError({
      imports: [
        WebSockexModule.forRoot(),
        WebSockexModule.forFeature([plain('ws://127.0.0.1:1')], options as object),
      ],
    });

    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain(says);
  });

  it('brings clients beside those of forRoot, and beside other features', async () => {
    await using server = await WsServer.listen();
    const [One, Two, Three] = ['/1', '/2', '/3'].map((path) => {
      @WebSockexClient(server.url(path), { name: `client ${path}` })
      class FeatureClient {}
      return FeatureClient;
    }) as [new () => object, new () => object, new () => object];
    @Module({ imports: [WebSockexModule.forFeature([Two])] })
    class TwoModule {}
    @Module({ imports: [WebSockexModule.forFeature([Three])] })
    class ThreeModule {}
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [One] }), TwoModule, ThreeModule],
    });
    const infos = await Promise.all([One, Two, Three].map((one) => app.handle(one).connected()));

    expect(infos.map(({ url }) => url)).toEqual(['/1', '/2', '/3'].map((path) => server.url(path)));
  });

  it('has its handles where it is imported, and where a module passes it on', async () => {
    await using server = await WsServer.listen();
    const named = (name: string): Type<object> => {
      @WebSockexClient(server.url(), { name })
      class FeedClient {}
      return FeedClient;
    };
    @Module({
      imports: [WebSockexModule.forFeature([named('a')]), WebSockexModule.forFeature([named('b')])],
      exports: [WebSockexModule],
    })
    class FeedModule {}
    @Injectable()
    class Reader {
      constructor(
        @InjectClient('a') readonly a: ClientHandle,
        @InjectClient('b') readonly b: ClientHandle,
      ) {}
    }
    @Module({ imports: [FeedModule], providers: [Reader] })
    class ReaderModule {}
    @Module({ providers: [Reader] })
    class StrangerModule {}
    const imports = [WebSockexModule.forRoot(), ReaderModule];
    await using app = await boot({ imports });
    const { a, b } = app.get(Reader);
    await Promise.all([a.connected(), b.connected()]);
    const error = await bootError({ imports: [...imports, StrangerModule] });

    expect([a.name, b.name]).toEqual(['a', 'b']);
    expect(error.message).toMatch(/can't resolve dependencies of the Reader.*StrangerModule/s);
  });

  it('refuses two classes of one name, naming both', async () => {
    await using server = await WsServer.listen();
    @Module({ imports: [WebSockexModule.forFeature([plain(server.url('/b'))])] })
    class OtherModule {}
    @Module({
      imports: [WebSockexModule.forRoot({ clients: [plain(server.url('/a'))] }), OtherModule],
    })
    class OneModule {}
    const error = await bootError(OneModule);

    expect(error).toBeInstanceOf(AlreadyStartedError);
    expect(error.message).toMatch(/"PlainClient".*OneModule.*OtherModule.*another name/s);
    expect(server.connectionCount).toBe(0);
  });

  it('refuses a class that two modules list, naming both', async () => {
    await using server = await WsServer.listen();
    const Plain = plain(server.url());
    @Module({ imports: [WebSockexModule.forFeature([Plain])] })
    class OneModule {}
    @Module({ imports: [WebSockexModule.forFeature([Plain])] })
    class OtherModule {}
    const error = await bootError({
      imports: [WebSockexModule.forRoot(), OneModule, OtherModule],
    });

    expect(error).toBeInstanceOf(AlreadyStartedError);
    expect(error.message).toMatch(/OneModule.*OtherModule/s);
    expect(error.message).toMatch(/list it once, have that module export WebSockexModule/);
    expect(error.message).not.toContain('another name');
    expect(server.connectionCount).toBe(0);
  });

  it('tells two classes apart that a bundler gave one name, in one module', async () => {
    const error = await bootError({
      imports: [
        WebSockexModule.forRoot({
          clients: [plain('ws://one.example/?token=secret'), plain('ws://other.example')],
        }),
      ],
    });

    expect(error).toBeInstanceOf(AlreadyStartedError);
    expect(error.message).toMatch(
      /PlainClient \(ws:\/\/one\.example\S*\), listed in \w+, and PlainClient \(ws:\/\/other/,
    );
    expect(error.message).toContain("name: '…'");
    expect(error.message).not.toContain('secret');
  });

  it('refuses one name that two classes are given', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url(), { name: 'twin' })
    class OneClient {}
    @WebSockexClient(server.url(), { name: 'twin' })
    class OtherClient {}
    const error = await bootError({
      imports: [WebSockexModule.forRoot({ clients: [OneClient, OtherClient] })],
    });

    expect(error).toBeInstanceOf(AlreadyStartedError);
    expect(error.message).toMatch(/"twin".*OneClient.*OtherClient/s);
    expect(server.connectionCount).toBe(0);
  });
});
