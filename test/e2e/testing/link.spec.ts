import { once } from 'node:events';
import { connect } from 'node:net';

import { Frame, OnConnect, OnFrame, reply, WebSockexClient } from 'nestjs-websockex';
import { createTestServer } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';
import { NetScene } from '../../fixtures/net-scene.js';

const BYTES = 200_000;

function held() {
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  @WebSockexClient('wss://slow.example')
  class SlowClient {
    count = 0;

    @OnFrame('binary')
    async bytes() {
      this.count++;
      await released;
      return this.count === 10 ? reply('all') : undefined;
    }
  }
  return { SlowClient, release };
}

it('A client that does not read holds its peer up, until it reads on', async () => {
  const { SlowClient, release } = held();
  await using scene = await NetScene.open(SlowClient, { mailbox: { highWaterMark: 2 } });
  const { peer, net } = scene;
  for (let count = 0; count < 10; count++) peer.sendBinary(Buffer.alloc(BYTES));
  await net.settle();
  expect(peer.bufferedAmount).toBeGreaterThan(BYTES);

  release();
  await peer.expectText('all');
  expect(peer.bufferedAmount).toBe(0);
});

describe('A peer that greets', () => {
  @WebSockexClient('wss://greeted.example')
  class GreetedClient {
    @OnConnect()
    hello() {
      return reply('hello');
    }

    @OnFrame('text')
    text({ data }: { readonly data: string }) {
      return reply(data.toUpperCase());
    }
  }

  it('is heard after @OnConnect, in each session', async () => {
    await using scene = await NetScene.boot(GreetedClient, { reconnect: { initialDelay: 0 } });
    const { net, server } = scene;
    server.acceptAll(undefined, {
      headers: { 'x-greets': 'yes' },
      greet: (peer) => {
        peer.send('one');
        // The head of a frame, whose text comes later.
        peer.raw(Uint8Array.of(0x81, 0x03));
      },
    });
    for (let session = 1; session <= 2; session++) {
      await net.settle();
      const { peer } = server;
      for (const text of ['hello', 'ONE']) await peer.expectText(text);
      peer.raw(Buffer.from('two'));
      await peer.expectText('TWO');
      peer.drop();
      await net.clock.advance(1);
    }
    expect(scene.handle.session).toBeGreaterThanOrEqual(2);
  });

  it('may close or fall silent at once', async () => {
    await using scene = await NetScene.boot(GreetedClient, { reconnect: false });
    await scene.server.accept({ greet: (peer) => peer.close(4000, 'full') });
    expect(await scene.handle.terminated).toMatchObject({ by: 'remote', code: 4000 });

    await using other = await NetScene.boot(GreetedClient);
    const peer = await other.server.accept({ greet: (greeting) => greeting.silence() });
    await other.handle.connected();
    await other.net.settle();
    expect(peer.transcript).toEqual(['-> silence']);
  });

  it('whose words throw fails its accept()', async () => {
    await using scene = await NetScene.boot(GreetedClient);
    const boom = new Error('boom');
    const accepted = scene.server.accept({
      greet: () => {
        throw boom;
      },
    });
    await expect(accepted).rejects.toBe(boom);
  });
});

it('An attempt that is no handshake cannot be agreed to, and leaves nothing to the next', async () => {
  await using server = await createTestServer();
  const lines = ['GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'];
  const request = async (...more: string[]): Promise<string> => {
    const socket = connect(server.port, '127.0.0.1');
    socket.end([...lines, ...more, '', ''].join('\r\n'));
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    await once(socket, 'close');
    return answer;
  };
  const refused = request();
  await expect(server.accept({ headers: { 'x-first': '1' } })).rejects.toThrow(
    'the test server: the attempt cannot be agreed to: it is no opening handshake',
  );
  expect(await refused).toMatch(/^HTTP\/1.1 400/);

  const agreed = request(
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
  );
  const peer = await server.accept({ headers: { 'x-second': '2' } });
  peer.drop();
  const answer = await agreed;
  expect(answer).toContain('x-second: 2');
  expect(answer).not.toContain('x-first');
});

describe('The clock of a net', () => {
  it('may end a client on its way', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { net, handle, peer } = scene;
    await peer.expectJson();
    net.clock.setTimer(2_000, () => void handle.sendFrame(Frame.text('two')));
    net.clock.setTimer(5_000, () => void handle.stop());
    let refusal: unknown;
    net.clock.setTimer(6_000, () => {
      handle.sendFrame(Frame.text('six')).catch((error: unknown) => (refusal = error));
    });
    await net.clock.advance('10s');

    await peer.expectText('two');
    await peer.expectClose(1000);
    expect([handle.status, net.clock.pending]).toEqual(['terminated', []]);
    expect(String(refusal)).toContain('terminated');
  });

  it('is moved by a handler once the move under way has ended', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { net, handle } = scene;
    const began = net.clock.now();
    const story: string[] = [];
    const note = (what: string): void => void story.push(`${what} ${net.clock.now() - began}`);
    handle.frames$.subscribe(() => {
      note('a frame');
      void net.clock.advance('1s').then(() => note('inner'));
    });
    net.clock.setTimer(100, () => scene.peer.send('tick'));
    await net.clock.advance(200);
    note('outer');
    await net.clock.advance(0);

    expect(story).toEqual(['a frame 100', 'outer 200', 'inner 1200']);
  });
});

it('Two nets in one test have nothing to do with each other', async () => {
  await using one = await NetScene.open(FeedClient);
  await using other = await NetScene.boot(FeedClient);
  await other.net.settle();
  expect(other.server.attempts).toBe(1);
  await one.net.clock.advance('1h');
  await one.feed('a');
  expect(await one.handle.call('last')).toBe('a');
  expect([other.net.clock.now(), other.handle.status]).toEqual([0, 'connecting']);
  await other.server.accept();
  await other.handle.connected();
  other.peer.drop();
  await other.net.settle();

  expect([one.handle.status, other.handle.status]).toEqual(['open', 'backoff']);
  expect(one.server.attempts).toBe(1);
});
