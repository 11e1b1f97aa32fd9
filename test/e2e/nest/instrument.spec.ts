import { Injectable } from '@nestjs/common';
import {
  BeforeConnect,
  OnCall,
  OnCast,
  OnConnect,
  OnDisconnect,
  OnFrame,
  OnInfo,
  OnPing,
  OnPong,
  OnStart,
  OnTerminate,
  reply,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
} from 'nestjs-websockex';
import type { TextFrame } from 'nestjs-websockex';
import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { boot } from '../../fixtures/nest/app.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { WsServer } from '../../fixtures/ws-server.js';

/** Puts instances behind a proxy that notes which of their methods are called, as tracers do. */
const tracing = (only?: string) => {
  const calls: string[] = [];
  const instanceDecorator = (instance: unknown): unknown => {
    if (typeof instance !== 'object' || instance === null) return instance;
    // What is native, or no more than data, is none of its business.
    if (instance instanceof Map || Array.isArray(instance)) return instance;
    if (only !== undefined && instance.constructor.name !== only) return instance;
    return new Proxy(instance, {
      get(target, key, receiver) {
        const value: unknown = Reflect.get(target, key, receiver);
        if (typeof value !== 'function' || typeof key !== 'string') return value;
        return (...args: unknown[]) => {
          calls.push(`${target.constructor.name}.${key}`);
          return Reflect.apply(value, receiver, args) as unknown;
        };
      },
    });
  };
  return { calls, instrument: { instanceDecorator } };
};

describe('an instrumented application', () => {
  it('has every handler called through the instance that the decorator gave', async () => {
    await using server = await RawServer.listen();
    const { calls, instrument } = tracing('TracedClient');
    @WebSockexClient(server.url(), { reconnect: false })
    class TracedClient {
      private heard = 0;

      @OnStart() start() {}

      @BeforeConnect() before() {}

      @OnConnect() connect() {}

      @OnFrame() frame() {
        this.heard++;
      }

      @OnPing() ping() {
        return reply('pinged');
      }

      @OnPong() pong() {}

      @OnCast() cast() {}

      @OnCall() call() {
        return this.heard;
      }

      @OnInfo() info() {}

      @OnDisconnect() disconnect() {}

      @OnTerminate() terminate() {}
    }
    await using app = await boot(
      { imports: [WebSockexModule.forRoot({ clients: [TracedClient] })] },
      { instrument },
    );
    const handle = app.handle(TracedClient);
    const peer = await server.peer(1);
    await peer.open();
    await handle.connected();
    handle.cast('cast');
    handle.info('x');
    peer.together(() => {
      peer.text('a frame');
      peer.pong();
      peer.ping();
    });
    await peer.nextFrame('text');
    expect(await handle.call('call')).toBe(1);
    peer.close(1000);
    await peer.settle();
    await handle.terminated;

    expect(calls).toEqual(
      'start before connect cast info frame pong ping call disconnect terminate'
        .split(' ')
        .map((method) => `TracedClient.${method}`),
    );
  });

  it('may have a proxy before every provider, those of this library too', async () => {
    await using server = await WsServer.listen();
    const { calls, instrument } = tracing();
    @WebSockexClient(server.url())
    class TracedClient {
      @OnFrame('text')
      text(frame: TextFrame) {
        return reply(frame.data);
      }

      @OnCast()
      say(text: string) {
        return reply(text);
      }
    }
    await using app = await boot(
      { imports: [WebSockexModule.forRoot({ clients: [TracedClient] })] },
      { instrument },
    );
    const peer = await server.nextConnection();
    const handle = app.handle(TracedClient);
    await handle.connected();
    const seen = firstValueFrom(app.get(WebSockexManager).events$);
    peer.send('framed');
    handle.cast('say', 'said');

    expect(new Set([await peer.nextMessage(), await peer.nextMessage()])).toEqual(
      new Set(['framed', 'said']),
    );
    expect(await seen).toMatchObject({ client: 'TracedClient' });
    expect([handle.name, handle.status, handle.session]).toEqual(['TracedClient', 'open', 1]);
    expect(calls).toEqual(
      expect.arrayContaining(['TracedClient.text', 'TracedClient.say', 'LocalHandle.cast']),
    );
    await app.close();
    expect((await peer.closed()).code).toBe(1001);
  });

  it('has links to a client whose handle it decorated, and stops it by that', async () => {
    await using server = await WsServer.listen();
    const { instrument } = tracing('LocalHandle');
    @WebSockexClient(server.url())
    class ParentClient {}
    @WebSockexClient(server.url())
    class ChildClient {}
    await using app = await boot(
      { imports: [WebSockexModule.forRoot({ clients: [ParentClient] })] },
      { instrument },
    );
    const manager = app.get(WebSockexManager);
    const parent = app.handle(ParentClient);
    const child = await manager.startLink(parent, ChildClient);
    expect(parent).not.toBe(manager.get(ParentClient));

    expect(await manager.stop(parent)).toMatchObject({ by: 'local' });
    expect(await child.terminated).toMatchObject({
      by: 'error',
      error: { code: 'ERR_WEBSOCKEX_LINK' },
    });
  });

  it('decorates each incarnation once, and what it injects as ever', async () => {
    await using server = await WsServer.listen();
    const decorated: unknown[] = [];
    const instanceDecorator = (instance: unknown): unknown => {
      decorated.push((instance as object | undefined)?.constructor.name);
      return instance;
    };
    @Injectable()
    class Helper {}
    @WebSockexClient(server.url())
    class DecoratedClient {
      constructor(readonly helper: Helper) {}
    }
    await using app = await boot(
      {
        imports: [WebSockexModule.forRoot({ clients: [DecoratedClient] })],
        providers: [Helper],
      },
      { instrument: { instanceDecorator } },
    );
    await app.handle(DecoratedClient).connected();

    expect(decorated.filter((name) => name === 'DecoratedClient')).toHaveLength(1);
    expect(decorated.filter((name) => name === 'Helper')).toHaveLength(1);
  });

  it('may replace a method while the client runs: it is looked up at every call', async () => {
    await using server = await WsServer.listen();
    const instances: { frame: () => unknown }[] = [];
    @WebSockexClient(server.url())
    class PatchedClient {
      constructor() {
        instances.push(this);
      }

      @OnFrame()
      frame() {
        return reply('original');
      }
    }
    await using _app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [PatchedClient] })],
    });
    const peer = await server.nextConnection();
    peer.send('1');
    expect(await peer.nextMessage()).toBe('original');
    instances[0]!.frame = () => reply('patched');
    peer.send('2');
    expect(await peer.nextMessage()).toBe('patched');
  });
});
