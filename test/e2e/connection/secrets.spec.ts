import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { Test } from '@nestjs/testing';
import {
  BeforeConnect,
  type ConnectRequest,
  getClientToken,
  OnDisconnect,
  WebSockexModule,
  type ClientHandle,
  type WebSockexClientOptions,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { record } from 'nestjs-websockex/testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import { ConnectProxy } from '../../fixtures/proxies.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { AT_ONCE, clientAt } from '../../fixtures/scene.js';
import { selfSigned } from '../../fixtures/tls.js';

const SECRET = 'hunter2hunter2';
const TOKEN = 'base64url.bearer.authorization.k8s.io.aHVudGVyMmh1bnRlcjI';
const ENCODED = Buffer.from(`joe:${SECRET}`).toString('base64');
const LEAK = new RegExp([SECRET, 'aHVudGVyMmh1bnRlcjI', ENCODED].join('|'), 'i');

/** A client with every secret there is, and whatever the library says of it. */
async function leaks(
  url: string,
  options: WebSockexClientOptions,
  play: (handle: ClientHandle<object>) => Promise<void>,
): Promise<string> {
  const told: unknown[] = [];
  class Feed {
    @BeforeConnect() sign(request: ConnectRequest) {
      request.headers['x-signature'] = SECRET;
    }
    @OnDisconnect() lost(status: object) {
      told.push(status);
    }
  }
  const client = clientAt(url, Feed, {
    headers: { authorization: `Bearer ${SECRET}`, cookie: `sid=${SECRET}; theme=dark` },
    protocols: ['v1', TOKEN],
    debug: { log: 1_000 },
    startup: 'manual',
    ...options,
  });
  const line = (...words: unknown[]) => void told.push(words);
  const module = await Test.createTestingModule({
    imports: [
      WebSockexModule.forRoot({
        clients: [client],
        redact: ['room', /acme-\d+/],
        shutdownTimeout: 500,
      }),
    ],
  })
    .setLogger({ log: line, warn: line, error: line, debug: line, verbose: line })
    .compile();
  await module.init();
  const handle = module.get<ClientHandle<object>>(getClientToken(client));
  const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const recording = record(handle, join(folder, 'session.jsonl'));
  // Frames are the user's own.
  handle.events$.subscribe((event: WebSockexEvent) => {
    if (event.event !== 'frame:received') told.push(event);
  });
  await play(handle);
  told.push(await handle.sys.getLog(), await handle.sys.getStatus().catch(() => undefined));
  await module.close();
  await recording.stop();
  told.push(readFileSync(join(folder, 'session.jsonl'), 'utf8'), await handle.terminated);
  return inspect(told, { depth: 8 });
}

describe('No secret is told', () => {
  const path = `/room/${SECRET}/acme-1?token=${SECRET}&id=7`;

  it('of a session, and of what its peer repeats', async () => {
    await using server = await RawServer.listen();
    const url = server.url(path).replace('//', `//joe:${SECRET}@`);
    const shown = await leaks(url, { reconnect: AT_ONCE }, async (handle) => {
      const started = handle.start();
      const peer = await server.nextPeer();
      const { headers } = await peer.open({ headers: { 'Sec-WebSocket-Protocol': TOKEN } });
      expect(headers['x-signature']).toBe(SECRET);
      await started;
      peer.text(JSON.stringify({ token: SECRET, note: `Bearer ${SECRET}` }));
      peer.reset();
      const second = await server.nextPeer();
      await second.request();
      const echo = `no ${SECRET} for ${headers['authorization']}, ${TOKEN}, sid=${SECRET}`;
      second.refuse(401, `no ${SECRET}`, { 'Set-Cookie': `sid=${SECRET}`, 'X-Echo': SECRET }, echo);
      const third = await server.nextPeer();
      await third.open({ headers: { 'Sec-WebSocket-Protocol': 'v1' } });
      await handle.connected();
    });
    expect(shown).toContain('401');
    // A trace of frames is asked for, and shows them: what the peer sent is in it.
    const lines = shown
      .split('\n')
      .filter((line) => LEAK.test(line) && !/received frame/.test(line));
    expect(lines).toEqual([]);
  });

  it('of a proxy that refuses', async () => {
    await using proxy = await ConnectProxy.listen({ refusal: 407 });
    const options = { proxy: proxy.url(`joe:${SECRET}`), reconnect: false } as const;
    const url = `ws://joe:${SECRET}@127.0.0.1:1${path}`;
    const shown = await leaks(url, options, async (handle) => {
      await handle.start().catch(() => undefined);
    });
    expect(proxy.authorizations).toEqual([`Basic ${ENCODED}`]);
    expect(shown).toContain('407');
    expect(shown).not.toMatch(LEAK);
  });
});

describe('tls.rejectUnauthorized: false', () => {
  it('is warned of once for each client', async () => {
    const warnings: string[] = [];
    await using server = await RawServer.listen({ tls: selfSigned() });
    const options = { reconnect: AT_ONCE, tls: { rejectUnauthorized: false } };
    const clients = [
      clientAt(server.url(), class One {}, options),
      clientAt(server.url(), class Two {}, options),
      clientAt('ws://127.0.0.1:1/', class Three {}, { tls: { rejectUnauthorized: true } }),
    ];
    const silent = () => undefined;
    const warn = (line: string) => void warnings.push(line);
    const module = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients, shutdownTimeout: 0 })],
    })
      .setLogger({ log: silent, warn, error: silent })
      .compile();
    await module.init();
    for (let n = 0; n < 6; n++) {
      const peer = await server.nextPeer();
      await peer.open();
      peer.reset();
    }
    await module.close();
    const told = warnings.filter((line) => line.includes('rejectUnauthorized'));
    expect(told.toSorted()).toEqual([
      expect.stringMatching(/^One: tls\.rejectUnauthorized is false: .*tls\.ca/),
      expect.stringMatching(/^Two: tls\.rejectUnauthorized is false: .*tls\.ca/),
    ]);
  });
});
