import { Test } from '@nestjs/testing';
import {
  type ClientHandle,
  getClientToken,
  type ReconnectOptions,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { Backoff, DEFAULT_RECONNECT } from '../../../lib/runtime/connection/backoff.policy.js';
import { seeded } from '../../../lib/testing/script/virtual.clock.js';

const HOUR = 3_600_000;

/** When a client whose every attempt is refused tries, in the hour after the net began. */
async function attempts(seed: number, reconnect: ReconnectOptions): Promise<number[]> {
  @WebSockexClient('wss://feed.example/v1', { reconnect })
  class RefusedClient {}

  await using net = createTestNet({ seed });
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [RefusedClient] })] }),
  );
  app.useLogger(false);
  const began = net.clock.epoch();
  const seen: number[] = [];
  app
    .get<ClientHandle<RefusedClient>>(getClientToken(RefusedClient))
    .events$.subscribe(({ event, time }) => event === 'connecting' && seen.push(time - began));
  net.server(RefusedClient).rejectAll(503);
  await app.init();
  await net.clock.advance('1h');
  expect(net.clock.now()).toBe(HOUR);
  expect(net.server(RefusedClient).attempts).toBe(seen.length);
  await app.close();
  return seen;
}

/** The same, by the policy alone. */
function planned(seed: number, reconnect: ReconnectOptions): number[] {
  const policy = { ...DEFAULT_RECONNECT, ...reconnect };
  const random = seeded(seed);
  const times: number[] = [];
  let backoff = Backoff.none;
  for (let time = 0; time <= HOUR; time += backoff.delay) {
    times.push(time);
    backoff = backoff.next(policy, random);
  }
  return times;
}

const POLICIES: Readonly<Record<string, ReconnectOptions>> = {
  'the default': {},
  'full jitter': { jitter: 'full', initialDelay: 2_000, maxDelay: 120_000 },
  'no jitter': { jitter: 'none' },
  'ten seconds at most': { maxDelay: 10_000 },
};

describe('An hour of backoff on a net', () => {
  it.each(Object.entries(POLICIES))(
    'has exactly the attempts of the policy: %s',
    async (_, reconnect) => {
      for (const seed of [1, 7, 2026]) {
        const expected = planned(seed, reconnect);

        expect(expected.length).toBeGreaterThan(20);
        expect(await attempts(seed, reconnect)).toEqual(expected);
      }
    },
  );
});
