import { gzipSync } from 'node:zlib';

import { HandshakeError, type WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import type { RawPeer } from '../../fixtures/raw-server.js';
import { Scene } from '../../fixtures/scene.js';

/** What the one attempt of a client fails with. */
async function errorOf(
  answer: (peer: RawPeer) => void,
  options: WebSockexClientOptions = {},
  path?: string,
): Promise<HandshakeError> {
  await using scene = await Scene.boot(
    Recorder,
    { reconnect: false, ...options },
    path === undefined ? {} : { path },
  );
  const peer = await scene.server.nextPeer();
  await peer.request();
  answer(peer);
  await scene.journal.until('disconnect #1 error HandshakeError');
  await peer.ended();
  return scene.journal.statuses[0]?.error as HandshakeError;
}

describe('The message of a refusal', () => {
  it.each<[number, RegExp, Record<string, string>]>([
    [200, /no WebSocket: check the path of the URL/, {}],
    [400, /check the URL, and the headers/, {}],
    [401, /credentials.*@BeforeConnect/, {}],
    [403, /credentials.*@BeforeConnect/, {}],
    [404, /check the path/, {}],
    [405, /check the path/, {}],
    [407, /the proxy wants credentials.*agent/, {}],
    [426, /Upgrade/, {}],
    [429, /asked too often.*wait 30 s/, { 'Retry-After': '30' }],
    [500, /see its log/, {}],
    [502, /a proxy is there/, {}],
    [503, /overloaded; it asks to wait 7 s/, { 'Retry-After': '7' }],
    [504, /did not answer in time/, {}],
    [301, /names no place to go to/, {}],
  ])('says what to do about %i', async (status, says, headers) => {
    const { message } = await errorOf((peer) => peer.refuse(status, undefined, headers));
    expect(message).toContain(`the peer answered ${status}`);
    expect(message).toMatch(says);
  });

  it('says that TLS is spoken there, where the answer says so', async () => {
    const body = '<h1>400</h1>The plain HTTP request was sent to HTTPS port';
    const { message } = await errorOf((peer) => peer.refuse(400, undefined, {}, body));
    expect(message).toContain('use wss:');
  });

  it.each([
    ['v3', ['v1', 'v2'], /chose the subprotocol "v3", but offered were "v1", "v2"/],
    ['v3', [], /chose the subprotocol "v3", but none was offered/],
    [undefined, ['v1', 'v2'], /chose no subprotocol; offered were "v1", "v2"/],
    [
      undefined,
      ['v1', 'base64url.bearer.authorization.k8s.io.aHVudGVyMmh1bnRlcjI'],
      /offered were "v1", "base64url\.bearer\.authorization\.\*\*\*"/,
    ],
    [undefined, ['bearer', 'hunter2'], /offered were "bearer", "\*\*\*"/],
  ])('says which subprotocol came, %s, for %j', async (chosen, protocols, says) => {
    const headers = { 'Sec-WebSocket-Protocol': chosen ?? null };
    const { message } = await errorOf((peer) => peer.accept({ headers }), { protocols });
    expect(message).toMatch(says);
    expect(message).not.toMatch(/hunter2|aHVudGVyMmh/);
  });
});

describe('The body of a refusal', () => {
  it.each<[string, string, string, string]>([
    ['plain text', 'text/plain', 'no such feed\r\nsorry', '("no such feed sorry")'],
    ['a page', 'text/html; charset=utf-8', '<h1>No</h1>\n<p>way</p>', '("No way")'],
    ['JSON', 'application/problem+json', '{"title":"No"}', '("{\\"title\\":\\"No\\"}")'],
  ])('is on the error, and short in its message: %s', async (_what, type, body, shown) => {
    const error = await errorOf((peer) => {
      peer.refuse(500, undefined, { 'Content-Type': type }, body);
    });
    expect(error.body).toBe(body);
    expect(error.message).toContain(`500 Internal Server Error ${shown}`);
    expect(error.message).not.toMatch(/[\r\n]/);
  });

  it('is left out where it is no text', async () => {
    for (const [type, encoding, body] of [
      ['image/png', 'identity', Buffer.from('89504e47', 'hex')],
      ['text/plain', 'gzip', gzipSync('no')],
      ['text/plain', 'identity', Buffer.of(0xff, 0)],
      ['text/plain', 'identity', Buffer.alloc(0)],
    ] as const) {
      const headers = { 'Content-Type': type, 'Content-Encoding': encoding };
      const error = await errorOf((peer) => peer.refuse(500, undefined, headers, body));
      expect(error).toMatchObject({ status: 500, body: undefined });
      expect(error.message).toMatch(/500 Internal Server Error;/);
    }
  });

  it('is 1 KiB at most, and no half of a character', async () => {
    const error = await errorOf((peer) => peer.refuse(500, undefined, {}, `x${'é'.repeat(4_000)}`));
    expect(error.body).toBe(`x${'é'.repeat(511)}`);
    expect(error.message.length).toBeLessThan(300);
  });

  it('is taken as it comes', async () => {
    const headers = { 'Content-Length': '4' };
    const error = await errorOf((peer) => {
      peer.refuse(500, undefined, headers, 'so');
      setImmediate(() => peer.write('so'));
    });
    expect(error.body).toBe('soso');
  });

  it.each<[string, Record<string, string>]>([
    ['of a length', { 'Content-Length': '1000000' }],
    ['of none', { 'Content-Length': '', 'Transfer-Encoding': 'chunked' }],
  ])('that never ends holds nothing up: %s', async (_what, headers) => {
    const body = 'Transfer-Encoding' in headers ? '2\r\nno\r\n' : 'no';
    const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''));
    // The refusal is the reason, though the deadline of the attempt is nearer than the end of a body.
    const error = await errorOf(
      (peer) => peer.refuse(500, undefined, { 'Content-Length': null, ...given }, body),
      { connectTimeout: 10_000 },
    );
    expect(error).toMatchObject({ status: 500, body: 'no' });
  });

  it('is what there was of it where the peer is gone', async () => {
    const error = await errorOf((peer) => {
      peer.refuse(500, undefined, { 'Content-Length': '10' }, 'no');
      setImmediate(() => peer.fin());
    });
    expect(error).toMatchObject({ status: 500, body: 'no' });
  });

  it('does not repeat what the request had of secrets', async () => {
    const secrets = [
      'hunter2-in-a-header',
      'hunter2-in-a-cookie',
      'hunter2-in-a-query',
      'hunter2-in-a-url',
      'hunter2-in-a-protocol',
    ];
    const [header, cookie, query, url, protocol] = secrets as [
      string,
      string,
      string,
      string,
      string,
    ];
    const said = `bad: ${secrets.join(', ')}; token=hunter2, wss://joe:hunter2@h/?listenKey=hunter2, {"pin":"hunter2"}`;
    const error = await errorOf(
      (peer) => peer.refuse(401, `No ${header}`, {}, said),
      {
        headers: { authorization: `Bearer ${header}`, Cookie: `a=1; sid=${cookie}` },
        protocols: ['v1', 'bearer', protocol],
      },
      `/?q=1&token=${query}&code=${url}`,
    );
    expect(error.message).toMatch(/401 No \*\*\* \("bad: \*\*\*, /);
    expect(`${error.message} ${error.body}`).not.toContain('hunter2');
    expect(error.body).toContain('wss://***@h/?listenKey=***');
  });
});
