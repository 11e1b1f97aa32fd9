import { BeforeConnect, ConnectionError, type WebSockexClientOptions } from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Gate, Recorder } from '../../fixtures/journal.js';
import { RawServer, type RawPeer } from '../../fixtures/raw-server.js';
import { clientAt, Scene } from '../../fixtures/scene.js';

/** Plays the first attempt, and gives what the client ended with. */
async function errorOf(
  play: (peer: RawPeer, clock: VirtualClock) => Promise<void>,
  options: WebSockexClientOptions = {},
): Promise<unknown> {
  const clock = new VirtualClock();
  await using scene = await Scene.boot(Recorder, { reconnect: false, ...options }, { clock });
  const peer = await scene.server.nextPeer();
  await play(peer, clock);
  const reason = await scene.handle.terminated;
  await peer.ended();
  expect(scene.journal.lines).toEqual(['disconnect #1 error ConnectionError']);
  return reason.by === 'error' ? reason.error : reason;
}

describe('connectTimeout and handshakeTimeout', () => {
  it.each([
    ['connectTimeout', { connectTimeout: 6000 }],
    ['handshakeTimeout', { handshakeTimeout: 6000 }],
  ])('%s ends an attempt that is never answered', async (name, options) => {
    const error = await errorOf(async (peer, clock) => {
      await peer.request();
      await clock.advance(6000);
    }, options);
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as Error).message).toContain(name);
  });

  it.each([
    ['connectTimeout', { connectTimeout: 500 }],
    ['handshakeTimeout', { handshakeTimeout: 500 }],
  ])('%s does not begin again with each byte of the answer', async (name, options) => {
    let written = 0;
    let whole = Infinity;
    const error = await errorOf(async (peer, clock) => {
      await peer.request();
      const trickle = { isOver: false };
      void peer.ended().then(() => (trickle.isOver = true));
      const answer = peer.acceptBytes();
      whole = answer.length;
      // One byte each 20 ms takes more than two seconds.
      while (!trickle.isOver && written < whole) {
        peer.write(answer.subarray(written, ++written));
        await clock.advance(20);
      }
    }, options);
    expect((error as Error).message).toContain(name);
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(whole);
  });

  it('cover a TLS handshake that is not answered', async () => {
    const server = await RawServer.listen();
    await using _server = server;
    const url = server.url().replace('ws:', 'wss:');
    const client = clientAt(url, Recorder, { reconnect: false, connectTimeout: 6000 });
    const clock = new VirtualClock();
    await using app = await boot([client], { clock });
    const peer = await server.peer(1);
    await clock.advance(6000);
    await app.journal.until('disconnect #1 error ConnectionError');
    expect(String(app.journal.statuses[0]?.error)).toContain('connectTimeout');
    await peer.ended();
  });

  it('cover a name lookup that does not return', async () => {
    const client = clientAt('ws://slow.example', Recorder, {
      reconnect: false,
      connectTimeout: 6000,
      socket: { lookup: () => undefined },
    });
    const clock = new VirtualClock();
    await using app = await boot([client], { clock });
    await clock.advance(6000);
    const reason = await app.handle(client).terminated;
    expect(String(reason.by === 'error' && reason.error)).toContain('connectTimeout');
  });

  it('begin after @BeforeConnect, which takes as long as it likes', async () => {
    const gate = new Gate();
    class Signing extends Recorder {
      @BeforeConnect()
      async sign(): Promise<void> {
        this.journal.note('signing');
        await gate.opened;
      }
    }
    const clock = new VirtualClock();
    const limits = { prepareTimeout: 0, connectTimeout: 500, handshakeTimeout: 500 };
    const options = { ...limits, reconnect: false } as const;
    await using scene = await Scene.boot(Signing, options, { clock });
    await scene.journal.until('signing');
    await clock.advance('1h');
    expect(scene.handle.status).toBe('connecting');
    gate.open();
    const peer = await scene.server.nextPeer();
    await peer.request();
    await clock.advance(499);
    expect(scene.journal.lines).toEqual(['signing']);
    await clock.advance(1);
    expect(await scene.handle.terminated).toMatchObject({ error: { name: 'ConnectionError' } });
  });

  it('do not end a session that is open', async () => {
    const clock = new VirtualClock();
    const options = { connectTimeout: 40, handshakeTimeout: 40 };
    await using scene = await Scene.open(Recorder, options, { clock });
    await clock.advance(60_000);
    scene.peer.text('still here');
    await scene.journal.until('text still here');
    expect(scene.journal.lines).toEqual(['connect 1', 'text still here']);
  });

  it('do not end a session that was redirected', async () => {
    const clock = new VirtualClock();
    await using other = await RawServer.listen();
    await using scene = await Scene.boot(
      Recorder,
      { reconnect: false, followRedirects: true, handshakeTimeout: 100 },
      { clock },
    );
    const first = await scene.server.nextPeer();
    await first.request();
    first.refuse(302, undefined, { Location: other.url('/elsewhere') });
    const second = await other.nextPeer();
    await second.open();
    await scene.handle.connected();
    await clock.advance(60_000);
    second.text('still here');
    await scene.journal.until('text still here');
    expect(scene.journal.lines).toEqual(['connect 1', 'text still here']);
  });
});
