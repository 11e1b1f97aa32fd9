import { HealthIndicatorService } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { WEBSOCKEX_CLOCK, WebSockexModule } from 'nestjs-websockex';
import { WebSockexHealthIndicator, WebSockexHealthModule } from 'nestjs-websockex/terminus';
import { expect, it } from 'vitest';

import { clientAt } from '../../fixtures/scene.js';
import { VirtualClock } from '../../fixtures/virtual-clock.js';

/** That of terminus 11, which knows two states; what else there is its check of all leaves out. */
class Service11 {
  check(key: string) {
    return {
      up: (data: object) => ({ [key]: { status: 'up', ...data } }),
      down: (data: object) => ({ [key]: { status: 'down', ...data } }),
    };
  }
}

it('With terminus 11 what is degraded is up, and says so', async () => {
  class FeedClient {}
  const clock = new VirtualClock();
  const Feed = clientAt('ws://127.0.0.1:9', FeedClient, { startup: 'manual' });
  const app = await Test.createTestingModule({
    imports: [WebSockexModule.forRoot({ clients: [Feed] }), WebSockexHealthModule],
  })
    .overrideProvider(HealthIndicatorService)
    .useClass(Service11)
    .overrideProvider(WEBSOCKEX_CLOCK)
    .useValue(clock)
    .compile();
  await app.init();
  const check = () => app.get(WebSockexHealthIndicator).check('feed', { required: [Feed] });

  expect(check()).toEqual({ feed: { status: 'up', clients: { idle: 1 }, away: [] } });
  await clock.advance('10s');
  const away = { name: 'FeedClient', state: 'idle', required: true };
  expect(check()).toEqual({
    feed: {
      status: 'up',
      degraded: true,
      clients: { idle: 1 },
      away: [{ ...away, seconds: 10 }],
    },
  });
  await clock.advance('20s');
  expect(check()).toEqual({
    feed: { status: 'down', clients: { idle: 1 }, away: [{ ...away, seconds: 30 }] },
  });
  await app.close();
});
