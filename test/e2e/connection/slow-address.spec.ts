import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as net from 'node:net';

import { describe, expect, it, onTestFinished } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { clientAt } from '../../fixtures/scene.js';

/** A server of `ws` in a process that can be stopped, with room for one connection to be accepted. */
const PROGRAM = `
  import { createServer } from 'node:http';
  import { WebSocketServer } from 'ws';
  const server = createServer();
  new WebSocketServer({ server });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () =>
    process.stdout.write(String(server.address().port)));
`;

// Elsewhere a full queue refuses, and does not drop.
describe.runIf(process.platform === 'linux')('A host whose first address is slow', () => {
  it('is reached, however fast its second one fails', { timeout: 20_000 }, async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const [data] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(data);
    child.kill('SIGSTOP');
    const fill = Array.from({ length: 6 }, () =>
      net.connect(port, '127.0.0.1').on('error', () => undefined),
    );
    onTestFinished(() => {
      for (const socket of fill) socket.destroy();
    });
    await once(fill[0]!, 'connect');

    // Multicast: no connection to it is possible, on any machine.
    const addresses = [
      { address: '127.0.0.1', family: 4 },
      { address: 'ff02::1', family: 6 },
    ];
    let asked!: () => void;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const lookup: net.LookupFunction = (_host, _options, done) => {
      done(null, addresses);
      asked();
    };
    const options = { reconnect: false, connectTimeout: 10_000, socket: { lookup } } as const;
    await using app = await boot([clientAt(`ws://feed.test:${port}`, Recorder, options)]);
    await isAsked;
    // Its first SYN is dropped, and comes again after a second: longer than Node would wait.
    child.kill('SIGCONT');
    await app.journal.until('connect 1', 10_000);
    expect(app.journal.lines).toEqual(['connect 1']);
  });
});
