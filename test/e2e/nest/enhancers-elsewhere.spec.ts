// Where guards and their like are found late, or seldom looked for: pings, dynamic clients, a change of code.
import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Frame,
  isWebSockexContext,
  OnCodeChange,
  OnError,
  OnFrame,
  OnPing,
  OnPong,
  reply,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type ClientHandle,
  type MessageError,
  type PingFrame,
  type PongFrame,
  type TextFrame,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { map } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

/** Lets in what is not 'no'. */
const notNo: CanActivate = {
  canActivate: (context) =>
    isWebSockexContext(context) && String(context.getFrame()?.data) !== 'no',
};

const loud: NestInterceptor = {
  intercept: (_: ExecutionContext, next: CallHandler) =>
    next.handle().pipe(map((value: string) => value.toUpperCase())),
};

describe('pings and pongs', () => {
  class Pinged {
    static seen: string[] = [];
    static errors: MessageError[] = [];

    @UseGuards(notNo)
    @OnPing()
    ping({ data }: PingFrame) {
      Pinged.seen.push(`ping ${String(data)}`);
      return Frame.pong(data);
    }

    @UseGuards(notNo)
    @OnPong()
    pong({ data }: PongFrame) {
      Pinged.seen.push(`pong ${String(data)}`);
    }

    @OnError() error(error: MessageError) {
      Pinged.errors.push(error);
    }
  }

  it('are guarded: one that is refused reaches no handler, and the client lives on', async () => {
    [Pinged.seen, Pinged.errors] = [[], []];
    await using scene = await NetScene.open(Pinged);
    const { peer, handle, net } = scene;
    peer.ping('no');
    peer.ping('yes');
    await handle.sendFrame(Frame.ping('no'));
    await handle.sendFrame(Frame.ping('yes'));
    await net.settle();
    expect(Pinged.seen).toEqual(['ping yes', 'pong yes']);
    expect(Pinged.errors.map(({ code, message }) => [code, message])).toEqual([
      ['ERR_WEBSOCKEX_MESSAGE_REFUSED', expect.stringContaining('a ping frame for ping()')],
      ['ERR_WEBSOCKEX_MESSAGE_REFUSED', expect.stringContaining('a pong frame for pong()')],
    ]);
    expect(handle.status).toBe('open');
    expect(peer.transcript.filter((line) => line.startsWith('<- pong'))).toHaveLength(1);
  });
});

describe('a change of code', () => {
  class First {
    count = 0;

    @OnFrame('text') text({ data }: TextFrame) {
      this.count++;
      return `first ${data}`;
    }
  }

  @Injectable()
  class Known {
    readonly word = 'open';
  }

  @Injectable()
  class Knows implements CanActivate {
    constructor(private readonly known: Known) {}

    canActivate(context: ExecutionContext): boolean {
      return context.switchToWs().getData<TextFrame>().data === this.known.word;
    }
  }

  @WebSockexClient('wss://feed.example')
  @UseGuards(Knows)
  @UseInterceptors(loud)
  class Second {
    static errors: MessageError[] = [];
    declare count: number;

    // The guard of the class, which would say no, is not for this.
    @OnCodeChange() changed({ count }: First) {
      this.count = count;
    }

    @OnFrame('text') text({ data }: TextFrame) {
      return `second ${data} ${++this.count}`;
    }

    @OnError() error(error: MessageError) {
      Second.errors.push(error);
    }
  }

  it('to a class with guards and interceptors has them injected, and back leaves them', async () => {
    Second.errors = [];
    const net = createTestNet();
    WebSockexClient('wss://feed.example', { heartbeat: false })(First);
    const app = await net.install(
      Test.createTestingModule({
        imports: [WebSockexModule.forRoot({ clients: [First] })],
        providers: [Known],
      }),
    );
    app.useLogger(false);
    await app.init();
    const handle = app.get(WebSockexManager).get(First) as ClientHandle<First>;
    const peer = await net.server(First).accept();
    await net.settle();
    peer.send('open');
    await peer.expectText('first open');

    await handle.sys.changeCode(Second);
    peer.send('closed');
    peer.send('open');
    await peer.expectText('SECOND OPEN 2');
    expect(Second.errors).toMatchObject([
      { code: 'ERR_WEBSOCKEX_MESSAGE_REFUSED', data: 'closed' },
    ]);

    await handle.sys.changeCode(First);
    peer.send('closed');
    await peer.expectText('first closed');
    expect(await handle.sys.getState()).toMatchObject({ count: 3 });
    const closed = app.close();
    await net.clock.advance('60s');
    await closed;
    await net.dispose();
  });
});

describe('dynamic clients', () => {
  @Injectable()
  class Asked {
    guards = 0;
    readonly names: (string | undefined)[] = [];
  }

  @Injectable()
  class Asking implements CanActivate {
    constructor(private readonly asked: Asked) {
      asked.guards++;
    }

    canActivate(context: ExecutionContext): boolean {
      if (isWebSockexContext(context)) this.asked.names.push(context.getHandle()?.name);
      return true;
    }
  }

  @WebSockexClient('wss://feed.example', { heartbeat: false })
  @UseGuards(Asking)
  @UseInterceptors(loud)
  class DynamicClient {
    @UsePipes({ transform: (frame: TextFrame) => ({ ...frame, data: `piped ${frame.data}` }) })
    @UseFilters({ catch: (error: Error) => reply(`caught ${error.message}`) })
    @OnFrame('text')
    text({ data }: TextFrame) {
      if (data === 'piped throw') throw new Error(data);
      return data;
    }
  }

  it('have them each, made once for all, and told whose handler is called', async () => {
    const net = createTestNet();
    const app = await net.install(
      Test.createTestingModule({ imports: [WebSockexModule.forRoot()], providers: [Asked] }),
    );
    app.useLogger(false);
    await app.init();
    const server = net.server('wss://feed.example');
    server.acceptAll();
    const manager = app.get(WebSockexManager);
    const names = ['one', 'two'];
    for (const name of names) await (await manager.start(DynamicClient, { name })).connected();
    for (const peer of server.peers) {
      peer.send('hello');
      peer.send('throw');
      await peer.expectText('PIPED HELLO');
      await peer.expectText('caught piped throw');
    }
    expect(app.get(Asked)).toEqual({ guards: 1, names: ['one', 'one', 'two', 'two'] });
    const closed = app.close();
    await net.clock.advance('60s');
    await closed;
    await net.dispose();
  });
});
