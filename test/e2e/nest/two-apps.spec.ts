import {
  getClientToken,
  OnCall,
  OnCast,
  reply,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
} from 'nestjs-websockex';
import type { WebSockexEvent } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../fixtures/nest/app.js';
import { WsServer } from '../../fixtures/ws-server.js';

/** One class for both applications, with state of its own. */
const counting = (url: string) => {
  @WebSockexClient(url)
  class CountingClient {
    private count = 0;

    @OnCall()
    next() {
      return ++this.count;
    }

    @OnCast()
    say(text: string) {
      return reply(text);
    }
  }
  return CountingClient;
};

describe('two applications in one process', () => {
  it('have handles, incarnations and connections of their own for one class', async () => {
    await using server = await WsServer.listen();
    const Counting = counting(server.url());
    const root = { imports: [WebSockexModule.forRoot({ clients: [Counting] })] };
    await using one = await boot(root);
    await using other = await boot(root);
    await Promise.all([one, other].map((app) => app.handle(Counting).connected()));

    expect(one.handle(Counting)).not.toBe(other.handle(Counting));
    expect(await one.handle(Counting).call('next')).toBe(1);
    expect(await one.handle(Counting).call('next')).toBe(2);
    expect(await other.handle(Counting).call('next')).toBe(1);
    expect(server.connectionCount).toBe(2);
  });

  it('have defaults of their own', async () => {
    await using server = await WsServer.listen();
    const Counting = counting(server.url());
    const root = (mark: string) => ({
      imports: [
        WebSockexModule.forRoot({
          clients: [Counting],
          defaults: { headers: { 'x-mark': mark } },
        }),
      ],
    });
    await using _one = await boot(root('one'));
    const first = await server.nextConnection();
    await using _other = await boot(root('other'));
    const second = await server.nextConnection();

    expect(first.request.headers['x-mark']).toBe('one');
    expect(second.request.headers['x-mark']).toBe('other');
  });

  it('see the events of their own clients only', async () => {
    await using server = await WsServer.listen();
    const Counting = counting(server.url());
    const root = { imports: [WebSockexModule.forRoot({ clients: [Counting] })] };
    await using one = await boot(root);
    await using other = await boot(root);
    await Promise.all([one, other].map((app) => app.handle(Counting).connected()));
    const seen: Record<string, WebSockexEvent[]> = { one: [], other: [], handle: [] };
    one.get(WebSockexManager).events$.subscribe((event) => seen.one!.push(event));
    other.get(WebSockexManager).events$.subscribe((event) => seen.other!.push(event));
    other.handle(Counting).events$.subscribe((event) => seen.handle!.push(event));
    await one.handle(Counting).sendFrame('x');
    await one.handle(Counting).stop();

    expect(seen.one!.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['frame:sent', 'disconnected', 'terminate']),
    );
    expect(seen.other).toEqual([]);
    expect(seen.handle).toEqual([]);
  });

  it('shut down apart', async () => {
    await using server = await WsServer.listen();
    const Counting = counting(server.url());
    const root = { imports: [WebSockexModule.forRoot({ clients: [Counting] })] };
    const one = await boot(root);
    const first = await server.nextConnection();
    await using other = await boot(root);
    const second = await server.nextConnection();
    await Promise.all([one, other].map((app) => app.handle(Counting).connected()));
    await one.close();

    expect(await first.closed()).toEqual({ code: 1001, reason: '' });
    expect(one.handle(Counting).status).toBe('terminated');
    expect(other.handle(Counting).status).toBe('open');
    other.handle(Counting).cast('say', 'still here');
    expect(await second.nextMessage()).toBe('still here');
  });

  it('fail apart: a refused one leaves the other as it was', async () => {
    await using server = await WsServer.listen();
    const Counting = counting(server.url());
    const root = { imports: [WebSockexModule.forRoot({ clients: [Counting] })] };
    await using app = await boot(root);
    const peer = await server.nextConnection();
    await bootError({
      imports: [WebSockexModule.forRoot({ clients: [Counting, counting(server.url())] })],
    });

    app.handle(Counting).cast('say', 'unharmed');
    expect(await peer.nextMessage()).toBe('unharmed');
    expect(server.connectionCount).toBe(1);
  });

  it('one after the other, with the same module, begin anew', async () => {
    await using server = await WsServer.listen();
    const Counting = counting(server.url());
    const root = { imports: [WebSockexModule.forRoot({ clients: [Counting] })] };
    const one = await boot(root);
    expect(await one.handle(Counting).call('next')).toBe(1);
    await one.close();
    await using other = await boot(root);

    expect(await other.handle(Counting).call('next')).toBe(1);
    expect(other.get(getClientToken(Counting))).not.toBe(one.get(getClientToken(Counting)));
  });
});
