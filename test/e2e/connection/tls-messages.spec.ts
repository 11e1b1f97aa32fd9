import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

import { ConnectionError, type WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it, onTestFinished } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { clientAt } from '../../fixtures/scene.js';
import { invalidPair, selfSigned } from '../../fixtures/tls.js';

const pair = selfSigned();
const elsewhere = selfSigned('elsewhere.example');
const mine = selfSigned('me.example');
const past = invalidPair('past');
const future = invalidPair('future');
const tls = { ca: pair.cert };
const wantsMine: TlsOptions = { ...pair, requestCert: true, rejectUnauthorized: true };
const encrypted = createPrivateKey(mine.key).export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-128-cbc',
  passphrase: 'right',
}) as string;

/** What the one attempt of a client fails with. */
async function errorOf(
  scheme: 'ws' | 'wss',
  server: Server,
  options: WebSockexClientOptions,
): Promise<ConnectionError> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const url = `${scheme}://127.0.0.1:${port}/`;
  await using app = await boot([clientAt(url, Recorder, { reconnect: false, ...options })]);
  await app.journal.until('disconnect #1 error ConnectionError');
  const error = app.journal.statuses[0]?.error;
  expect(error).toBeInstanceOf(ConnectionError);
  return error as ConnectionError;
}

const secure = (options: TlsOptions) => (): Server =>
  createTlsServer(options, (socket) => socket.on('error', () => undefined).resume());
const answering = (bytes: Buffer | string) => (): Server =>
  createServer((socket) => {
    socket.once('data', () => socket.write(bytes));
  });

type Row = readonly [string, 'ws' | 'wss', () => Server, WebSockexClientOptions, RegExp];

const ROWS: readonly Row[] = [
  ['wss: to HTTP', 'wss', answering('HTTP/1.1 400 Bad Request\r\n\r\n'), { tls }, /use ws: there/],
  ['wss: to no TLS', 'wss', answering('SSH-2.0-OpenSSH_9.6\r\n'), { tls }, /use ws: there/],
  ['ws: to TLS, with its alert', 'ws', answering(Buffer.from('15030100020246', 'hex')), {}, /wss:/],
  ['ws: to TLS that hangs up', 'ws', secure(pair), {}, /wss:/],
  ['ws: to no HTTP', 'ws', answering('SSH-2.0-OpenSSH_9.6\r\n'), {}, /does not speak HTTP/],
  ['a CA that is not known', 'wss', secure(pair), {}, /give it, or its CA, in tls\.ca/],
  [
    'another host',
    'wss',
    secure(elsewhere),
    { tls: { ca: elsewhere.cert } },
    /another host name.*tls\.servername/,
  ],
  [
    'a certificate that has expired',
    'wss',
    secure(past),
    { tls: { ca: past.cert } },
    /has expired/,
  ],
  ['one not valid yet', 'wss', secure(future), { tls: { ca: future.cert } }, /is not valid yet/],
  ['no certificate of ours', 'wss', secure(wantsMine), { tls }, /tls\.cert and tls\.key/],
  [
    'no certificate of ours, in TLS 1.2',
    'wss',
    secure({ ...wantsMine, maxVersion: 'TLSv1.2' }),
    { tls },
    /tls\.cert and tls\.key/,
  ],
  [
    'a certificate of ours that is not accepted',
    'wss',
    secure(wantsMine),
    { tls: { ...tls, ...mine } },
    /accepts the certificate in tls\.cert/,
  ],
  [
    'no version in common',
    'wss',
    secure({ ...pair, minVersion: 'TLSv1.3' }),
    { tls: { ...tls, maxVersion: 'TLSv1.2' } },
    /tls\.minVersion and tls\.maxVersion/,
  ],
  [
    'no application protocol in common',
    'wss',
    secure({ ...pair, ALPNProtocols: ['h2'] }),
    { tls: { ...tls, ALPNProtocols: ['http/1.1'] } },
    /tls\.ALPNProtocols/,
  ],
  [
    'a key that does not fit',
    'wss',
    secure(pair),
    { tls: { ...tls, key: pair.key, cert: mine.cert } },
    /tls\.key does not fit the certificate in tls\.cert/,
  ],
  ['a key that is none', 'wss', secure(pair), { tls: { ...mine, key: 'x' } }, /tls\.key cannot be/],
  [
    'a certificate that is none',
    'wss',
    secure(pair),
    { tls: { ...mine, cert: 'x' } },
    /tls\.cert cannot be/,
  ],
  ['a PKCS#12 that is none', 'wss', secure(pair), { tls: { pfx: 'x' } }, /tls\.pfx cannot be read/],
  [
    'a wrong passphrase',
    'wss',
    secure(pair),
    { tls: { ...mine, key: encrypted, passphrase: 'wrong' } },
    /tls\.key cannot be read.*tls\.passphrase/,
  ],
  ['no such ciphers', 'wss', secure(pair), { tls: { ...tls, ciphers: 'NOPE' } }, /tls\.ciphers/],
  ['an agent for HTTP', 'wss', secure(pair), { tls, agent: new Agent() }, /wants an https\.Agent/],
];

describe('The message of an attempt that fails by TLS', () => {
  it.each(ROWS)('says what to do, in one line: %s', async (_what, scheme, make, options, says) => {
    const { message, cause } = await errorOf(scheme, make(), options);
    expect(message).toMatch(/^Recorder: the connection failed: /);
    expect(message).toMatch(says);
    expect(message).not.toMatch(/[\r\n]|SSL routines|deps\/openssl/);
    expect(cause).toBeInstanceOf(Error);
  });
});
