import { Test } from '@nestjs/testing';
import { getClientToken, WebSockexModule, type ClientHandle } from 'nestjs-websockex';
import { createTestNet, ExpectationError, type TestNet } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';

async function boot(net: TestNet) {
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [FeedClient] })] }),
  );
  app.useLogger(false);
  await app.init();
  return { app, handle: app.get<ClientHandle<FeedClient>>(getClientToken(FeedClient)) };
}

async function open(net: TestNet) {
  const booted = await boot(net);
  const peer = await net.server(FeedClient).accept();
  await peer.expectJson({ op: 'subscribe' });
  return { ...booted, peer };
}

describe('A net without ports', () => {
  it('carries the real protocol both ways, and tells what went over it', async () => {
    await using net = createTestNet();
    const { app, peer } = await open(net);
    peer.send('hi');
    await peer.expectText('HI');
    peer.send('shutdown');

    expect(await peer.expectClose(1000)).toMatchObject({ reason: 'bye' });
    expect(peer.request.headers).toMatchObject({
      authorization: 'Bearer fresh',
      upgrade: 'websocket',
      host: 'feed.example',
    });
    expect(peer.transcript.slice(0, 5)).toEqual([
      '<- text "{\\"op\\":\\"subscribe\\"}"',
      '-> text "hi"',
      '<- text "HI"',
      '-> text "shutdown"',
      '<- close 1000 "bye"',
    ]);
    await app.close();
  });

  it('finds the peer of a client by class, name and URL', async () => {
    await using net = createTestNet();
    const { app } = await boot(net);
    await net.server('wss://feed.example/v1').accept();
    expect(net.server('FeedClient')).toBe(net.server(FeedClient));
    await app.close();
  });

  it('lets an hour of backoff pass in a moment, the same one for the same seed', async () => {
    const delays = async (seed: number): Promise<number[]> => {
      await using net = createTestNet({ seed });
      const { app, handle } = await boot(net);
      const seen: number[] = [];
      handle.events$.subscribe((event) => event.event === 'backoff' && seen.push(event.delay));
      net.server(FeedClient).rejectAll(503);
      await net.clock.advance('1h');
      expect(net.server(FeedClient).attempts).toBe(seen.length);
      expect(handle.status).toBe('backoff');
      await app.close();
      return seen;
    };
    const one = await delays(7);

    expect(one.reduce((sum, delay) => sum + delay, 0)).toBeGreaterThan(3_600_000);
    expect(Math.max(...one)).toBeLessThanOrEqual(30_000);
    expect(await delays(7)).toEqual(one);
    expect(await delays(8)).not.toEqual(one);
  });

  it('honours Retry-After, to the millisecond', async () => {
    await using net = createTestNet();
    const { app, handle } = await boot(net);
    await net.server(FeedClient).reject(503, { 'Retry-After': '90' });
    await net.settle();
    expect(net.clock.pending.map(({ delay }) => delay)).toEqual([90_000]);
    await net.clock.advance('89999ms');
    expect(handle.status).toBe('backoff');
    await net.clock.advance(1);
    await net.server(FeedClient).accept();
    await handle.connected();
    await app.close();
  });

  it('resets a connection', async () => {
    await using net = createTestNet();
    const { app, handle, peer } = await open(net);
    const lost = new Promise((resolve) => {
      handle.events$.subscribe((event) => event.event === 'disconnected' && resolve(event));
    });
    peer.drop();

    expect(await lost).toMatchObject({
      reason: { by: 'remote', code: 1006 },
      error: { systemCode: 'ECONNRESET' },
    });
    await app.close();
  });

  it('may go silent: our close is cut after closeTimeout', async () => {
    await using net = createTestNet();
    const { app, handle, peer } = await open(net);
    peer.silence();
    const closed = handle.close();
    await net.clock.advance('4999ms');
    expect(handle.status).toBe('closing');
    await net.clock.advance(1);
    await closed;
    expect(handle.status).toBe('terminated');
    await app.close();
  });

  it('leaves a handshake without an answer until the deadline', async () => {
    await using net = createTestNet();
    const { app, handle } = await boot(net);
    await net.server(FeedClient).ignore();
    await net.clock.advance('9999ms');
    expect(handle.status).toBe('connecting');
    await net.clock.advance(1);
    expect(handle.status).toBe('backoff');
    await app.close();
  });

  it('passes over an attempt that its client has given up', async () => {
    await using net = createTestNet();
    const { app, handle } = await boot(net);
    await net.clock.advance('10s'); // the deadline of the attempt
    expect(handle.status).toBe('backoff');
    await net.clock.advanceToNext();
    await net.server(FeedClient).accept();

    expect(await handle.connected()).toMatchObject({ session: 1 });
    await app.close();
  });

  it('delivers slowly, by its clock', async () => {
    await using net = createTestNet();
    const { app, handle, peer } = await open(net);
    peer.slowly(100);
    peer.send('x'.repeat(98)); // a hundred bytes with their header
    await net.clock.advance('949ms');
    expect(await handle.call('last')).toBeUndefined();
    await net.clock.advance(1);
    expect(await handle.call('last')).toHaveLength(98);
    await app.close();
  });

  it('brings bad bytes before the client', async () => {
    await using net = createTestNet();
    const { app, peer } = await open(net);
    peer.raw(Uint8Array.of(0x83, 0x00)); // opcode 3 is reserved
    await peer.expectClose(1002);
    await app.close();
  });

  it('says what it waited for, and what came instead', async () => {
    await using net = createTestNet();
    const { app, peer } = await open(net);
    peer.send('hi');
    await expect(peer.expectText('ho')).rejects.toThrow(ExpectationError);
    await expect(peer.expectClose(undefined, { timeout: 10 })).rejects.toThrow(
      /nothing arrived within 10 ms[^]*<- text "HI"/,
    );
    await expect(net.server(FeedClient).accept({ timeout: 10 })).rejects.toThrow(
      /FeedClient: no attempt to connect within 10 ms \(1 so far\)/,
    );
    await app.close();
  });
});
