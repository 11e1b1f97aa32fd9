import fc from 'fast-check';
import { type ClientStatus, ShuttingDownError, type WebSockexEvent } from 'nestjs-websockex';
import { fakeHandle, type FakeHandle, type PlayedStatus } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { runs } from '../../../fixtures/fuzz.js';
import { settle } from '../../../fixtures/virtual-clock.js';
import { Feed } from './stages.js';

const PLAYED = ['idle', 'connecting', 'open', 'closing', 'backoff'] as const;

function watched(): { feed: FakeHandle<Feed>; told: string[]; states: ClientStatus[] } {
  const feed = fakeHandle(Feed);
  const told: string[] = [];
  const states: ClientStatus[] = [];
  feed.events$.subscribe(({ event }) => told.push(event));
  feed.status$.subscribe((status) => states.push(status));
  states.length = 0;
  return { feed, told, states };
}

describe('A fake handle', () => {
  const ways = PLAYED.flatMap((from) => PLAYED.map((to) => [from, to] as const));

  it.each(ways)(
    'gets from %s to %s in one call, which tells that state alone',
    async (from, to) => {
      const { feed, told, states } = watched();
      feed.become(from);
      states.length = 0;
      feed.become(to);
      expect([feed.status, states]).toEqual([to, [to]]);
      await settle();

      expect([feed.status, states, told]).toEqual([to, [to], []]);
    },
  );

  it('is what the test says, whatever its holders ask for on the way', async () => {
    const step = fc.oneof(
      fc.record({ become: fc.constantFrom<PlayedStatus>(...PLAYED) }),
      fc.record({ ask: fc.constantFrom('reconnect', 'start', 'sendFrame', 'connected', 'call') }),
      fc.constant({ wait: true } as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const { feed, states } = watched();
        feed.answer('price', () => 1);
        for (const one of steps) {
          if ('become' in one) {
            feed.become(one.become);
            expect(feed.status).toBe(one.become);
          } else if ('wait' in one) await settle();
          else if (one.ask === 'sendFrame') void feed.sendFrame('x');
          else if (one.ask === 'call') void feed.call('price');
          else void feed[one.ask as 'start']();
        }
        await settle();
        feed.become('open');
        expect(states.at(-1)).toBe('open');
        expect(await feed.connected()).toMatchObject({ session: feed.session });
        expect(await feed.call('price')).toBe(1);
        feed.end();
        expect(feed.status).toBe('terminated');
      }),
      runs(50),
    );
  });

  it('keeps those who wait for a session waiting over a new beginning', async () => {
    const feed = fakeHandle(Feed);
    feed.become('connecting');
    const waits = [feed.connected(), feed.connected({ timeout: 60_000 })];
    feed.become('idle');
    feed.become('open');
    expect(await Promise.all(waits)).toMatchObject([{ session: 1 }, { session: 1 }]);
  });

  it('ends as it is told, and its holders are told the reason', async () => {
    const feed = fakeHandle(Feed);
    feed.become('backoff');
    const connected = feed.connected();
    const error = new Error('revoked');
    feed.end({ by: 'error', error });
    expect(feed.status).toBe('terminated');
    await expect(connected).rejects.toBe(error);
    expect(await feed.terminated).toEqual({ by: 'error', error });
    feed.end();
    expect(await feed.stop()).toEqual({ by: 'error', error });
  });

  it('records what was taken, and not what was refused', async () => {
    const { feed } = watched();
    feed.answer('price', () => 7);
    feed.become('idle');
    await expect(feed.call('price')).rejects.toMatchObject({ state: 'idle' });
    await expect(feed.sendFrame('x')).rejects.toMatchObject({ state: 'idle' });
    expect(() => feed.close(1005)).toThrow(/close\(\)/);
    feed.cast('publish', 'kept');
    expect([feed.calls, feed.sent, feed.closes]).toEqual([[], [], []]);
    feed.become('open');
    await feed.sendFrame('x', { timeout: 10 });
    expect(await feed.call('price')).toBe(7);
    await feed.close(4000, 'bye');
    expect(feed.casts).toEqual([{ name: 'publish', args: ['kept'] }]);
    expect(feed.calls).toEqual([{ name: 'price', args: [] }]);
    expect(feed.sent).toHaveLength(1);
    expect(feed.closes).toEqual([{ code: 4000, reason: 'bye' }]);
    expect(feed.status).toBe('terminated');
  });

  it.each(PLAYED)(
    'refuses all that is new from the call on that shuts it down: %s',
    async (state) => {
      const { feed, states } = watched();
      feed.become(state);
      states.length = 0;
      const shutDown = feed.shutDown();
      expect(() => feed.cast('publish', 'x')).toThrow(ShuttingDownError);
      expect(() => feed.info('x')).toThrow(ShuttingDownError);
      for (const asked of [feed.sendFrame('x'), feed.call('price'), feed.reconnect()]) {
        await expect(asked).rejects.toThrow(ShuttingDownError);
      }
      expect([feed.casts, feed.infos, feed.calls, feed.sent]).toEqual([[], [], [], []]);

      expect(await shutDown).toEqual(await feed.terminated);
      expect([feed.status, states.at(-1)]).toEqual(['terminated', 'terminated']);
      await expect(feed.sendFrame('x')).rejects.toThrow(ShuttingDownError);
      expect(() => feed.become('open')).toThrow('cannot become open');
    },
  );

  it('closes its session with 1001 where it is shut down, after what was asked before', async () => {
    const { feed } = watched();
    feed.answer('price', () => 7);
    const told: WebSockexEvent[] = [];
    feed.events$.subscribe((event) => told.push(event));
    const price = feed.call('price');
    void feed.shutDown();
    expect(await price).toBe(7);
    expect(await feed.terminated).toMatchObject({ by: 'local', code: 1001 });
    expect(told).toContainEqual(
      expect.objectContaining({
        event: 'frame:sent',
        frame: expect.objectContaining({ code: 1001 }),
      }),
    );
    expect(await feed.shutDown()).toMatchObject({ code: 1001 });
  });

  it('refuses to play a frame that no session could bring', () => {
    const feed = fakeHandle(Feed);
    feed.become('backoff');
    expect(() => feed.play('x')).toThrow(
      /cannot receive what play\(\) plays: the client is in backoff/,
    );
  });

  it('keeps no process alive, in whatever state it is left', async () => {
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    for (const state of PLAYED) fakeHandle(Feed).become(state);
    await settle();
    // One that an earlier test has left may have ended meanwhile.
    expect(timers()).toBeLessThanOrEqual(before);
  });
});
