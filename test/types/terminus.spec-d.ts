import type { HealthCheckService, HealthIndicatorFunction } from '@nestjs/terminus';
import type { ClientHandle } from 'nestjs-websockex';
import type {
  HealthState,
  WebSockexHealthIndicator,
  WebSockexHealthOptions,
} from 'nestjs-websockex/terminus';
import { expectTypeOf, test } from 'vitest';

class FeedClient {
  publish(text: string) {
    return text;
  }
}

declare const indicator: WebSockexHealthIndicator;
declare const health: HealthCheckService;
declare const feed: ClientHandle<FeedClient>;

test('a check is one of terminus', () => {
  expectTypeOf(() => indicator.check('feeds')).toExtend<HealthIndicatorFunction>();
  const checked = health.check([() => indicator.check('feeds'), () => indicator.check('news')]);
  expectTypeOf(checked).resolves.toHaveProperty('details');
});

test('its result has the key, and what it tells', () => {
  const { feeds } = indicator.check('feeds', { downAfter: 10_000 });
  expectTypeOf(feeds.status).toEqualTypeOf<'up' | 'degraded' | 'down'>();
  expectTypeOf(feeds.clients.backoff).toEqualTypeOf<number | undefined>();
  expectTypeOf(feeds.away[0]!.state).toEqualTypeOf<HealthState>();
  expectTypeOf(feeds.more).toEqualTypeOf<number | undefined>();
  // @ts-expect-error -- it is told under another key
  void indicator.check('feeds').news;
});

test('clients are named by class, name or handle', () => {
  const options: WebSockexHealthOptions = {
    clients: [FeedClient, 'FeedClient', feed],
    required: [feed],
  };
  indicator.check('feeds', options);
  // @ts-expect-error -- an instance is no client
  indicator.check('feeds', { clients: [new FeedClient()] });
  // @ts-expect-error -- it is a list
  indicator.check('feeds', { clients: FeedClient });
  // @ts-expect-error -- times are milliseconds
  indicator.check('feeds', { downAfter: '30s' });
  // @ts-expect-error -- there is no such option
  indicator.check('feeds', { timeout: 5 });
});
