import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ConnectionError } from 'nestjs-websockex';
import { describe, expect, it, onTestFinished } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { clientAt } from '../../fixtures/scene.js';
import { selfSigned } from '../../fixtures/tls.js';
import { WsServer } from '../../fixtures/ws-server.js';

const pair = selfSigned();

/** A port that was free. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until something listens there. */
async function listens(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket = net.connect(port, '127.0.0.1');
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`the proxy ended with ${child.exitCode} before it listened`);
}

async function run(command: string, args: readonly string[], port: number): Promise<void> {
  const child = spawn(command, args, { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await listens(port, child);
}

/** Starts one with these credentials, where there are any; gives its port. */
const PROXIES: Record<string, (user?: string, password?: string) => Promise<number>> = {
  tinyproxy: async (user, password) => {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'tinyproxy-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'tinyproxy.conf');
    const auth = user === undefined ? '' : `BasicAuth ${user} ${password}\n`;
    writeFileSync(file, `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 10\n${auth}`);
    await run('tinyproxy', ['-d', '-c', file], port);
    return port;
  },
  microsocks: async (user, password) => {
    const port = await freePort();
    const auth = user === undefined ? [] : ['-u', user, '-P', password ?? ''];
    await run('microsocks', ['-i', '127.0.0.1', '-p', String(port), ...auth], port);
    return port;
  },
};

const SCHEMES: Record<string, string> = { tinyproxy: 'http', microsocks: 'socks5h' };

// They are programs of other makers: .ci/proxies installs them, and asks for this.
describe.runIf(process.env['REAL_PROXIES'] === '1').each(Object.entries(PROXIES))(
  'Through %s',
  (name, start) => {
    const scheme = SCHEMES[name];

    it.each(['ws', 'wss'])('a client of %s talks to its peer', async (protocol) => {
      await using server = await WsServer.listen(protocol === 'wss' ? { tls: pair } : {});
      const port = await start('joe', 'secret');
      const proxy = `${scheme}://joe:secret@127.0.0.1:${port}`;
      const client = clientAt(server.url(), Recorder, { proxy, tls: { ca: pair.cert } });
      await using app = await boot([client], { shutdownTimeout: 5_000 });
      const peer = await server.nextConnection();
      await app.journal.until('connect 1');
      const text = 'x'.repeat(1_000_000);
      await app.handle(client).sendFrame(text);
      expect(await peer.nextMessage()).toBe(text);
      peer.send('hello');
      await app.journal.until('text hello');
    });

    it('a client with a wrong password is told so', async () => {
      const port = await start('joe', 'secret');
      const proxy = `${scheme}://joe:wrong2@127.0.0.1:${port}`;
      const client = clientAt('ws://127.0.0.1:1/', Recorder, { proxy, reconnect: false });
      await using app = await boot([client]);
      const error: unknown = await app
        .handle(client)
        .connected()
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as Error).message).toContain(`the proxy 127.0.0.1:${port} of the option proxy`);
      expect((error as Error).message).not.toContain('wrong2');
    });

    it('a client of a peer that is away is told by the proxy', async () => {
      const port = await start();
      const proxy = `${scheme}://127.0.0.1:${port}`;
      const client = clientAt('ws://127.0.0.1:1/', Recorder, { proxy, reconnect: false });
      await using app = await boot([client]);
      const error: unknown = await app
        .handle(client)
        .connected()
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as Error).message).toContain(`the proxy 127.0.0.1:${port} of the option proxy`);
    });
  },
);
