import { Frame } from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { expect, it } from 'vitest';

import { SystemClock } from '../../../../lib/runtime/clock/system.clock.js';
import { NativeTransport } from '../../../../lib/runtime/transport/native/native.transport.js';
import type { TransportOptions } from '../../../../lib/runtime/transport/transport.options.js';
import type { TransportRequest } from '../../../../lib/runtime/transport/transport.port.js';
import { RawServer } from '../../../fixtures/raw-server.js';
import { encodeFrame, OPCODE } from '../../../fixtures/wire.js';
import { Story } from '../conformance/story.js';

const TEXTS = Array.from({ length: 50 }, (_, n) => `text ${n} ${'x'.repeat(100)}`);

function request(url: string, options: TransportOptions = {}): TransportRequest {
  return { client: 'feed', url, headers: {}, protocols: [], options };
}

it('a stream that keeps what it is given keeps it unchanged, behind allowUrl too', async () => {
  await using world = createTestNet();
  const open = async (name: string) => {
    const story = new Story();
    const asked = request(`ws://${name}.example/`, { allowUrl: () => true });
    const socket = world.transport.open(asked, story);
    const peer = await world.server(asked.url).accept();
    await story.until('open');
    return { socket, story, peer };
  };
  const slow = await open('slow');
  const busy = await open('busy');
  slow.peer.stall();
  for (const text of TEXTS) slow.socket.send(Frame.text(text));
  await world.settle();
  // More than the memory that is used again holds.
  for (let n = 0; n < 200; n++) {
    busy.socket.send(Frame.text('y'.repeat(1000)));
    await busy.peer.next();
  }
  slow.peer.unstall();
  const got: unknown[] = [];
  while (got.length < TEXTS.length && got.at(-1) !== 'end') {
    const next = await slow.peer.next();
    got.push(next.type === 'text' ? next.data : next.type);
  }
  for (const { socket, story } of [slow, busy]) {
    socket.terminate();
    await story.over();
  }
  expect(got).toEqual(TEXTS);
});

it('what is sent before the session is open goes nowhere, and who sends is told once', async () => {
  await using server = await RawServer.listen();
  const story = new Story();
  const socket = new NativeTransport(new SystemClock()).open(request(server.url()), story);
  const told: string[] = [];
  const send = (when: string): void =>
    socket.send(Frame.text(when), (error) => told.push(`${when} ${error?.isUnsent ?? error}`));
  send('dialling');
  await story.until('dialled');
  send('asking');
  const peer = await server.nextPeer();
  await peer.open();
  await story.until('open');
  send('open');
  expect(await peer.next()).toMatchObject({ payload: Buffer.from('open') });
  socket.terminate();
  await story.over();
  expect(told).toEqual(['dialling true', 'asking true', 'open undefined']);
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What reaches the process while `work` goes on. */
async function uncaught(work: () => Promise<void>): Promise<unknown[]> {
  const caught: unknown[] = [];
  const listeners = process.rawListeners('uncaughtException') as ((error: Error) => void)[];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => caught.push(error));
  try {
    await work();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
  return caught;
}

it('what comes to a socket that was paused before anything had come waits for the resume', async () => {
  await using server = await RawServer.listen();
  const story = new Story();
  const socket = new NativeTransport(new SystemClock()).open(request(server.url()), story);
  const peer = await server.nextPeer();
  await peer.open();
  await story.until('open');
  socket.pause();
  const before = Number(socket.bytesRead);
  peer.text('a');
  while (Number(socket.bytesRead) < before + 3) await turn();
  await turn();
  expect(story.frames).toEqual([]);
  socket.resume();
  await story.until('text a');
  socket.terminate();
  await story.over();
});

it.each([
  ['the last frame before the end of the peer', 'text c', 'fin'],
  ['a frame before others', 'text a', 'fin'],
  ['the end of the peer', 'peer end', 'fin'],
  ['a frame behind which the peer has reset', 'text a', 'reset'],
] as const)('who throws when told of %s holds up nothing', async (_, line, how) => {
  await using server = await RawServer.listen();
  const story = new Story();
  const thrown = new Error('of who was told');
  const caught = await uncaught(async () => {
    const socket = new NativeTransport(new SystemClock()).open(request(server.url()), story);
    const peer = await server.nextPeer();
    await peer.open();
    await story.until('open');
    socket.pause();
    story.onLine = (one) => {
      if (one === line) throw thrown;
    };
    const before = Number(socket.bytesRead);
    for (const text of ['a', 'b', 'c']) peer.text(text);
    while (Number(socket.bytesRead) < before + 9) await turn();
    if (how === 'fin') peer.fin();
    else peer.reset();
    // Its end, too, comes while it is paused; a reset ends the pause.
    for (let n = 0; n < 20; n++) await turn();
    if (how === 'fin') socket.resume();
    await story.over();
  });
  expect(caught).toEqual([thrown]);
  const texts = ['text a', 'text b', 'text c'];
  expect(story.frames).toEqual(texts);
  expect(story.lines.at(-1)).toMatch(/^end/);
});

const { text: TEXT, continuation: REST } = OPCODE;
const GOOD = Buffer.from('κόσμε');
/** Above U+10FFFF, in the middle of a text: known with its second byte. */
const BAD = [0xf4, 0x90, 0x80, 0x80];

/** One frame of the text, of which only its first bytes come. */
const frameOf = (length: number, bytes: Buffer): Buffer =>
  encodeFrame(TEXT, bytes, { announcedLength: length });

// What the Autobahn test suite sends up to there; that the session is over by then makes them OK, and not
// NON-STRICT.
it.each([
  [
    '6.4.1',
    [encodeFrame(TEXT, GOOD, { fin: false }), encodeFrame(REST, Buffer.from(BAD), { fin: false })],
  ],
  [
    '6.4.2',
    [
      encodeFrame(TEXT, Buffer.concat([GOOD, Buffer.from(BAD.slice(0, 1))]), { fin: false }),
      encodeFrame(REST, Buffer.from(BAD.slice(1, 2)), { fin: false }),
    ],
  ],
  ['6.4.3', [frameOf(21, GOOD), Buffer.from(BAD)]],
  [
    '6.4.4',
    [
      frameOf(21, Buffer.concat([GOOD, Buffer.from(BAD.slice(0, 1))])),
      Buffer.from(BAD.slice(1, 2)),
    ],
  ],
])('case %s of Autobahn: bad text is refused before its message is whole', async (_, pieces) => {
  await using server = await RawServer.listen();
  const story = new Story();
  const socket = new NativeTransport(new SystemClock()).open(request(server.url()), story);
  const peer = await server.nextPeer();
  await peer.open();
  for (const piece of pieces) await peer.writeAll(piece);
  expect(await peer.next()).toMatchObject({ name: 'close', closeCode: 1007 });
  await story.until('protocol error 1007');
  expect(story.frames).toEqual([]);
  socket.terminate();
  await story.over();
});
