import type { IncomingMessage } from 'node:http';

import { ConfigurationError, type ClientHandle } from 'nestjs-websockex';
import type { HealthClient, WebSockexHealthOptions } from 'nestjs-websockex/terminus';
import { fakeHandle } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { HealthHost } from '../../fixtures/health.host.js';
import { PATIENT } from '../../fixtures/outage.js';
import { clientAt } from '../../fixtures/scene.js';
import { WsServer } from '../../fixtures/ws-server.js';

class FeedClient {}
class NewsClient {}

/** A feed that connects, and news that are refused, for so long that whoever needs them is down. */
async function played(
  test: (host: HealthHost, Feed: typeof FeedClient, News: typeof NewsClient) => unknown,
) {
  await using server = await WsServer.listen({
    verifyClient: (info: { req: IncomingMessage }) => info.req.url !== '/news',
  });
  const Feed = clientAt(server.url('/feed'), FeedClient);
  const News = clientAt(server.url('/news'), NewsClient, PATIENT);
  await using host = await HealthHost.boot([Feed, News]);
  await host.handle(Feed).connected();
  await host.clock.advance('1h');
  await test(host, Feed, News);
}

const statusOf = (host: HealthHost, options?: WebSockexHealthOptions): string => {
  const { status, degraded } = host.indicator.check('all', options).all;
  return degraded === true ? 'degraded' : status;
};

describe('Which clients a check looks at', () => {
  it('are all, by default, and those that modules list are required', () =>
    played((host) => {
      expect(host.indicator.check('all').all).toMatchObject({
        status: 'down',
        clients: { open: 1, backoff: 1 },
        away: [{ name: 'NewsClient', required: true }],
      });
    }));

  it('are those that are named, by class, name or handle, and these are required then', () =>
    played((host, Feed, News) => {
      const named = (...clients: HealthClient[]): string => statusOf(host, { clients });
      expect(named(Feed)).toBe('up');
      expect(named('FeedClient', host.handle(Feed))).toBe('up');
      expect(named(News)).toBe('down');
      expect(named('NewsClient')).toBe('down');
      expect(named(Feed, host.handle(News))).toBe('down');
      expect(host.indicator.check('news', { clients: [News, 'NewsClient'] }).news.clients).toEqual({
        backoff: 1,
      });
    }));

  it('are required where that says so, and looked at then', () =>
    played((host, Feed, News) => {
      expect(statusOf(host, { required: [] })).toBe('degraded');
      expect(statusOf(host, { required: [Feed] })).toBe('degraded');
      expect(statusOf(host, { required: [Feed, News] })).toBe('down');
      expect(statusOf(host, { clients: [Feed], required: [] })).toBe('up');
      expect(statusOf(host, { clients: [Feed], required: ['NewsClient'] })).toBe('down');
      expect(statusOf(host, { clients: [] })).toBe('up');
    }));

  it('are those that were started at run time, too, which are not required by default', () =>
    played(async (host, Feed, News) => {
      await host.manager.start(News, { name: 'news:1' });
      await host.manager.start(Feed, { name: 'feed:1' });
      await host.manager.get('feed:1')?.connected();
      await host.clock.advance('1m');

      expect(host.indicator.check('all', { clients: ['news:1'], required: [] }).all).toMatchObject({
        clients: { backoff: 1 },
        away: [{ name: 'news:1', required: false }],
      });
      const { away } = host.indicator.check('all').all;
      expect(away.map(({ name, required }) => [name, required])).toEqual([
        ['NewsClient', true],
        ['news:1', false],
      ]);
      // A class stands for all of its clients.
      expect(host.indicator.check('feed', { clients: [Feed] }).feed.clients).toEqual({ open: 2 });
    }));

  it('may be one that nobody has started: it is waited for, where it is required', async () => {
    const Feed = clientAt('ws://127.0.0.1:9', FeedClient, { startup: 'manual' });
    await using host = await HealthHost.boot([Feed]);
    expect(statusOf(host, { clients: [Feed] })).toBe('up');
    await host.clock.advance('5s');
    expect(statusOf(host, { clients: [Feed] })).toBe('degraded');
    await host.clock.advance('25s');
    expect(host.indicator.check('feed', { required: [Feed] }).feed).toMatchObject({
      status: 'down',
      away: [{ name: 'FeedClient', state: 'idle', seconds: 30, required: true }],
    });
    expect(statusOf(host)).toBe('up');
  });
});

describe('A name that no client has', () => {
  it('is told: down where it is required, else degraded', () =>
    played((host) => {
      expect(host.indicator.check('all', { clients: ['FedClient'] }).all).toEqual({
        status: 'down',
        clients: { unknown: 1 },
        away: [{ name: 'FedClient', state: 'unknown', seconds: 0, required: true }],
      });
      expect(statusOf(host, { clients: ['FedClient'], required: [] })).toBe('degraded');
    }));

  it('is that of a client that was started at run time, and has ended', () =>
    played(async (host, Feed) => {
      const session = await host.manager.start(Feed, { name: 'session:1' });
      await session.connected();
      const options = { clients: ['session:1'] };
      expect(statusOf(host, options)).toBe('up');
      await session.stop();
      expect(host.indicator.check('all', options).all.clients).toEqual({ unknown: 1 });
      // Its handle still knows how it has ended.
      const byHandle = { clients: [session], required: [] };
      expect(host.indicator.check('all', byHandle).all.clients).toEqual({ terminated: 1 });
      expect(statusOf(host, byHandle)).toBe('up');
    }));

  it('may be missing where it is a class, whose clients come and go, unless it is required', async () => {
    const Session = clientAt('ws://127.0.0.1:9', FeedClient);
    await using host = await HealthHost.boot([]);
    expect(host.indicator.check('all', { clients: [Session], required: [] }).all).toEqual({
      status: 'up',
      clients: {},
      away: [],
    });
    expect(host.indicator.check('all', { clients: [Session] }).all).toMatchObject({
      status: 'down',
      away: [{ name: 'FeedClient', state: 'unknown' }],
    });
  });
});

it('Of many clients that are away twenty are named, those that make it down first', async () => {
  await using server = await WsServer.listen({ verifyClient: () => false });
  const many = Array.from({ length: 25 }, (_, n) =>
    clientAt(server.url(), FeedClient, { name: `feed:${n}`, ...PATIENT }),
  );
  const required = ['feed:22', 'feed:24'];
  await using host = await HealthHost.boot(many, { required });
  await host.clock.advance('1m');

  const { code, clients, away, more } = await host.ready();
  expect({ code, clients, more }).toEqual({ code: 503, clients: { backoff: 25 }, more: 5 });
  expect(away).toHaveLength(20);
  expect(away.slice(0, 3).map(({ name }) => name)).toEqual([...required, 'feed:0']);
  const { all } = host.indicator.check('all', { clients: many.slice(0, 20) });
  expect(all.away).toHaveLength(20);
  expect(all).not.toHaveProperty('more');
});

describe('What a check refuses', () => {
  const refused: readonly (readonly [string, unknown, RegExp])[] = [
    ['options that are none', [], /the options are \[\]; they must be an object, such as/],
    [
      'an unknown option',
      { downafter: 1 },
      /unknown option "downafter" \(did you mean "downAfter"\?\)/,
    ],
    [
      'a time that is none',
      { downAfter: '30s' },
      /"downAfter" is "30s"; it must be a number of milli/,
    ],
    [
      'a time that is NaN',
      { lostAfter: NaN },
      /"lostAfter" is NaN; it must be a number of milliseconds, 0/,
    ],
    [
      'an age of 0',
      { staleAfter: 0 },
      /"staleAfter" is 0; it must be a number of milliseconds above 0/,
    ],
    [
      'times that contradict each other',
      { lostAfter: 2, downAfter: 1 },
      /lostAfter \(2\) is above downAfter \(1\)/,
    ],
    [
      'one client that is no list',
      { clients: 'FeedClient' },
      /"clients" is "FeedClient"; it must be an array/,
    ],
    [
      'a class of a circle',
      { required: [undefined] },
      /"required" has undefined.*give the name then/,
    ],
    [
      'a class that is no client',
      { clients: [Date] },
      /"clients" has .*Date.*neither a class with @WebSockexClient/,
    ],
    ['what is no handle', { clients: [{}] }, /"clients" has {}/],
    ['nothing', { clients: [null] }, /"clients" has null/],
  ];

  it.each(refused)('%s', async (_, options, message) => {
    await using host = await HealthHost.boot([]);
    const check = () => host.indicator.check('feeds', options as WebSockexHealthOptions);
    expect(check).toThrow(ConfigurationError);
    expect(check).toThrow(message);
    expect(check).toThrow(/^WebSockexHealthIndicator\.check\("feeds"\): /);
  });

  it('a handle of another application', () =>
    played(async (host, Feed) => {
      await using other = await HealthHost.boot([]);
      const fake = fakeHandle(Feed) as ClientHandle;
      for (const handle of [host.handle(Feed) as ClientHandle, fake]) {
        const check = () => other.indicator.check('all', { clients: [handle] });
        expect(check).toThrow(/nor a handle of this application/);
      }
    }));

  it.each(['', undefined, 7])('a key that is none', async (key) => {
    await using host = await HealthHost.boot([]);
    expect(() => host.indicator.check(key as string)).toThrow(/the key is .*it must be a string/);
  });
});
