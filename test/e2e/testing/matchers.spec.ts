import { Test } from '@nestjs/testing';
import {
  Frame,
  getClientToken,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
} from 'nestjs-websockex';
import {
  createTestNet,
  createTestServer,
  fakeHandle,
  hasReconnected,
  hasRotated,
  hasSent,
  isInState,
  watch,
  type TestNet,
} from 'nestjs-websockex/testing';
import { matchers } from 'nestjs-websockex/testing/matchers';
import { describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';

expect.extend(matchers);

async function boot(net: TestNet) {
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [FeedClient] })] }),
  );
  app.useLogger(false);
  await app.init();
  return { app, feed: app.get<ClientHandle<FeedClient>>(getClientToken(FeedClient)) };
}

/** What a matcher says where it fails. */
function complaint(assertion: () => void): string {
  try {
    assertion();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it passed');
}

async function sent(...frames: (Frame | string)[]) {
  const feed = fakeHandle(FeedClient);
  await feed.sendFrame(frames);
  return feed;
}

describe('The matchers, on a client of a net', () => {
  it('tell its state, what it sent since its boot, and how often it came back', async () => {
    await using net = createTestNet();
    const { app, feed } = await boot(net);
    expect(feed).toBeInState('connecting');
    expect(feed).not.toHaveSent();
    const peer = await net.server(FeedClient).accept();
    await feed.connected();

    expect(feed).toBeInState('open');
    expect(feed).not.toBeInState('backoff');
    expect(feed).toHaveSent({ op: 'subscribe' });
    expect(feed).not.toHaveReconnected();
    peer.send('hi');
    await peer.expectJson();
    await peer.expectText('HI');
    expect(feed).toHaveSent({ op: 'subscribe' }, 'HI');
    expect(feed).not.toHaveSent('HI', { op: 'subscribe' });

    for (const times of [1, 2]) {
      net.server(FeedClient).close(1012);
      await net.clock.advance(0);
      await net.server(FeedClient).accept();
      await feed.connected();
      expect(feed).toHaveReconnected();
      expect(feed).toHaveReconnected(times);
      expect(feed).not.toHaveReconnected(times + 1);
    }
    await app.close();
    expect(feed).toBeInState('terminated');
    expect(feed).toHaveSent({ type: 'close', code: 1001, reason: '' });
  });

  it('see what control frames were sent, but do not take them for data', async () => {
    await using net = createTestNet();
    const { app, feed } = await boot(net);
    const log = () => hasSent(feed, expect.objectContaining({ type: 'pong' })).pass;
    const peer = await net.server(FeedClient).accept();
    await peer.expectJson();
    expect(log()).toBe(false);
    peer.ping('p');
    await peer.next();
    expect(log()).toBe(true);
    expect(feed).toHaveSent(Frame.pong('p'));
    expect(feed).not.toHaveSent(Frame.pong('q'));
    expect(feed).not.toHaveSent('p');
    await app.close();
  });
});

describe('toHaveSent', () => {
  const bytes = Buffer.from([1, 2]);

  it.each<[string, (Frame | string)[], unknown[]]>([
    ['a text', ['a'], ['a']],
    ['bytes', [Frame.binary(bytes)], [Uint8Array.of(1, 2)]],
    ['a frame', [Frame.ping('x')], [Frame.ping('x')]],
    ['a fragment', [Frame.text('a', { fin: false })], [Frame.text('a', { fin: false })]],
    ['an object', ['{"a":[1,null]}'], [{ a: [1, null] }]],
    ['an object that looks like a frame', ['{"type":"close"}'], [{ type: 'close' }]],
    ['an array', ['[1]'], [[1]]],
    ['a number', ['1'], [1]],
    ['null', ['null'], [null]],
    ['some of many, in order', ['a', 'b', '{}', 'c'], ['a', {}, 'c']],
    ['the same twice', ['a', 'a'], ['a', 'a']],
    ['a text that fits', ['tick 1'], [expect.stringContaining('tick')]],
    ['JSON that fits', ['{"op":"a","id":7}'], [expect.objectContaining({ op: 'a' })]],
    [
      'JSON that fits inside',
      ['{"op":"a","id":7}'],
      [{ op: 'a', id: expect.any(Number) as number }],
    ],
    ['anything', ['a'], []],
  ])('finds %s', async (_, frames, expected) => {
    expect(await sent(...frames)).toHaveSent(...expected);
  });

  it.each<[string, (Frame | string)[], unknown[]]>([
    ['a part of a text', ['ab'], ['a']],
    ['a text for its bytes', ['a'], [Buffer.from('a')]],
    ['bytes for their text', [Frame.binary(Buffer.from('a'))], ['a']],
    ['other bytes', [Frame.binary(bytes)], [Uint8Array.of(1)]],
    ['JSON with more in it', ['{"a":1,"b":2}'], [{ a: 1 }]],
    ['what is no JSON', ['{'], [{}]],
    ['the wrong order', ['a', 'b'], ['b', 'a']],
    ['once for twice', ['a'], ['a', 'a']],
    ['a text that does not fit', ['tock'], [expect.stringContaining('tick')]],
    ['a ping for anything', [Frame.ping()], []],
    ['nothing for anything', [], []],
  ])('does not take %s', async (_, frames, expected) => {
    expect(await sent(...frames)).not.toHaveSent(...expected);
  });
});

describe('A failed matcher', () => {
  it('shows the state', () => {
    const feed = fakeHandle(FeedClient);
    feed.become('backoff');
    expect(complaint(() => expect(feed).toBeInState('open'))).toBe(
      'FeedClient: expected to be open, is backoff (session 1)',
    );
    expect(complaint(() => expect(feed).not.toBeInState('backoff'))).toBe(
      'FeedClient: expected not to be backoff (session 1)',
    );
  });

  it('shows all that was sent, and what was missing', async () => {
    const feed = await sent('a', Frame.binary(Buffer.from([1])), '{"op":1}');
    const wanted = [{ op: 1 }, 'a', expect.stringContaining('b'), { id: [expect.any(Number)] }];
    expect(complaint(() => expect(feed).toHaveSent(...wanted))).toBe(
      [
        'FeedClient: expected to have sent, in this order:',
        '  { op: 1 }',
        '  "a"   <- missing here',
        "  StringContaining 'b'",
        '  { id: [ Any<Number> ] }',
        'What it sent:',
        '  text "a"',
        '  binary <Buffer 01>',
        '  text "{\\"op\\":1}"',
      ].join('\n'),
    );
    expect(complaint(() => expect(feed).not.toHaveSent('a'))).toMatch(
      /^FeedClient: expected not to have sent, in this order:\n {2}"a"\nWhat it sent:/,
    );
    expect(complaint(() => expect(fakeHandle(FeedClient)).toHaveSent())).toBe(
      'FeedClient: expected to have sent anything\nWhat it sent:\n  (nothing)',
    );
  });

  it('counts the sessions', () => {
    const feed = fakeHandle(FeedClient);
    expect(complaint(() => expect(feed).toHaveReconnected())).toBe(
      'FeedClient: expected to have reconnected, has 0 times (open)',
    );
    feed.become('open');
    expect(complaint(() => expect(feed).toHaveReconnected(2))).toBe(
      'FeedClient: expected to have reconnected 2 times, has once (open)',
    );
    expect(complaint(() => expect(feed).not.toHaveReconnected(1))).toBe(
      'FeedClient: expected not to have reconnected once, has once (open)',
    );
  });

  it.each([undefined, null, {}, 'open', FeedClient])('wants a handle, not %o', (value) => {
    for (const not of [false, true]) {
      const assertion = not ? expect(value).not : expect(value);
      expect(() => assertion.toBeInState('open')).toThrow(/A ClientHandle is wanted, not/);
      expect(() => assertion.toHaveSent()).toThrow(/A ClientHandle is wanted, not/);
      expect(() => assertion.toHaveReconnected()).toThrow(/A ClientHandle is wanted, not/);
    }
  });
});

describe('A client of a real server', () => {
  it('is watched when it is said so, and the matcher says it was not', async () => {
    await using server = await createTestServer();
    @WebSockexClient(server.url())
    class RealClient extends FeedClient {}
    const app = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [RealClient] })],
    }).compile();
    app.useLogger(false);
    await app.init();
    const feed = app.get<ClientHandle<RealClient>>(getClientToken(RealClient));
    const unwatched = /^RealClient: what it sent was not recorded.*watch\(handle\)/;
    expect(() => expect(feed).toHaveSent()).toThrow(unwatched);
    expect(() => expect(feed).not.toHaveSent()).toThrow(unwatched);
    await server.accept();
    await server.expectJson();
    await feed.connected();
    expect(feed).toBeInState('open');

    expect(watch(feed)).toBe(feed);
    watch(feed); // once is enough
    server.send('hi');
    await server.expectText('HI');
    expect(feed).toHaveSent('HI');
    expect(feed).not.toHaveSent({ op: 'subscribe' });
    expect(feed).not.toHaveSent('HI', 'HI');
    await app.close();
  });
});

describe('Without a runner', () => {
  it('plain functions tell the same', async () => {
    const feed = await sent('a', '{"b":{"c":1}}');
    expect(isInState(feed, 'open').pass).toBe(true);
    expect(isInState(feed, 'backoff').pass).toBe(false);
    expect(hasSent(feed, 'a', { b: { c: 1 } }).pass).toBe(true);
    expect(hasSent(feed, { b: {} }).pass).toBe(false);
    expect(hasSent(feed).pass).toBe(true);
    expect(hasReconnected(feed).pass).toBe(false);
    feed.become('open');
    expect(hasReconnected(feed, 1).pass).toBe(true);
    expect(hasRotated(feed).pass).toBe(false);
    await feed.rotate();
    expect(hasRotated(feed, 1).pass).toBe(true);
    expect(hasReconnected(feed, 1).pass).toBe(true);
    expect(feed).toHaveRotated(1);
    expect(feed).not.toHaveRotated(2);
    expect(hasRotated(feed, 2).message()).toBe(
      'FeedClient: expected to have rotated 2 times, has once (open)',
    );
    expect(hasReconnected(feed, 1).message()).toBe(
      'FeedClient: expected not to have reconnected once, has once (open)',
    );
  });
});
