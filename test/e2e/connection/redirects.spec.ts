import { once } from 'node:events';
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket, type TlsOptions } from 'node:tls';

import { HandshakeError, type WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { clientAt } from '../../fixtures/scene.js';
import { selfSigned } from '../../fixtures/tls.js';

const pair = selfSigned();

/** A server that redirects, or takes a WebSocket, and notes what it was asked. */
interface Stop {
  readonly port: number;
  readonly requests: IncomingMessage[];
  /** For each request, whether the client has shown a certificate, and run `finishRequest`. */
  readonly shown: string[];
}

/** Listens on all of 127.0.0.0/8, so as to have several hosts. */
async function stop(
  location: (count: number) => string | undefined = () => undefined,
  secure: boolean | TlsOptions = false,
  status = 302,
): Promise<Stop> {
  const requests: IncomingMessage[] = [];
  const shown: string[] = [];
  const answer = (_: IncomingMessage, response: ServerResponse) => response.end();
  const tls = secure === true ? pair : secure;
  const server = tls ? createTlsServer(tls, answer) : createServer(answer);
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    requests.push(request);
    const certificate = socket instanceof TLSSocket ? socket.getPeerCertificate() : undefined;
    const signed = request.headers['x-signed'];
    shown.push([certificate?.fingerprint && 'certificate', signed].filter(Boolean).join());
    socket.on('error', () => undefined);
    const to = location(requests.length);
    if (to === undefined) return sockets.handleUpgrade(request, socket, head, () => 0);
    socket.end(`HTTP/1.1 ${status} Found\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`);
  });
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests, shown };
}

const OURS = {
  headers: {
    authorization: 'Bearer hunter2hunter2',
    'X-Api-Key': 'hunter2',
    'Proxy-Authorization': 'Basic hunter2hunter2',
    Cookie: 'sid=hunter2',
  },
  origin: 'https://me.example',
  protocols: ['v1', 'bearer.hunter2hunter2'],
  tls: { ca: pair.cert },
};

/** What came of a client: the session's start, or what its attempt failed with. */
async function outcome(url: string, options: WebSockexClientOptions): Promise<'open' | Error> {
  const client = clientAt(url, Recorder, { reconnect: false, ...OURS, ...options });
  await using app = await boot([client], { shutdownTimeout: 1_000 });
  return await app
    .handle(client)
    .connected()
    .then(
      () => 'open' as const,
      (error: unknown) => error as Error,
    );
}

/** The headers that are ours to keep. */
function own({ headers }: IncomingMessage): Record<string, unknown> {
  const names = ['authorization', 'x-api-key', 'proxy-authorization', 'cookie', 'origin'];
  names.push('sec-websocket-protocol');
  return Object.fromEntries(
    names.map((name) => [name, headers[name]]).filter(([, value]) => value !== undefined),
  );
}

const ALL = {
  authorization: 'Bearer hunter2hunter2',
  'x-api-key': 'hunter2',
  'proxy-authorization': 'Basic hunter2hunter2',
  cookie: 'sid=hunter2',
  origin: 'https://me.example',
  'sec-websocket-protocol': 'v1,bearer.hunter2hunter2',
};

describe('A redirect that is followed', () => {
  it.each([301, 302, 303, 307, 308])(
    'to the same origin takes all along, on a %i',
    async (status) => {
      const { port, requests } = await stop(
        (count) => (count === 1 ? '/there?a=1#part' : undefined),
        false,
        status,
      );
      const result = await outcome(`ws://joe:pw@127.0.0.1:${port}/here`, {
        followRedirects: true,
        headers: { 'x-api-key': 'hunter2' },
      });
      expect(result).toBe('open');
      expect(requests.map(({ url }) => url)).toEqual(['/here', '/there?a=1']);
      expect(requests[1]?.headers).toMatchObject({
        'x-api-key': 'hunter2',
        authorization: `Basic ${Buffer.from('joe:pw').toString('base64')}`,
        'sec-websocket-protocol': 'v1,bearer.hunter2hunter2',
      });
    },
  );

  it('from ws: to wss: on the same host takes all along', async () => {
    const there = await stop(undefined, true);
    const here = await stop(() => `https://127.0.0.1:${there.port}/`);
    const url = `ws://127.0.0.1:${here.port}/`;
    expect(await outcome(url, { followRedirects: true })).toBe('open');
    expect(there.requests.map(own)).toEqual([ALL]);
  });

  it('to another port of the host takes nothing along', async () => {
    const there = await stop();
    const here = await stop(() => `ws://127.0.0.1:${there.port}/`);
    const url = `ws://joe:pw@127.0.0.1:${here.port}/`;
    expect(await outcome(url, { followRedirects: true })).toBe('open');
    expect(there.requests.map(own)).toEqual([{}]);
  });

  it.each(['127.0.0.2', 'localhost'])(
    "to another host, %s, is followed for 'any', and takes nothing along",
    async (host) => {
      const there = await stop();
      const here = await stop(() => `ws://${host}:${there.port}/`);
      const url = `ws://joe:pw@127.0.0.1:${here.port}/`;
      expect(await outcome(url, { followRedirects: 'any' })).toBe('open');
      expect(here.requests).toHaveLength(1);
      expect(there.requests.map(own)).toEqual([{}]);
    },
  );

  it("to another origin shows no client's certificate, and runs no finishRequest", async () => {
    const finishRequest = (request: ClientRequest) => {
      request.setHeader('X-Signed', 'signed');
      request.end();
    };
    const mutual = { ...pair, requestCert: true, rejectUnauthorized: false };
    const there = await stop(undefined, mutual);
    for (const host of ['127.0.0.1', 'localhost']) {
      const here = await stop(() => `wss://${host}:${there.port}/`, mutual);
      const result = await outcome(`wss://127.0.0.1:${here.port}/`, {
        followRedirects: 'any',
        tls: { ca: pair.cert, cert: pair.cert, key: pair.key },
        ws: { finishRequest },
      });
      expect(result).toBe('open');
      expect(here.shown).toEqual(['certificate,signed']);
    }
    expect(there.shown).toEqual(['', '']);
  });

  it('to another host is verified by its own name, and not by tls.servername', async () => {
    const there = await stop(undefined, pair);
    const other = selfSigned('feed.example');
    const here = await stop(() => `wss://localhost:${there.port}/`, other);
    const result = await outcome(`wss://127.0.0.1:${here.port}/`, {
      followRedirects: 'any',
      tls: { ca: [pair.cert, other.cert], servername: 'feed.example' },
    });
    expect(result).toBe('open');
  });

  it('does not get back elsewhere what it has left behind', async () => {
    const last = await stop();
    const there = await stop(() => `ws://127.0.0.1:${last.port}/`);
    const here = await stop(() => `ws://127.0.0.2:${there.port}/`);
    const url = `ws://127.0.0.1:${here.port}/`;
    expect(await outcome(url, { followRedirects: 'any' })).toBe('open');
    expect(last.requests.map(own)).toEqual([{}]);
  });

  it('is where the session leads, and the next attempt begins anew', async () => {
    const there = await stop();
    const here = await stop(() => `ws://127.0.0.2:${there.port}/room/7?token=hunter2`);
    const [first, last] = [
      `ws://127.0.0.1:${here.port}/`,
      `ws://127.0.0.2:${there.port}/room/7?token=`,
    ];
    const client = clientAt(first, Recorder, { startup: 'manual', followRedirects: 'any' });
    await using app = await boot([client], { shutdownTimeout: 1_000 });
    const handle = app.handle(client);
    const told: string[] = [];
    handle.events$.subscribe((event) => {
      if ('url' in event) told.push(`${event.event} ${event.url}`);
    });
    await handle.start();
    expect(await handle.connected()).toMatchObject({ url: `${last}hunter2`, session: 1 });
    await handle.reconnect();
    expect(await handle.connected()).toMatchObject({ url: `${last}hunter2`, session: 2 });
    const each = [`connecting ${first}`, `connected ${last}***`];
    expect(told).toEqual([...each, ...each]);
  });

  it('is one of at most maxRedirects', async () => {
    const here: Stop = await stop(() => `ws://127.0.0.1:${here.port}/again`);
    const url = `ws://127.0.0.1:${here.port}/`;
    for (const maxRedirects of [0, 1, 3]) {
      here.requests.length = 0;
      const error = await outcome(url, { followRedirects: true, maxRedirects });
      expect(error).toMatchObject({ name: 'HandshakeError', status: 302 });
      expect((error as Error).message).toContain(`after ${maxRedirects} others`);
      expect((error as Error).message).toContain('maxRedirects');
      expect(here.requests).toHaveLength(maxRedirects + 1);
    }
  });
});

describe('A redirect that is not followed', () => {
  const others: [string, 'true' | 'any' | 'false', (port: number) => string, RegExp][] = [
    ['none are', 'false', () => '/there', /followRedirects: true/],
    ['another host', 'true', (port) => `ws://localhost:${port}/`, /followRedirects: 'any'/],
    ['another host, where none are', 'false', (port) => `ws://localhost:${port}/`, /'any'/],
    ['a socket of the machine', 'any', () => 'ws+unix:/tmp/x:/', /a socket of this machine/],
    ['no URL of a WebSocket', 'any', () => 'ftp://127.0.0.1/', /no URL of a WebSocket/],
    ['no URL at all', 'any', () => 'ws://a b/', /no URL of a WebSocket/],
  ];

  it.each(others)('is a HandshakeError that says where it leads: %s', async (...row) => {
    const [, follow, location, says] = row;
    const there = await stop();
    const here = await stop(() => location(there.port));
    const followRedirects = follow === 'any' ? 'any' : follow === 'true';
    const error = await outcome(`ws://127.0.0.1:${here.port}/`, { followRedirects });
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ status: 302, headers: { location: location(there.port) } });
    const { message } = error as Error;
    expect(message).toMatch(says);
    // What is on already is not what allows it.
    if (follow !== 'false') expect(message).not.toMatch(/followRedirects: true|allow it/);
    expect([here.requests.length, there.requests.length]).toEqual([1, 0]);
  });

  it.each([true, 'any'] as const)('is one from wss: to ws:, with %s', async (followRedirects) => {
    const there = await stop();
    const here = await stop(() => `http://127.0.0.1:${there.port}/`, true);
    const error = await outcome(`wss://127.0.0.1:${here.port}/`, { followRedirects });
    expect((error as Error).message).toMatch(/without TLS, where a redirect .* never followed/);
    expect(there.requests).toEqual([]);
  });

  it('hides what is secret in where it leads', async () => {
    const here = await stop(() => 'ws://joe:hunter2@127.0.0.9/?token=hunter2');
    const error = (await outcome(`ws://127.0.0.1:${here.port}/`, {})) as Error;
    expect(error.message).toContain('"ws://***@127.0.0.9/?token=***"');
    expect(error.message).not.toContain('hunter2');
  });
});
