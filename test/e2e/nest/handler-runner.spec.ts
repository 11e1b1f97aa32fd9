import { Injectable, Module, Scope, UseGuards, type Provider, type Type } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  BeforeConnect,
  close,
  FormatStatus,
  getClientToken,
  HandlerRunner,
  json,
  jsonRpc,
  OnCall,
  OnCast,
  OnCodeChange,
  OnConnect,
  OnDisconnect,
  OnError,
  OnFrame,
  OnGap,
  OnInfo,
  OnMessage,
  OnPing,
  OnPong,
  OnRequest,
  OnStart,
  OnSubscribe,
  OnTerminate,
  reply,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type ChannelSource,
  type ClientHandle,
  type CloseReason,
  type Gap,
  type MessageError,
  type WebSockexClientOptions,
  type WebSockexExecutionContext,
} from 'nestjs-websockex';
import { createTestNet, type ScriptedServer, type TestNet } from 'nestjs-websockex/testing';
import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { boot } from '../../fixtures/nest/app.js';
import {
  foreign,
  observing,
  ran as whatRan,
  request,
} from '../../fixtures/nest/observing-client.js';
import { WsServer } from '../../fixtures/ws-server.js';

/** An application of one client on a net, with what its root module provides. */
class Scene<T extends object> implements AsyncDisposable {
  private constructor(
    readonly net: TestNet,
    readonly app: TestingModule,
    readonly handle: ClientHandle<T>,
    readonly server: ScriptedServer,
  ) {}

  /** Boots it, and accepts every attempt. */
  static async open<T extends object>(
    client: Type<T>,
    providers: Provider[],
    imports: Parameters<typeof Test.createTestingModule>[0]['imports'] = [],
    options: WebSockexClientOptions = {},
  ): Promise<Scene<T>> {
    WebSockexClient('wss://feed.example', { heartbeat: false, ...options })(client);
    const net = createTestNet();
    const root = WebSockexModule.forRoot({ clients: [client] });
    const module = Test.createTestingModule({ imports: [...imports, root], providers });
    const app = await net.install(module);
    app.useLogger(false);
    await app.init();
    const server = net.server(client);
    server.acceptAll();
    const handle = app.get<ClientHandle<T>>(getClientToken(client));
    await handle.connected();
    return new Scene(net, app, handle, server);
  }

  async feed(...texts: string[]): Promise<void> {
    for (const text of texts) this.server.peer.send(text);
    await this.net.settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.app.close();
    await this.net.clock.advance('60s');
    await closed;
    await this.net.dispose();
  }
}

/** One that does this. */
const runner = (run: HandlerRunner['run']): Provider => ({
  provide: HandlerRunner,
  useValue: { run },
});

/** What was run: the kind of handler, its method, and what it is told of. */
const told = (context: WebSockexExecutionContext): unknown[] => [
  context.getKind(),
  context.getHandler().name,
];

describe('a HandlerRunner', () => {
  const ways: [string, (next: () => unknown) => unknown][] = [
    ['at once', (next) => next()],
    ['as a promise', async (next) => next()],
  ];

  it.each(ways)(
    'runs every call of every kind of handler, and its result is that: %s',
    async (_, go) => {
      const runs: string[] = [];
      const ran: string[] = [];
      const note = (what: string): void => void ran.push(what);
      class Full {
        @OnStart() starts() {
          note('start starts');
        }
        @BeforeConnect() before() {
          note('beforeConnect before');
        }
        @OnConnect() connects() {
          note('connect connects');
          return reply('hello');
        }
        @OnFrame('text', 'frame') frame() {
          note('frame frame');
          return 'a frame';
        }
        @OnMessage('trade') message() {
          note('message message');
          return of('a', 'message');
        }
        @OnMessage('checked', { schema: z.object({ price: z.number() }).loose() })
        async checked() {
          note('message checked');
          await Promise.resolve();
          return 'checked';
        }
        @OnError() error() {
          note('error error');
        }
        @OnPing() ping() {
          note('ping ping');
        }
        @OnPong() pong() {
          note('pong pong');
        }
        @OnCast() cast() {
          note('cast cast');
        }
        @OnCall() call(one: number, other: number) {
          note('call call');
          return one + other;
        }
        @OnInfo() info() {
          note('info info');
        }
        @OnDisconnect() lost() {
          note('disconnect lost');
        }
        @OnTerminate() ends() {
          note('terminate ends');
        }
        @FormatStatus() format() {
          note('formatStatus format');
          return { formatted: true };
        }
        @OnCodeChange() changes() {
          note('codeChange changes');
        }
      }
      const run: HandlerRunner['run'] = (context, next) => {
        runs.push(told(context).join(' '));
        return go(next);
      };
      await using scene = await Scene.open(Full, [runner(run)]);
      const { handle, server } = scene;
      const { peer } = server;
      await peer.expectText('hello');
      await scene.feed('frame', '{"type":"trade"}', '{"type":"checked","price":1}');
      await peer.expectText('a frame');
      await peer.expectText('a');
      await peer.expectText('message');
      await peer.expectText('checked');
      await scene.feed('{"type":"checked"}');
      peer.ping('');
      await handle.sendFrame({ type: 'ping', data: Buffer.alloc(0) });
      await scene.net.settle();
      handle.cast('cast');
      handle.info('an info');
      const asked = handle.call('call', 1, 2);
      await scene.net.settle();
      expect(await asked).toBe(3);
      expect(await handle.sys.getStatus()).toMatchObject({ state: { formatted: true } });
      WebSockexClient('wss://feed.example')(Full);
      await handle.sys.changeCode(Full);
      peer.drop();
      await scene.net.clock.advance('1m');
      await handle.connected();
      await handle.stop();

      // What a schema refuses has been run, and has not reached the method.
      expect(runs).toEqual(ran.toSpliced(ran.indexOf('error error'), 0, 'message checked'));
      expect(new Set(ran).size).toBe(16);
    },
  );

  it('runs the answers to requests of the peer, and gives the answer', async () => {
    const runs: unknown[] = [];
    class Answering {
      @OnRequest('sum') async sum(numbers: number[]) {
        await Promise.resolve();
        return numbers.reduce((one, other) => one + other);
      }
    }
    const run: HandlerRunner['run'] = (context, next) => {
      runs.push([...told(context), context.getPayload(), context.getFrame()?.type]);
      return next();
    };
    await using scene = await Scene.open(Answering, [runner(run)], [], { protocol: jsonRpc() });
    await scene.feed('{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}');
    await scene.server.peer.expectJson({ jsonrpc: '2.0', id: 1, result: 3 });
    expect(runs).toEqual([['request', 'sum', [1, 2], 'text']]);
  });

  it.each(ways)('runs what says how to subscribe, and what fills gaps: %s', async (_, go) => {
    interface Tick {
      readonly of: string;
      readonly seq?: number;
    }
    const runs: unknown[] = [];
    const handled: number[] = [];
    class Watching {
      @OnSubscribe() ticks(name: string): ChannelSource<Tick> {
        return { subscribe: { sub: name }, match: (tick: Tick) => tick.of === name };
      }

      @OnMessage() tick({ seq = 0 }: Tick) {
        handled.push(seq);
      }

      @OnGap() fill({ from, to, stream }: Gap): Tick[] {
        const between = Number(to.seq) - Number(from.seq) - 1;
        return Array.from({ length: between }, (__, at) => ({
          of: stream,
          seq: Number(from.seq) + 1 + at,
        }));
      }
    }
    const run: HandlerRunner['run'] = (context, next) => {
      const kind = context.getKind();
      if (kind !== 'message') runs.push([kind, context.getPayload(), request.getStore()]);
      return go(next);
    };
    const protocol = json<Tick>({
      position: ({ of: stream, seq }) => (seq === undefined ? undefined : { stream, seq }),
    });
    await using scene = await Scene.open(Watching, [runner(run)], [], { protocol });
    const items: number[] = [];
    request.run('a request', () =>
      scene.handle.channel('ticks', 'a').subscribe(({ seq = 0 }) => items.push(seq)),
    );
    await scene.server.peer.expectJson({ sub: 'a' });
    await scene.feed('{"of":"a","seq":1}', '{"of":"a","seq":4}');
    expect(handled).toEqual([1, 2, 3, 4]);
    expect(items).toEqual([1, 2, 3, 4]);
    expect(runs).toEqual([
      ['subscribe', 'a', undefined],
      ['gap', expect.objectContaining({ stream: 'a' }), undefined],
    ]);
  });

  it('is told what is called, for whom, and with what; guards get the same context', async () => {
    const seen: unknown[] = [];
    const contexts = new Set<unknown>();
    class Told {
      @UseGuards({ canActivate: (context) => contexts.has(context) })
      @OnMessage('trade')
      trade() {
        seen.push('admitted');
      }

      @OnFrame('text', /^a/)
      text() {}

      @OnCast() publish(_one: number, _other: string) {}

      @OnDisconnect() lost() {}
    }
    const run: HandlerRunner['run'] = (context, next) => {
      contexts.add(context);
      seen.push([
        context.getKind(),
        context.getClass() === Told,
        context.getHandler().name,
        context.getHandle()?.name,
        context.getPayload(),
        context.getArguments().length,
        context.getFrame()?.data,
        context.switchToWs().getPattern(),
        context.getConnection()?.session,
        context.getType(),
      ]);
      return next();
    };
    await using scene = await Scene.open(Told, [runner(run)]);
    await scene.feed('{"type":"trade"}', 'a text');
    scene.handle.cast('publish', 1, 'two');
    await scene.net.settle();
    scene.server.peer.close(4000, 'gone');
    await scene.net.settle();
    const name = 'Told';
    const frame = { type: 'text', data: 'a text' };
    const type = 'websockex';
    const trade = { type: 'trade' };
    const status = expect.objectContaining({ session: 1 }) as unknown;
    expect(seen).toEqual([
      ['message', true, 'trade', name, trade, 1, '{"type":"trade"}', 'trade', 1, type],
      'admitted',
      ['frame', true, 'text', name, expect.objectContaining(frame), 1, 'a text', /^a/, 1, type],
      ['cast', true, 'publish', name, 1, 2, undefined, 'publish', 1, type],
      ['disconnect', true, 'lost', name, status, 1, undefined, undefined, undefined, type],
    ]);
    expect(scene.handle.status).toBe('backoff');
  });

  it('may answer in place of a handler, change what it returns, and call it again', async () => {
    class Answering {
      calls = 0;

      @OnFrame('text', 'instead') instead() {
        this.calls = Infinity;
      }
      @OnFrame('text', 'changed') changed() {
        return Promise.resolve('changed');
      }
      @OnFrame('text', 'again') again() {
        if (++this.calls < 3) throw new Error('not yet');
        return `after ${this.calls}`;
      }
    }
    const run: HandlerRunner['run'] = async (context, next) => {
      if (context.switchToWs().getPattern() === 'instead') return close(4001);
      for (;;) {
        try {
          const value = await next();
          return value === 'changed' ? reply('another') : value;
        } catch {
          // Once more.
        }
      }
    };
    await using scene = await Scene.open(Answering, [runner(run)]);
    const { peer } = scene.server;
    await scene.feed('changed', 'again', 'instead');
    await peer.expectText('another');
    await peer.expectText('after 3');
    expect(await peer.expectClose()).toMatchObject({ code: 4001 });
  });

  it('that throws, or rejects, has the handler thrown', async () => {
    const reasons: CloseReason[] = [];
    class Thrown {
      @OnFrame() frame() {}

      @OnTerminate() ends(reason: CloseReason) {
        reasons.push(reason);
      }
    }
    for (const isLater of [false, true]) {
      const run: HandlerRunner['run'] = (context, next) => {
        if (context.getKind() !== 'frame') return next();
        const error = new RangeError('the runner');
        if (!isLater) throw error;
        return Promise.reject(error);
      };
      await using scene = await Scene.open(Thrown, [runner(run)]);
      await scene.feed('hello');
    }
    const reason = { by: 'error', error: { name: 'RangeError', message: 'the runner' } };
    expect(reasons).toMatchObject([reason, reason]);
  });

  it.each<[string, HandlerRunner['run'], RegExp]>([
    ['calls nothing', () => undefined, /neither called next\(\) for Missed\.frame\(\)/],
    ['calls nothing, later', () => Promise.resolve(), /neither called next\(\)/],
    ['drops a promise', (_, next) => void next(), /not returned the promise/],
  ])('that %s is a crash, and says so', async (_, run, says) => {
    const reasons: CloseReason[] = [];
    class Missed {
      @OnFrame() async frame() {
        await Promise.resolve();
        throw new Error('nobody hears of this one');
      }

      @OnTerminate() ends(reason: CloseReason) {
        reasons.push(reason);
      }
    }
    const only: HandlerRunner['run'] = (context, next) =>
      context.getKind() === 'frame' ? run(context, next) : next();
    await using scene = await Scene.open(Missed, [runner(only)]);
    await scene.feed('hello');
    expect(reasons).toMatchObject([
      { by: 'error', error: { code: 'ERR_WEBSOCKEX_CONFIGURATION' } },
    ]);
    expect(String((reasons[0] as { error?: unknown }).error)).toMatch(says);
  });

  it('passes on what guards and schemas refuse as what it is', async () => {
    const errors: MessageError[] = [];
    class Refusing {
      @UseGuards({ canActivate: () => false })
      @OnMessage('guarded')
      guarded() {}

      @OnMessage('checked', { schema: z.object({ price: z.number() }) })
      checked() {}

      @OnError() error(error: MessageError) {
        errors.push(error);
      }
    }
    await using scene = await Scene.open(Refusing, [runner((_, next) => next())]);
    await scene.feed('{"type":"guarded"}', '{"type":"checked"}');
    expect(errors.map(({ code }) => code)).toEqual([
      'ERR_WEBSOCKEX_MESSAGE_REFUSED',
      'ERR_WEBSOCKEX_MESSAGE_INVALID',
    ]);
    expect(scene.handle.status).toBe('open');
  });
});

describe('the HandlerRunner of an application', () => {
  class Quiet {
    @OnFrame() frame() {}
  }

  @Injectable()
  class Names {
    readonly runs: unknown[] = [];
  }

  @Injectable()
  class Noting extends HandlerRunner {
    constructor(private readonly names: Names) {
      super();
    }

    run(context: WebSockexExecutionContext, next: () => unknown): unknown {
      this.names.runs.push([context.getHandle()?.name, ...told(context)]);
      return next();
    }
  }

  it('is found in whatever module it stands, and runs the handlers of dynamic clients too', async () => {
    @Module({ providers: [Names, { provide: HandlerRunner, useClass: Noting }] })
    class ObservedModule {}
    await using scene = await Scene.open(Quiet, [], [ObservedModule]);
    await scene.feed('hello');
    const other = scene.net.server('wss://other.example');
    other.acceptAll();
    const manager = scene.app.get(WebSockexManager);
    const more = await manager.start(Quiet, { url: 'wss://other.example', name: 'more' });
    await more.connected();
    other.peer.send('hello');
    await scene.net.settle();
    expect(scene.app.get(Names).runs).toEqual([
      ['Quiet', 'frame', 'frame'],
      ['more', 'frame', 'frame'],
    ]);
  });

  it('gives way to that of a test', async () => {
    const runs: unknown[] = [];
    WebSockexClient('wss://feed.example', { heartbeat: false })(Quiet);
    const net = createTestNet();
    const app = await net.install(
      Test.createTestingModule({
        imports: [WebSockexModule.forRoot({ clients: [Quiet] })],
        providers: [Names, { provide: HandlerRunner, useClass: Noting }],
      })
        .overrideProvider(HandlerRunner)
        .useValue({ run: (_: unknown, next: () => unknown) => (runs.push('mine'), next()) }),
    );
    app.useLogger(false);
    await app.init();
    const peer = await net.server(Quiet).accept();
    peer.send('hello');
    await net.settle();
    expect([runs, app.get(Names).runs]).toEqual([['mine'], []]);
    const closed = app.close();
    await net.clock.advance('60s');
    await closed;
    await net.dispose();
  });

  const useValue: HandlerRunner = { run: (_, next) => next() };

  it('is one', async () => {
    @Module({ providers: [{ provide: HandlerRunner, useValue: { run: useValue.run } }] })
    class OtherModule {}
    const opened = Scene.open(Quiet, [{ provide: HandlerRunner, useValue }], [OtherModule]);
    await expect(opened).rejects.toThrow(
      'HandlerRunner is a provider of RootTestModule and OtherModule',
    );
  });

  describe('that LazyModuleLoader brings', () => {
    const late = /HandlerRunner is a provider of LateModule, which LazyModuleLoader has loaded/;

    /** A module that provides one, and lists these clients. */
    const lateModule = (...clients: Type<object>[]) => {
      const imports = clients.length === 0 ? [] : [WebSockexModule.forFeature(clients)];
      class LateModule {}
      Module({ imports, providers: [Names, { provide: HandlerRunner, useClass: Noting }] })(
        LateModule,
      );
      return () => LateModule;
    };

    it('fails the load of a module with clients, which are not started', async () => {
      await using scene = await Scene.open(Quiet, []);
      class Late {}
      WebSockexClient('wss://late.example')(Late);
      const loaded = scene.app.get(LazyModuleLoader).load(lateModule(Late));
      await expect(loaded).rejects.toThrow(late);
      expect(scene.app.get(WebSockexManager).clients()).toEqual([scene.handle]);
    });

    it('runs nothing where the module has no clients, later ones of others neither', async () => {
      await using scene = await Scene.open(Quiet, []);
      const loaded = await scene.app.get(LazyModuleLoader).load(lateModule());
      const starts: string[] = [];
      class More {
        @OnStart() start() {
          starts.push('More');
        }
      }
      WebSockexClient('wss://more.example')(More);
      scene.net.server(More).acceptAll();
      await scene.app.get(WebSockexManager).start(More);
      await scene.feed('hello');
      expect(starts).toEqual(['More']);
      expect(loaded.get(Names).runs).toEqual([]);
    });

    it('before the boot fails that', async () => {
      WebSockexClient('wss://feed.example')(Quiet);
      const app = await Test.createTestingModule({
        imports: [WebSockexModule.forRoot({ clients: [Quiet] })],
      }).compile();
      app.useLogger(false);
      await app.get(LazyModuleLoader).load(lateModule());
      await expect(app.init()).rejects.toThrow(late);
      // Nest 11 says it again.
      await app.close().catch((error: unknown) => expect(String(error)).toMatch(late));
    });
  });

  it.each<[string, Provider, RegExp]>([
    [
      'a transient one',
      { provide: HandlerRunner, useFactory: () => useValue, scope: Scope.TRANSIENT },
      /RootTestModule, is transient or request-scoped/,
    ],
    [
      'a request-scoped one',
      { provide: HandlerRunner, useFactory: () => useValue, scope: Scope.REQUEST },
      /is transient or request-scoped/,
    ],
    [
      'one that cannot run',
      { provide: HandlerRunner, useValue: { handle: () => undefined } },
      /no method run\(context, next\)/,
    ],
  ])('is refused at boot: %s', async (_, provider, says) => {
    await expect(Scene.open(Quiet, [provider])).rejects.toThrow(says);
  });
});

it.each(['background', 'required'] as const)(
  'with a HandlerRunner no handler runs in the context of who casts or calls, nor of the boot: %s',
  async (startup) => {
    await using server = await WsServer.listen();
    const Observing = observing(server.url(), { startup });
    const inside: unknown[] = [];
    const run: HandlerRunner['run'] = (_, next) => {
      inside.push(request.getStore());
      return next();
    };
    await using app = await request.run('the boot', () =>
      boot({
        imports: [WebSockexModule.forRoot({ clients: [Observing], shutdownTimeout: 500 })],
        providers: [runner(run)],
      }),
    );
    const handle = app.handle(Observing);
    await request.run('the caller', async () => {
      handle.cast('cast');
      await handle.connected();
      handle.info('late');
      await handle.call('call');
    });
    const peer = await server.nextConnection();
    peer.send('a frame');
    await handle.call('call');
    peer.drop();
    await server.nextConnection();
    await request.run('the caller', () => handle.stop());

    expect(foreign(Observing.contexts)).toEqual([]);
    expect(whatRan(Observing.contexts)).toEqual(
      new Set(
        'factory/start/before/before, later/connect/frame/cast/cast, later/call/info/disconnect/terminate'.split(
          '/',
        ),
      ),
    );
    expect(new Set(inside)).toEqual(new Set([undefined]));
  },
);
