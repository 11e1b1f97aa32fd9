import {
  BeforeConnect,
  ConfigurationError,
  OnDisconnect,
  reconnect,
  type ConnectRequest,
  type DisconnectResult,
  type DisconnectStatus,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { AT_ONCE, clientAt, Scene } from '../../fixtures/scene.js';

type Change = (headers: ConnectRequest['headers']) => void;
const none: Change = () => undefined;

/** The headers of the second request, as they were spelled: after a `reconnect()` that says these. */
async function sent(
  options: WebSockexClientOptions,
  changes: Readonly<Record<string, string>>,
  sign: Change,
): Promise<Record<string, string>> {
  class Signing extends Recorder {
    @BeforeConnect() before({ headers, attempt }: ConnectRequest) {
      if (attempt > 1) sign(headers);
    }

    @OnDisconnect() override disconnect(status: DisconnectStatus): DisconnectResult {
      void super.disconnect(status);
      return reconnect({ delay: 0, headers: changes });
    }
  }
  await using scene = await Scene.open(Signing, options);
  scene.peer.fin();
  const peer = await scene.server.nextPeer();
  const { rawHeaders } = await peer.request();
  return Object.fromEntries(rawHeaders.filter(([name]) => /^(authorization|origin)$/i.test(name)));
}

describe('The name of a header', () => {
  it.each<[string, object, Record<string, string>, Change, Record<string, string>]>([
    ['options', { headers: { AUTHORIZATION: '1' } }, {}, none, { AUTHORIZATION: '1' }],
    [
      'two spellings in the options',
      { headers: { Authorization: '1', authorization: '2' } },
      {},
      none,
      { authorization: '2' },
    ],
    [
      'reconnect() over options',
      { headers: { authorization: '1' } },
      { Authorization: '2' },
      none,
      { Authorization: '2' },
    ],
    [
      '@BeforeConnect over reconnect() over options',
      { headers: { authorization: '1' } },
      { Authorization: '2' },
      (headers) => (headers['authorization'] = '3'),
      { authorization: '3' },
    ],
    [
      '@BeforeConnect reads what has another case',
      { headers: { Authorization: '1' } },
      {},
      (headers) => (headers['authorization'] += '+'),
      { authorization: '1+' },
    ],
    [
      '@BeforeConnect deletes what has another case',
      { headers: { authorization: '1' } },
      { AUTHORIZATION: '2' },
      (headers) => delete headers['Authorization'],
      {},
    ],
    [
      'Object.assign in @BeforeConnect',
      { headers: { authorization: '1' } },
      {},
      (headers) => Object.assign(headers, { Authorization: '2' }),
      { Authorization: '2' },
    ],
    ['the option origin', { origin: 'https://a' }, {}, none, { Origin: 'https://a' }],
    [
      'headers over the option origin',
      { origin: 'https://a', headers: { origin: 'https://b' } },
      {},
      none,
      { origin: 'https://b' },
    ],
    [
      '@BeforeConnect deletes the option origin',
      { origin: 'https://a' },
      {},
      (headers) => delete headers['origin'],
      {},
    ],
  ])('is one whatever its case: %s', async (_what, options, changes, sign, expected) => {
    expect(await sent({ ...options, reconnect: false }, changes, sign)).toEqual(expected);
  });
});

/** Names that are not the user's to set, with a word of what to do. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['Connection', /leave it out/],
  ['upgrade', /leave it out/],
  ['Keep-Alive', /socket\.keepAlive/],
  ['TE', /leave it out/],
  ['Trailer', /leave it out/],
  ['Transfer-Encoding', /leave it out/],
  ['Proxy-Connection', /the option proxy/],
  ['Content-Length', /leave it out/],
  ['Expect', /leave it out/],
  ['HTTP2-Settings', /leave it out/],
  ['sec-websocket-key', /leave it out/],
  ['Sec-WebSocket-Accept', /leave it out/],
  ['Sec-WebSocket-Version', /ws\.protocolVersion/],
  ['Sec-WebSocket-Protocol', /protocols/],
  ['Sec-WebSocket-Extensions', /perMessageDeflate/],
  ['Sec-WebSocket-Anything', /leave it out/],
];

describe('A header that belongs to the handshake', () => {
  it.each(REFUSED)('is refused at boot: %s', async (name, remedy) => {
    await using server = await RawServer.listen();
    const client = clientAt(server.url(), Recorder, { headers: { [name]: 'x' } });
    const error: unknown = await boot([client]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as Error).message).toContain(`Recorder: the header "${name}" cannot be set`);
    expect((error as Error).message).toMatch(remedy);
    expect(server.connectionCount).toBe(0);
  });

  it.each(REFUSED)('fails the attempt where @BeforeConnect sets it: %s', async (name, remedy) => {
    class Setting extends Recorder {
      @BeforeConnect() before({ headers }: ConnectRequest) {
        headers[name] = 'x';
      }
    }
    await using scene = await Scene.boot(Setting, { reconnect: false });
    await scene.journal.until('disconnect #1 error ConfigurationError');
    expect(scene.journal.statuses[0]?.error).toMatchObject({
      message: expect.stringMatching(remedy) as string,
    });
    expect(scene.server.connectionCount).toBe(0);
  });

  it('is refused by reconnect() at once, and so is one that would smuggle others', () => {
    const bad: Record<string, string>[] = [{ upgrade: 'h2c' }, { 'X-A': '1\r\nX-B: 2' }];
    for (const headers of bad) {
      expect(() => reconnect({ headers })).toThrow(ConfigurationError);
    }
  });

  it('crashes the handler that gives it to reconnect(), and none goes out', async () => {
    class Smuggler extends Recorder {
      @OnDisconnect() override disconnect(status: DisconnectStatus): DisconnectResult {
        void super.disconnect(status);
        return reconnect({ headers: { 'X-A': '1\r\nX-B: 2' } });
      }
    }
    await using scene = await Scene.open(Smuggler, { reconnect: AT_ONCE });
    scene.peer.fin();
    expect(await scene.handle.terminated).toMatchObject({ error: { name: 'ConfigurationError' } });
    expect(scene.journal.lines.filter((line) => line.startsWith('disconnect'))).toHaveLength(1);
    expect(scene.server.connectionCount).toBe(1);
  });
});

describe('The header Host', () => {
  it('is the user’s: for virtual hosts', async () => {
    await using scene = await Scene.open(Recorder, { headers: { host: 'other.example' } });
    expect((await scene.peer.request()).headers['host']).toBe('other.example');
  });

  it('cannot be several', async () => {
    await using server = await RawServer.listen();
    const client = clientAt(server.url(), Recorder, { headers: { Host: ['a', 'b'] } });
    await expect(boot([client])).rejects.toThrow(/"Host" must be one string/);
  });
});
