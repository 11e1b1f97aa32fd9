import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { clientAt } from '../../fixtures/scene.js';
import { selfSigned } from '../../fixtures/tls.js';
import { WsServer } from '../../fixtures/ws-server.js';

it.each([
  ['ws:', 'http:'],
  ['wss:', 'https:'],
] as const)('a URL of %s may be written with %s', async (scheme, written) => {
  const tls = selfSigned();
  await using server = await WsServer.listen(scheme === 'wss:' ? { tls } : {});
  const url = server.url('/v1?a=b').replace(scheme, written);
  const client = clientAt(url, Recorder, scheme === 'wss:' ? { tls: { ca: tls.cert } } : {});
  await using app = await boot([client]);
  await app.handle(client).connected();

  expect((await server.nextConnection()).request.url).toBe('/v1?a=b');
});

it('a URL of ws+unix: leads to a socket of this machine, and to a path behind it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'websockex-'));
  const path = join(folder, 'socket');
  const http = createServer();
  const server = new WebSocketServer({ server: http });
  try {
    http.listen(path);
    await once(http, 'listening');
    const connection = once(server, 'connection');
    const client = clientAt(`ws+unix:${path}:/v1`, Recorder);
    await using app = await boot([client]);
    await app.handle(client).connected();
    const [socket, request] = (await connection) as [WebSocket, { readonly url: string }];
    socket.send('hi');
    await app.journal.until('text hi');

    expect(request.url).toBe('/v1');
    await app.close();
  } finally {
    server.close();
    http.close();
    rmSync(folder, { recursive: true });
  }
});
