import { Global, Inject, Injectable, Module, Optional, Scope } from '@nestjs/common';
import { OnCall, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../fixtures/nest/app.js';
import { CapturingLogger } from '@nestjs/testing';
import { lines } from '../../fixtures/nest/log.js';
import { NEST } from '../../fixtures/nest/version.js';
import { WsServer } from '../../fixtures/ws-server.js';

/** A client class that tells what it got for the token 'secret'. */
const asking = (url: string, name = 'AskingClient') => {
  @WebSockexClient(url, { name })
  class AskingClient {
    constructor(@Inject('secret') private readonly given: string) {}

    @OnCall()
    secret() {
      return this.given;
    }
  }
  return AskingClient;
};

const secret = (useValue: string) => ({ provide: 'secret', useValue });

describe('a client class', () => {
  it('injects the private providers of the module that imports forRoot', async () => {
    await using server = await WsServer.listen();
    const Asking = asking(server.url());
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [Asking] })],
      providers: [secret('of the root')],
    });

    expect(await app.handle(Asking).call('secret')).toBe('of the root');
  });

  it('injects those of the module that imports forRoot where that is not the root module', async () => {
    await using server = await WsServer.listen();
    const Asking = asking(server.url());
    @Module({
      imports: [WebSockexModule.forRoot({ clients: [Asking] })],
      providers: [secret('of the inner module')],
    })
    class InnerModule {}
    await using app = await boot({
      imports: [InnerModule],
      providers: [secret('of the root')],
    });

    expect(await app.handle(Asking).call('secret')).toBe('of the inner module');
  });

  it('injects those of the module that imports forFeature, each its own', async () => {
    await using server = await WsServer.listen();
    const One = asking(server.url(), 'one');
    const Other = asking(server.url(), 'other');
    @Module({ imports: [WebSockexModule.forFeature([One])], providers: [secret('of one')] })
    class OneModule {}
    @Module({ imports: [WebSockexModule.forFeature([Other])], providers: [secret('of the other')] })
    class OtherModule {}
    await using app = await boot({
      imports: [WebSockexModule.forRoot(), OneModule, OtherModule],
      providers: [secret('of the root')],
    });

    expect(await app.handle(One).call('secret')).toBe('of one');
    expect(await app.handle(Other).call('secret')).toBe('of the other');
  });

  it('does not see a provider that is private to another module', async () => {
    await using server = await WsServer.listen();
    @Module({ providers: [secret('of another')] })
    class AnotherModule {}
    @Module({ imports: [WebSockexModule.forFeature([asking(server.url())]), AnotherModule] })
    class AskingModule {}
    const error = await bootError({ imports: [WebSockexModule.forRoot(), AskingModule] });

    expect(error.message).toMatch(/can't resolve dependencies of the AskingClient.*AskingModule/s);
    expect(server.connectionCount).toBe(0);
  });

  it('injects what its module imports, and what is global', async () => {
    await using server = await WsServer.listen();
    const Asking = asking(server.url());
    @Module({ providers: [secret('imported')], exports: ['secret'] })
    class SharingModule {}
    @Module({ imports: [WebSockexModule.forFeature([Asking]), SharingModule] })
    class AskingModule {}
    const Worldly = asking(server.url(), 'worldly');
    @Global()
    @Module({ providers: [secret('global')], exports: ['secret'] })
    class WorldModule {}
    @Module({ imports: [WebSockexModule.forFeature([Worldly])] })
    class WorldlyModule {}
    await using app = await boot({
      imports: [WebSockexModule.forRoot(), AskingModule, WorldModule, WorldlyModule],
    });

    // The first versions of Nest 11 take what is global first.
    const either = NEST < 12 ? ['imported', 'global'] : ['imported'];
    expect(either).toContain(await app.handle(Asking).call('secret'));
    expect(await app.handle(Worldly).call('secret')).toBe('global');
  });

  it('may do without what is optional, and inject into properties', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class FlexibleClient {
      @Inject('secret') private readonly given!: string;

      constructor(@Optional() @Inject('missing') private readonly missing?: string) {}

      @OnCall()
      both() {
        return [this.given, this.missing];
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [FlexibleClient] })],
      providers: [secret('by property')],
    });

    expect(await app.handle(FlexibleClient).call('both')).toEqual(['by property', undefined]);
  });

  it('gets an instance of its own of a transient provider', async () => {
    await using server = await WsServer.listen();
    @Injectable({ scope: Scope.TRANSIENT })
    class Counter {
      count = 0;
    }
    const counting = (name: string) => {
      @WebSockexClient(server.url(), { name })
      class CountingClient {
        constructor(private readonly counter: Counter) {}

        @OnCall()
        count() {
          return ++this.counter.count;
        }
      }
      return CountingClient;
    };
    const [One, Other] = [counting('one'), counting('other')];
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [One, Other] })],
      providers: [Counter],
    });

    expect(await app.handle(One).call('count')).toBe(1);
    expect(await app.handle(Other).call('count')).toBe(1);
    expect(await app.handle(One).call('count')).toBe(2);
  });

  it('that misses a dependency fails the boot, before any socket opens', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class FineClient {}
    const error = await bootError({
      imports: [WebSockexModule.forRoot({ clients: [FineClient, asking(server.url())] })],
    });

    expect(error.message).toMatch(/can't resolve dependencies of the AskingClient/);
    expect(server.connectionCount).toBe(0);
  });

  it('whose constructor throws fails the boot with what it threw', async () => {
    await using server = await WsServer.listen();
    const thrown = new Error('not today');
    @WebSockexClient(server.url())
    class FineClient {}
    @WebSockexClient(server.url())
    class StubbornClient {
      constructor() {
        throw thrown;
      }
    }

    expect(
      await bootError({
        imports: [WebSockexModule.forRoot({ clients: [FineClient, StubbornClient] })],
      }),
    ).toBe(thrown);
    expect(server.connectionCount).toBe(0);
  });

  it('that is only a provider is not started, and the log says so', async () => {
    await using server = await WsServer.listen();
    const logger = new CapturingLogger();
    @WebSockexClient(server.url())
    class ForgottenClient {}
    await using _app = await boot(
      { imports: [WebSockexModule.forRoot()], providers: [ForgottenClient] },
      { logger },
    );

    expect(lines(logger, 'warn')).toEqual([
      expect.stringMatching(
        /ForgottenClient is a provider and a WebSocket client, but no forRoot or forFeature/,
      ),
    ]);
    expect(server.connectionCount).toBe(0);
  });
});
