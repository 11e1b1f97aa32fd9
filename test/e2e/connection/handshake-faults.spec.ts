import {
  BeforeConnect,
  ConfigurationError,
  ConnectionError,
  type ConnectRequest,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { RawServer, type RawPeer } from '../../fixtures/raw-server.js';
import { RefusedPort } from '../../fixtures/refused-port.js';
import { clientAt, Scene } from '../../fixtures/scene.js';

/** Plays the first attempt, and gives what the client ended with. */
async function errorOf(
  play: (peer: RawPeer) => void | Promise<void>,
  options: WebSockexClientOptions = {},
): Promise<unknown> {
  await using scene = await Scene.boot(Recorder, { reconnect: false, ...options });
  const peer = await scene.server.nextPeer();
  await play(peer);
  const reason = await scene.handle.terminated;
  await peer.ended();
  expect(scene.journal.lines).toEqual(['disconnect #1 error ConnectionError']);
  return reason.by === 'error' ? reason.error : reason;
}

/** Half of the 101. */
function half(peer: RawPeer): Buffer {
  const bytes = peer.acceptBytes();
  return bytes.subarray(0, bytes.length / 2);
}

describe('A peer that is gone before its answer', () => {
  it.each<[string, (peer: RawPeer) => void | Promise<void>]>([
    ['ends the connection at once', (peer) => peer.fin()],
    ['resets the connection at once', (peer) => peer.reset()],
    ['ends it after the request', (peer) => peer.request().then(() => peer.fin())],
    ['resets it after the request', (peer) => peer.request().then(() => peer.reset())],
    [
      'ends it in the middle of the answer',
      async (peer) => {
        await peer.request();
        peer.write(half(peer));
        peer.fin();
      },
    ],
    [
      'resets it in the middle of the answer',
      async (peer) => {
        await peer.request();
        peer.write(half(peer));
        peer.reset();
      },
    ],
    [
      'answers what is no HTTP',
      async (peer) => {
        await peer.request();
        peer.write('SSH-2.0-OpenSSH_9.6\r\n');
      },
    ],
  ])('%s', async (_what, play) => {
    const error = await errorOf(play);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ code: 'ERR_WEBSOCKEX_CONNECTION', client: 'Recorder' });
    expect((error as ConnectionError).cause).toBeInstanceOf(Error);
  });

  it('is an open session where it had answered', async () => {
    await using scene = await Scene.boot(Recorder, { reconnect: false });
    const peer = await scene.server.nextPeer();
    await peer.open();
    peer.fin();
    expect(await scene.handle.terminated).toEqual({ by: 'remote', code: 1006, message: '' });
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'disconnect #1 remote 1006',
      'terminate remote 1006',
    ]);
  });
});

describe('An answer in another version of HTTP', () => {
  it.each(['auto', 'ws'] as const)('is none, and the attempt tells so: %s', async (transport) => {
    await using scene = await Scene.boot(Recorder, { reconnect: false, transport });
    const peer = await scene.server.nextPeer();
    await peer.request();
    peer.write(peer.acceptBytes().toString('latin1').replace('HTTP/1.1', 'HTTP/1.0'));
    const reason = await scene.handle.terminated;
    expect(reason).toMatchObject({
      error: {
        name: 'HandshakeError',
        status: 101,
        message: expect.stringContaining('the answer is in HTTP/1.0') as string,
      },
    });
    await peer.ended();
    expect(scene.journal.lines).toEqual(['disconnect #1 error HandshakeError']);
  });
});

describe('An address nobody answers at', () => {
  it('tells ECONNREFUSED of a port nobody listens on', async () => {
    using refused = await RefusedPort.hold();
    const url = `ws://127.0.0.1:${refused.port}/`;
    await using app = await boot([clientAt(url, Recorder, { reconnect: false })]);
    await app.journal.until('disconnect #1 error ConnectionError');
    expect(app.journal.statuses[0]?.error).toMatchObject({ systemCode: 'ECONNREFUSED' });
  });

  it('tells one error of a name with several addresses', async () => {
    using refused = await RefusedPort.hold();
    const client = clientAt(`ws://two.example:${refused.port}`, Recorder, {
      reconnect: false,
      socket: {
        autoSelectFamily: true,
        lookup: (_host, _options, done) => {
          done(
            null,
            ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 })),
          );
        },
      },
    });
    await using app = await boot([client]);
    await app.journal.until('disconnect #1 error ConnectionError');
    const error = app.journal.statuses[0]?.error as ConnectionError;
    expect(error.systemCode).toBe('ECONNREFUSED');
    expect(error.cause).not.toBeInstanceOf(AggregateError);
  });

  it('tells what the name lookup says', async () => {
    const failed = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    const client = clientAt('ws://nowhere.example', Recorder, {
      reconnect: false,
      socket: { lookup: (_host, _options, done) => done(failed, '', 4) },
    });
    await using app = await boot([client]);
    const reason = await app.handle(client).terminated;
    expect(reason).toMatchObject({
      by: 'error',
      error: { systemCode: 'ENOTFOUND', cause: failed },
    });
  });
});

describe('A header that would smuggle others', () => {
  const BAD = ['1\r\nX-Injected: yes', '1\nX-Injected: yes', 'a\0b', 'caf\u{1F600}'];

  it.each(BAD)('is refused at boot where it stands in the options: %j', async (value) => {
    await using server = await RawServer.listen();
    const client = clientAt(server.url(), Recorder, { headers: { 'X-A': value } });
    const error: unknown = await boot([client]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as Error).message).not.toContain('Injected');
    expect(server.connectionCount).toBe(0);
  });

  it('is refused at boot by its name', async () => {
    await using server = await RawServer.listen();
    const client = clientAt(server.url(), Recorder, { headers: { 'X-A: 1\r\nX-B': '2' } });
    await expect(boot([client])).rejects.toBeInstanceOf(ConfigurationError);
    expect(server.connectionCount).toBe(0);
  });

  it.each(BAD)('fails the attempt where @BeforeConnect sets it: %j', async (value) => {
    class Smuggler extends Recorder {
      @BeforeConnect()
      before(request: ConnectRequest): void {
        request.headers['X-A'] = value;
      }
    }
    await using scene = await Scene.boot(Smuggler, { reconnect: false });
    expect(await scene.handle.terminated).toMatchObject({ error: { name: 'ConfigurationError' } });
    expect(scene.journal.lines).toEqual(['disconnect #1 error ConfigurationError']);
    expect(scene.server.connectionCount).toBe(0);
  });
});
