import { ConnectionError, HandshakeError, type WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Journal, Recorder } from '../../fixtures/journal.js';
import { RawServer, type RawPeer } from '../../fixtures/raw-server.js';
import { AT_ONCE, clientAt, Scene } from '../../fixtures/scene.js';

/** Answers the request of the first attempt, and gives what the client ended with. */
async function errorOf(
  answer: (peer: RawPeer) => void,
  options: WebSockexClientOptions = {},
): Promise<unknown> {
  await using scene = await Scene.boot(Recorder, { reconnect: false, ...options });
  const peer = await scene.server.nextPeer();
  await peer.request();
  answer(peer);
  const reason = await scene.handle.terminated;
  await peer.ended();
  expect(scene.server.connectionCount).toBe(1);
  // No session was ever open: there is nothing to terminate.
  expect(scene.journal.lines).toEqual(['disconnect #1 error HandshakeError']);
  return reason.by === 'error' ? reason.error : reason;
}

describe('A handshake answered with another status than 101', () => {
  it.each([200, 204, 302, 400, 401, 403, 404, 426, 500, 503])('fails on %i', async (status) => {
    const error = await errorOf((peer) => peer.refuse(status, undefined, { 'X-Why': 'because' }));
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({
      code: 'ERR_WEBSOCKEX_HANDSHAKE',
      client: 'Recorder',
      status,
      headers: { 'x-why': 'because' },
      message: expect.stringContaining(`the peer answered ${status}`) as string,
    });
  });

  it('does not wait for the end of its body', async () => {
    const error = await errorOf((peer) => {
      peer.refuse(500, 'Broken', { 'Content-Length': '1000000' }, 'the beginning of a body');
    });
    expect(error).toMatchObject({ status: 500 });
  });

  it('is not redirected', async () => {
    await using other = await RawServer.listen();
    const error = await errorOf((peer) => {
      peer.refuse(302, undefined, { Location: other.url('/elsewhere') });
    });
    expect(error).toMatchObject({
      status: 302,
      message: expect.stringContaining('followRedirects') as string,
    });
    expect(other.connectionCount).toBe(0);
  });

  it('is redirected where the options allow it', async () => {
    await using other = await RawServer.listen();
    await using scene = await Scene.boot(Recorder, { reconnect: false, followRedirects: true });
    const first = await scene.server.nextPeer();
    await first.request();
    first.refuse(302, undefined, { Location: other.url('/elsewhere') });
    const second = await other.nextPeer();
    expect((await second.open()).path).toBe('/elsewhere');
    await scene.journal.until('connect 1');
    expect(scene.handle.status).toBe('open');
  });
});

describe('A 101 that breaks the protocol', () => {
  it.each([
    ['a wrong Sec-WebSocket-Accept', { 'Sec-WebSocket-Accept': 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }],
    ['no Sec-WebSocket-Accept', { 'Sec-WebSocket-Accept': null }],
    ['an empty Sec-WebSocket-Accept', { 'Sec-WebSocket-Accept': '' }],
    ['no Upgrade', { Upgrade: null }],
    ['another Upgrade', { Upgrade: 'h2c' }],
    ['no Connection', { Connection: null }],
    ['a Connection that does not upgrade', { Connection: 'keep-alive' }],
    ['a subprotocol nobody asked for', { 'Sec-WebSocket-Protocol': 'surprise' }],
    ['an extension nobody offered', { 'Sec-WebSocket-Extensions': 'x-surprise' }],
    ['a compression nobody offered', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }],
  ])('fails with %s', async (_what, headers) => {
    const error = await errorOf((peer) => peer.accept({ headers }));
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ status: 101 });
  });

  it.each([
    ['does not choose one of the subprotocols', {}],
    ['chooses a subprotocol that was not offered', { 'Sec-WebSocket-Protocol': 'v3' }],
  ])('fails where it %s', async (_what, headers) => {
    const error = await errorOf((peer) => peer.accept({ headers }), { protocols: ['v1', 'v2'] });
    expect(error).toMatchObject({ name: 'HandshakeError', status: 101 });
  });
});

describe('A handshake that is answered well', () => {
  it('may write its header names and values in any case', async () => {
    await using scene = await Scene.boot(Recorder, { reconnect: false });
    const peer = await scene.server.nextPeer();
    const request = await peer.request();
    const accept = /Sec-WebSocket-Accept: (\S+)/.exec(peer.acceptBytes().toString())?.[1] ?? '';
    expect(request.headers['sec-websocket-version']).toBe('13');
    peer.write(
      `HTTP/1.1 101 ok\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    );
    await scene.handle.connected();
    expect(scene.journal.lines).toEqual(['connect 1']);
  });

  it('may come after answers that are informational', async () => {
    await using scene = await Scene.boot(Recorder, { reconnect: false });
    const peer = await scene.server.nextPeer();
    await peer.request();
    peer.write('HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n');
    peer.accept();
    await scene.handle.connected();
  });

  it('tells @OnConnect and connected() what the peer agreed to', async () => {
    await using scene = await Scene.boot(
      Recorder,
      {
        protocols: ['v1', 'v2'],
        headers: { 'X-Mine': ['a', 'b'] },
        origin: 'https://here.example',
      },
      { path: '/feed?x=1&y=%C3%A9' },
    );
    const peer = await scene.server.nextPeer();
    const request = await peer.open({
      headers: { 'Sec-WebSocket-Protocol': 'v2', 'X-Yours': 'yes' },
    });
    expect(request.path).toBe('/feed?x=1&y=%C3%A9');
    expect(request.headers).toMatchObject({
      'x-mine': 'a, b',
      origin: 'https://here.example',
      'sec-websocket-protocol': 'v1,v2',
    });
    expect(request.headers).not.toHaveProperty('sec-websocket-extensions');
    expect(await scene.handle.connected()).toMatchObject({
      url: scene.server.url('/feed?x=1&y=%C3%A9'),
      protocol: 'v2',
      extensions: '',
      session: 1,
      headers: { 'x-yours': 'yes' },
    });
  });
});

describe('A failed first attempt', () => {
  it('runs no callback where handleInitialFailure is false', async () => {
    await using scene = await Scene.boot(Recorder, { handleInitialFailure: false });
    const peer = await scene.server.nextPeer();
    await peer.request();
    peer.refuse(401);
    const reason = await scene.handle.terminated;
    expect(reason).toMatchObject({ by: 'error', error: { name: 'HandshakeError', status: 401 } });
    expect(scene.journal.lines).toEqual([]);
    expect(scene.server.connectionCount).toBe(1);
  });

  it('is the only one that handleInitialFailure concerns', async () => {
    await using scene = await Scene.open(Recorder, {
      handleInitialFailure: false,
      reconnect: AT_ONCE,
    });
    scene.peer.fin();
    const refused = await scene.server.nextPeer();
    await refused.request();
    refused.refuse(503);
    await scene.accept();
    await scene.journal.until('connect 2');
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'disconnect #1 remote 1006',
      'disconnect #2 error HandshakeError',
      'connect 2',
    ]);
  });

  it('fails the boot of an application that requires the client', async () => {
    await using server = await RawServer.listen({
      onPeer: async (peer) => {
        await peer.request();
        peer.refuse(401, 'Who are you');
      },
    });
    const journal = new Journal();
    const client = clientAt(server.url(), Recorder, { startup: 'required' });
    await expect(boot([client], { journal })).rejects.toMatchObject({
      name: 'HandshakeError',
      status: 401,
      message: expect.stringContaining('401 Who are you') as string,
    });
    expect(journal.lines).toEqual([]);
    expect(server.connectionCount).toBe(1);
  });

  it('does not fail that boot where handleInitialFailure lets it try again', async () => {
    await using server = await RawServer.listen({
      onPeer: async (peer) => {
        if (peer.index === 3) return void (await peer.open());
        await peer.request();
        peer.refuse(500);
      },
    });
    const client = clientAt(server.url(), Recorder, {
      startup: 'required',
      handleInitialFailure: true,
      reconnect: AT_ONCE,
    });
    await using app = await boot([client]);
    expect(app.handle(client).status).toBe('open');
    expect(app.journal.lines).toEqual([
      'disconnect #1 error HandshakeError',
      'disconnect #2 error HandshakeError',
      'connect 1',
    ]);
  });

  it('rejects those who wait for a connection', async () => {
    await using scene = await Scene.boot(Recorder, { reconnect: false, startup: 'manual' });
    const started = scene.handle.start();
    const connected = scene.handle.connected();
    const peer = await scene.server.nextPeer();
    peer.reset();
    await expect(started).rejects.toBeInstanceOf(ConnectionError);
    await expect(connected).rejects.toBeInstanceOf(ConnectionError);
    expect(scene.handle.status).toBe('terminated');
  });
});
