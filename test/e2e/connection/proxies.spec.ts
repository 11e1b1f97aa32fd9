import { once } from 'node:events';
import { Agent, createServer } from 'node:http';
import * as net from 'node:net';

import { Test } from '@nestjs/testing';
import {
  type AllowUrl,
  ConfigurationError,
  ConnectionError,
  type DisconnectStatus,
  OnDisconnect,
  UrlRefusedError,
  WEBSOCKEX_TRANSPORT,
  WebSockexModule,
  type WebSockexClientOptions,
  type WebSockexEvent,
  WebSockexManager,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import type { PeerLoader } from '../../../lib/runtime/transport/proxy.tunnel.js';
import { WsTransport } from '../../../lib/runtime/transport/ws.transport.js';
import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { ConnectProxy, type ProxyOptions, Socks5Proxy } from '../../fixtures/proxies.js';
import { RefusedPort } from '../../fixtures/refused-port.js';
import { AT_ONCE, clientAt } from '../../fixtures/scene.js';
import { selfSigned } from '../../fixtures/tls.js';
import { WsServer } from '../../fixtures/ws-server.js';

const pair = selfSigned('127.0.0.1', 'feed.test', 'localhost');

afterEach(() => void vi.unstubAllEnvs());

/** What came of the first attempt of a client. */
async function outcome(url: string, options: WebSockexClientOptions): Promise<unknown> {
  const given = { reconnect: false, tls: { ca: pair.cert }, ...options } as const;
  const client = clientAt(url, Recorder, given);
  await using app = await boot([client]);
  return await app
    .handle(client)
    .connected()
    .then(
      () => 'open',
      (error: unknown) => error,
    );
}

const KINDS: Record<string, (options?: ProxyOptions) => Promise<ConnectProxy | Socks5Proxy>> = {
  'HTTP CONNECT': (options) => ConnectProxy.listen(options),
  'HTTP CONNECT over TLS': (options) => ConnectProxy.listen({ ...options, tls: pair }),
  SOCKS5: (options) => Socks5Proxy.listen(options),
};

describe.each(Object.entries(KINDS))('A proxy of %s', (kind, listen) => {
  it.each(['ws', 'wss'])('leads a client of %s to its peer, which echoes', async (scheme) => {
    await using server = await WsServer.listen(scheme === 'wss' ? { tls: pair } : {});
    await using proxy = await listen();
    const url = `${scheme}://feed.test:${server.port}/`;
    const options = { proxy: proxy.url(), tls: { ca: pair.cert }, reconnect: AT_ONCE };
    const client = clientAt(url, Recorder, options);
    await using app = await boot([client]);
    const peer = await server.nextConnection();
    await app.journal.until('connect 1');
    // The name is the proxy's to look up.
    expect(proxy.asked).toEqual([`feed.test:${server.port}`]);
    peer.send('hello');
    await app.journal.until('text hello');
    await app.handle(client).sendFrame('there');
    expect(await peer.nextMessage()).toBe('there');
    // Each attempt finds its way anew.
    peer.drop();
    await server.nextConnection();
    await app.journal.until('connect 2');
    expect(proxy.asked).toHaveLength(2);
  });

  it('is given the credentials of its URL, and tells them nobody', async () => {
    await using server = await WsServer.listen();
    await using proxy = await listen({ credentials: 'joe:hunter2@' });
    expect(await outcome(server.url(), { proxy: proxy.url('joe:hunter2%40') })).toBe('open');
    const error = (await outcome(server.url(), { proxy: proxy.url('joe:wrong2') })) as Error;
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toContain(`the proxy 127.0.0.1:${proxy.port} of the option proxy`);
    expect(error.message).not.toContain('wrong2');
    expect(error.message).not.toContain('joe');
    if (kind !== 'SOCKS5') {
      expect(error.message).toContain('it answered 407 No; it wants credentials');
    }
  });

  it('that is away is an error that names it', async () => {
    await using proxy = await listen();
    using refused = await RefusedPort.hold();
    const url = proxy.url().replace(`:${proxy.port}`, `:${refused.port}`);
    const error = (await outcome('ws://127.0.0.1:1/', { proxy: url })) as Error;
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(
      /^Recorder: the proxy 127\.0\.0\.1:\d+ of the option proxy failed: .*ECONNREFUSED.*see whether it is there/,
    );
  });

  it('that says nothing is given up by connectTimeout, and by the end of the client', async () => {
    await using proxy = await listen({ isSilent: true });
    const options = { proxy: proxy.url(), connectTimeout: 50 };
    const error = (await outcome('ws://127.0.0.1:1/', options)) as Error;
    expect(error.message).toContain('not open within 50 ms (connectTimeout)');
    await proxy.drained();
    expect(proxy.connectionCount).toBe(1);
  });

  it('fails the handshake by what the peer says, as without it', async () => {
    await using proxy = await listen();
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'));
    });
    server.listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as net.AddressInfo;
    const error = await outcome(`ws://feed.test:${port}/`, { proxy: proxy.url() });
    expect(error).toMatchObject({ name: 'HandshakeError', status: 404 });
  });
});

describe('A proxy that refuses', () => {
  it.each([
    [403, 'it does not allow that host or port'],
    [407, 'put user and password into its URL'],
    [502, 'it cannot reach that host'],
    [418, 'see its log'],
  ])('with %i is an error that names it, and says what to do', async (refusal, says) => {
    await using proxy = await ConnectProxy.listen({ refusal });
    for (const url of ['ws://feed.test:1/', 'wss://feed.test:1/']) {
      const error = (await outcome(url, { proxy: proxy.url('joe:hunter2') })) as ConnectionError;
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error.message).toContain(
        `Recorder: the proxy 127.0.0.1:${proxy.port} of the option proxy does not lead to feed.test:1: it answered ${refusal} No; `,
      );
      expect(error.message).toContain(says);
      expect(error.cause).toMatchObject({ status: refusal });
    }
  });

  it.each([
    [403, 'slow'],
    [407, 'slow'],
    [429, 'passing'],
    [502, 'passing'],
  ] as const)('with %i is %s, as an answer of the peer would be', async (refusal, its) => {
    await using proxy = await ConnectProxy.listen({ refusal });
    const told = new Deferred<DisconnectStatus>();
    class Told {
      @OnDisconnect()
      lost(status: DisconnectStatus) {
        told.resolve(status);
      }
    }
    const client = clientAt('ws://feed.test:1/', Told, { proxy: proxy.url() });
    await using _app = await boot([client]);
    expect((await told.promise).class).toBe(its);
  });

  it('as SOCKS, too', async () => {
    await using proxy = await Socks5Proxy.listen({ refusal: 2 });
    const error = (await outcome('ws://feed.test:1/', { proxy: proxy.url() })) as Error;
    expect(error.message).toMatch(/^Recorder: the proxy 127\.0\.0\.1:\d+ .* failed: .*NotAllowed/);
  });

  it('is not trusted without its certificate', async () => {
    await using proxy = await ConnectProxy.listen({ tls: pair });
    const options = { proxy: proxy.url(), tls: {} };
    const error = (await outcome('ws://127.0.0.1:1/', options)) as Error;
    expect(error.message).toMatch(/the proxy 127\.0\.0\.1:\d+ .* failed: self-signed certificate/);
    expect(proxy.asked).toEqual([]);
  });
});

describe('A redirect that is followed', () => {
  it.each(Object.entries(KINDS))('leads through the proxy as well: %s', async (_kind, listen) => {
    await using server = await WsServer.listen();
    await using proxy = await listen();
    const target = `ws://other.test:${server.port}/there`;
    const redirecting = createServer().on('upgrade', (_request, socket) => {
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ${target}\r\nContent-Length: 0\r\n\r\n`);
    });
    redirecting.listen(0, '127.0.0.1');
    onTestFinished(() => void redirecting.close());
    await once(redirecting, 'listening');
    const { port } = redirecting.address() as net.AddressInfo;

    const client = clientAt(`ws://feed.test:${port}/`, Recorder, {
      proxy: proxy.url(),
      tls: { ca: pair.cert },
      followRedirects: 'any',
      reconnect: false,
    });
    await using app = await boot([client]);
    expect(await app.handle(client).connected()).toMatchObject({ url: target });
    expect(proxy.asked).toEqual([`feed.test:${port}`, `other.test:${server.port}`]);
    expect(proxy.connectionCount).toBe(2);
  });
});

describe('The environment', () => {
  it('is read at each attempt, NO_PROXY too', async () => {
    await using server = await WsServer.listen();
    await using proxy = await ConnectProxy.listen();
    const client = clientAt(server.url(), Recorder, { reconnect: AT_ONCE });
    await using app = await boot([client]);
    const next = async (session: number) => {
      const peer = await server.nextConnection();
      await app.journal.until(`connect ${session}`);
      return peer;
    };
    const first = await next(1);
    vi.stubEnv('HTTP_PROXY', proxy.url());
    first.drop();
    const second = await next(2);
    expect(proxy.asked).toEqual([`127.0.0.1:${server.port}`]);
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    second.drop();
    await next(3);
    expect(proxy.asked).toHaveLength(1);
  });

  it.each([
    ['ws', 'http_proxy'],
    ['ws', 'ALL_PROXY'],
    ['wss', 'HTTPS_PROXY'],
    ['wss', 'all_proxy'],
  ])('leads %s by %s, unless proxy: false', async (scheme, variable) => {
    await using server = await WsServer.listen(scheme === 'wss' ? { tls: pair } : {});
    await using proxy = await Socks5Proxy.listen();
    vi.stubEnv(variable, proxy.url());
    expect(await outcome(server.url(), {})).toBe('open');
    expect(proxy.asked).toHaveLength(1);
    expect(await outcome(server.url(), { proxy: false })).toBe('open');
    expect(proxy.asked).toHaveLength(1);
  });

  it('does not lead an agent, a createConnection or a net', async () => {
    await using server = await WsServer.listen();
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:1');
    const agent = new Agent();
    onTestFinished(() => agent.destroy());
    expect(await outcome(server.url(), { agent })).toBe('open');
    const createConnection = () => net.connect(server.port, '127.0.0.1');
    expect(await outcome(server.url(), { ws: { createConnection } })).toBe('open');
    expect(await outcome(server.url(), { agent, proxy: 'http://127.0.0.1:1' })).toBe('open');

    await using memory = createTestNet();
    const client = clientAt('ws://feed/', class Plain {}, { proxy: 'http://127.0.0.1:1' });
    const app = await memory.install(
      Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [client] })] }),
    );
    await app.init();
    await memory.server(client).accept();
    await app.close();
  });

  it('that names no proxy fails the attempt', async () => {
    vi.stubEnv('HTTP_PROXY', 'ftp://joe:hunter2@proxy');
    const error = (await outcome('ws://127.0.0.1:1/', {})) as Error;
    expect(error.message).toContain('the variable HTTP_PROXY is "ftp://***@proxy"');
  });
});

describe('Without the package that speaks to a proxy', () => {
  const load: PeerLoader = (peer) =>
    Promise.reject(
      Object.assign(new Error(`Cannot find package '${peer}'`), { code: 'ERR_MODULE_NOT_FOUND' }),
    );

  /** An application whose transport has no such packages. */
  async function bootWithout(...clients: (new () => object)[]) {
    const events: WebSockexEvent[] = [];
    const lines: string[] = [];
    const logger = {
      log: () => undefined,
      error: () => undefined,
      warn: (line: string) => void lines.push(line),
    };
    const module = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients, shutdownTimeout: 0 })],
    })
      .overrideProvider(WEBSOCKEX_TRANSPORT)
      .useValue(new WsTransport(undefined, undefined, load))
      .setLogger(logger)
      .compile();
    onTestFinished(() => module.close());
    module.get(WebSockexManager).events$.subscribe((event) => events.push(event));
    await module.init();
    return { lines, events };
  }

  it('a variable warns once for all clients, naming it, and they dial directly', async () => {
    await using server = await WsServer.listen();
    vi.stubEnv('HTTP_PROXY', 'http://joe:hunter2@127.0.0.1:1');
    const clients = ['One', 'Two'].map((name) => {
      const type = { [name]: class {} }[name] as new () => object;
      return clientAt(server.url(), type, { reconnect: AT_ONCE, startup: 'required' });
    });
    const { lines, events } = await bootWithout(...clients);
    const peers = [await server.nextConnection(), await server.nextConnection()];
    peers[0]!.drop();
    await server.nextConnection();
    const warnings = events.flatMap((one) => (one.event === 'warning' ? [one.message] : []));
    expect(warnings).toEqual([
      expect.stringMatching(
        /^(One|Two): HTTP_PROXY asks for a proxy, and the package https-proxy-agent, which speaks to it, is not installed\. Install it \(npm install https-proxy-agent\), or set proxy: false\. Until then the client dials directly$/,
      ),
    ]);
    expect(lines.filter((line) => line.includes('HTTP_PROXY'))).toEqual(warnings);
  });

  it('allowUrl is told the address, since none is hidden by a proxy', async () => {
    await using server = await WsServer.listen();
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
    const asked: unknown[] = [];
    const allowUrl: AllowUrl = (_url, address) => {
      asked.push(address);
      return address !== undefined;
    };
    const lookup: net.LookupFunction = (_host, _options, done) =>
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    const options = { allowUrl, socket: { lookup }, startup: 'required' } as const;
    const url = `ws://feed.test:${server.port}/`;
    await bootWithout(clientAt(url, class Named {}, options));
    await bootWithout(clientAt(server.url(), class Plain {}, options));
    expect(asked).toEqual(['127.0.0.1', '127.0.0.1']);
  });

  it.each([
    ['http://p:1', 'https-proxy-agent'],
    ['socks5://p:1', 'socks-proxy-agent'],
  ])('the option proxy: %s fails the boot, naming %s', async (proxy, peer) => {
    const client = clientAt('ws://127.0.0.1:1/', class Feed {}, { proxy });
    const booting = bootWithout(client);
    await expect(booting).rejects.toBeInstanceOf(ConfigurationError);
    await expect(booting).rejects.toThrow(
      `Feed: the option proxy asks for a proxy, and the package ${peer}`,
    );
  });
});

describe('allowUrl, and a proxy', () => {
  it.each(['socks5h', 'http'])('is told no address: %s', async (scheme) => {
    await using server = await WsServer.listen();
    await using proxy = await (scheme === 'http' ? ConnectProxy : Socks5Proxy).listen();
    const asked: unknown[] = [];
    const options = (answer: boolean): WebSockexClientOptions => ({
      proxy: proxy.url(),
      allowUrl: (_url, address) => {
        asked.push(address);
        return answer;
      },
    });
    const url = `ws://feed.test:${server.port}/`;
    expect(await outcome(url, options(false))).toBeInstanceOf(UrlRefusedError);
    expect(proxy.connectionCount).toBe(0);
    expect(await outcome(url, options(true))).toBe('open');
    expect(asked).toEqual([undefined, undefined]);
  });

  it('is told the address where it is looked up here: socks5', async () => {
    await using server = await WsServer.listen();
    await using proxy = await Socks5Proxy.listen();
    const asked: unknown[] = [];
    const lookup: net.LookupFunction = (_host, _options, done) => done(null, '127.0.0.7', 4);
    const options: WebSockexClientOptions = {
      proxy: proxy.url(undefined, 'socks5'),
      socket: { lookup },
      allowUrl: (_url, address) => {
        asked.push(address);
        return true;
      },
    };
    expect(await outcome(`ws://feed.test:${server.port}/`, options)).toBe('open');
    expect([asked, proxy.asked]).toEqual([['127.0.0.7'], [`127.0.0.7:${server.port}`]]);
  });
});
