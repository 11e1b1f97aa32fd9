import { Agent } from 'node:http';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { transportFor } from '../../../lib/runtime/transport/auto.transport.js';
import type { TransportOptions } from '../../../lib/runtime/transport/transport.options.js';

const by = (options: TransportOptions, url = 'ws://feed.example/'): string =>
  transportFor({ client: 'feed', url, headers: {}, protocols: [], options });

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('A connection goes by the native transport', () => {
  it.each<[string, TransportOptions]>([
    ['nothing', {}],
    ["transport: 'auto'", { transport: 'auto' }],
    ['options of TLS and of the socket', { tls: { ca: 'x' }, socket: { keepAlive: true } }],
    ['perMessageDeflate', { perMessageDeflate: true }],
    ['its limits', { maxPayload: 1, ws: { maxFragments: 1 }, allowUrl: () => true }],
    ['no proxy, redirects or agent', { proxy: false, followRedirects: false }],
  ])('with %s', (_, options) => {
    expect(by(options)).toBe('native');
    expect(by(options, 'wss://feed.example/')).toBe('native');
  });
});

describe('A connection goes by ws', () => {
  it.each<[string, TransportOptions]>([
    ["transport: 'ws'", { transport: 'ws' }],
    ['an agent', { agent: new Agent() }],
    ['redirects', { followRedirects: true }],
    ['a proxy', { proxy: 'http://proxy.example:3128' }],
    ['an option of zlib', { perMessageDeflate: { zlibDeflateOptions: { level: 1 } } }],
    ['another option of ws', { ws: { maxFragments: 1, skipUTF8Validation: true } }],
  ])('with %s', (_, options) => {
    expect(by(options)).toBe('ws');
    expect(by(options, 'wss://feed.example/')).toBe('ws');
  });

  it('to a socket of this machine', () => {
    expect(by({}, 'ws+unix:///run/feed.sock:/path')).toBe('ws');
  });

  it.each(['http://proxy.example:3128', 'no url'])('where a variable says %s', (value) => {
    vi.stubEnv('HTTP_PROXY', value);
    expect(by({})).toBe('ws');
    expect(by({}, 'wss://feed.example/')).toBe('native');
    expect(by({ proxy: false })).toBe('native');
  });
});
