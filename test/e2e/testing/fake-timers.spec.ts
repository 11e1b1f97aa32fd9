import { Test } from '@nestjs/testing';
import type { ClientHandle } from 'nestjs-websockex';
import { afterEach, describe, expect, it, vi } from 'vitest';

import type { FeedClient as Feed } from '../../fixtures/feed.client.js';

type Fakes = Parameters<typeof vi.useFakeTimers>[0];

const EVERYTHING: NonNullable<NonNullable<Fakes>['toFake']> = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'queueMicrotask',
  'performance',
  'hrtime',
  'Date',
];

/** A life of a client: refused, in backoff for an hour, connected, talking, closed by the peer, closed. */
async function live(): Promise<readonly string[]> {
  const { getClientToken, WebSockexModule } = await import('nestjs-websockex');
  const { createTestNet } = await import('nestjs-websockex/testing');
  const { FeedClient } = await import('../../fixtures/feed.client.js');
  await using net = createTestNet();
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [FeedClient] })] }),
  );
  app.useLogger(false);
  await app.init();
  const handle = app.get<ClientHandle<Feed>>(getClientToken(FeedClient));
  const server = net.server(FeedClient);
  await server.reject(503, { 'Retry-After': '3600' });
  await net.clock.advance('1h');
  const first = await server.accept();
  await first.expectJson({ op: 'subscribe' });
  first.slowly(100);
  first.send('tick');
  await net.clock.advance('1s');
  await first.expectText('TICK');
  handle.cast('publish', 'cast');
  await first.expectText('cast');
  expect(await handle.call('last')).toBe('tick');
  first.close(1012);
  await net.clock.advance('1s');
  const second = await server.accept();
  await expect(second.expectClose(1000, { timeout: 1 })).rejects.toThrow(/got text/);
  const closed = handle.close(1000);
  await second.expectClose(1000);
  await closed;
  await app.close();
  return [...first.transcript, ...second.transcript];
}

afterEach(() => {
  vi.useRealTimers();
});

describe('A net beside the fake timers of the runner', () => {
  it.each<[string, Fakes]>([
    ['those that are faked by default', undefined],
    ['all that can be', { toFake: EVERYTHING }],
    ['some that run on by themselves', { shouldAdvanceTime: true }],
  ])('plays the same story: %s', async (_, fakes) => {
    const story = await live();
    vi.useFakeTimers(fakes);
    const before = Date.now();

    expect(await live()).toEqual(story);
    if (fakes?.shouldAdvanceTime !== true)
      expect([Date.now(), vi.getTimerCount()]).toEqual([before, 0]);
  });

  it('also where the kit is loaded after they are put in place', async () => {
    const story = await live();
    vi.resetModules();
    vi.useFakeTimers({ toFake: EVERYTHING });

    expect(await live()).toEqual(story);
  });

  it('leaves what the code under test sets on them to the runner', async () => {
    vi.useFakeTimers();
    const fired = vi.fn<() => void>();
    // Real time: none of it, these timers are the runner's.
    setTimeout(fired, 1_000);
    await live();
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    expect(fired).toHaveBeenCalledTimes(1);
  });
});
