import { OnDisconnect, OnFrame, type DisconnectStatus } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

/** 100, 200, 400, then 1000; after slow ends 1000, 2000, then 4000. */
const reconnect = {
  initialDelay: 100,
  maxDelay: 1_000,
  slowDelay: 4_000,
  jitter: 'none',
} as const;

/** What `@OnDisconnect` was told of each end: its class, and the delay. */
type Told = (string | undefined)[];

class FeedClient {
  static told: Told[] = [];

  @OnDisconnect()
  lost({ class: its, retryIn }: DisconnectStatus): void {
    FeedClient.told.push([its, String(retryIn)]);
  }

  @OnFrame('text', 'crash')
  crash(): void {
    throw new Error('let it crash');
  }
}

async function boot(): Promise<NetScene<FeedClient>> {
  FeedClient.told = [];
  return NetScene.boot(FeedClient, { reconnect });
}

/** Refuses the next attempts, one after the other, each as soon as its delay is over. */
async function refuse(scene: NetScene<FeedClient>, ...statuses: number[]): Promise<void> {
  for (const status of statuses) {
    if (scene.handle.status === 'backoff') await scene.net.clock.advance(4_000);
    await scene.server.reject(status);
    await scene.net.settle();
  }
}

/** Agrees to the next attempt, as soon as its delay is over. */
async function accept(scene: NetScene<FeedClient>): Promise<void> {
  if (scene.handle.status === 'backoff') await scene.net.clock.advance(4_000);
  await scene.server.accept();
  await scene.handle.connected();
}

describe('After an end that no new attempt will mend', () => {
  it('a client waits maxDelay at once, then twice as long each time, up to slowDelay', async () => {
    await using scene = await boot();
    await refuse(scene, 503, 404, 404, 404, 404, 503);
    expect(FeedClient.told).toEqual([
      ['passing', '100'],
      ['slow', '1000'],
      ['slow', '2000'],
      ['slow', '4000'],
      ['slow', '4000'],
      ['passing', '1000'],
    ]);
  });

  it('a client dials when that delay is over, and not before', async () => {
    await using scene = await boot();
    await refuse(scene, 404);
    await scene.net.clock.advance(999);
    expect([scene.handle.status, scene.server.attempts]).toEqual(['backoff', 1]);
    await scene.net.clock.advance(1);
    expect([scene.handle.status, scene.server.attempts]).toEqual(['connecting', 2]);
  });

  it('by default a client waits half a minute, and at most five', async () => {
    await using scene = await NetScene.boot(FeedClient, { reconnect: { jitter: 'none' } });
    const delays: number[] = [];
    scene.handle.events$.subscribe((one) => {
      if (one.event === 'backoff') delays.push(one.delay);
    });
    scene.server.rejectAll(410);
    await scene.net.clock.advance('20m');
    expect(delays).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000, 300_000]);
  });

  it.each([1002, 1003, 1007, 1008, 1009, 1010])('the close %d is one of these', async (code) => {
    await using scene = await boot();
    await accept(scene);
    scene.peer.close(code);
    await scene.net.settle();
    expect(FeedClient.told).toEqual([['slow', '1000']]);
  });

  it.each([undefined, 1000, 1001, 1011, 1014, 3000, 4999])('the close %s is none', async (code) => {
    await using scene = await boot();
    await accept(scene);
    scene.peer.close(code);
    await scene.net.settle();
    expect(FeedClient.told).toEqual([['passing', '100']]);
  });

  it('what the peer must not send is one of these', async () => {
    await using scene = await boot();
    await accept(scene);
    scene.peer.raw(Buffer.from([0x83, 0]));
    await scene.net.settle();
    expect(FeedClient.told).toEqual([['slow', '1000']]);
  });

  it('a subprotocol that was not offered is one of these', async () => {
    FeedClient.told = [];
    await using scene = await NetScene.boot(FeedClient, { reconnect, protocols: ['v1'] });
    await scene.server.accept({ protocol: 'v2' });
    await scene.net.settle();
    expect(FeedClient.told).toEqual([['slow', '1000']]);
  });

  it('a URL that allowUrl refuses is one of these', async () => {
    FeedClient.told = [];
    await using scene = await NetScene.boot(FeedClient, { reconnect, allowUrl: () => false });
    await scene.net.settle();
    expect(FeedClient.told).toEqual([['slow', '1000']]);
  });
});

describe('A 401 or 403', () => {
  it('is passing once after each session that was ready, and else slow', async () => {
    await using scene = await boot();
    await refuse(scene, 401);
    await accept(scene);
    scene.peer.drop();
    await scene.net.settle();
    await refuse(scene, 503, 403, 401);
    await accept(scene);
    scene.peer.drop();
    await scene.net.settle();
    await refuse(scene, 401);
    expect(FeedClient.told.map(([its]) => its)).toEqual([
      'slow',
      'passing',
      'passing',
      'passing',
      'slow',
      'passing',
      'passing',
    ]);
  });

  it('is passing once after a crash too', async () => {
    await using scene = await boot();
    await accept(scene);
    await scene.feed('crash');
    await scene.net.clock.advance(0);
    await refuse(scene, 401, 401);
    expect(FeedClient.told.map(([its]) => its)).toEqual(['passing', 'slow']);
  });
});

describe('After a close with 1012 or 1013', () => {
  it.each([1012, 1013])('clients come back between 5 and 30 seconds: %d', async (code) => {
    await using scene = await boot();
    const drawn: number[] = [];
    for (let n = 0; n < 30; n++) {
      await scene.server.accept();
      await scene.handle.connected();
      scene.peer.close(code);
      await scene.net.settle();
      drawn.push(Number(FeedClient.told.at(-1)?.[1]));
      await scene.net.clock.advance(drawn.at(-1) ?? 0);
    }
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(5_000);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(30_000);
    expect(new Set(drawn).size).toBeGreaterThan(25);
    expect(Math.max(...drawn) - Math.min(...drawn)).toBeGreaterThan(15_000);
  });
});
