import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
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

/** Where a proxy listens. */
interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * A port that is free, of an address of 127.0.0.0/8 that nobody else uses. Between here and the proxy's `bind` any process
 * may be given a free port of 127.0.0.1; one of this address is for none that does not ask for it.
 */
async function freeAddress(): Promise<Address> {
  const host = [127, ...randomBytes(3).map((byte) => 1 + (byte % 254))].join('.');
  const server = net.createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return { host, port };
}

/** Waits until something listens there. */
async function listens({ host, port }: Address, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket = net.connect(port, host);
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`the proxy ended with ${child.exitCode} before it listened`);
}

async function run(command: string, args: readonly string[], address: Address): Promise<string> {
  const child = spawn(command, args, { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await listens(address, child);
  return `${address.host}:${address.port}`;
}

/** Starts one with these credentials, where there are any; gives its host and port. */
const PROXIES: Record<string, (user?: string, password?: string) => Promise<string>> = {
  tinyproxy: async (user, password) => {
    const address = await freeAddress();
    const folder = mkdtempSync(join(tmpdir(), 'tinyproxy-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'tinyproxy.conf');
    const { host, port } = address;
    const auth = user === undefined ? '' : `BasicAuth ${user} ${password}\n`;
    writeFileSync(file, `Port ${port}\nListen ${host}\nTimeout 60\nMaxClients 10\n${auth}`);
    return await run('tinyproxy', ['-d', '-c', file], address);
  },
  microsocks: async (user, password) => {
    const address = await freeAddress();
    const { host, port } = address;
    const auth = user === undefined ? [] : ['-u', user, '-P', password ?? ''];
    return await run('microsocks', ['-i', host, '-p', String(port), ...auth], address);
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
      const place = await start('joe', 'secret');
      const proxy = `${scheme}://joe:secret@${place}`;
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
      const place = await start('joe', 'secret');
      const proxy = `${scheme}://joe:wrong2@${place}`;
      const client = clientAt('ws://127.0.0.1:1/', Recorder, { proxy, reconnect: false });
      await using app = await boot([client]);
      const error: unknown = await app
        .handle(client)
        .connected()
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as Error).message).toContain(`the proxy ${place} of the option proxy`);
      expect((error as Error).message).not.toContain('wrong2');
    });

    it('a client of a peer that is away is told by the proxy', async () => {
      const place = await start();
      const proxy = `${scheme}://${place}`;
      const client = clientAt('ws://127.0.0.1:1/', Recorder, { proxy, reconnect: false });
      await using app = await boot([client]);
      const error: unknown = await app
        .handle(client)
        .connected()
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as Error).message).toContain(`the proxy ${place} of the option proxy`);
    });
  },
);
