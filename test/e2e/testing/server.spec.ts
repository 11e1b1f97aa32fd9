import { once } from 'node:events';
import { connect } from 'node:net';

import { Test } from '@nestjs/testing';
import { WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import {
  createTestNet,
  createTestServer,
  type ScriptedPeer,
  type ScriptedServer,
  type TestServerOptions,
} from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';
import { selfSigned } from '../../fixtures/tls.js';

type Script = (server: ScriptedServer) => Promise<ScriptedPeer>;

const scripts: Record<string, Script> = {
  'an echo and a close of ours': async (server) => {
    const peer = await server.accept();
    await peer.expectJson({ op: 'subscribe' });
    peer.send('a');
    await peer.expectText('A');
    peer.send('shutdown');
    await peer.expectClose(1000);
    await peer.next();
    return peer;
  },
  'a close of the peer': async (server) => {
    const peer = await server.accept();
    await peer.expectJson();
    peer.ping('alive?');
    expect((await peer.next()).type).toBe('pong');
    peer.close(4000, 'enough');
    await peer.expectClose(4000);
    return peer;
  },
  'a crash': async (server) => {
    const peer = await server.accept();
    await peer.expectJson();
    peer.send('crash');
    await peer.expectClose(1011);
    return peer;
  },
  'a reset': async (server) => {
    const peer = await server.accept();
    await peer.expectJson();
    peer.drop();
    expect(await peer.next()).toEqual({ type: 'end', clean: false });
    return peer;
  },
  'bad bytes': async (server) => {
    const peer = await server.accept();
    await peer.expectJson();
    peer.raw(Uint8Array.of(0x81, 0x02, 0xc3, 0x28));
    await peer.expectClose(1007);
    return peer;
  },
};

async function onTheNet(script: Script): Promise<readonly string[]> {
  const net = createTestNet();
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [FeedClient] })] }),
  );
  app.useLogger(false);
  await app.init();
  const peer = await script(net.server(FeedClient));
  await app.close();
  await net.dispose();
  return peer.transcript;
}

async function overTcp(script: Script, tls?: TestServerOptions['tls']) {
  await using server = await createTestServer(tls === undefined ? {} : { tls });
  @WebSockexClient(server.url(), server.ca === undefined ? {} : { tls: { ca: server.ca } })
  class RealFeedClient extends FeedClient {}
  const app = await Test.createTestingModule({
    imports: [WebSockexModule.forRoot({ clients: [RealFeedClient] })],
  }).compile();
  app.useLogger(false);
  await app.init();
  const peer = await script(server);
  await app.close();
  return peer.transcript;
}

describe('A real server', () => {
  it.each(Object.keys(scripts))('tells the same story as the net: %s', async (name) => {
    const script = scripts[name] as Script;
    const story = await overTcp(script);

    expect(story.length).toBeGreaterThan(2);
    expect(await onTheNet(script)).toEqual(story);
  });

  it.each(Object.keys(scripts))('tells the same story over TLS: %s', async (name) => {
    const script = scripts[name] as Script;
    expect(await overTcp(script, true)).toEqual(await overTcp(script));
  });

  it('is disposed of before a client has spoken', async () => {
    await using server = await createTestServer({ tls: true });
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    await server.dispose();
    await closed;
  });

  it('has a URL for every path, with or without its slash', async () => {
    await using server = await createTestServer();
    const origin = `ws://127.0.0.1:${server.port}`;
    expect([server.url(), server.url('/v1?a=b'), server.url('v1')]).toEqual([
      `${origin}/`,
      `${origin}/v1?a=b`,
      `${origin}/v1`,
    ]);
    await server.dispose();
    expect(server.url()).toBe(`${origin}/`); // where nobody listens any more
  });

  it.each([
    ['made on the spot', true],
    ['of the test', selfSigned()],
  ])('speaks TLS with a certificate %s', async (_, tls) => {
    const script = scripts['a close of the peer'] as Script;
    expect(await overTcp(script, tls)).toEqual(await overTcp(script));
  });

  it('shows what it serves: its URL, and a certificate where it has one', async () => {
    await using plain = await createTestServer();
    await using secure = await createTestServer({ tls: true });
    expect([plain.url('/a'), plain.ca]).toEqual([`ws://127.0.0.1:${plain.port}/a`, undefined]);
    expect(secure.url('/a')).toBe(`wss://127.0.0.1:${secure.port}/a`);
    expect(secure.ca).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
  });
});
