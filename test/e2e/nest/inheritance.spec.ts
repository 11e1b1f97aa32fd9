import { Injectable } from '@nestjs/common';
import {
  OnCall,
  OnCast,
  OnConnect,
  OnFrame,
  reply,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import type { TextFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot } from '../../fixtures/nest/app.js';
import { WsServer, type WsPeer } from '../../fixtures/ws-server.js';

/** A base without @WebSockexClient: it only holds handlers. */
class Base {
  @OnConnect()
  hello() {
    return reply(`hello from ${this.who()}`);
  }

  @OnFrame('text', 'who')
  answer() {
    return reply(this.who());
  }

  @OnFrame('text')
  rest(frame: TextFrame) {
    return reply(`base rest ${frame.data}`);
  }

  @OnCall()
  sum(a: number, b: number) {
    return a + b;
  }

  protected who() {
    return 'base';
  }
}

const answers = async (peer: WsPeer, ...questions: string[]): Promise<unknown[]> => {
  for (const question of questions) peer.send(question);
  const heard: unknown[] = [];
  for (const _ of questions) heard.push(await peer.nextMessage());
  return heard;
};

describe('a client class that extends another', () => {
  it('has the handlers it inherits, called on its own instance', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class DerivedClient extends Base {
      protected override who() {
        return 'derived';
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [DerivedClient] })],
    });
    const peer = await server.nextConnection();

    expect(await peer.nextMessage()).toBe('hello from derived');
    expect(await answers(peer, 'who', 'x')).toEqual(['derived', 'base rest x']);
    expect(await app.handle(DerivedClient).call('sum', 1, 2)).toBe(3);
  });

  it('has a method it overrides called, with and without a decorator of its own', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class DerivedClient extends Base {
      override hello() {
        return reply('overridden without a decorator');
      }

      @OnFrame('text', /^x/)
      override rest(frame: TextFrame) {
        return reply(`derived rest ${frame.data}`);
      }

      @OnCall()
      override sum(a: number, b: number) {
        return 10 * super.sum(a, b);
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [DerivedClient] })],
    });
    const peer = await server.nextConnection();

    expect(await peer.nextMessage()).toBe('overridden without a decorator');
    // `y` matches nothing any more: the decorator of the derived class stands for the method.
    peer.send('y');
    expect(await answers(peer, 'x', 'who')).toEqual(['derived rest x', 'base']);
    expect(await app.handle(DerivedClient).call('sum', 1, 2)).toBe(30);
  });

  it('has its own clauses tried before those it inherits', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class DerivedClient extends Base {
      @OnFrame('text', /^w/)
      first(frame: TextFrame) {
        return reply(`derived ${frame.data}`);
      }
    }
    await using _app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [DerivedClient] })],
    });
    const peer = await server.nextConnection();
    await peer.nextMessage();

    expect(await answers(peer, 'who', 'else')).toEqual(['derived who', 'base rest else']);
  });

  it('has its own @OnConnect in place of the one it inherits', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class DerivedClient extends Base {
      @OnConnect()
      greet() {
        return reply('the only greeting');
      }
    }
    await using _app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [DerivedClient] })],
    });
    const peer = await server.nextConnection();

    expect(await peer.nextMessage()).toBe('the only greeting');
    expect(await answers(peer, 'who')).toEqual(['base']);
  });

  it('inherits the URL and the dependencies, and is a client of its own name', async () => {
    await using server = await WsServer.listen();
    @Injectable()
    class Voice {
      readonly word = 'injected';
    }
    @WebSockexClient(server.url())
    class ParentClient {
      constructor(private readonly voice: Voice) {}

      @OnCast()
      say() {
        return reply(this.voice.word);
      }
    }
    class ChildClient extends ParentClient {}
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [ParentClient, ChildClient] })],
      providers: [Voice],
    });
    const handles = [app.handle(ParentClient), app.handle(ChildClient)];
    await Promise.all(handles.map((handle) => handle.connected()));
    for (const handle of handles) handle.cast('say');
    const peers = [await server.nextConnection(), await server.nextConnection()];

    expect(handles.map(({ name }) => name)).toEqual(['ParentClient', 'ChildClient']);
    expect(await Promise.all(peers.map((peer) => peer.nextMessage()))).toEqual([
      'injected',
      'injected',
    ]);
  });

  it('and overrides the URL leaves that of its parent alone', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url('/parent'), { name: 'parent' })
    class ParentClient extends Base {}
    @WebSockexClient(server.url('/child'), { name: 'child' })
    class ChildClient extends ParentClient {}
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [ChildClient, ParentClient] })],
    });

    expect((await app.handle(ParentClient).connected()).url).toBe(server.url('/parent'));
    expect((await app.handle(ChildClient).connected()).url).toBe(server.url('/child'));
  });
});
