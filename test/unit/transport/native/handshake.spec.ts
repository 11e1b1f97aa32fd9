import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { AutoTransport } from '../../../../lib/runtime/transport/auto.transport.js';
import {
  acceptOf,
  Destinations,
  Keys,
  readUpgrade,
  requestText,
} from '../../../../lib/runtime/transport/native/handshake.js';
import { OddAnswer } from '../../../../lib/runtime/transport/native/odd.answer.js';
import type { TransportRequest } from '../../../../lib/runtime/transport/transport.port.js';
import { RECORDED } from '../../../fixtures/answers.js';
import { closePayload, encodeFrame, OPCODE } from '../../../fixtures/wire.js';
import { Story } from '../conformance/story.js';

const ANSWERS = Number(process.env['FUZZ_ANSWERS'] ?? 3000);

/** RFC 6455 section 1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** What the HTTP client of Node makes of an answer; where it waits for more, it is told that none comes. */
async function byNode(bytes: Buffer): Promise<unknown> {
  return new Promise((resolve) => {
    const odd = new OddAnswer({
      onUpgrade: ({ headers, httpVersion }: IncomingMessage, rest) =>
        resolve({ headers: { ...headers }, httpVersion, rest: rest.toString('latin1') }),
      onResponse: ({ statusCode }) => resolve(`response ${statusCode}`),
      onBadAnswer: ({ message }) => resolve(`error ${message}`),
    });
    odd.push(bytes);
    setImmediate(() => setImmediate(() => odd.end()));
  });
}

function byUs(bytes: Buffer): unknown {
  const upgrade = readUpgrade(bytes);
  if (upgrade === undefined || upgrade === 'odd') return upgrade;
  const rest = bytes.toString('latin1', upgrade.end);
  return { headers: { ...upgrade.headers }, httpVersion: '1.1', rest };
}

const recorded = fc.constantFrom(...Object.values(RECORDED));
const piece = fc.oneof(
  fc.constantFrom(
    '\r\n',
    '\n',
    '\r',
    ' ',
    '\t',
    ':',
    ',',
    '\0',
    '\x7f',
    '\xe4',
    '"',
    '\r\n ',
    ': ',
  ),
  fc.constantFrom('Upgrade: x\r\n', 'Connection: close\r\n', 'connection: keep-alive, upgrade\r\n'),
  fc.constantFrom('Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Set-Cookie: c=3\r\n'),
  fc.constantFrom(
    'X-A: 1\r\nX-A: 2\r\n',
    'Server: a\r\nserver: b\r\n',
    '__proto__: x\r\n',
    'X:\r\n',
  ),
  fc.constantFrom(
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.0',
    '404',
    '101',
    'X-Long: aaaa  b \t\r\n',
  ),
  fc.constantFrom(
    'Sec-WebSocket-Protocol: mqtt\r\n',
    'Sec-WebSocket-Protocol: other\r\n',
    'Sec-WebSocket-Extensions: permessage-deflate\r\n',
    'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7\r\n',
    'Sec-WebSocket-Extensions: x-other; a="b"\r\n',
    'Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: permessage-deflate\r\n',
    'Sec-WebSocket-Accept: x\r\n',
  ),
  fc.string({ maxLength: 5 }),
);
const mutation = fc.record({
  at: fc.nat(),
  drop: fc.oneof(fc.constant(0), fc.nat(8)),
  piece: fc.oneof(fc.constant(''), piece),
});
/** Where a line begins, or anywhere. */
const answer = fc
  .tuple(recorded, fc.array(mutation, { maxLength: 3 }), fc.boolean(), fc.nat(6), fc.string())
  .map(([text, mutations, atLines, cut, behind]) => {
    let bytes = text;
    for (const { at, drop, piece: put } of mutations) {
      const lines = [...bytes.matchAll(/\r\n/g)].map(({ index }) => index + 2);
      const from = (atLines ? lines[at % lines.length] : undefined) ?? at % (bytes.length + 1);
      bytes = `${bytes.slice(0, from)}${put}${bytes.slice(from + (atLines ? 0 : drop))}`;
    }
    if (cut === 0) bytes = bytes.slice(0, (mutations[0]?.at ?? 50) % (bytes.length + 1));
    return Buffer.from(bytes + (cut === 0 ? '' : behind), 'latin1');
  });

describe('The answer to a handshake', () => {
  it.each(Object.entries(RECORDED))('of %s is read without Node', async (_, text) => {
    const bytes = Buffer.from(`${text}rest`, 'latin1');
    const ours = byUs(bytes);
    expect(ours).toMatchObject({ headers: { 'sec-websocket-accept': ACCEPT }, rest: 'rest' });
    expect(ours).toEqual(await byNode(bytes));
  });

  it.each(Object.entries(RECORDED))('of %s is waited for to its last byte', (_, text) => {
    const bytes = Buffer.from(text, 'latin1');
    for (let length = 0; length < bytes.length; length++) {
      expect(readUpgrade(bytes.subarray(0, length))).toBeUndefined();
    }
    for (let seen = 0; seen < bytes.length; seen++) {
      expect(readUpgrade(bytes, seen)).toEqual(readUpgrade(bytes));
    }
  });

  it(`is what Node says it is, in ${ANSWERS} mutations`, { timeout: 600_000 }, async () => {
    const seen = { read: 0, odd: 0, waits: 0 };
    await fc.assert(
      fc.asyncProperty(answer, async (bytes) => {
        const ours = byUs(bytes);
        if (ours === 'odd') {
          seen.odd++;
          return;
        }
        const theirs = await byNode(bytes);
        if (ours === undefined) {
          seen.waits++;
          // Node knows of some that they will be none before they have ended.
          expect(theirs).toMatch(/^error/);
        } else {
          seen.read++;
          expect(ours).toEqual(theirs);
        }
      }),
      { numRuns: ANSWERS },
    );
    expect(Math.min(seen.read, seen.odd)).toBeGreaterThan(ANSWERS / 10);
    expect(seen.waits).toBeGreaterThan(ANSWERS / 50);
  });

  it.each([
    ['a refusal, as soon as that is known', 'HTTP/1.1 4'],
    ['another version', 'HTTP/1.0 101 Switching Protocols\r\n'],
    ['no HTTP', '\x16\x03\x01'],
    ['a line that ends without CR', 'HTTP/1.1 101 Ok\nUpgrade: websocket\n\n'],
    ['such a line behind others', 'HTTP/1.1 101 Ok\r\nUpgrade: websocket\n'],
    [
      'a tab behind the token that Node looks for',
      'HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: upgrade\t\r\n\r\n',
    ],
    ['a head that is too long', `HTTP/1.1 101 Ok\r\nX: ${'a'.repeat(17_000)}`],
    [
      'a body',
      `HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\n`,
    ],
  ])('is left to Node: %s', (_, text) => {
    expect(readUpgrade(Buffer.from(text, 'latin1'))).toBe('odd');
  });

  it('is proven by the key of the request', () => {
    expect(acceptOf(KEY)).toBe(ACCEPT);
  });
});

function request(url: string, more: Partial<TransportRequest> = {}): TransportRequest {
  return { client: 'feed', url, headers: {}, protocols: [], options: {}, ...more };
}

/** A peer that gives the same answer to any request, with the proof for its key, and ends its side. */
class Answering extends Duplex {
  #request = '';

  constructor(private readonly bytes: Buffer) {
    super();
  }

  override _read(): void {
    // It is pushed once the request is there.
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.#request += bytes.toString('latin1');
    if (this.#request.endsWith('\r\n\r\n')) void this.#answer();
    done();
  }

  async #answer(): Promise<void> {
    const key = /^sec-websocket-key: (.+)\r$/im.exec(this.#request)?.[1] ?? '';
    await turns(1);
    const text = this.bytes.toString('latin1').replaceAll(ACCEPT, acceptOf(key));
    this.push(Buffer.from(text, 'latin1'));
    // By then all of it has been told: `ws` takes some turns for an error.
    await turns(5);
    this.push(null);
  }
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

/** All that is told of a connection whose peer answers so, and why it ended. */
async function toldOf(
  bytes: Buffer,
  transport: 'auto' | 'ws',
  { options, ...more }: Partial<TransportRequest>,
): Promise<readonly string[]> {
  const story = new Story();
  const peer = new Answering(bytes);
  const asked = request('ws://feed.example/', { ...more, options: { ...options, transport } });
  new AutoTransport(() => peer).open(asked, story);
  await story.over();
  return [...story.lines, `${story.error?.message}`];
}

describe('A connection', () => {
  const frames = Buffer.concat([
    encodeFrame(OPCODE.text, 'a'),
    encodeFrame(OPCODE.close, closePayload(1000, 'bye')),
  ]).toString('latin1');
  const asked = fc.record({
    protocols: fc.constantFrom([], ['mqtt'], ['mqtt', 'v2']),
    options: fc.record({
      perMessageDeflate: fc.boolean(),
      requireProtocol: fc.boolean(),
    }),
  });

  it(
    `is told as by ws, whatever is answered to it, of ${ANSWERS} answers`,
    { timeout: 600_000 },
    async () => {
      const seen = { open: 0, failed: 0 };
      await fc.assert(
        fc.asyncProperty(answer, fc.boolean(), asked, async (bytes, hasFrames, more) => {
          const all = hasFrames ? Buffer.concat([bytes, Buffer.from(frames, 'latin1')]) : bytes;
          const ours = await toldOf(all, 'auto', more);
          expect(ours).toEqual(await toldOf(all, 'ws', more));
          seen[ours.some((line) => line.startsWith('open')) ? 'open' : 'failed']++;
        }),
        { numRuns: ANSWERS },
      );
      expect(Math.min(seen.open, seen.failed)).toBeGreaterThan(ANSWERS / 10);
    },
  );
});

describe('The request of a handshake', () => {
  it('is that of RFC 6455 section 4.1', () => {
    expect(requestText(request('ws://feed.example:8080/a%20b/?q=1&r'), KEY)).toBe(
      'GET /a%20b/?q=1&r HTTP/1.1\r\nHost: feed.example:8080\r\nUpgrade: websocket\r\n' +
        'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
        `Sec-WebSocket-Key: ${KEY}\r\n\r\n`,
    );
  });

  it.each([
    ['wss://feed.example:443/', 'Host: feed.example\r\n'],
    ['ws://feed.example:80', 'Host: feed.example\r\n'],
    ['ws://feed.example:443/', 'Host: feed.example:443\r\n'],
    ['ws://[::1]:9/', 'Host: [::1]:9\r\n'],
    ['https://feed.example/', 'Host: feed.example\r\n'],
  ])('names the host of %s, and its port where it is another', (url, line) => {
    expect(requestText(request(url), KEY)).toContain(line);
  });

  it('has the headers of the user, and the subprotocols', () => {
    const text = requestText(
      request('ws://user:p%40ss@feed.example/', {
        headers: { 'X-A': ['1', '2'], Cookie: ['a=1', 'b=2'], Origin: 'https://a.example' },
        protocols: ['mqtt', 'v2'],
      }),
      KEY,
    );
    expect(text.split('\r\n').slice(6)).toEqual([
      'X-A: 1',
      'X-A: 2',
      'Cookie: a=1; b=2',
      'Origin: https://a.example',
      'Sec-WebSocket-Protocol: mqtt,v2',
      `Authorization: Basic ${Buffer.from('user:p@ss').toString('base64')}`,
      '',
      '',
    ]);
  });

  it('has one host and one authorization, those of the user', () => {
    const headers = { host: 'other.example', authorization: 'Bearer x' };
    const text = requestText(request('ws://user:pass@feed.example/', { headers }), KEY);
    expect(text.match(/^host:/gim)).toHaveLength(1);
    expect(text.match(/^authorization:/gim)).toHaveLength(1);
    expect(text).toContain('host: other.example\r\nauthorization: Bearer x\r\n');
  });

  it('has a key of its own', () => {
    const drawn = new Keys();
    const keys = Array.from({ length: 500 }, () => drawn.next());
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) expect(Buffer.from(key, 'base64')).toHaveLength(16);
  });

  it('goes where its URL says, whichever was asked for before', () => {
    const destinations = new Destinations();
    const urls = ['ws://a/x', 'wss://[::1]/y?z', 'ws://a/x', 'ws://joe:p@a:81/', 'http://a/'];
    const found = urls.map((url) => destinations.of(url));
    expect(found.map(({ host, port, path }) => `${host} ${port} ${path}`)).toEqual([
      'a 80 /x',
      '::1 443 /y?z',
      'a 80 /x',
      'a 81 /',
      'a 80 /',
    ]);
    expect(found.map(({ authority }) => authority)).toEqual(['a', '[::1]', 'a', 'a:81', 'a']);
    expect(found.map(({ credentials }) => credentials !== undefined)).toEqual([
      false,
      false,
      false,
      true,
      false,
    ]);
  });
});
