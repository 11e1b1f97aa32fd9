import { OnConnect, OnFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { HealthHost } from '../../fixtures/health.host.js';
import { Gate } from '../../fixtures/journal.js';
import { becomes, cut, PATIENT } from '../../fixtures/outage.js';
import { clientAt } from '../../fixtures/scene.js';
import { WsServer } from '../../fixtures/ws-server.js';

class FeedClient {
  @OnFrame('text', 'crash')
  crash() {
    throw new Error('let it crash');
  }
}

describe('The readiness of an application', () => {
  it('is up, degraded in an outage, down where that lasts, and up again', async () => {
    await using server = await WsServer.listen();
    const Feed = clientAt(server.url(), FeedClient, PATIENT);
    await using host = await HealthHost.boot([Feed]);
    const handle = host.handle(Feed);
    await handle.connected();

    expect(await host.ready()).toMatchObject({
      code: 200,
      status: 'ok',
      clients: { open: 1 },
      away: [],
    });

    await cut(await server.nextConnection(), handle);
    await host.clock.advance(4_999);
    expect(await host.ready()).toMatchObject({ code: 200, status: 'ok', clients: { backoff: 1 } });
    const asOptional = (): unknown => host.indicator.check('feed', { required: [] });
    expect(asOptional()).toMatchObject({ feed: { away: [] } });
    await host.clock.advance(1);
    expect(asOptional()).toMatchObject({ feed: { away: [{ required: false, seconds: 5 }] } });
    const feed = { name: 'FeedClient', state: 'backoff', required: true };
    expect(await host.ready()).toMatchObject({
      code: 200,
      status: 'degraded',
      away: [{ ...feed, seconds: 5 }],
    });
    await host.clock.advance(24_999);
    expect(await host.ready()).toMatchObject({ code: 200, status: 'degraded' });
    await host.clock.advance(1);
    expect(await host.ready()).toMatchObject({
      code: 503,
      status: 'error',
      clients: { backoff: 1 },
      away: [{ ...feed, seconds: 30 }],
    });

    await handle.reconnect();
    expect(await host.ready()).toMatchObject({ code: 200, status: 'ok', clients: { open: 1 } });
  });

  it('counts an outage over sessions that never were ready, and over restarts', async () => {
    const [first, second] = [new Gate(), new Gate()];
    const logins = [
      first.opened.then(() => {
        throw new Error('let it crash');
      }),
      second.opened,
    ];
    class LoginClient {
      @OnConnect()
      login() {
        return logins.shift();
      }
    }
    await using server = await WsServer.listen();
    const Login = clientAt(server.url(), LoginClient);
    await using host = await HealthHost.boot([Login]);
    const handle = host.handle(Login);
    await becomes(handle, 'open');
    await host.clock.advance('10s');
    const login = { name: 'LoginClient', state: 'not ready', required: true };
    expect(await host.ready()).toMatchObject({
      status: 'degraded',
      clients: { 'not ready': 1 },
      away: [{ ...login, seconds: 10 }],
    });

    const crashed = becomes(handle, 'backoff');
    first.open();
    await crashed;
    // A step at a time: what connects in real time has its deadline on this clock.
    await host.clock.advance('1s');
    await becomes(handle, 'open');
    await host.clock.advance('19s');
    expect(await host.ready()).toMatchObject({ code: 503, away: [{ ...login, seconds: 30 }] });

    second.open();
    await handle.connected();
    expect(await host.ready()).toMatchObject({ code: 200, status: 'ok', away: [] });
  });

  it('counts from the start where there never was a session', async () => {
    await using server = await WsServer.listen({ verifyClient: () => false });
    const Feed = clientAt(server.url(), FeedClient, PATIENT);
    await using host = await HealthHost.boot([Feed]);
    await becomes(host.handle(Feed), 'backoff');

    expect(await host.ready()).toMatchObject({ code: 200, status: 'ok', clients: { backoff: 1 } });
    await host.clock.advance('5s');
    expect(await host.ready()).toMatchObject({ code: 200, status: 'degraded' });
    await host.clock.advance('25s');
    expect(await host.ready()).toMatchObject({ code: 503, away: [{ seconds: 30 }] });
  });

  it('counts from the start of one that is started late', async () => {
    await using server = await WsServer.listen({ verifyClient: () => false });
    const Feed = clientAt(server.url(), FeedClient, { ...PATIENT, startup: 'manual' });
    await using host = await HealthHost.boot([Feed], { required: [Feed] });
    const handle = host.handle(Feed);
    await host.clock.advance('1h');
    expect(await host.ready()).toMatchObject({ code: 503, away: [{ state: 'idle' }] });

    handle.start().catch(() => undefined);
    await becomes(handle, 'backoff');
    expect(await host.ready()).toMatchObject({ code: 200, status: 'ok', clients: { backoff: 1 } });
  });

  it('is up through a rotation', async () => {
    await using server = await WsServer.listen();
    const Feed = clientAt(server.url(), FeedClient);
    await using host = await HealthHost.boot([Feed], { lostAfter: 0, downAfter: 0 });
    const handle = host.handle(Feed);
    await handle.connected();

    const rotated = handle.rotate();
    await server.nextConnection();
    (await server.nextConnection()).send('the new session is there');
    await rotated;
    expect(await host.ready()).toMatchObject({ code: 200, status: 'ok', clients: { open: 1 } });
  });

  it('is patient as lostAfter and downAfter say', async () => {
    await using server = await WsServer.listen();
    const Feed = clientAt(server.url(), FeedClient, PATIENT);
    await using host = await HealthHost.boot([Feed]);
    const handle = host.handle(Feed);
    await handle.connected();
    await cut(await server.nextConnection(), handle);
    const { indicator, clock } = host;

    expect(indicator.check('a', { lostAfter: 0 }).a.away).toHaveLength(1);
    expect(indicator.check('a', { downAfter: 0 }).a.status).toBe('down');
    await clock.advance(2_000);
    expect(indicator.check('a', { downAfter: 2_001 }).a.status).toBe('up');
    expect(indicator.check('a', { downAfter: 2_000 }).a.status).toBe('down');
    await clock.advance('1h');
    expect(indicator.check('a', { lostAfter: Infinity, downAfter: Infinity }).a.status).toBe('up');
    const forever = indicator.check('a', { downAfter: Infinity });
    expect(forever.a.status).not.toBe('down');
    expect(forever.a.away).toEqual([
      { name: 'FeedClient', state: 'backoff', seconds: 3_602, required: true },
    ]);
  });
});

describe('A client that is not required', () => {
  it('degrades it, however long it is away', async () => {
    class NewsClient {}
    await using server = await WsServer.listen();
    const Feed = clientAt(server.url('/feed'), FeedClient);
    const News = clientAt(server.url('/news'), NewsClient, PATIENT);
    await using host = await HealthHost.boot([Feed, News], { required: [Feed] });
    const news = host.handle(News);
    await Promise.all([host.handle(Feed).connected(), news.connected()]);
    expect(await host.ready()).toMatchObject({ code: 200, status: 'ok', clients: { open: 2 } });

    const peers = [await server.nextConnection(), await server.nextConnection()];
    const peer = peers.find(({ request }) => request.url === '/news');
    await cut(peer as (typeof peers)[0], news);
    await host.clock.advance(4_999);
    expect(await host.ready()).toMatchObject({ code: 200, status: 'ok' });
    await host.clock.advance('1h');
    expect(await host.ready()).toMatchObject({
      code: 200,
      status: 'degraded',
      clients: { open: 1, backoff: 1 },
      away: [{ name: 'NewsClient', state: 'backoff', seconds: 3_604, required: false }],
    });

    await news.reconnect();
    expect(await host.ready()).toMatchObject({ code: 200, status: 'ok' });
  });

  it('may wait for its start, and may be stopped', async () => {
    await using server = await WsServer.listen();
    const Feed = clientAt(server.url(), FeedClient, { startup: 'manual' });
    await using host = await HealthHost.boot([Feed]);
    await host.clock.advance('1h');
    expect(await host.ready()).toMatchObject({ status: 'ok', clients: { idle: 1 }, away: [] });

    await host.handle(Feed).start();
    expect(await host.ready()).toMatchObject({ status: 'ok', clients: { open: 1 } });
    await host.handle(Feed).stop();
    expect(await host.ready()).toMatchObject({ status: 'ok', clients: { terminated: 1 } });
  });
});

describe('A client that has ended', () => {
  it.each([
    ['it gave up after crashes', { maxRestarts: 0 }, 'failed'],
    ['nobody restarts it', { restart: 'temporary' }, 'terminated'],
  ] as const)('is told at once: %s', async (_, options, state) => {
    await using server = await WsServer.listen();
    const Feed = clientAt(server.url(), FeedClient, options);
    await using host = await HealthHost.boot([Feed]);
    const handle = host.handle(Feed);
    (await server.nextConnection()).send('crash');
    await handle.terminated;

    expect(await host.ready()).toMatchObject({
      code: 503,
      clients: { [state]: 1 },
      away: [{ name: 'FeedClient', state, seconds: 0, required: true }],
    });
    await host.clock.advance('1m');
    expect(host.indicator.check('feed', { required: [] })).toMatchObject({
      feed: { away: [{ name: 'FeedClient', state, seconds: 60, required: false }] },
    });
    expect(host.indicator.check('feed', { required: [] }).feed.status).not.toBe('down');
  });

  it('is missed where its peer has ended it, and, where it is required, whoever has', async () => {
    class OnceClient {}
    await using server = await WsServer.listen();
    const once = { reconnect: false, restart: 'temporary' } as const;
    const Left = clientAt(server.url('/left'), OnceClient, { ...once, name: 'left' });
    const Stopped = clientAt(server.url('/stopped'), OnceClient, { ...once, name: 'stopped' });
    await using host = await HealthHost.boot([Left, Stopped], { required: [] });
    const [left, stopped] = [host.handle(Left), host.handle(Stopped)];
    await Promise.all([left.connected(), stopped.connected()]);
    const peers = [await server.nextConnection(), await server.nextConnection()];
    peers.find(({ request }) => request.url === '/left')?.close(1000);
    await Promise.all([left.terminated, stopped.stop()]);

    expect(await host.ready()).toMatchObject({
      status: 'degraded',
      clients: { terminated: 2 },
      away: [{ name: 'left' }],
    });
    expect(host.indicator.check('all').all).toMatchObject({
      status: 'down',
      away: [{ name: 'left' }, { name: 'stopped' }],
    });
  });
});
