import {
  OnDisconnect,
  reconnect,
  type DisconnectResult,
  type DisconnectStatus,
  type ReconnectOptions,
} from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { reaches } from '../../fixtures/nest/app.js';
import { Recorder } from '../../fixtures/journal.js';
import type { RawPeer } from '../../fixtures/raw-server.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

/** The delays a client was told to wait for. */
function delaysOf(scene: Scene<Recorder>): number[] {
  const delays: number[] = [];
  scene.handle.events$.subscribe((event) => {
    if (event.event === 'backoff') delays.push(event.delay);
  });
  return delays;
}

/** Lets so many delays pass, however long they are. */
async function pass(scene: Scene<Recorder>, clock: VirtualClock, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await reaches(scene.handle, 'backoff');
    await clock.advanceToNext();
  }
}

const refuseAll = {
  onPeer: async (peer: RawPeer): Promise<void> => {
    await peer.request();
    peer.refuse(503);
  },
};
const dropAll = {
  onPeer: async (peer: RawPeer): Promise<void> => {
    await peer.open();
    peer.fin();
  },
};

describe('The delay before an attempt', () => {
  const growing: ReconnectOptions = { initialDelay: 1, maxDelay: 8, jitter: 'none' };

  it('grows with each failed attempt, up to maxDelay', async () => {
    const options = { reconnect: growing, startup: 'manual' } as const;
    const clock = new VirtualClock();
    await using scene = await Scene.boot(Recorder, options, { server: refuseAll, clock });
    const delays = delaysOf(scene);
    void scene.handle.start();
    await pass(scene, clock, 6);
    await scene.journal.untilCount(7);
    expect(delays.slice(0, 6)).toEqual([1, 2, 4, 8, 8, 8]);
    const told = scene.journal.statuses.map(({ retryIn }) => retryIn);
    expect(told.slice(0, 6)).toEqual([1, 2, 4, 8, 8, 8]);
  });

  it('grows on over sessions that were not stable', async () => {
    const options = { reconnect: growing, startup: 'manual' } as const;
    const clock = new VirtualClock();
    await using scene = await Scene.boot(Recorder, options, { server: dropAll, clock });
    const delays = delaysOf(scene);
    void scene.handle.start();
    await pass(scene, clock, 5);
    await scene.journal.until('connect 6');
    expect(delays).toEqual([1, 2, 4, 8, 8]);
  });

  it('falls back to the first after a session that was open for stableAfter', async () => {
    const options = { reconnect: { ...growing, stableAfter: 0 }, startup: 'manual' } as const;
    const clock = new VirtualClock();
    await using scene = await Scene.boot(Recorder, options, { server: dropAll, clock });
    const delays = delaysOf(scene);
    void scene.handle.start();
    await pass(scene, clock, 3);
    await scene.journal.until('connect 4');
    expect(delays).toEqual([1, 1, 1]);
  });

  it('is drawn between the first and three times the last by default', async () => {
    const options = {
      reconnect: { initialDelay: 2, maxDelay: 20 },
      startup: 'manual',
    } as const;
    const clock = new VirtualClock();
    await using scene = await Scene.boot(Recorder, options, { server: refuseAll, clock });
    const delays = delaysOf(scene);
    void scene.handle.start();
    await pass(scene, clock, 9);
    await scene.journal.untilCount(10);
    for (const [index, delay] of delays.entries()) {
      expect(delay).toBeGreaterThanOrEqual(2);
      expect(delay).toBeLessThanOrEqual(Math.min(20, 3 * (delays[index - 1] ?? 2)));
    }
  });

  it('is what reconnect({ delay }) says, this once', async () => {
    class Impatient extends Recorder {
      @OnDisconnect()
      override disconnect(status: DisconnectStatus): DisconnectResult {
        void super.disconnect(status);
        if (status.attempt === 1) return reconnect({ delay: 0 });
      }
    }
    const policy = { initialDelay: 3, jitter: 'none' } as const;
    const options = { reconnect: policy, startup: 'manual' } as const;
    const clock = new VirtualClock();
    await using scene = await Scene.boot(Impatient, options, { server: refuseAll, clock });
    const delays = delaysOf(scene);
    void scene.handle.start();
    await pass(scene, clock, 2);
    await scene.journal.untilCount(3);
    expect(delays.slice(0, 2)).toEqual([0, 6]);
  });
});

describe('Retry-After of a refused handshake', () => {
  /** What @OnDisconnect is told to expect, and the delay that follows. */
  async function waitAfter(headers: Record<string, string>): Promise<readonly unknown[]> {
    await using scene = await Scene.boot(Recorder, {
      startup: 'manual',
      reconnect: { initialDelay: 1, maxDelay: 10, jitter: 'none' },
    });
    const delays = delaysOf(scene);
    void scene.handle.start();
    const peer = await scene.server.nextPeer();
    await peer.request();
    peer.refuse(503, undefined, headers);
    await scene.journal.until('disconnect #1 error HandshakeError');
    return [scene.journal.statuses[0]?.retryIn, ...delays];
  }

  it('is waited for, beyond maxDelay too', async () => {
    expect(await waitAfter({ 'Retry-After': '120' })).toEqual([120_000, 120_000]);
  });

  it('may be a date, by the clock of the peer', async () => {
    const date = 'Wed, 21 Oct 2015 07:28:00 GMT';
    const headers = { Date: date, 'Retry-After': 'Wed, 21 Oct 2015 07:30:00 GMT' };
    expect(await waitAfter(headers)).toEqual([120_000, 120_000]);
  });

  it.each(['0', 'soon', ''])('does not shorten the delay: %j', async (value) => {
    expect(await waitAfter({ 'Retry-After': value })).toEqual([1, 1]);
  });

  it.each([
    ['seconds', { 'Retry-After': '99999999999999999999999' }],
    ['more digits than a number has', { 'Retry-After': '9'.repeat(400) }],
    ['a date of the last year', { 'Retry-After': 'Fri, 31 Dec 9999 23:59:59 GMT' }],
    [
      'a clock that stands at the epoch',
      { Date: 'Thu, 01 Jan 1970 00:00:00 GMT', 'Retry-After': 'Wed, 21 Oct 2015 07:30:00 GMT' },
    ],
  ])('stops no client for ever: %s', async (_what, headers) => {
    expect(await waitAfter(headers)).toEqual([3_600_000, 3_600_000]);
  });

  it('counts once', async () => {
    const onPeer = async (peer: RawPeer): Promise<void> => {
      await peer.request();
      peer.refuse(503, undefined, peer.index === 1 ? { 'Retry-After': '1' } : {});
    };
    const clock = new VirtualClock();
    await using scene = await Scene.boot(
      Recorder,
      { reconnect: { initialDelay: 1, jitter: 'none' }, startup: 'manual' },
      { server: { onPeer }, clock },
    );
    const delays = delaysOf(scene);
    void scene.handle.start();
    await pass(scene, clock, 1);
    await reaches(scene.handle, 'backoff');
    expect(delays).toEqual([1000, 2]);
  });
});

describe('The policy', () => {
  it('ends the client after a loss where it is false', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.fin();
    expect(await scene.handle.terminated).toEqual({ by: 'remote', code: 1006, message: '' });
    expect(scene.server.connectionCount).toBe(1);
  });

  it('gives up after maxAttempts in a row, with the last error', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: { ...AT_ONCE, maxAttempts: 3 } });
    scene.peer.fin();
    for (let n = 0; n < 3; n++) {
      const peer = await scene.server.nextPeer();
      await peer.request();
      peer.refuse(500 + n);
    }
    const reason = await scene.handle.terminated;
    expect(reason).toMatchObject({ by: 'error', error: { status: 502 } });
    expect(scene.server.connectionCount).toBe(4);
    expect(scene.journal.lines.at(-1)).toBe('terminate error HandshakeError');
    expect(scene.journal.statuses.map((one) => 'retryIn' in one)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('counts attempts anew after a stable session', async () => {
    const policy = { ...AT_ONCE, maxAttempts: 1, stableAfter: 0 };
    await using scene = await Scene.boot(Recorder, { reconnect: policy }, { server: dropAll });
    await scene.journal.until('connect 5');
  });

  it('gives up on a peer that accepts and drops, with maxAttempts', async () => {
    const policy = { ...AT_ONCE, maxAttempts: 2, stableAfter: 60_000 };
    await using scene = await Scene.boot(Recorder, { reconnect: policy }, { server: dropAll });
    expect(await scene.handle.terminated).toEqual({ by: 'remote', code: 1006, message: '' });
    expect(scene.handle.session).toBe(3);
  });

  it('never makes two attempts side by side', async () => {
    const options = { reconnect: AT_ONCE, startup: 'manual' } as const;
    await using scene = await Scene.boot(Recorder, options, { server: refuseAll });
    const told: string[] = [];
    scene.handle.events$.subscribe(({ event }) => told.push(event));
    void scene.handle.start();
    await scene.journal.untilCount(10);
    for (let n = 1; n <= 20; n++) {
      void scene.handle.reconnect();
      void scene.handle.reconnect();
      await scene.journal.untilCount(10 + n);
    }
    const [first, ...rest] = told.filter((event) => event !== 'backoff');
    expect(first).toBe('connecting');
    for (const [index, event] of rest.entries()) {
      expect(event).toBe(index % 2 === 0 ? 'disconnected' : 'connecting');
    }
  });
});
