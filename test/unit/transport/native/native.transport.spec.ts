import { Frame } from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { expect, it } from 'vitest';

import { AutoTransport } from '../../../../lib/runtime/transport/auto.transport.js';
import type { TransportOptions } from '../../../../lib/runtime/transport/transport.options.js';
import type { TransportRequest } from '../../../../lib/runtime/transport/transport.port.js';
import { RawServer } from '../../../fixtures/raw-server.js';
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
  const socket = new AutoTransport().open(request(server.url()), story);
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
