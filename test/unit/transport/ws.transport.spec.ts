import type { ClientRequest } from 'node:http';

import { expect, it } from 'vitest';

import { WsTransport } from '../../../lib/runtime/transport/ws.transport.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { Story } from './conformance/story.js';

it('nothing is told behind the end, though a callback of the options fails then', async () => {
  await using server = await RawServer.listen();
  let fail!: (error: Error) => void;
  const finishRequest = (request: ClientRequest): void => {
    request.end();
    // It says that it returns nothing: it is an async function of somebody who knows no better.
    return new Promise((_, reject) => (fail = reject)) as never;
  };
  const story = new Story();
  const socket = new WsTransport().open(
    {
      client: 'feed',
      url: server.url(),
      headers: {},
      protocols: [],
      options: { ws: { finishRequest } },
    },
    story,
  );
  const peer = await server.nextPeer();
  await peer.open();
  await story.until('open');
  socket.terminate();
  await story.over();
  fail(new Error('of the callback'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(story.lines).toEqual(['dialled', 'open', 'end']);
});
