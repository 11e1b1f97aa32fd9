import { Injectable } from '@nestjs/common';
import {
  ClientHandle,
  InjectClient,
  OnStart,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import { boot, bootError, reaches } from '../../fixtures/nest/app.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { WsServer } from '../../fixtures/ws-server.js';

describe('when an options factory is asked', () => {
  /** A client that counts how often its factory is asked, and tells the path by it. */
  const counted = (server: WsServer, wrap: <T>(value: T) => T | Promise<T>) => {
    const asked: number[] = [];
    @WebSockexClient({
      reconnect: { initialDelay: 0, maxDelay: 0, jitter: 'none' },
      useFactory: () => {
        asked.push(asked.length + 1);
        return wrap({ url: server.url(`/${asked.length}`) });
      },
    })
    class CountedClient {}
    return { asked, CountedClient };
  };

  for (const [kind, wrap] of [
    ['at once', <T>(value: T) => value],
    ['by a promise', <T>(value: T) => Promise.resolve(value)],
  ] as const) {
    it(`that answers ${kind}: before each attempt, exactly once`, async () => {
      await using server = await WsServer.listen();
      const { asked, CountedClient } = counted(server, wrap);
      await using app = await boot({
        imports: [WebSockexModule.forRoot({ clients: [CountedClient] })],
      });
      for (const path of ['/1', '/2', '/3']) {
        const peer = await server.nextConnection();
        expect(peer.request.url).toBe(path);
        await reaches(app.handle(CountedClient), 'open');
        peer.drop();
      }
      expect((await server.nextConnection()).request.url).toBe('/4');
      expect(asked).toEqual([1, 2, 3, 4]);
    });
  }

  it('for a client nobody has started: not before it is', async () => {
    await using server = await WsServer.listen();
    let asked = 0;
    @WebSockexClient({
      startup: 'manual',
      useFactory: () => ({ url: server.url(`/${++asked}`) }),
    })
    class LateClient {}
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [LateClient] })],
    });
    const askedByThen = asked;
    await app.handle(LateClient).start();

    expect((await server.nextConnection()).request.url).toBe(`/${askedByThen + 1}`);
    expect(asked).toBe(askedByThen + 1);
    expect(askedByThen).toBe(0);
  });

  it('that itself says manual: at boot, and again for the first attempt, however much later', async () => {
    await using server = await WsServer.listen();
    let token = 0;
    @WebSockexClient({
      useFactory: () => ({
        url: server.url(),
        startup: 'manual',
        headers: { 'x-token': String(++token) },
      }),
    })
    class LateClient {}
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [LateClient] })],
    });
    expect(token).toBe(1);
    token = 10;
    await app.handle(LateClient).start();

    expect((await server.nextConnection()).request.headers['x-token']).toBe('11');
    expect(token).toBe(11);
  });

  it.each([
    ['within a second', 1000, 1],
    ['later', 1001, 2],
  ])('whose turn in its group comes %s: asked as often as it must', async (_when, wait, asks) => {
    await using server = await WsServer.listen();
    const begun = new Deferred<void>();
    const waiting = new Deferred<void>();
    @WebSockexClient(server.url('/first'))
    class FirstClient {
      @OnStart() async start() {
        waiting.resolve();
        await begun.promise;
      }
    }
    let asked = 0;
    @WebSockexClient({ useFactory: () => ({ url: server.url(`/${++asked}`) }) })
    class SecondClient {}
    const clock = new VirtualClock();
    const group = WebSockexModule.forFeature([FirstClient, SecondClient], {});
    await using app = await boot({ imports: [WebSockexModule.forRoot(), group] }, { clock });
    await waiting.promise;
    expect(asked).toBe(1);
    await clock.advance(wait);
    begun.resolve();
    const { url } = await app.handle(SecondClient).connected();

    expect(url).toBe(server.url(`/${asks}`));
    expect(asked).toBe(asks);
  });

  it('for a client that a service starts in onModuleInit: with what it injects', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient({
      startup: 'manual',
      inject: ['path'],
      reconnect: false,
      useFactory: (path) => ({ url: server.url(String(path)) }),
    })
    class EarlyClient {}
    @Injectable()
    class Starter {
      constructor(@InjectClient(EarlyClient) private readonly early: ClientHandle) {}

      async onModuleInit() {
        await this.early.start();
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [EarlyClient] })],
      providers: [Starter, { provide: 'path', useValue: '/early' }],
    });

    expect((await app.handle(EarlyClient).connected()).url).toBe(server.url('/early'));
  });
});

describe('what an options factory answers at boot', () => {
  it('counts also where somebody has used the handle before', async () => {
    await using server = await RawServer.listen();
    @WebSockexClient({
      useFactory: () => ({ url: server.url(), startup: 'required', startupTimeout: 2000 }),
    })
    class SilentClient {}
    @Injectable()
    class Reader {
      constructor(@InjectClient(SilentClient) handle: ClientHandle) {
        void handle[Symbol.asyncIterator]().next();
      }
    }
    const clock = new VirtualClock();
    const failing = bootError(
      {
        imports: [WebSockexModule.forRoot({ clients: [SilentClient] })],
        providers: [Reader],
      },
      { clock },
    );
    await server.peer(1);
    await clock.advance(2000);
    const error = await failing;

    expect(error.message).toMatch(/within 2000 ms of its start/);
  });
});
