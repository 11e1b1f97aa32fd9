import { once } from 'node:events';
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';

import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { FormatStatus, OnFrame, WebSockexClient } from 'nestjs-websockex';
import { WebSockexInspectorModule } from 'nestjs-websockex/inspector';
import { describe, expect, it } from 'vitest';

import type {
  ClientView,
  InspectorInfo,
  Overview,
} from '../../../lib/inspector/inspector.protocol.js';
import { FeedClient, open } from '../../fixtures/inspector/feed.js';
import { Inspected } from '../../fixtures/inspector/inspected.js';
import { Gate } from '../../fixtures/journal.js';

const PLATFORMS = ['express', 'fastify'] as const;

describe.each(PLATFORMS)('A reader, on %s', (platform) => {
  it('that goes while a guard is at work takes nobody else its place', async () => {
    const asked = new Gate();
    const left = new Gate();
    @Injectable()
    class SlowGuard implements CanActivate {
      async canActivate(context: ExecutionContext): Promise<boolean> {
        const given = context
          .switchToHttp()
          .getRequest<IncomingMessage & { raw?: IncomingMessage }>();
        if (given.headers['x-slow'] === undefined) return true;
        asked.open();
        await once((given.raw ?? given).socket, 'close');
        left.open();
        return true;
      }
    }
    await using world = await Inspected.boot({
      platform,
      clients: [FeedClient],
      inspector: { guards: [SlowGuard], tails: { max: 1 } },
    });
    const { id } = await open(world);
    const url = `${world.origin}/websockex/api/live/frames/${id}`;
    const slow = request(url, { headers: { 'x-slow': '1' } }).end();
    slow.on('error', () => undefined);
    await asked.opened;
    slow.destroy();
    await left.opened;
    expect((await world.live(`frames/${id}`)).response.statusCode).toBe(200);
  });

  it('of headers alone follows nothing', async () => {
    await using world = await Inspected.boot({
      platform,
      clients: [FeedClient],
      inspector: { tails: { max: 1 } },
    });
    const { id } = await open(world);
    const { hostname, port } = new URL(world.origin);
    const socket = connect(Number(port), hostname);
    socket.write(`HEAD /websockex/api/live/frames/${id} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    // The server ends it: this reader would keep it for ever.
    const chunks = await socket.setEncoding('latin1').toArray();
    expect(chunks.join('')).toMatch(/^HTTP\/1.1 200 .*text\/event-stream.*\r\n\r\n$/s);
    expect((await world.live(`frames/${id}`)).response.statusCode).toBe(200);
  });
});

@WebSockexClient('wss://feed.example/v1')
class StatefulClient {
  looks = 0;

  @OnFrame('text', 'crash')
  crash() {
    throw new Error('no such price: 77.5');
  }

  @OnFrame()
  any() {}

  @FormatStatus()
  format() {
    let doubled: unknown = Object.defineProperty({}, 'x', {
      enumerable: true,
      get: () => this.looks++,
    });
    for (let depth = 0; depth < 3; depth++) doubled = Array.from({ length: 50 }, () => doubled);
    const many = Array.from({ length: 60 }, (_, index) => [`k${index}`, index]);
    const rest = { set: new Set(many.map(([key]) => key)), map: new Map(many as never) };
    const long = `${'y '.repeat(990)}password='hunter ${'hunter '.repeat(2 ** 17)}'`;
    return { small: 1, ...rest, long, doubled };
  }
}

describe('A state', () => {
  it('is shown in part, however much it holds', async () => {
    await using world = await Inspected.boot({ clients: [StatefulClient] });
    world.net.server(StatefulClient).acceptAll();
    await world.handle(StatefulClient).connected();
    const { id } = await world.row('StatefulClient');
    const { state = '' } = await world.get<ClientView>(`clients/${id}`);
    expect(state.length).toBe(16_385);
    expect(state).toMatch(/"k49",\n +"… 10 more"/);
    expect(state).toMatch(/"k49": 49,\n +"…": "10 more"/);
    expect(state).not.toContain('hunter');
    const { looks } = await world.handle(StatefulClient).sys.getState();
    expect(looks).toBeLessThanOrEqual(2_000);
  });
});

describe('In mode metadata', () => {
  it('the words of peers, and of errors that frames have caused, are not shown', async () => {
    await using world = await Inspected.boot({
      clients: [StatefulClient],
      inspector: { mode: 'metadata' },
    });
    const server = world.net.server(StatefulClient);
    server.acceptAll();
    await world.handle(StatefulClient).connected();
    server.peer.close(4001, 'price 77.5');
    await world.net.clock.advance('5s');
    server.peer.send('crash');
    await world.net.settle();
    const { id } = await world.row('StatefulClient');
    const { timeline } = await world.get<ClientView>(`clients/${id}`);
    const { ends } = await (await world.live('overview')).next<Overview>('overview');
    expect(JSON.stringify([timeline, ends])).not.toContain('77.5');
    expect(ends.map(({ text }) => text)).toContain('closed by the peer with 4001');
    const terminated = timeline.find(({ kind }) => kind === 'terminate');
    expect(terminated?.text).toBe('Error');
  });
});

describe('Streams', () => {
  it('that nobody reads keep no more than one message', async () => {
    const responses: ServerResponse[] = [];
    await using world = await Inspected.boot({
      clients: [StatefulClient],
      inspector: { tails: { payload: 2 ** 16, lifetime: 10_000_000 } },
      prepare: (app) =>
        app.use((given: IncomingMessage, response: ServerResponse, next: () => void) => {
          if (given.url?.includes('/live/')) responses.push(response);
          next();
        }),
    });
    const server = world.net.server(StatefulClient);
    server.acceptAll();
    await world.handle(StatefulClient).connected();
    const { id } = await world.row('StatefulClient');
    for (const path of [`clients/${id}`, `frames/${id}`]) (await world.live(path)).pause();
    const text = 'x '.repeat(2 ** 15);
    for (let second = 0; second < 1_500; second++) {
      server.peer.send(text);
      await world.net.clock.advance('1s');
    }
    expect(responses.length).toBe(2);
    for (const { writableLength } of responses) expect(writableLength).toBeLessThan(2 ** 20);
  });

  it('are so many at a time', async () => {
    await using world = await Inspected.boot();
    for (let many = 0; many < 100; many++) await world.live('overview');
    expect((await world.fetch('websockex/api/live/overview')).status).toBe(429);
  });
});

it.each(PLATFORMS)(
  'Two inspectors of one application, on %s, are each as it says',
  async (platform) => {
    await using world = await Inspected.boot({
      platform,
      clients: [FeedClient],
      imports: [WebSockexInspectorModule.forRoot({ path: 'second', mode: 'metadata' })],
    });
    await open(world);
    const modes: string[] = [];
    for (const path of ['websockex', 'second']) {
      const response = await world.fetch(`${path}/api/info`);
      modes.push(((await response.json()) as InspectorInfo).mode);
      expect((await world.fetch(`${path}/api/clients/c1`)).status).toBe(200);
    }
    expect(modes).toEqual(['full', 'metadata']);
  },
);
