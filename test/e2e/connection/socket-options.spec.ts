import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent } from 'node:https';
import { connect, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import type { WebSockexClientOptions } from 'nestjs-websockex';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { Scene } from '../../fixtures/scene.js';
import { selfSigned } from '../../fixtures/tls.js';

const pair = selfSigned();
const tls = { ca: pair.cert };
const socket = { keepAlive: true, keepAliveInitialDelay: 5_000, noDelay: false };

type Way = readonly [string, 'ws' | 'wss', () => WebSockexClientOptions];

const WAYS: readonly Way[] = [
  ['ws', 'ws', () => ({})],
  ['wss', 'wss', () => ({ tls })],
  ['ws through an agent', 'ws', () => ({ agent: new HttpAgent() })],
  ['wss through an agent', 'wss', () => ({ tls, agent: new Agent() })],
  [
    'ws through createConnection',
    'ws',
    () => ({ ws: { createConnection: (to: { host: string; port: number }) => connect(to.port) } }),
  ],
  [
    'wss through createConnection',
    'wss',
    () => ({
      ws: {
        createConnection: (to: { port: number }) => connectTls({ ...tls, port: to.port }),
      },
    }),
  ],
];

const serverOf = (scheme: string) => (scheme === 'wss' ? { server: { tls: pair } } : {});

/** The kernel's timer of the client's socket: 02 is keep-alive. */
function kernelTimer(port: number): string | undefined {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => fields[2]?.endsWith(remote) === true && fields[3] === '01')?.[5]
    ?.slice(0, 2);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('keepAlive and noDelay', () => {
  it.each(WAYS)('are set on the socket: %s', async (_what, scheme, options) => {
    const noDelay = vi.spyOn(Socket.prototype, 'setNoDelay');
    const keepAlive = vi.spyOn(Socket.prototype, 'setKeepAlive');
    await using scene = await Scene.open(Recorder, { socket, ...options() }, serverOf(scheme));
    const last = (calls: typeof noDelay | typeof keepAlive): unknown =>
      calls.mock.calls.findLast(
        (_, index) => (calls.mock.contexts[index] as Socket).remotePort === scene.server.port,
      );
    expect(last(noDelay)).toEqual([false]);
    expect(last(keepAlive)).toEqual([true, 5_000]);
  });

  it.runIf(process.platform === 'linux').each(WAYS)(
    'reach the kernel: %s',
    async (_what, scheme, options) => {
      await using scene = await Scene.open(Recorder, { socket, ...options() }, serverOf(scheme));
      expect(kernelTimer(scene.server.port)).toBe('02');
    },
  );
});

describe('What tls.connect and net.connect are given', () => {
  it('is all that socket and tls say', async () => {
    const given = {
      socket: {
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: 500,
        family: 4,
        hints: 0,
        localAddress: '127.0.0.1',
        localPort: 0,
        lookup: () => undefined,
      },
      tls: {
        ALPNProtocols: ['http/1.1'],
        ca: pair.cert,
        checkServerIdentity: () => undefined,
        ciphers: 'DEFAULT',
        maxVersion: 'TLSv1.3',
        minDHSize: 2048,
        minVersion: 'TLSv1.2',
        rejectUnauthorized: true,
        servername: 'localhost',
      },
    } as const;
    let seen: Record<string, unknown> = {};
    const createConnection = (options: Record<string, unknown>) => {
      seen = options;
      return connectTls({ ...tls, port: Number(options['port']) });
    };
    await using scene = await Scene.open(
      Recorder,
      { ...given, ws: { createConnection } },
      serverOf('wss'),
    );
    // Callbacks are guarded: what stands there calls them.
    const guarded = {
      lookup: expect.any(Function) as unknown,
      checkServerIdentity: expect.any(Function) as unknown,
    };
    const port = String(scene.server.port);
    expect(seen).toMatchObject({ ...given.socket, ...given.tls, ...guarded, port });
  });

  it('is to verify certificates, whatever was not said', async () => {
    let seen: Record<string, unknown> = {};
    const createConnection = (options: Record<string, unknown>) => {
      seen = options;
      return connectTls({ ...tls, port: Number(options['port']) });
    };
    const options = { tls: { rejectUnauthorized: undefined }, ws: { createConnection } };
    await using scene = await Scene.open(Recorder, options, serverOf('wss'));
    expect(scene.handle.status).toBe('open');
    expect(seen['rejectUnauthorized']).toBe(true);
  });
});

describe('An option of ws', () => {
  it('is what the socket is made with', async () => {
    const masks: number[] = [];
    const ws = {
      protocolVersion: 8,
      skipUTF8Validation: true,
      generateMask: (mask: Buffer) => void masks.push(mask.fill(0).length),
      finishRequest: (request: { setHeader(name: string, value: string): void; end(): void }) => {
        request.setHeader('X-Last', 'word');
        request.end();
      },
    } as const;
    await using scene = await Scene.open(Recorder, { ws });
    const { headers } = await scene.peer.request();
    expect(headers).toMatchObject({ 'sec-websocket-version': '8', 'x-last': 'word' });
    await scene.handle.sendFrame('hi');
    expect((await scene.peer.nextFrame()).payload.toString()).toBe('hi');
    expect(masks).toEqual([4]);
    scene.peer.text(Buffer.of(0xff));
    await scene.journal.until('text \ufffd');
  });

  it('lets no longer head of an answer through than maxHeaderSize', async () => {
    await using scene = await Scene.boot(Recorder, {
      reconnect: false,
      ws: { maxHeaderSize: 1_024 },
    });
    const peer = await scene.server.nextPeer();
    await peer.open({ headers: { 'X-Long': 'x'.repeat(2_000) } });
    const reason = await scene.handle.terminated;
    expect(reason).toMatchObject({ error: { systemCode: 'HPE_HEADER_OVERFLOW' } });
  });
});

describe('An agent', () => {
  it('that verifies nothing is used where tls says so too', async () => {
    const rejectUnauthorized = false;
    const agent = new Agent({ rejectUnauthorized });
    const options = { agent, tls: { rejectUnauthorized } };
    await using scene = await Scene.open(Recorder, options, serverOf('wss'));
    expect(scene.handle.status).toBe('open');
  });

  it('that is false is none', async () => {
    await using scene = await Scene.open(Recorder, { agent: false, tls }, serverOf('wss'));
    expect(scene.handle.status).toBe('open');
  });
});
