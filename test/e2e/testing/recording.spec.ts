import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Test } from '@nestjs/testing';
import { getClientToken, WebSockexModule, type ClientHandle } from 'nestjs-websockex';
import { createTestNet, readRecording, record, type ScriptedPeer } from 'nestjs-websockex/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';

/** A client on a net, while `play` plays. */
async function session<R>(
  play: (peer: ScriptedPeer, handle: ClientHandle<FeedClient>) => Promise<R>,
  begun: (handle: ClientHandle<FeedClient>) => void = () => undefined,
): Promise<R> {
  const net = createTestNet();
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [FeedClient] })] }),
  );
  app.useLogger(false);
  await app.init();
  const handle = app.get<ClientHandle<FeedClient>>(getClientToken(FeedClient));
  begun(handle);
  const peer = await net.server(FeedClient).accept();
  await peer.expectJson();
  const played = play(peer, handle);
  await net.clock.advance('10s');
  const result = await played;
  await app.close();
  await net.dispose();
  return result;
}

describe('A recording', () => {
  let file: string;

  beforeEach(async () => {
    file = join(await mkdtemp(join(tmpdir(), 'websockex-')), 'session.jsonl');
  });

  afterEach(() => rm(join(file, '..'), { recursive: true }));

  it('is played back as it was, redacted', async () => {
    let recording: ReturnType<typeof record> | undefined;
    const redact = (one: ReturnType<typeof readRecording>[0]) =>
      one.data === 'secret' ? undefined : one;
    await session(
      async (peer) => {
        peer.send('one');
        peer.send('secret');
        peer.send('two');
        for (const text of ['ONE', 'SECRET', 'TWO']) await peer.expectText(text);
        await recording?.stop();
      },
      (handle) => (recording = record(handle, file, { redact })),
    );
    expect(await readFile(file, 'utf8')).not.toContain('"secret"');

    await session(async (peer) => {
      await peer.replay(file, { speed: 2 });
      for (const text of ['ONE', 'TWO']) await peer.expectText(text);
    });
  });

  it.each([
    ['hides what its keys call a secret', {}, '***'],
    ['keeps all where it is told so', { redact: false as const }, 'abc'],
  ])('%s', async (_, options, kept) => {
    await session(async (peer, handle) => {
      const recording = record(handle, file, options);
      peer.sendJson({ token: 'abc' });
      await peer.expectText(JSON.stringify({ token: 'abc' }).toUpperCase());
      await recording.stop();
    });
    const received = readRecording(file).filter(({ direction }) => direction === 'in');
    expect(received.map(({ data }) => data)).toEqual([JSON.stringify({ token: kept })]);
  });

  it("that cannot be redacted ends, says so when it is stopped, and is not the client's", async () => {
    const boom = new Error('boom');
    let redacted = 0;
    const redact = (): never => {
      redacted++;
      throw boom;
    };
    await session(async (peer, handle) => {
      const recording = record(handle, file, { redact });
      peer.send('one');
      peer.send('two');
      await peer.expectText('ONE');
      await expect(recording.stop()).rejects.toBe(boom);
      expect([recording.count, redacted, handle.status]).toEqual([0, 1, 'open']);
    });
  });
});
