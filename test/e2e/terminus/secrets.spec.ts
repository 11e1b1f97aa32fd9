import { expect, it } from 'vitest';

import { HealthHost } from '../../fixtures/health.host.js';
import { becomes, PATIENT } from '../../fixtures/outage.js';
import { clientAt } from '../../fixtures/scene.js';
import { WsServer } from '../../fixtures/ws-server.js';

it('An answer has no URL, and no word of a peer', async () => {
  class FeedClient {}
  await using server = await WsServer.listen({
    verifyClient: ({ req }, answer) =>
      answer(!req.url?.startsWith('/refused'), 401, 'peer says no'),
  });
  const at = (path: string) =>
    server.url(`${path}?token=s3cret`).replace('://', '://user:p4ssword@');
  const options = { ...PATIENT, headers: { authorization: 'Bearer s3cret' } };
  const Closed = clientAt(at('/closed'), FeedClient, { ...options, name: 'closed' });
  const Refused = clientAt(at('/refused'), FeedClient, { ...options, name: 'refused' });
  const Ended = clientAt(at('/ended'), FeedClient, {
    ...options,
    name: 'ended',
    reconnect: false,
    restart: 'temporary',
  });
  await using host = await HealthHost.boot([Closed, Refused, Ended]);
  const [closed, ended] = [host.handle(Closed), host.handle(Ended)];
  await Promise.all([closed.connected(), ended.connected()]);
  for (const peer of [await server.nextConnection(), await server.nextConnection()]) {
    peer.close(4_001, 'peer says goodbye');
  }
  await Promise.all([becomes(closed, 'backoff'), ended.terminated]);
  await host.clock.advance('1m');

  const { code, text, clients } = await host.ready();
  expect({ code, clients }).toEqual({ code: 503, clients: { backoff: 2, terminated: 1 } });
  expect(text).not.toMatch(/s3cret|p4ssword|peer says|ws:|127\.0\.0\.1|\/closed|4001|401/);
});
