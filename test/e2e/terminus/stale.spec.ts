import { json, OnFrame } from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { HealthHost } from '../../fixtures/health.host.js';
import { Gate, Journal } from '../../fixtures/journal.js';
import { becomes, cut } from '../../fixtures/outage.js';
import { clientAt } from '../../fixtures/scene.js';
import { WsServer } from '../../fixtures/ws-server.js';

it('A feed that is silent for staleAfter is away, until it speaks again', async () => {
  const journal = new Journal();
  class FeedClient {
    @OnFrame()
    frame() {
      journal.note('frame');
    }
  }
  await using server = await WsServer.listen();
  const Feed = clientAt(server.url(), FeedClient);
  await using host = await HealthHost.boot([Feed], { staleAfter: 60_000 });
  await host.handle(Feed).connected();
  const peer = await server.nextConnection();

  // Nobody has noted frames before the first check.
  await host.clock.advance('1h');
  expect(await host.ready()).toMatchObject({ status: 'ok', clients: { open: 1 } });

  await host.clock.advance(59_999);
  expect(await host.ready()).toMatchObject({ status: 'ok', clients: { open: 1 } });
  await host.clock.advance(1);
  const feed = { name: 'FeedClient', state: 'stale', required: true };
  expect(await host.ready()).toMatchObject({
    code: 200,
    status: 'degraded',
    clients: { stale: 1 },
    away: [{ ...feed, seconds: 60 }],
  });
  // A ping says nothing of the feed.
  peer.socket.ping();
  await host.clock.advance('30s');
  expect(await host.ready()).toMatchObject({ code: 503, away: [{ ...feed, seconds: 90 }] });

  peer.send('tick');
  await journal.until('frame');
  expect(await host.ready()).toMatchObject({ code: 200, status: 'ok', clients: { open: 1 } });
  await host.clock.advance('59s');
  expect(await host.ready()).toMatchObject({ status: 'ok' });
});

it('A new session has the time of its own, and an optional client only degrades', async () => {
  class FeedClient {}
  await using server = await WsServer.listen();
  const Feed = clientAt(server.url(), FeedClient, {
    reconnect: { initialDelay: 1_000, jitter: 'none' },
  });
  await using host = await HealthHost.boot([Feed], { staleAfter: 60_000, required: [] });
  const handle = host.handle(Feed);
  await handle.connected();
  expect(await host.ready()).toMatchObject({ status: 'ok' });
  await host.clock.advance('1h');
  expect(await host.ready()).toMatchObject({ code: 200, status: 'degraded' });

  await cut(await server.nextConnection(), handle);
  await host.clock.advance('1s');
  await becomes(handle, 'open');
  await handle.connected();
  expect(await host.ready()).toMatchObject({ status: 'ok', clients: { open: 1 } });
  await host.clock.advance('1m');
  expect(await host.ready()).toMatchObject({ status: 'degraded', clients: { stale: 1 } });
});

it('A handler that does not return is noticed: the frames behind it have had no turn', async () => {
  const [began, gate] = [new Gate(), new Gate()];
  class FeedClient {
    @OnFrame()
    frame() {
      began.open();
      return gate.opened;
    }
  }
  await using server = await WsServer.listen();
  const Feed = clientAt(server.url(), FeedClient, { slowHandler: 0 });
  await using host = await HealthHost.boot([Feed], { staleAfter: 60_000 });
  await host.handle(Feed).connected();
  await host.ready();
  const peer = await server.nextConnection();
  peer.send('1');
  await began.opened;
  await host.clock.advance('40s');
  peer.send('2');
  await host.clock.advance('20s');
  expect(await host.ready()).toMatchObject({ status: 'degraded', clients: { stale: 1 } });
  gate.open();
});

it('The answer to a request counts', async () => {
  class FeedClient {}
  await using server = await WsServer.listen();
  const protocol = json({
    request: (message, id) => ({ ...(message as object), id }),
    answer: (message) => ({ id: (message as { id: number }).id, value: message }),
  });
  const Feed = clientAt(server.url(), FeedClient, { protocol });
  await using host = await HealthHost.boot([Feed], { staleAfter: 60_000 });
  const handle = host.handle(Feed);
  await handle.connected();
  await host.ready();
  const peer = await server.nextConnection();
  await host.clock.advance('50s');
  const asked = handle.request({ op: 'time' });
  peer.send(String(await peer.nextMessage()));
  await asked;
  await host.clock.advance('50s');
  expect(await host.ready()).toMatchObject({ status: 'ok' });
});
