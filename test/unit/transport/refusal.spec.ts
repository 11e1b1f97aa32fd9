import { describe, expect, it } from 'vitest';

import { AutoTransport } from '../../../lib/runtime/transport/auto.transport.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { Story } from './conformance/story.js';

describe.each(['auto', 'ws'] as const)('With transport: %j', (transport) => {
  it('a refusal is what the attempt fails for, although the peer resets within its body', async () => {
    await using server = await RawServer.listen();
    const story = new Story();
    const request = { client: 'feed', url: server.url(), headers: {}, protocols: [] };
    const isRefused = new Promise<void>((resolve) => {
      Object.assign(story, { onRefused: resolve });
    });
    new AutoTransport().open({ ...request, options: { transport } }, story);
    const peer = await server.nextPeer();
    await peer.request();
    peer.refuse(403, 'Forbidden', { 'Content-Length': '100' }, 'no');
    await isRefused;
    peer.reset();
    await story.over();
    expect(story.lines).toEqual(['dialled', 'end HandshakeError']);
    expect(story.error).toMatchObject({ status: 403 });
  });
});
