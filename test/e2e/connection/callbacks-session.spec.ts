import type { ClientRequest } from 'node:http';

import { NotConnectedError, type WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { AT_ONCE, clientAt } from '../../fixtures/scene.js';
import { selfSigned } from '../../fixtures/tls.js';

const pair = selfSigned();
const boom = new Error('boom');

const THROWS = (): never => {
  throw boom;
};
const REJECTS = (): Promise<never> => Promise.reject(boom);
const PROMISES = (): Promise<void> => Promise.resolve();

/** Does the deed once, and from then on nothing. */
function first(deed: () => unknown): () => void {
  let isFirst = true;
  return () => {
    if (!isFirst) return undefined;
    isFirst = false;
    return deed() as undefined;
  };
}

const listen = (scheme: string) => RawServer.listen(scheme === 'wss' ? { tls: pair } : {});

describe('ws.generateMask', () => {
  const ways = [
    ['throws', THROWS],
    ['rejects', REJECTS],
    ['promises', PROMISES],
  ] as const;
  it.each(
    (['ws', 'wss'] as const).flatMap((scheme) =>
      [false, true].flatMap((deflates) =>
        ways.map(([how, deed]) => [how, scheme, deflates, deed] as const),
      ),
    ),
  )(
    '%s, over %s, compressing: %s: the session ends with that error',
    async (_, scheme, perMessageDeflate, deed) => {
      await using server = await listen(scheme);
      const given: WebSockexClientOptions = {
        perMessageDeflate,
        reconnect: AT_ONCE,
        ws: { generateMask: first(deed) },
        ...(scheme === 'wss' && { tls: { ca: pair.cert } }),
      };
      const client = clientAt(server.url(), Recorder, given);
      await using app = await boot([client]);
      const handle = app.handle(client);
      const headers = perMessageDeflate
        ? { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
        : undefined;
      const peer = await server.nextPeer();
      await peer.open(headers && { headers });
      await app.journal.until('connect 1');
      await expect(handle.sendFrame('x')).rejects.toThrow(NotConnectedError);
      const second = await server.nextPeer();
      await second.open(headers && { headers });
      await app.journal.until('connect 2');
      expect(app.journal.lines).toEqual([
        'connect 1',
        'disconnect #1 error ConnectionError',
        'connect 2',
      ]);
      expect(app.journal.statuses[0]?.reason).toMatchObject({
        by: 'error',
        error: { message: /ws.generateMask/ },
      });
      expect(peer.transcript.filter((line) => line.startsWith('<- text'))).toEqual([]);
      await handle.sendFrame('y');
      expect((await second.nextFrame()).name).toBe('text');
    },
  );
});

describe('ws.finishRequest', () => {
  it('is given the request and the socket, and may send it later', async () => {
    await using server = await listen('ws');
    let given: unknown[] = [];
    const finishRequest = (...args: [ClientRequest, object]): void => {
      given = args;
      args[0].setHeader('x-late', 'yes');
      setImmediate(() => args[0].end());
    };
    await using app = await boot([clientAt(server.url(), Recorder, { ws: { finishRequest } })]);
    const peer = await server.nextPeer();
    expect((await peer.open()).headers['x-late']).toBe('yes');
    await app.journal.until('connect 1');
    expect(given).toHaveLength(2);
    expect(given[1]).toMatchObject({ readyState: 1 });
  });

  it('that never sends it runs into the deadline', async () => {
    await using server = await listen('ws');
    const finishRequest = (): void => undefined;
    const given = { connectTimeout: 50, reconnect: false, ws: { finishRequest } } as const;
    const client = clientAt(server.url(), Recorder, given);
    await using app = await boot([client]);
    expect(await app.handle(client).terminated).toMatchObject({
      error: { message: expect.stringContaining('connectTimeout') as string },
    });
  });
});

describe('Options that zlib refuses', () => {
  it.each(['zlibDeflateOptions', 'zlibInflateOptions'])('fail the attempt: %s', async (name) => {
    await using server = await listen('ws');
    const perMessageDeflate = { [name]: { chunkSize: 1 } };
    const client = clientAt(server.url(), Recorder, { perMessageDeflate, reconnect: false });
    await using app = await boot([client]);
    expect(await app.handle(client).terminated).toMatchObject({
      error: { message: expect.stringContaining('chunkSize') as string },
    });
    expect(server.connectionCount).toBe(0);
  });
});
