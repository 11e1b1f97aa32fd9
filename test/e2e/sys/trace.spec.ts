import { Test } from '@nestjs/testing';
import { Frame, getClientToken, WebSockexModule, type ClientHandle } from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { NetScene, printed } from '../../fixtures/net-scene.js';
import { AT_ONCE, clientAt } from '../../fixtures/scene.js';
import { FeedClient, texts } from './traced.client.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('sys.trace', () => {
  it('prints what happens, as WebSockex does, until it is off', async () => {
    const { lines } = printed();
    await using scene = await NetScene.open(FeedClient);
    await scene.feed('before');
    expect(lines).toEqual([]);
    await scene.handle.sys.trace(true);
    await scene.feed('Hi', 'echo');
    scene.peer.sendBinary(Uint8Array.of(1, 255));
    await scene.net.settle();
    scene.handle.cast('publish', 'a', { b: 1 });
    scene.handle.info({ price: 5 });
    await scene.handle.call('ask', 7);
    await scene.handle.sendFrame([Frame.text('He', { fin: false }), Frame.continuation('llo')]);
    expect(lines[0]).toBe('*DBG* FeedClient received frame: {"type":"text","data":"Hi"}');
    expect(texts(lines)).toEqual([
      'received frame: {"type":"text","data":"Hi"}',
      'received frame: {"type":"text","data":"echo"}',
      'replying from echo with {"type":"text","data":"echo"}',
      'replying from echo with {"type":"ping","data":"<70>"}',
      'sending frame: {"type":"text","data":"echo"}',
      'sending frame: {"type":"ping","data":"<70>"}',
      'received frame: {"type":"pong","data":"<70>"}',
      'received frame: {"type":"binary","data":"<01ff>"}',
      'received cast msg: ["publish", "a", {"b":1}]',
      'received msg: {"price":5}',
      'received call msg: ["ask", 7]',
      'sending frame: {"type":"text","data":"He","fin":false}',
      'sending frame: {"type":"continuation","data":"llo"}',
    ]);
    await scene.handle.sys.trace(false);
    const count = lines.length;
    await scene.feed('after');
    expect(lines).toHaveLength(count);
  });

  it('tells of the beginning and the ends of sessions', async () => {
    const { lines } = printed();
    await using scene = await NetScene.open(FeedClient, { debug: true, reconnect: AT_ONCE });
    expect(texts(lines.splice(0))).toEqual(['attempting to connect', 'successfully connected']);

    scene.peer.drop();
    await scene.net.clock.advance('1s');
    expect(texts(lines.splice(0))).toEqual([
      'had the connection closed unexpectedly by the remote server',
      'waiting 0 ms before the next attempt',
      'attempting to reconnect',
      'successfully reconnected',
    ]);

    scene.peer.close(1001, 'away');
    await scene.net.settle();
    expect(texts(lines.splice(0)).slice(0, 3)).toEqual([
      'closing with the remote reason: {"code":1001,"message":"away"}',
      'sending close frame: {"type":"close","code":1001,"reason":"away"}',
      'closed the connection successfully',
    ]);

    await scene.net.clock.advance('1s');
    lines.splice(0);
    await scene.feed('close');
    expect(texts(lines.splice(0))).toEqual([
      'received frame: {"type":"text","data":"close"}',
      'closing with local reason: {"code":4000,"message":"bye"}',
      'sending close frame: {"type":"close","code":4000,"reason":"bye"}',
      'closed the connection successfully',
      'terminating: closed by this client with 4000 "bye"',
    ]);
  });

  it('tells of attempts that fail, and hides what is secret in a URL', async () => {
    const { lines } = printed();
    const url = 'wss://user:hunter2@feed.example/v1?token=hunter2';
    const options = { debug: true, reconnect: AT_ONCE };
    await using scene = await NetScene.boot(FeedClient, options, { url });
    await scene.server.reject(503);
    scene.server.acceptAll();
    await scene.net.clock.advance(1);
    await scene.handle.connected();
    expect(texts(lines)).toEqual([
      'attempting to connect',
      expect.stringMatching(/^closing due to error: .*503/),
      'waiting 0 ms before the next attempt',
      'attempting to connect',
      'successfully connected',
    ]);
    expect(lines.join()).not.toContain('hunter2');
  });

  it('tells of a peer that does not close, and of no success then', async () => {
    const { lines } = printed();
    await using scene = await NetScene.open(FeedClient, { debug: true });
    lines.splice(0);
    scene.peer.silence();
    void scene.handle.close();
    await scene.net.clock.advance('5s');
    expect(texts(lines)).toEqual([
      'closing with local reason: {"message":""}',
      'sending close frame: {"type":"close"}',
      'forcefully closed the connection because the server was taking too long to close',
      'terminating: closed by this client without a code',
    ]);
  });

  it('tells of a peer that breaks the protocol', async () => {
    const { lines } = printed();
    await using scene = await NetScene.open(FeedClient, { debug: true });
    lines.splice(0);
    scene.peer.raw(Uint8Array.of(0x83, 0));
    await scene.net.settle();
    scene.peer.drop();
    await scene.net.settle();
    expect(texts(lines).slice(0, 3)).toEqual([
      expect.stringMatching(/^closing with local reason: {"code":1002,"message":".*opcode 3"}$/),
      'sending close frame: {"type":"close","code":1002,"reason":""}',
      'closed the connection successfully',
    ]);
  });

  it('tells of a crash, and of the attempt after it that fails', async () => {
    const { lines } = printed();
    await using scene = await NetScene.open(FeedClient, { debug: true });
    scene.server.waitAgain();
    await scene.feed('crash');
    await scene.net.clock.advance(1);
    await scene.server.reject(503);
    await scene.net.settle();
    expect(texts(lines).filter((line) => line.startsWith('clos'))).toEqual([
      'closing due to error: boom',
      expect.stringMatching(/^closing due to error: .*503/),
    ]);
  });

  it.each([false, true])(
    'knows no more of a session it saw the close of, when it is on again (statistics: %s)',
    async (counts) => {
      const { lines } = printed();
      await using scene = await NetScene.open(FeedClient, { debug: true, reconnect: AT_ONCE });
      const { handle, net } = scene;
      await handle.sys.statistics(counts);
      const reconnected = handle.reconnect();
      await handle.sys.trace(false);
      await net.clock.advance('1s');
      await reconnected;
      await handle.sys.trace(true);
      lines.splice(0);
      scene.peer.drop();
      await net.settle();
      expect(texts(lines)[0]).toBe('had the connection closed unexpectedly by the remote server');
    },
  );

  it('tells of a peer that does not close before a shutdown is over', async () => {
    const { lines } = printed();
    await using scene = await NetScene.open(FeedClient, { debug: true, closeTimeout: 60_000 });
    lines.splice(0);
    scene.peer.silence();
    const stopped = scene.handle.stop();
    await scene.net.clock.advance('5s');
    await stopped;
    expect(texts(lines)).toContain(
      'forcefully closed the connection because the server was taking too long to close',
    );
    expect(texts(lines)).not.toContain('closed the connection successfully');
  });

  it('goes on after a restart, and tells of it', async () => {
    const { lines } = printed();
    await using scene = await NetScene.open(FeedClient, { debug: ['trace'] });
    lines.splice(0);
    await scene.feed('crash');
    await scene.net.clock.advance('1s');
    await scene.feed('Hi');
    expect(texts(lines)).toEqual([
      'received frame: {"type":"text","data":"crash"}',
      'closing due to error: boom',
      'sending error close frame: {"type":"close","code":1011,"reason":""}',
      'terminating: boom',
      'restarting in 0 ms',
      'restarted, incarnation 2',
      'attempting to reconnect',
      'successfully reconnected',
      'received frame: {"type":"text","data":"Hi"}',
    ]);
  });

  it('stays off after a restart where it was switched off', async () => {
    const { lines } = printed();
    await using scene = await NetScene.open(FeedClient, { debug: { trace: true } });
    await scene.handle.sys.trace(false);
    lines.splice(0);
    await scene.feed('crash');
    await scene.net.clock.advance('1s');
    expect(scene.handle.status).toBe('open');
    expect(lines).toEqual([]);
  });

  it('tells the clients of one application apart', async () => {
    const { lines } = printed();
    await using net = createTestNet();
    class Other extends FeedClient {}
    const first = clientAt('wss://one.example', FeedClient);
    const second = clientAt('wss://two.example', Other);
    const app = await net.install(
      Test.createTestingModule({
        imports: [WebSockexModule.forRoot({ clients: [first, second] })],
      }),
    );
    app.useLogger(false);
    await app.init();
    for (const client of [first, second]) net.server(client).acceptAll();
    const handles = [first, second].map((one) => app.get<ClientHandle>(getClientToken(one)));
    await Promise.all(handles.map((one) => one.connected()));
    await handles[1]?.sys.trace(true);
    for (const client of [first, second]) net.server(client).peer.send('Hi');
    await net.settle();
    expect(lines).toEqual(['*DBG* Other received frame: {"type":"text","data":"Hi"}']);
    await handles[0]?.sys.trace(true);
    net.server(first).peer.send('Ho');
    await net.settle();
    expect(lines.at(-1)).toBe('*DBG* FeedClient received frame: {"type":"text","data":"Ho"}');
    await app.close();
  });
});
