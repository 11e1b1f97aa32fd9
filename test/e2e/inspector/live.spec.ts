import { type ChannelSource, json, OnFrame, OnSubscribe, WebSockexClient } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import type {
  ClientsPage,
  ClientView,
  FrameView,
  Overview,
} from '../../../lib/inspector/inspector.protocol.js';
import { clientAt, FeedClient, open } from '../../fixtures/inspector/feed.js';
import type { EventReader } from '../../fixtures/inspector/event.reader.js';
import { Inspected } from '../../fixtures/inspector/inspected.js';

const RECONNECT = { initialDelay: 3_000, maxDelay: 3_000, jitter: 'none' } as const;

@WebSockexClient('wss://user:pa55word@other.example/v1?token=s3cret', {
  headers: { authorization: 'Bearer abcdefghij', 'x-plain': 'plain' },
  tls: { ca: 'certificate', rejectUnauthorized: true },
  callTimeout: 1_234,
})
class OtherClient {
  readonly apiKey = 12_345;
  readonly depth = 7;

  @OnFrame('text')
  text() {
    return 'password=hunter22';
  }
}

describe('What is seen of a client', () => {
  it('is its way through a drop, a backoff and a session after that', async () => {
    const client = clientAt('wss://feed.example/v1', FeedClient, { reconnect: RECONNECT });
    await using world = await Inspected.boot({ clients: [client] });
    const server = world.net.server('FeedClient');
    server.acceptAll();
    await world.net.settle();
    const { id } = await world.row('FeedClient');
    const live = await world.live(`clients/${id}`);
    const first = await live.next<ClientView>('client');
    expect([first.status, first.session, first.timeline.map(({ kind }) => kind)]).toEqual([
      'open',
      1,
      ['connecting', 'connected'],
    ]);
    server.peer.drop();
    await world.net.clock.advance('2s');
    await live.next('client');
    const lost = await live.next<ClientView>('client');
    expect([lost.status, lost.age]).toEqual(['backoff', undefined]);

    await world.net.clock.advance('2s');
    const view = await world.get<ClientView>(`clients/${id}`);
    expect(view.timeline.map(({ kind, session }) => `${kind} ${session}`)).toEqual([
      'connecting 0',
      'connected 1',
      'disconnected 1',
      'backoff 1',
      'connecting 1',
      'connected 2',
    ]);
    expect(view.timeline.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(view.timeline[2]?.text).toContain('(1006)');
    expect(view.timeline[3]?.text).toBe('the next attempt in 3000 ms');
    expect(view).toMatchObject({ status: 'open', session: 2, age: 1_000, restarts: 0 });
  });

  it('are the ends of all, the newest first, and who waits for which origin', async () => {
    const client = clientAt('wss://feed.example/v1', FeedClient, { reconnect: RECONNECT });
    await using world = await Inspected.boot({ clients: [client, OtherClient] });
    world.net.server('FeedClient').acceptAll();
    await world.net.settle();
    world.net.server('FeedClient').peer.close(4001, 'enough');
    await world.net.settle();
    const live = await world.live('overview');
    const overview = await live.next<Overview>('overview');
    expect(overview).toMatchObject({
      total: 2,
      states: { backoff: 1, connecting: 1, open: 0 },
      origins: [
        { origin: 'wss://feed.example', state: 'healthy', waiting: 0, underWay: 0, open: 0 },
        { origin: 'wss://other.example', state: 'fresh', waiting: 0, underWay: 1, open: 0 },
      ],
      ends: [
        { name: 'FeedClient', kind: 'remote', code: 4001, text: expect.stringMatching(/enough/) },
      ],
    });
    await world.net.clock.advance('5s');
    expect(await live.next<Overview>('overview')).not.toHaveProperty('history');
    const again = await (await world.live('overview')).next<Overview>('overview');
    expect(again.states.open).toBe(1);
    expect(again.history?.map(({ open: many }) => many)).toEqual([0, 0, 1, 1, 1]);
  });

  it('is redacted: its URL, options, state and steps', async () => {
    await using world = await Inspected.boot({ clients: [OtherClient] });
    world.net.server(OtherClient).acceptAll();
    await world.handle(OtherClient).connected();
    const { id } = await world.row('OtherClient');
    const view = await world.get<ClientView>(`clients/${id}`);
    expect(view.url).toBe('wss://***@other.example/v1?token=***');
    const options = Object.fromEntries(view.options.map(({ name, ...rest }) => [name, rest]));
    expect(options).toMatchObject({
      callTimeout: { value: '1234', isDefault: false },
      closeTimeout: { value: '5000', isDefault: true },
      handlerTimeout: { value: 'none', isDefault: true },
      headers: { value: '{"authorization":"***","x-plain":"[hidden]"}', isDefault: false },
      tls: { value: '{"ca":"[hidden]","rejectUnauthorized":true}', isDefault: false },
      proxy: { value: 'not set', isDefault: true },
    });
    expect(JSON.parse(view.state ?? '')).toMatchObject({
      depth: 7,
      apiKey: expect.not.stringMatching(/12345/),
    });
    expect(JSON.stringify(view)).not.toMatch(/pa55word|s3cret|abcdefghij|certificate|12345/);
  });

  it('has no secrets in what else an option, or a channel, may be given', async () => {
    @WebSockexClient('wss://other.example/v1', {
      urls: ['wss://one.example/v1?token=s3cret-1', 'wss://two.example/v1?token=s3cret-2'],
      protocols: ['v1.json', 'bearer.s3cret3'],
      heartbeat: { interval: 20_000, timeout: 10_000, payload: 's3cret-4' },
      proxy: 'http://user:s3cret-5@proxy.example:8080',
      socket: { localAddress: '127.0.0.6' },
      protocol: json(),
    })
    class SecretsClient {
      @OnSubscribe()
      trades(options: object): ChannelSource<unknown> {
        return { subscribe: { op: 'sub', options }, match: () => false };
      }
    }
    await using world = await Inspected.boot({ clients: [SecretsClient] });
    // It has no session for all this, and needs none.
    const handle = world.handle(SecretsClient);
    handle.channel('trades', { symbol: 'BTC', apiKey: 's3cret-7' }).subscribe();
    const { id } = await world.row('SecretsClient');
    const view = await world.get<ClientView>(`clients/${id}`);
    const options = Object.fromEntries(view.options.map(({ name, value }) => [name, value]));
    expect(options).toMatchObject({
      urls: expect.stringContaining('wss://one.example/v1?token=***'),
      protocols: expect.stringContaining('v1.json'),
      heartbeat: '{"interval":20000,"timeout":10000,"payload":"[hidden]"}',
      proxy: expect.stringContaining('proxy.example:8080'),
      socket: '{"localAddress":"[hidden]"}',
    });
    expect(view.channels.map(({ args }) => args)).toEqual(['[{"symbol":"BTC","apiKey":"***"}]']);
    expect(JSON.stringify(view)).not.toMatch(/s3cret/);
  });

  it('ends with a client that the application forgets', async () => {
    await using world = await Inspected.boot({ clients: [FeedClient] });
    world.net.server('second').acceptAll();
    const second = await world.manager.start(FeedClient, { name: 'second' });
    const { id } = await world.row('second');
    const live = await world.live(`clients/${id}`);
    const frames = await world.live(`frames/${id}`);
    await live.next('client');
    await second.stop();
    await world.net.clock.advance('1s');
    await live.next('gone');
    expect(await frames.next('over')).toEqual({ reason: 'ended' });
    expect(await Promise.all([live.ended(), frames.ended()])).toEqual([true, true]);
    expect((await world.fetch(`websockex/api/clients/${id}`)).status).toBe(404);
  });
});

describe('The list of clients', () => {
  const NAMES = ['beta', 'alpha', 'Gamma', 'delta-1', 'delta-2'];

  async function crowd(): Promise<Inspected> {
    const world = await Inspected.boot({ clients: [OtherClient] });
    for (const name of NAMES) {
      if (name !== 'alpha') world.net.server(name).acceptAll();
      await world.manager.start(FeedClient, { name });
    }
    await world.net.settle();
    return world;
  }

  const list = async (world: Inspected, query: string): Promise<[number, string[]]> => {
    const { matching, rows } = await world.get<ClientsPage>(`clients?${query}`);
    return [matching, rows.map(({ name }) => name)];
  };

  it('is searched by name and class, and by status', async () => {
    await using world = await crowd();
    expect(await list(world, 'search=DELTA')).toEqual([2, ['delta-1', 'delta-2']]);
    expect(await list(world, 'search=otherclient')).toEqual([1, ['OtherClient']]);
    expect(await list(world, 'search=feedc&status=connecting')).toEqual([1, ['alpha']]);
    expect(await list(world, 'search=nobody')).toEqual([0, []]);
  });

  it('is sorted by what is asked for; what is not there comes last', async () => {
    await using world = await crowd();
    const sorted = ['Gamma', 'OtherClient', 'alpha', 'beta', 'delta-1', 'delta-2'];
    expect(await list(world, 'sort=name')).toEqual([6, sorted]);
    expect(await list(world, 'order=desc')).toEqual([6, sorted.toReversed()]);
    await world.net.clock.advance('1s');
    world.net.server('beta').peer.drop();
    await world.net.clock.advance('5s');
    const [, byAge] = await list(world, 'sort=age&order=asc');
    expect([byAge[0], byAge.slice(-2)]).toEqual(['beta', ['OtherClient', 'alpha']]);
    const [, byAgeDown] = await list(world, 'sort=age&order=desc');
    expect(byAgeDown.slice(-3)).toEqual(['beta', 'OtherClient', 'alpha']);
  });

  it('is a window of it, live too, whatever is asked for', async () => {
    await using world = await crowd();
    expect(await list(world, 'offset=2&limit=2')).toEqual([6, ['alpha', 'beta']]);
    expect(await list(world, 'offset=99')).toEqual([6, []]);
    expect(await list(world, 'limit=0&sort=toString&status=__proto__&offset=-1')).toEqual([
      6,
      ['Gamma'],
    ]);
    const live = await world.live('clients?search=delta&limit=1');
    const { rows, matching, total } = await live.next<ClientsPage>('clients');
    expect([rows.map(({ name }) => name), matching, total]).toEqual([['delta-1'], 2, 6]);
    await world.manager.stop('delta-1');
    await world.net.clock.advance('1s');
    const next = await live.next<ClientsPage>('clients');
    expect(next.rows.map(({ name }) => name)).toEqual(['delta-2']);
  });
});

/** Reads until the frame of this number has come; how many were shown, and of how many it was told that they are not. */
async function readUntil(
  live: EventReader,
  seq: number,
): Promise<{ shown: number; skipped: number }> {
  let [shown, skipped] = [0, 0];
  for (;;) {
    const { event, data } = await live.any();
    if (event === 'skipped') skipped += (data as { count: number }).count;
    if (event !== 'frame') continue;
    const frames = data as FrameView[];
    shown += frames.length;
    if (frames.at(-1)?.seq === seq) return { shown, skipped };
  }
}

/** So many frames: what takes the server long to look through comes in several parts. */
async function collect(world: Inspected, live: EventReader, count: number): Promise<FrameView[]> {
  const frames: FrameView[] = [];
  while (frames.length < count) {
    await world.net.clock.advance(100);
    frames.push(...(await live.next<FrameView[]>('frame')));
  }
  return frames;
}

describe('Frames', () => {
  it('are shown as text, whatever they are, with what is sent', async () => {
    await using world = await Inspected.boot({ clients: [OtherClient] });
    const server = world.net.server(OtherClient);
    server.acceptAll();
    await world.handle(OtherClient).connected();
    const { id } = await world.row('OtherClient');
    const live = await world.live(`frames/${id}`);
    const html = '<img src=x onerror="alert(1)"></script>';
    server.peer.send(html);
    server.peer.sendBinary(Buffer.from([0, 255, 10]));
    server.peer.ping('p');
    const frames = await collect(world, live, 5);
    expect(
      frames.map(({ direction, type, size, payload }) => [direction, type, size, payload]),
    ).toEqual([
      ['in', 'text', Buffer.byteLength(html), html],
      ['out', 'text', 17, 'password=***'],
      ['in', 'binary', 3, Buffer.from([0, 255, 10]).toString('base64')],
      ['in', 'ping', 1, Buffer.from('p').toString('base64')],
      ['out', 'pong', 1, Buffer.from('p').toString('base64')],
    ]);
    expect(live.response.headers['content-type']).toMatch(/^text\/event-stream/);
  });

  it('have no secrets, also where a payload is cut in the middle of one', async () => {
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: { tails: { payload: 64 } },
    });
    const { id, peer } = await open(world);
    const live = await world.live(`frames/${id}`);
    const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r';
    const texts = [
      JSON.stringify({ op: 'auth', token: 'abcdef0123', rest: 1 }),
      `${'x'.repeat(40)} ${jwt} ${'y'.repeat(400)}`,
      `${'x'.repeat(20)} "password":"${'hunter '.repeat(40)}"`,
      `${'x'.repeat(20)} secret=${'Z9z'.repeat(100)}`,
      `${'x'.repeat(20)} 'password':'${'hunter '.repeat(40)}'`,
      // What is hidden at the beginning lets the end of what is looked at be seen.
      `token=${'a'.repeat(90)} ${jwt} ${'y'.repeat(400)}`,
      'ü'.repeat(100),
    ];
    for (const text of texts) peer.send(text);
    peer.sendBinary(Buffer.from(texts[0] as string));
    peer.sendBinary(Buffer.alloc(100, 255));
    const frames = await collect(world, live, 9);
    const [auth, withJwt, open1, open2, open3, open4, umlauts, binary, long] = frames;
    expect(auth?.payload).toBe('{"op":"auth","token":"***","rest":1}');
    for (const one of [withJwt, open1, open2, open3, open4]) {
      expect(one?.payload).not.toMatch(/eyJ|hunter|Z9z/);
      expect(Buffer.byteLength(one?.payload ?? '')).toBeLessThanOrEqual(64);
      expect(one?.isTruncated).toBe(true);
    }
    expect([umlauts?.payload, umlauts?.size]).toEqual(['ü'.repeat(32), 200]);
    expect(Buffer.from(binary?.payload ?? '', 'base64').toString()).toBe(auth?.payload);
    expect(Buffer.from(long?.payload ?? '', 'base64')).toEqual(Buffer.alloc(64, 255));
    expect([long?.size, long?.isTruncated]).toEqual([100, true]);
  });

  it('are looked through in no time, also where they have no place to be cut at', async () => {
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: { tails: { payload: 2 ** 19 } },
    });
    const { id, peer } = await open(world);
    const live = await world.live(`frames/${id}`);
    // What grows with the square of the length is not done before the test is over.
    peer.send(`${'x'.repeat(2 ** 20 - 2)} ${'y'.repeat(9)}`);
    const [frame] = await collect(world, live, 1);
    expect([frame?.payload?.length, frame?.isTruncated]).toEqual([2 ** 19, true]);
  });

  it('have sizes alone in mode metadata, and no state is told', async () => {
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: { mode: 'metadata' },
    });
    const { id, peer } = await open(world);
    const live = await world.live(`frames/${id}`);
    peer.send('hello');
    await world.net.clock.advance(100);
    const [frame] = await live.next<FrameView[]>('frame');
    expect(frame).toEqual({
      seq: 1,
      time: expect.any(Number),
      direction: 'in',
      type: 'text',
      size: 5,
    });
    expect(await world.get<ClientView>(`clients/${id}`)).not.toHaveProperty('state');
  });

  it('are kept while somebody looks, for so long and of so many at a time', async () => {
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: { tails: { max: 2, lifetime: 60_000 } },
    });
    const { id } = await open(world);
    const [first, second] = [await world.live(`frames/${id}`), await world.live(`frames/${id}`)];
    const third = await world.fetch(`websockex/api/live/frames/${id}`);
    expect([third.status, await third.json()]).toEqual([
      429,
      { statusCode: 429, message: expect.stringContaining('2 tails are open') as string },
    ]);
    await world.net.clock.advance('61s');
    expect(await first.next('over')).toEqual({ reason: 'time' });
    expect(await second.ended()).toBe(true);
    const fourth = await world.live(`frames/${id}`);
    expect(fourth.response.statusCode).toBe(200);
  });

  it('that come faster than they are shown are counted, and the newest are shown', async () => {
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: { tails: { frames: 5 } },
    });
    const { id, peer } = await open(world);
    const live = await world.live(`frames/${id}`);
    for (let frame = 1; frame <= 12; frame++) peer.send(String(frame));
    await world.net.settle();
    await world.net.clock.advance(100);
    expect(await live.next('skipped')).toEqual({ count: 7 });
    const frames = await live.next<FrameView[]>('frame');
    if (frames.length < 5) frames.push(...(await collect(world, live, 5 - frames.length)));
    expect(frames.map(({ payload, seq }) => [payload, seq])).toEqual(
      [8, 9, 10, 11, 12].map((one) => [String(one), one]),
    );
  });

  it('a reader that stands still keeps nobody waiting, and is told what it has lost', async () => {
    await using world = await Inspected.boot({ clients: [FeedClient] });
    const { id, peer, handle } = await open(world);
    const live = await world.live(`frames/${id}`);
    live.pause();
    const long = 'x'.repeat(4_096);
    // More than the buffers of the way to the reader hold.
    const count = 6_000;
    for (let sent = 0; sent < count; sent += 100) {
      for (let one = 0; one < 100; one++) peer.send(long);
      await world.net.clock.advance(100);
    }
    const view = await world.get<ClientView>(`clients/${id}`);
    expect([view.isPaused, view.waiting, handle.status]).toEqual([false, 0, 'open']);
    expect(JSON.parse(view.state ?? '')).toMatchObject({ count });

    live.resume();
    const reader = { isDone: false };
    const reading = readUntil(live, count).finally(() => (reader.isDone = true));
    // The reader takes what the socket holds before it is told of the rest.
    while (!reader.isDone) await world.net.clock.advance('1s');
    const { shown, skipped } = await reading;
    expect(shown + skipped).toBe(count);
    expect(skipped).toBeGreaterThan(1_000);
  });
});

describe('An application with open pages', () => {
  it.each(['express', 'fastify'] as const)('closes at once, on %s', async (platform) => {
    await using world = await Inspected.boot({ platform, clients: [FeedClient] });
    const { id } = await open(world);
    const streams = await Promise.all([
      world.live('overview'),
      world.live(`clients/${id}`),
      world.live(`frames/${id}`),
    ]);
    await world.handle(FeedClient).stop();
    // Without time for anything to run out: only what ends the streams lets it close.
    await world.app.close();
    expect(await Promise.all(streams.map((one) => one.ended()))).toEqual([true, true, true]);
    expect(world.net.clock.pending).toEqual([]);
  });
});
