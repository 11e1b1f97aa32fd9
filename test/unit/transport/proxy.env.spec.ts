import { describe, expect, it } from 'vitest';

import { ConnectionError } from '../../../lib/runtime/errors/connection.errors.js';
import {
  findProxy,
  isExcepted,
  parseProxy,
  proxyVariable,
} from '../../../lib/runtime/transport/proxy.env.js';

type Environment = Record<string, string>;

const H = 'http://h:1';
const S = 'http://s:1';
const A = 'socks5://a:1';

describe('The variable for a URL', () => {
  it.each<[string, Environment, string | undefined]>([
    ['ws://x/', {}, undefined],
    ['ws://x/', { HTTP_PROXY: H }, 'HTTP_PROXY'],
    ['ws://x/', { http_proxy: H }, 'http_proxy'],
    ['ws://x/', { HTTP_PROXY: S, http_proxy: H }, 'http_proxy'],
    ['ws://x/', { HTTP_PROXY: H, http_proxy: '' }, 'HTTP_PROXY'],
    ['ws://x/', { HTTP_PROXY: '  ' }, undefined],
    ['ws://x/', { HTTPS_PROXY: S }, undefined],
    ['ws://x/', { ALL_PROXY: A }, 'ALL_PROXY'],
    ['ws://x/', { ALL_PROXY: A, HTTP_PROXY: H }, 'HTTP_PROXY'],
    ['http://x/', { HTTP_PROXY: H }, 'HTTP_PROXY'],
    ['wss://x/', { HTTP_PROXY: H }, undefined],
    ['wss://x/', { HTTPS_PROXY: S, HTTP_PROXY: H }, 'HTTPS_PROXY'],
    ['wss://x/', { https_proxy: S }, 'https_proxy'],
    ['wss://x/', { all_proxy: A }, 'all_proxy'],
    ['https://x/', { https_proxy: S }, 'https_proxy'],
    ['ws://127.0.0.1/', { HTTP_PROXY: H }, 'HTTP_PROXY'],
    ['ws://localhost/', { HTTP_PROXY: H }, 'HTTP_PROXY'],
    ['ws://x/', { HTTP_PROXY: H, NO_PROXY: 'x' }, undefined],
    ['ws://x/', { HTTP_PROXY: H, no_proxy: 'x' }, undefined],
    ['ws://x/', { HTTP_PROXY: H, no_proxy: 'y', NO_PROXY: 'x' }, 'HTTP_PROXY'],
    ['ws://x/', { HTTP_PROXY: H, no_proxy: '', NO_PROXY: 'x' }, undefined],
    ['ws://x:81/', { HTTP_PROXY: H, NO_PROXY: 'x:80' }, 'HTTP_PROXY'],
    ['ws://x/', { HTTP_PROXY: H, NO_PROXY: 'x:80' }, undefined],
    ['wss://x/', { HTTPS_PROXY: H, NO_PROXY: 'x:443' }, undefined],
    ['ws://[::1]:9/', { HTTP_PROXY: H, NO_PROXY: '::1' }, undefined],
  ])('%s with %j is %s', (url, environment, name) => {
    expect(proxyVariable(url, environment)?.name).toBe(name);
  });
});

describe('NO_PROXY', () => {
  it.each<[string, string, number, boolean]>([
    ['', 'a.com', 80, false],
    ['*', 'a.com', 80, true],
    ['b.com,*', 'a.com', 80, true],
    ['a.com', 'a.com', 80, true],
    ['A.COM', 'a.com', 80, true],
    ['a.com', 'x.a.com', 80, true],
    ['a.com', 'xa.com', 80, false],
    ['x.a.com', 'a.com', 80, false],
    ['.a.com', 'x.a.com', 80, true],
    ['.a.com', 'a.com', 80, true],
    ['.a.com', 'xa.com', 80, false],
    ['*.a.com', 'x.a.com', 80, true],
    ['*.a.com', 'a.com', 80, false],
    ['*a.com', 'xa.com', 80, true],
    ['a.com.', 'a.com', 80, true],
    ['a.com', 'a.com.', 80, true],
    ['b.com, a.com', 'a.com', 80, true],
    ['b.com a.com\tc.com', 'a.com', 80, true],
    [',,a.com,', 'a.com', 80, true],
    ['a.com:80', 'a.com', 80, true],
    ['a.com:80', 'a.com', 81, false],
    ['.a.com:80', 'x.a.com', 80, true],
    ['*:80', 'a.com', 80, true],
    ['localhost', 'localhost', 80, true],
    ['localhost', '127.0.0.1', 80, false],
    ['127.0.0.1', '127.0.0.1', 80, true],
    ['127.0.0.1', '127.0.0.10', 80, false],
    ['0.0.1', '127.0.0.1', 80, false],
    ['127.0.0.1:8080', '127.0.0.1', 8080, true],
    ['127.0.0.1:8080', '127.0.0.1', 80, false],
    ['10.0.0.0/8', '10.200.3.4', 80, true],
    ['10.0.0.0/8', '11.0.0.1', 80, false],
    ['10.0.0.0/8', 'a.com', 80, false],
    ['10.0.0.0/99', '10.0.0.1', 80, false],
    ['10.0.0.0/x', '10.0.0.1', 80, false],
    ['::1', '[::1]', 80, true],
    ['[::1]', '[::1]', 80, true],
    ['0:0:0:0:0:0:0:1', '[::1]', 80, true],
    ['[::1]:80', '[::1]', 80, true],
    ['[::1]:81', '[::1]', 80, false],
    ['fd00::/8', '[fd12::1]', 80, true],
    ['fd00::/8', '[fe80::1]', 80, false],
    ['10.0.0.0/8', '[::1]', 80, false],
    ['.', 'a.com', 80, false],
  ])('%j excepts %s:%i: %s', (list, host, port, isIn) => {
    expect(isExcepted(host, port, list)).toBe(isIn);
  });
});

describe('A proxy', () => {
  it.each([
    ['http://p:3128', 'http://p:3128/', 'https-proxy-agent'],
    ['p:3128', 'http://p:3128/', 'https-proxy-agent'],
    ['https://u:p@p', 'https://u:p@p/', 'https-proxy-agent'],
    ['u:p@p:1', 'http://u:p@p:1/', 'https-proxy-agent'],
    [' p ', 'http://p/', 'https-proxy-agent'],
    ['socks5://p:1080', 'socks5://p:1080', 'socks-proxy-agent'],
    ['SOCKS5H://p', 'socks5h://p', 'socks-proxy-agent'],
    ['socks4a://p', 'socks4a://p', 'socks-proxy-agent'],
  ])('%s is %s, spoken to by %s', (given, href, peer) => {
    const proxy = parseProxy(given);
    expect([proxy?.url.href, proxy?.peer]).toEqual([href, peer]);
  });

  it.each(['', '  ', 'ftp://p', 'ws://p', 'http://', 'http://a b', 'socks5://'])(
    '%j is none',
    (given) => {
      expect(parseProxy(given)).toBeUndefined();
    },
  );
});

describe('The proxy of an attempt', () => {
  const request = (proxy?: string | URL | false, url = 'ws://x/') => ({
    client: 'feed',
    url,
    headers: {},
    protocols: [],
    options: proxy === undefined ? {} : { proxy },
  });

  it('is what the environment says, unless the option says otherwise', () => {
    const environment = { HTTP_PROXY: H };
    const found = (proxy?: string | URL | false, url?: string) =>
      findProxy(request(proxy, url), environment);
    expect(found()).toMatchObject({ source: 'HTTP_PROXY', isOfEnvironment: true });
    expect(found('env')).toEqual(found());
    expect(found(false)).toBeUndefined();
    expect(found(undefined, 'ws+unix:/tmp/x:/')).toBeUndefined();
    expect(found(A)).toMatchObject({ source: 'the option proxy', isOfEnvironment: false });
    expect(found(new URL(A))?.url.href).toBe(A);
  });

  it('is an error where the variable is none, without its secrets', () => {
    const find = () => findProxy(request(), { HTTP_PROXY: 'ftp://joe:hunter2@p' });
    expect(find).toThrow(ConnectionError);
    expect(find).toThrow(
      'feed: the variable HTTP_PROXY is "ftp://***@p", which is no URL of a proxy; correct it, or set proxy: false',
    );
  });
});
