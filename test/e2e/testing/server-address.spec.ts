import { Test } from '@nestjs/testing';
import {
  WEBSOCKEX_TRANSPORT,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
} from 'nestjs-websockex';
import { createTestNet, type TestNet } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';

const STREAM = 'wss://stream.example/s';

/** An application with a dynamic client for each of these symbols, told by the query it dials. */
async function boot(net: TestNet, ...symbols: string[]) {
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [] })] }),
  );
  app.useLogger(false);
  await app.init();
  const manager = app.get(WebSockexManager);
  for (const symbol of symbols) {
    await manager.start(FeedClient, { name: symbol, url: `${STREAM}?sym=${symbol}&token=t` });
  }
  return app;
}

describe('A server by URL', () => {
  it('has the client whose query says the same, and more', async () => {
    await using net = createTestNet();
    const app = await boot(net, 'A', 'B');
    const b = await net.server(`${STREAM}?sym=B`).accept();
    const a = await net.server(new URL(`${STREAM}?sym=A&token=t`)).accept();

    expect(a.request.url).toBe('/s?sym=A&token=t');
    expect(b.request.url).toBe('/s?sym=B&token=t');
    await app.close();
  });

  it('has every client without a query, but those that another says more of', async () => {
    await using net = createTestNet();
    const one = net.server(`${STREAM}?sym=B`);
    const all = net.server(STREAM);
    const app = await boot(net, 'A', 'B', 'C');

    expect((await one.accept()).request.url).toBe('/s?sym=B&token=t');
    expect((await all.accept()).request.url).toBe('/s?sym=A&token=t');
    expect((await all.accept()).request.url).toBe('/s?sym=C&token=t');
    expect(net.server(`${STREAM}#part`)).toBe(all);
    await app.close();
  });
});

it('A net takes a module before it is compiled', async () => {
  const net = createTestNet();
  const compiled = Test.createTestingModule({});
  await expect(net.install(compiled.compile() as never)).rejects.toThrow(
    'net.install() takes Test.createTestingModule(…) as it is, and compiles it',
  );
});

describe('A server that nobody knocks at', () => {
  const soon = { timeout: 1 };

  it('tells which clients there are, and what they dial', async () => {
    await using net = createTestNet();
    const app = await boot(net, 'A');
    const dialled = `Attempts that no net.server() answers: A to ${STREAM}?sym=A&token=***.`;

    await expect(net.server(FeedClient).accept(soon)).rejects.toThrow(
      `There is no client of this name on the net; those there are: A. ${dialled}`,
    );
    await expect(net.server('wss://stream.example/t').accept(soon)).rejects.toThrow(dialled);
    await expect(net.server('wss://stream.example/?token=t').next(soon)).rejects.toThrow(
      /\?token=\*\*\*: no session yet within 1 ms \(attempts so far: 0\)/,
    );
    await app.close();
  });

  it('tells of many clients the first ones', async () => {
    await using net = createTestNet();
    const symbols = Array.from({ length: 12 }, (_, index) => `s${index}`);
    const app = await boot(net, ...symbols);
    await expect(net.server('A').accept(soon)).rejects.toThrow(
      /those there are: s0, (?:s\d, ){9}…\. Attempts that no net\.server\(\) answers: s0 to [^…]*, …\.\n/,
    );
    await app.close();
  });

  it('tells what its client does instead', async () => {
    await using net = createTestNet();
    const app = await boot(net, 'A');
    const server = net.server('A');
    await server.reject(503, { 'Retry-After': '7' });
    await net.clock.advance('2s');
    await expect(server.accept(soon)).rejects.toThrow(
      'The client is in backoff for another 5000 ms: move on with net.clock.advance().',
    );
    await net.clock.advance('5s');
    await server.accept();
    await net.settle();
    await expect(server.accept(soon)).rejects.toThrow('(2 so far). The client is open.');
    await app.close();
  });

  it('tells that no application was installed on this net, unless somebody dials on it all the same', async () => {
    await using net = createTestNet();
    await expect(net.server('A').accept(soon)).rejects.toThrow(
      'A: no attempt to connect within 1 ms (0 so far). No application has been installed on this net: const module = await net.install(',
    );
    await expect(net.server('wss://a.example').next(soon)).rejects.toThrow('No application has');
    const app = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [FeedClient] })],
    })
      .overrideProvider(WEBSOCKEX_TRANSPORT)
      .useValue(net.transport)
      .compile();
    app.useLogger(false);
    await app.init();
    await net.settle();
    const error: unknown = await net
      .server('A')
      .accept(soon)
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('Attempts that no net.server() answers: FeedClient to wss:');
    expect(String(error)).not.toContain('installed');
    await app.close();
  });

  it('tells that those on the net have no clients', async () => {
    await using net = createTestNet();
    const app = await net.install(Test.createTestingModule({}));
    await expect(net.server('A').accept(soon)).rejects.toThrow(
      'No application that was installed on this net has clients: import WebSockexModule.forRoot({ clients: […] })',
    );
    await app.close();
  });

  it('tells that its application was not initialised, until it is', async () => {
    @WebSockexClient('wss://late.example', { startup: 'manual' })
    class LateClient {}
    await using net = createTestNet();
    const app = await net.install(
      Test.createTestingModule({
        imports: [WebSockexModule.forRoot({ clients: [LateClient, FeedClient] })],
      }),
    );
    app.useLogger(false);
    const why =
      'The application has not been initialised, and starts no client before; call app.init()';
    await expect(net.server(LateClient).accept(soon)).rejects.toThrow(`The client is idle. ${why}`);
    await expect(net.server('Nobody').accept(soon)).rejects.toThrow(
      `those there are: LateClient, FeedClient. ${why}`,
    );
    await expect(net.server('wss://late.example').accept(soon)).rejects.toThrow(why);

    await app.init();
    await expect(net.server(LateClient).accept(soon)).rejects.toThrow(
      'The client is idle: handle.start() starts it.',
    );
    await expect(net.server('Nobody').accept(soon)).rejects.toThrow(/FeedClient\. Attempts/);
    await app.close();
  });

  it('is none where it cannot be', () => {
    const net = createTestNet();
    for (const address of [undefined, '', 'wss://', {}]) {
      expect(() => net.server(address as string)).toThrow(
        /net\.server\(\) takes the class of a client, its name or the URL it dials, not/,
      );
    }
  });
});
