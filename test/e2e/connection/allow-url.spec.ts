import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Test } from '@nestjs/testing';
import {
  type AllowUrl,
  ConnectionError,
  UrlRefusedError,
  type WebSockexClientOptions,
  WebSockexModule,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { AT_ONCE, clientAt } from '../../fixtures/scene.js';
import { selfSigned } from '../../fixtures/tls.js';
import { WsServer } from '../../fixtures/ws-server.js';

/** Notes what it is asked, and answers by the address. */
function asking(answer: (address: string | undefined) => unknown = () => true) {
  const asked: [string, string | undefined][] = [];
  const allowUrl = ((url, address) => {
    asked.push([url.href, address]);
    return answer(address);
  }) as AllowUrl;
  return { asked, allowUrl };
}

/** What came of the first attempt of a client. */
async function outcome(url: string, options: WebSockexClientOptions): Promise<unknown> {
  const client = clientAt(url, Recorder, { reconnect: false, ...options });
  await using app = await boot([client]);
  return await app
    .handle(client)
    .connected()
    .then(
      () => 'open',
      (error: unknown) => error,
    );
}

/** A look-up that knows one name. */
const lookup =
  (...addresses: string[]): net.LookupFunction =>
  (_host, options, done) => {
    const all = addresses.map((address) => ({ address, family: net.isIP(address) }));
    if (options.all) done(null, all);
    else done(null, all[0]!.address, all[0]!.family);
  };

const pair = selfSigned('127.0.0.1', 'feed.test');

/** Ways to a server on 127.0.0.1, and what allowUrl is told of the address. */
const WAYS: Record<string, { host: string; told: string | undefined; options: () => object }> = {
  'by its address': { host: '127.0.0.1', told: '127.0.0.1', options: () => ({}) },
  'by its name': {
    host: 'feed.test',
    told: '127.0.0.1',
    options: () => ({ socket: { lookup: lookup('127.0.0.1') } }),
  },
  'by its name, in one family': {
    host: 'feed.test',
    told: '127.0.0.1',
    options: () => ({ socket: { lookup: lookup('127.0.0.1'), family: 4 } }),
  },
  'by its name, as Node tries addresses': {
    host: 'feed.test',
    told: '127.0.0.1',
    options: () => ({ socket: { lookup: lookup('127.0.0.1'), autoSelectFamily: true } }),
  },
  'by its name, without trying addresses': {
    host: 'feed.test',
    told: '127.0.0.1',
    options: () => ({ socket: { lookup: lookup('127.0.0.1'), autoSelectFamily: false } }),
  },
  'by an agent, by its address': {
    host: '127.0.0.1',
    told: '127.0.0.1',
    options: () => ({ agent: agentFor() }),
  },
  'by an agent, by its name': {
    host: 'feed.test',
    told: '127.0.0.1',
    options: () => ({ agent: agentFor(), socket: { lookup: lookup('127.0.0.1') } }),
  },
  'by an agent with a look-up of its own': {
    host: 'feed.test',
    told: '127.0.0.1',
    options: () => ({ agent: agentFor({ lookup: lookup('127.0.0.1') }) }),
  },
  'by an agent that makes sockets its own way': {
    host: 'feed.test',
    told: undefined,
    options: () => {
      const agent = agentFor();
      const create = agent.createConnection.bind(agent);
      agent.createConnection = (options, done) => create({ ...options, host: '127.0.0.1' }, done);
      return { agent };
    },
  },
};

let isSecure = false;
function agentFor(options: object = {}): Agent {
  const agent = isSecure ? new HttpsAgent(options) : new Agent(options);
  onTestFinished(() => agent.destroy());
  return agent;
}

describe.each(['ws', 'wss'])('allowUrl, for %s:', (scheme) => {
  const tls = { tls: { ca: pair.cert } };

  it.each(Object.entries(WAYS))('is asked %s', async (_way, { host, told, options }) => {
    isSecure = scheme === 'wss';
    await using server = await WsServer.listen(isSecure ? { tls: pair } : {});
    const url = `${scheme}://${host}:${server.port}/`;
    const { asked, allowUrl } = asking();
    expect(await outcome(url, { ...tls, ...options(), allowUrl })).toBe('open');
    expect(asked).toEqual([[url, told]]);
  });

  it.each(Object.entries(WAYS))('refuses, with no socket made: %s', async (_way, way) => {
    isSecure = scheme === 'wss';
    const { host, told, options } = way;
    await using server = await RawServer.listen(isSecure ? { tls: pair } : {});
    const url = `${scheme}://${host}:${server.port}/`;
    const { asked, allowUrl } = asking(() => false);
    const error = await outcome(url, { ...tls, ...options(), allowUrl });
    expect(error).toBeInstanceOf(UrlRefusedError);
    expect(error).toMatchObject({
      code: 'ERR_WEBSOCKEX_URL_REFUSED',
      client: 'Recorder',
      url,
      address: told,
    });
    expect(asked).toEqual([[url, told]]);
    expect(server.connectionCount).toBe(0);
  });
});

describe('allowUrl', () => {
  it('is asked in each attempt', async () => {
    await using server = await WsServer.listen();
    const { asked, allowUrl } = asking();
    const client = clientAt(server.url(), Recorder, { reconnect: AT_ONCE, allowUrl });
    await using app = await boot([client]);
    for (const session of [1, 2, 3]) {
      const peer = await server.nextConnection();
      await app.journal.until(`connect ${session}`);
      expect(asked).toHaveLength(session);
      peer.drop();
    }
  });

  it('is asked for every address, and what it refuses is not dialled', async () => {
    await using server = await RawServer.listen();
    const { asked, allowUrl } = asking((address) => address === '127.0.0.1');
    const client = clientAt(`ws://feed.test:${server.port}/`, Recorder, {
      allowUrl,
      socket: { lookup: lookup('10.0.0.1', '::1', '127.0.0.1') },
    });
    await using app = await boot([client]);
    await (await server.nextPeer()).open();
    await app.journal.until('connect 1');
    expect(asked.map(([, address]) => address)).toEqual(['10.0.0.1', '::1', '127.0.0.1']);
  });

  it('tells the first address where none of several is allowed', async () => {
    const { allowUrl } = asking(() => false);
    const options = { allowUrl, socket: { lookup: lookup('10.0.0.1', '::1') } };
    const error = (await outcome('ws://joe:pw@feed.test:1/?token=hunter2', options)) as Error;
    expect(error).toMatchObject({ address: '10.0.0.1', url: 'ws://***@feed.test:1/?token=***' });
    expect(error.message).toBe(
      'Recorder: the option allowUrl refuses "ws://***@feed.test:1/?token=***" at 10.0.0.1. ' +
        'Nothing was sent there; give another URL, or let allowUrl allow it',
    );
  });

  it('is asked for each redirect', async () => {
    await using there = await RawServer.listen();
    await using here = await RawServer.listen({
      onPeer: async (peer) => {
        await peer.request();
        peer.refuse(302, undefined, { Location: `ws://127.0.0.2:${there.port}/inside` });
      },
    });
    const { asked, allowUrl } = asking((address) => address !== '127.0.0.2');
    const error = await outcome(here.url(), { allowUrl, followRedirects: 'any' });
    expect(error).toMatchObject({ name: 'UrlRefusedError', address: '127.0.0.2' });
    expect(asked).toEqual([
      [here.url(), '127.0.0.1'],
      [`ws://127.0.0.2:${there.port}/inside`, '127.0.0.2'],
    ]);
    expect(there.connectionCount).toBe(0);
  });

  it('is given a copy of the URL', async () => {
    await using server = await WsServer.listen();
    const allowUrl: AllowUrl = (url) => {
      url.port = '1';
      return true;
    };
    expect(await outcome(server.url(), { allowUrl })).toBe('open');
  });

  it('is asked without an address where another makes the socket', async () => {
    await using server = await WsServer.listen();
    const createConnection = () => net.connect(server.port, '127.0.0.1');
    const yes = asking();
    const options = { allowUrl: yes.allowUrl, ws: { createConnection } };
    expect(await outcome('ws://feed.test/', options)).toBe('open');
    expect(yes.asked).toEqual([['ws://feed.test/', undefined]]);

    let made = 0;
    const no = asking(() => false);
    const error = await outcome('ws://feed.test/', {
      allowUrl: no.allowUrl,
      ws: { createConnection: () => (made++, createConnection()) },
    });
    expect([error, made]).toEqual([expect.any(UrlRefusedError), 0]);
  });

  it('is asked without an address for a socket of this machine', async () => {
    const path = join(tmpdir(), `allow-url-${process.pid}.sock`);
    const server = net.createServer().listen(path);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    let count = 0;
    server.on('connection', () => count++);
    const { asked, allowUrl } = asking(() => false);
    const error = await outcome(`ws+unix:${path}:/`, { allowUrl });
    expect(error).toBeInstanceOf(UrlRefusedError);
    expect([asked, count]).toEqual([[[`ws+unix:${path}:/`, undefined]], 0]);
  });

  it('is asked without an address on a net', async () => {
    const { asked, allowUrl } = asking();
    const client = clientAt('ws://feed/', class Plain {}, { allowUrl });
    await using memory = createTestNet();
    const app = await memory.install(
      Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [client] })] }),
    );
    await app.init();
    await memory.server(client).accept();
    expect(asked).toEqual([['ws://feed/', undefined]]);
    await app.close();
  });

  it.each([true, false])(
    'is asked for the address of a socket that an agent had from before, and says %s',
    async (isAllowed) => {
      const server = createServer((_, response) => response.end());
      const requests: string[] = [];
      server.on('upgrade', (request, socket) => {
        requests.push(request.url ?? '');
        socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      onTestFinished(() => void server.close());
      const { port } = server.address() as net.AddressInfo;
      const agent = new Agent({ keepAlive: true });
      onTestFinished(() => agent.destroy());
      const request = get({ host: 'feed.test', port, agent, lookup: lookup('127.0.0.1') });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      await once(agent, 'free');

      const { asked, allowUrl } = asking(() => isAllowed);
      const noLookup = { lookup: () => expect.fail('it was looked up') };
      const options = { agent, allowUrl, socket: noLookup };
      const error = await outcome(`ws://feed.test:${port}/feed`, options);
      expect(asked.map(([, address]) => address)).toEqual(['127.0.0.1']);
      expect((error as Error).name).toBe(isAllowed ? 'HandshakeError' : 'UrlRefusedError');
      expect(requests).toEqual(isAllowed ? ['/feed'] : []);
    },
  );
});

describe('allowUrl that returns a promise', () => {
  it.each([true, false])('of %s is waited for', async (isAllowed) => {
    await using server = await WsServer.listen();
    const { allowUrl } = asking(() => Promise.resolve(isAllowed));
    const result = await outcome(server.url(), { allowUrl });
    expect(result).toEqual(isAllowed ? 'open' : expect.any(UrlRefusedError));
  });

  it('is limited by connectTimeout, and nothing is dialled after it', async () => {
    await using server = await RawServer.listen();
    const answer = new Deferred<boolean>();
    const { allowUrl } = asking(() => answer.promise);
    const error = await outcome(server.url(), { allowUrl, connectTimeout: 20 });
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as Error).message).toContain('connectTimeout');
    answer.resolve(true);
    await new Promise((resolve) => setImmediate(resolve));
    // A connection of our own arrives after whatever was dialled before.
    const ours = net.connect(server.port, '127.0.0.1');
    await server.nextPeer();
    ours.destroy();
    expect(server.connectionCount).toBe(1);
  });
});

describe('allowUrl that fails', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['throws', () => fail(), /the callback "allowUrl" of its options failed: no list/],
    ['rejects', () => Promise.reject(new Error('no list')), /"allowUrl".* failed: no list/],
    ['gives undefined', () => undefined, /it gave undefined; it must give true or false/],
    ['gives a promise of 1', () => Promise.resolve(1), /it gave 1; it must give true or false/],
  ])('fails the attempt, and nothing is dialled: it %s', async (_what, answer, says) => {
    for (const host of ['127.0.0.1', 'feed.test']) {
      await using server = await RawServer.listen();
      const options = { ...asking(answer), socket: { lookup: lookup('127.0.0.1') } };
      const { asked: _asked, ...given } = options;
      const error = await outcome(`ws://${host}:${server.port}/`, given);
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as Error).message).toMatch(says);
      expect(server.connectionCount).toBe(0);
    }
  });
});

function fail(): never {
  throw new Error('no list');
}
