import { ConnectionError } from 'nestjs-websockex';
import { describe, expect, it, onTestFinished } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { clientAt, Scene } from '../../fixtures/scene.js';
import { selfSigned } from '../../fixtures/tls.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';

const pair = selfSigned();
const elsewhere = selfSigned('elsewhere.example');

describe('A certificate nobody vouches for', () => {
  it('is refused', async () => {
    await using scene = await Scene.boot(Recorder, { reconnect: false }, { server: { tls: pair } });
    const reason = await scene.handle.terminated;
    expect(reason).toMatchObject({
      by: 'error',
      error: {
        systemCode: 'DEPTH_ZERO_SELF_SIGNED_CERT',
        message: expect.stringContaining('tls.ca') as string,
      },
    });
    expect(reason.by === 'error' && reason.error).toBeInstanceOf(ConnectionError);
    expect(scene.journal.lines).toEqual(['disconnect #1 error ConnectionError']);
  });

  it('is refused also where the environment would allow it', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    onTestFinished(() => {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    });
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    await using scene = await Scene.boot(Recorder, { reconnect: false }, { server: { tls: pair } });
    expect(await scene.handle.terminated).toMatchObject({
      error: { systemCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
  });

  it('is accepted where rejectUnauthorized: false says so', async () => {
    const tls = { rejectUnauthorized: false };
    await using scene = await Scene.open(Recorder, { tls }, { server: { tls: elsewhere } });
    expect(scene.handle.status).toBe('open');
  });
});

describe('A certificate given in tls.ca', () => {
  const options = { reconnect: false, tls: { ca: pair.cert } } as const;

  it('is accepted', async () => {
    await using scene = await Scene.open(Recorder, options, { server: { tls: pair } });
    scene.peer.text('secret');
    scene.peer.ping('still there');
    scene.peer.close(1000, 'bye');
    expect((await scene.peer.nextFrame()).name).toBe('pong');
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 1000, closeReason: 'bye' });
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'text secret',
      'disconnect #1 remote 1000 "bye"',
      'terminate remote 1000 "bye"',
    ]);
  });

  it('does not vouch for another host name', async () => {
    const tls = { ca: elsewhere.cert };
    await using scene = await Scene.boot(
      Recorder,
      { reconnect: false, tls },
      { server: { tls: elsewhere } },
    );
    expect(await scene.handle.terminated).toMatchObject({
      error: {
        systemCode: 'ERR_TLS_CERT_ALTNAME_INVALID',
        message: expect.stringContaining('tls.servername') as string,
      },
    });
  });

  it('does where tls.servername asks for that name', async () => {
    const tls = { ca: elsewhere.cert, servername: 'elsewhere.example' };
    await using scene = await Scene.open(Recorder, { tls }, { server: { tls: elsewhere } });
    expect(scene.handle.status).toBe('open');
  });

  it('lets a frame in the record of the 101 through', async () => {
    await using scene = await Scene.boot(Recorder, options, { server: { tls: pair } });
    const peer = await scene.server.nextPeer();
    await peer.open({ tail: encodeFrame(OPCODE.text, 'early') });
    await scene.journal.until('text early');
    expect(scene.journal.lines).toEqual(['connect 1', 'text early']);
  });

  it.each(['fin', 'reset'] as const)('tells 1006 after a %s', async (how) => {
    await using scene = await Scene.open(Recorder, options, { server: { tls: pair } });
    scene.peer[how]();
    expect(await scene.handle.terminated).toEqual({ by: 'remote', code: 1006, message: '' });
  });

  it('reaches a 1011 at a peer before the connection ends', async () => {
    class Crasher extends Recorder {
      override frame(): never {
        throw new Error('boom');
      }
    }
    await using scene = await Scene.open(Crasher, options, { server: { tls: pair } });
    scene.peer.text('x');
    expect(await scene.peer.nextFrame()).toMatchObject({ closeCode: 1011 });
    expect(await scene.peer.ended()).toBe('fin');
  });
});

describe('A peer that is gone during the TLS handshake', () => {
  it.each(['fin', 'reset'] as const)('is a failed attempt after a %s', async (how) => {
    await using server = await RawServer.listen({ onPeer: (peer) => peer[how]() });
    const url = server.url().replace('ws:', 'wss:');
    await using app = await boot([clientAt(url, Recorder, { reconnect: false })]);
    await app.journal.until('disconnect #1 error ConnectionError');
    expect(app.journal.statuses[0]?.error).toMatchObject({ systemCode: 'ECONNRESET' });
  });

  it('is a failed attempt where the peer does not speak TLS', async () => {
    await using server = await RawServer.listen({
      onPeer: (peer) => peer.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    });
    const url = server.url().replace('ws:', 'wss:');
    await using app = await boot([clientAt(url, Recorder, { reconnect: false })]);
    await app.journal.until('disconnect #1 error ConnectionError');
  });
});
