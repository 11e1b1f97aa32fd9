import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

const repo = fileURLToPath(new URL('../..', import.meta.url));

/** Has `ws` find a `bufferutil` that masks as the real one does, and says what it was asked for. */
const PROGRAM = `
  const Module = require('node:module');
  const asked = [];
  const xor = (source, mask, output, offset, length) => {
    for (let i = 0; i < length; i++) output[offset + i] = source[i] ^ mask[i & 3];
  };
  const bufferutil = {
    mask: (...all) => (asked.push('mask ' + all[4]), xor(...all)),
    unmask: (buffer, mask) => (asked.push('unmask ' + buffer.length), xor(buffer, mask, buffer, 0, buffer.length)),
  };
  const load = Module._load;
  Module._load = (name, ...rest) => name === 'bufferutil' ? bufferutil : load.call(Module, name, ...rest);
  const { WebSocket, WebSocketServer } = require('ws');
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }, () => {
    const client = new WebSocket('ws://127.0.0.1:' + server.address().port);
    client.on('open', () => [47, 48].forEach((length) => client.send('x'.repeat(length))));
  });
  const seen = [];
  server.on('connection', (peer) => peer.on('message', (data) => {
    seen.push(String(data).length);
    if (seen.length < 2) return;
    console.log(JSON.stringify({ seen, masked: asked.filter((one) => one.startsWith('mask')) }));
    process.exit();
  }));
`;

describe('bufferutil', () => {
  it('masks the frames of ws from 48 bytes on, where it is installed', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', PROGRAM], {
      cwd: repo,
      timeout: 30_000,
    });
    expect(JSON.parse(stdout)).toEqual({ seen: [47, 48], masked: ['mask 48'] });
  });
});
