import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { CapturingLogger, Test } from '@nestjs/testing';
import {
  ClientHandle,
  Frame,
  getClientToken,
  InjectClient,
  OnCall,
  OnCast,
  OnConnect,
  OnFrame,
  reply,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
} from 'nestjs-websockex';
import type { TextFrame } from 'nestjs-websockex';
import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boot } from '../../fixtures/nest/app.js';
import { WsServer } from '../../fixtures/ws-server.js';

/** A client class that says what it is told to say. */
const speaker = (url: string, name?: string) => {
  @WebSockexClient(url, name === undefined ? {} : { name })
  class SpeakerClient {
    @OnCast()
    say(text: string) {
      return reply(text);
    }
  }
  return SpeakerClient;
};

describe('handles', () => {
  it('are injected into a provider by the class and by the name', async () => {
    await using server = await WsServer.listen();
    const Speaker = speaker(server.url());
    @Injectable()
    class Service {
      @InjectClient(Speaker) readonly byProperty!: ClientHandle<InstanceType<typeof Speaker>>;

      constructor(
        @InjectClient(Speaker) readonly byClass: ClientHandle<InstanceType<typeof Speaker>>,
        @InjectClient('SpeakerClient') readonly byName: ClientHandle,
        @Inject(getClientToken(Speaker)) readonly byToken: ClientHandle,
      ) {}
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [Speaker] })],
      providers: [Service],
    });
    const { byClass, byName, byProperty, byToken } = app.get(Service);

    expect(byClass).toBeInstanceOf(ClientHandle);
    expect(app.handle(Speaker)).toBe(byClass);
    expect(byName).toBe(byClass);
    expect(byProperty).toBe(byClass);
    expect(byToken).toBe(byClass);
    byClass.cast('say', 'hello');
    expect(await (await server.nextConnection()).nextMessage()).toBe('hello');
  });

  it('are injected by the name that the options give', async () => {
    await using server = await WsServer.listen();
    const Speaker = speaker(server.url(), 'voice');
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [Speaker] })],
      providers: [
        { provide: 'both', inject: [getClientToken('voice')], useFactory: (one: unknown) => one },
      ],
    });

    expect(app.get<ClientHandle>('both')).toBe(app.handle(Speaker));
    expect(app.handle(Speaker).name).toBe('voice');
  });

  it('serve an application that has nothing but clients', async () => {
    await using server = await WsServer.listen();
    const Speaker = speaker(server.url());
    await using app = await boot(WebSockexModule.forRoot({ clients: [Speaker] }));
    const peer = await server.nextConnection();
    const manager = app.get(WebSockexManager);

    await app.handle(Speaker).connected();
    await app.handle(Speaker).sendFrame('alone');
    expect(await peer.nextMessage()).toBe('alone');
    expect(manager.get('SpeakerClient')).toBe(app.handle(Speaker));
    expect(manager.get(Speaker)).toBe(app.handle(Speaker));
    expect([manager.get('NobodyClient'), manager.get(class {})]).toEqual([undefined, undefined]);
    expect(manager.clients()).toEqual([app.handle(Speaker)]);
  });

  it('of one client are injected into another', async () => {
    await using server = await WsServer.listen();
    const Speaker = speaker(server.url('/speaker'));
    @WebSockexClient(server.url('/listener'))
    class ListenerClient {
      constructor(
        @InjectClient(Speaker) private readonly voice: ClientHandle<InstanceType<typeof Speaker>>,
      ) {}

      @OnFrame('text')
      pass(frame: TextFrame) {
        this.voice.cast('say', `heard ${frame.data}`);
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [ListenerClient, Speaker] })],
    });
    await Promise.all([app.handle(Speaker).connected(), app.handle(ListenerClient).connected()]);
    const peers = [await server.nextConnection(), await server.nextConnection()];
    const peer = (path: string) => peers.find(({ request }) => request.url === path)!;

    peer('/listener').send('a frame');
    expect(await peer('/speaker').nextMessage()).toBe('heard a frame');
  });

  it('of a client go into the very service that the client injects', async () => {
    await using server = await WsServer.listen();
    @Injectable()
    class Book {
      readonly orders: string[] = [];

      constructor(@InjectClient('TradeClient') readonly trade: ClientHandle) {}

      async buy(what: string): Promise<unknown> {
        await this.trade.connected();
        return this.trade.call('order', what);
      }
    }
    @WebSockexClient(server.url())
    class TradeClient {
      constructor(private readonly book: Book) {}

      @OnCall()
      order(what: string) {
        this.book.orders.push(what);
        return this.book.orders.length;
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [TradeClient] })],
      providers: [Book],
    });

    expect(await app.get(Book).buy('wheat')).toBe(1);
    expect(app.get(Book).orders).toEqual(['wheat']);
    expect(app.get(Book).trade).toBe(app.handle(TradeClient));
  });

  it('can be used by onModuleInit, before the client is started', async () => {
    await using server = await WsServer.listen();
    const Speaker = speaker(server.url());
    @Injectable()
    class Early implements OnModuleInit {
      first: Promise<unknown> | undefined;
      status = '';

      constructor(
        @InjectClient(Speaker) private readonly voice: ClientHandle<InstanceType<typeof Speaker>>,
      ) {}

      onModuleInit() {
        this.status = this.voice.status;
        this.first = firstValueFrom(this.voice.frames$);
        this.voice.cast('say', 'early');
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [Speaker] })],
      providers: [Early],
    });
    const peer = await server.nextConnection();
    peer.send('first');

    expect(await peer.nextMessage()).toBe('early');
    expect(app.get(Early).status).toBe('idle');
    expect(await app.get(Early).first).toEqual(Frame.text('first'));
  });

  it('that a test puts another in place of have no client behind them', async () => {
    await using server = await WsServer.listen();
    const [Speaker, Other] = [speaker(server.url()), speaker(server.url('/other'), 'other')];
    const fake = { cast: () => 'nothing' };
    const app = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [Speaker, Other] })],
    })
      .overrideProvider(getClientToken(Speaker))
      .useValue(fake)
      .setLogger(new CapturingLogger())
      .compile();
    await app.init();
    await app.get<ClientHandle>(getClientToken(Other)).connected();
    await app.close();

    expect(app.get(getClientToken(Speaker))).toBe(fake);
    expect(server.connectionCount).toBe(1);
    expect((await server.nextConnection()).request.url).toBe('/other');
  });

  it('of an unknown client are a missing dependency, by its name', async () => {
    await using server = await WsServer.listen();
    @Injectable()
    class Service {
      constructor(@InjectClient('NobodyClient') readonly nobody: ClientHandle) {}
    }
    const booting = boot({
      imports: [WebSockexModule.forRoot({ clients: [speaker(server.url())] })],
      providers: [Service],
    });

    await expect(booting).rejects.toThrow(/NobodyClient/);
    expect(server.connectionCount).toBe(0);
  });

  it('asked for by what is neither a class nor a name are an error that says why', () => {
    expect(() => InjectClient(undefined as never)).toThrow(/two source files that import each/i);
    expect(() => getClientToken(5 as never)).toThrow(/a client class was expected, and 5/);
  });
});

describe('a client without handlers', () => {
  it('connects, and its frames are for observers', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class QuietClient {
      greeted = 0;

      @OnConnect()
      greet() {
        this.greeted++;
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [QuietClient] })],
    });
    const frame = firstValueFrom(app.handle(QuietClient).frames$);
    (await server.nextConnection()).send(Buffer.from([1, 2]));

    expect(await frame).toEqual(Frame.binary(Buffer.from([1, 2])));
  });
});
