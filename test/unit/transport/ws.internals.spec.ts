import { readFile } from 'node:fs/promises';
import { Duplex } from 'node:stream';
import { constants, deflateRawSync } from 'node:zlib';

import { describe, expect, it, onTestFinished, vi } from 'vitest';
import WebSocket from 'ws';

import {
  missingBytes,
  refusalCode,
  UnansweringWebSocket,
  whenTold,
} from '../../../lib/runtime/transport/ws.internals.js';
import { WsTransport } from '../../../lib/runtime/transport/ws.transport.js';
import { RawServer, type RawPeer } from '../../fixtures/raw-server.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';
import { Story } from './conformance/story.js';

/** A socket of `ws` as the transport makes it, with somebody at the other end. */
async function open(options: object = {}, headers: Record<string, string> = {}) {
  const server = await RawServer.listen();
  onTestFinished(() => server.close());
  const ws = new UnansweringWebSocket(server.url(), [], { autoPong: false, ...options });
  ws.on('error', () => undefined);
  onTestFinished(() => ws.terminate());
  const peer = await server.nextPeer();
  await peer.open({ headers });
  if (ws.readyState === WebSocket.CONNECTING) await event(ws, 'open');
  return { ws, peer };
}

function event(ws: WebSocket, name: string): Promise<unknown[]> {
  return new Promise((resolve) => ws.once(name, (...args: unknown[]) => resolve(args)));
}

describe('The ws that is installed', () => {
  it('has the limits by default that docs/options.md tells', async () => {
    const { ws } = await open();
    const { _receiver } = ws as unknown as { readonly _receiver: object };
    expect(_receiver).toMatchObject({ _maxFragments: 16_384, _maxBufferedChunks: 262_144 });
    const page = await readFile(new URL('../../../docs/options.md', import.meta.url), 'utf8');
    expect(page).toMatch(/16,384\s+fragments .* 262,144\s+chunks/s);
  });

  it.each([
    ['a code and a reason', [4000, 'bye'], [4000, 'bye']],
    ['a code', [1001], [1001, '']],
    ['nothing', [], [undefined, '']],
  ] as const)('1. answers a close frame of %s by calling close()', async (_, sent, told) => {
    const { ws, peer } = await open();
    const closed = vi.fn();
    ws.peerClosed = closed;
    peer.close(...(sent as readonly [number?, string?]));
    peer.fin();
    await event(ws, 'close');
    expect(closed.mock.calls).toEqual([told]);
    // It did not answer by itself.
    expect(peer.transcript.filter((line) => line.startsWith('<- close'))).toEqual([]);
  });

  it('1. refuses a frame by calling close(code), with an error behind it', async () => {
    const { ws, peer } = await open();
    const failed = event(ws, 'error');
    peer.frame(0x3);
    const [error] = (await failed) as [Error];
    expect(ws.refusedWith).toBe(1002);
    expect(refusalCode(error)).toBe(1002);
    expect(ws.readyState).toBe(WebSocket.OPEN);
  });

  it('2. makes the socket, and asks for the request, in the constructor', async () => {
    const server = await RawServer.listen();
    onTestFinished(() => server.close());
    const asked: unknown[] = [];
    const finishRequest = (...args: unknown[]): void => void asked.push(...args);
    const ws = new UnansweringWebSocket(server.url(), [], { finishRequest });
    const ended = ['error', 'close'].map((name) => event(ws, name));
    expect(asked[1]).toBe(ws);
    ws.terminate();
    await Promise.all(ended);
  });

  it('2. judges the headers that the answer has after it was told', async () => {
    const server = await RawServer.listen();
    onTestFinished(() => server.close());
    const ws = new UnansweringWebSocket(server.url(), ['v1']);
    onTestFinished(() => ws.terminate());
    ws.on('upgrade', (answer) => {
      answer.headers = { ...answer.headers, 'sec-websocket-protocol': 'v1' };
    });
    const opened = event(ws, 'open');
    await (await server.nextPeer()).open();
    await opened;
    expect(ws.protocol).toBe('v1');
  });

  it.each([200, 101])('2. can be given up while it tells the answer %s', async (status) => {
    const server = await RawServer.listen();
    onTestFinished(() => server.close());
    const ws = new UnansweringWebSocket(server.url());
    const told: string[] = [];
    for (const name of ['open', 'error', 'close']) ws.on(name, () => told.push(name));
    ws.on('upgrade', () => ws.terminate());
    ws.on('unexpected-response', () => ws.terminate());
    const ended = event(ws, 'close');
    const peer = await server.nextPeer();
    await peer.request();
    if (status === 101) peer.accept({ headers: { 'Sec-WebSocket-Accept': 'wrong' } });
    else peer.refuse(status);
    await ended;
    expect(told).toEqual(['error', 'close']);
  });

  it('3. tells when all that has arrived was told, compressed frames too', async () => {
    const extension = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
    const { ws, peer } = await open({ perMessageDeflate: true }, extension);
    const order: string[] = [];
    ws.on('message', () => order.push('message'));
    const { _receiver: receiver } = ws as unknown as { _receiver?: object };
    expect(receiver).toHaveProperty('writableLength', 0);
    const socket = (ws as unknown as { _socket: Duplex })._socket;
    const told = new Promise<void>((resolve) => {
      socket.prependOnceListener('end', () =>
        whenTold(ws, () => {
          order.push('told');
          resolve();
        }),
      );
    });
    const text = deflateRawSync('x'.repeat(9000), { finishFlush: constants.Z_SYNC_FLUSH });
    peer.frame(OPCODE.text, text.subarray(0, -4), { rsv: 4 });
    peer.fin();
    await told;
    expect(order).toEqual(['message', 'told']);
    whenTold({}, () => order.push('at once'));
    expect(order.at(-1)).toBe('at once');
  });

  it('3. knows how much of a frame is missing that it refuses', async () => {
    const { ws, peer } = await open();
    const failed = event(ws, 'error');
    peer.write(encodeFrame(OPCODE.continuation, 'hello').subarray(0, 4));
    const [error] = (await failed) as [Error];
    expect(missingBytes(ws, error)).toBe(3);
  });

  it('4. has the code of a refusal on its error when the socket is gone by then', async () => {
    const extension = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
    const { ws, peer } = await open({ perMessageDeflate: true }, extension);
    const failed = event(ws, 'error');
    peer.frame(OPCODE.text, Buffer.from([0xff, 0xff, 0xff]), { rsv: 4 });
    peer.fin();
    const [error] = (await failed) as [Error];
    expect(refusalCode(error)).toBe(1007);
    expect(refusalCode(new Error('any other'))).toBeUndefined();
  });

  it('6. sends nothing of a frame whose mask destroyed the socket', async () => {
    const { ws, peer } = await open({ generateMask: () => ws.terminate() });
    const failed = new Promise((resolve) => ws.send('secret', resolve));
    expect(await failed).toBeInstanceOf(Error);
    await peer.ended();
    expect(peer.transcript.filter((line) => line.startsWith('<- text'))).toEqual([]);
  });
});

describe('Another ws, which does not call close() for the frame of the peer', () => {
  async function openWithout(): Promise<{ story: Story; peer: RawPeer; end: () => void }> {
    const close = vi.spyOn(UnansweringWebSocket.prototype, 'close').mockImplementation(function (
      this: WebSocket,
      ...args
    ) {
      WebSocket.prototype.close.apply(this, args);
    });
    onTestFinished(() => close.mockRestore());
    const server = await RawServer.listen();
    onTestFinished(() => server.close());
    const story = new Story();
    const request = { client: 'feed', url: server.url(), headers: {}, protocols: [], options: {} };
    const socket = new WsTransport().open(request, story);
    const peer = await server.nextPeer();
    await peer.open();
    await story.until('open');
    return { story, peer, end: () => socket.terminate() };
  }

  it.each([
    ['a code and a reason', [4000, 'bye'], 'peer close 4000 bye'],
    ['a code', [1001], 'peer close 1001'],
    ['nothing', [], 'peer close'],
  ] as const)('tells of a close frame of %s at the end', async (_, sent, line) => {
    const { story, peer } = await openWithout();
    peer.text('before');
    peer.close(...(sent as readonly [number?, string?]));
    await peer.settle();
    await story.over();
    expect(story.frames).toEqual(['text before', line]);
    expect(story.lines.at(-1)).toBe('end');
  });

  it('tells of none where there was none', async () => {
    const { story, peer } = await openWithout();
    peer.fin();
    await story.over();
    expect(story.frames).toEqual([]);
  });
});
