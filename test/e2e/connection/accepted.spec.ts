import { accepted, OnCast, OnDisconnect, OnFrame, type DisconnectStatus } from 'nestjs-websockex';
import { fakeHandle } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';
import { clientAt } from '../../fixtures/scene.js';

/** 100, 200, 400, 800, then 1000. */
const reconnect = { initialDelay: 100, maxDelay: 1_000, jitter: 'none' } as const;

class FeedClient {
  static delays: (number | undefined)[] = [];

  @OnFrame('text', 'welcome')
  welcome() {
    return accepted();
  }

  @OnCast()
  take() {
    return accepted();
  }

  @OnDisconnect()
  lost({ retryIn }: DisconnectStatus): void {
    FeedClient.delays.push(retryIn);
  }
}

type Scene = NetScene<FeedClient>;

async function boot(): Promise<Scene> {
  FeedClient.delays = [];
  return NetScene.boot(FeedClient, { reconnect });
}

/** One session: something happens in it, and it is lost at once. */
async function session(scene: Scene, act?: (scene: Scene) => unknown): Promise<void> {
  if (scene.handle.status === 'backoff') {
    await scene.net.clock.advance(FeedClient.delays.at(-1) ?? 0);
  }
  await scene.server.accept();
  await scene.handle.connected();
  act?.(scene);
  await scene.net.settle();
  scene.peer.drop();
  await scene.net.settle();
}

describe('A session that was accepted', () => {
  it.each([
    ['by the directive of a frame', ({ peer }: Scene) => peer.send('welcome')],
    ['by the directive of a cast', ({ handle }: Scene) => handle.cast('take')],
    ['by the handle', ({ handle }: Scene) => handle.accepted()],
  ])('%s is the first of a row, however short it was', async (_, accept) => {
    await using scene = await boot();
    for (const act of [undefined, undefined, accept, undefined]) await session(scene, act);
    expect(FeedClient.delays).toEqual([100, 200, 100, 200]);
  });

  it('counts where the peer is gone by the time that its frame is handled', async () => {
    await using scene = await boot();
    await session(scene);
    await session(scene);
    await session(scene, ({ peer }) => {
      peer.send('welcome');
      peer.close(1000);
    });
    expect(FeedClient.delays).toEqual([100, 200, 100]);
  });

  it('lets the attempts count anew', async () => {
    FeedClient.delays = [];
    const options = { reconnect: { ...reconnect, maxAttempts: 1 } };
    await using scene = await NetScene.boot(FeedClient, options);
    for (let n = 0; n < 3; n++) await session(scene, ({ handle }) => handle.accepted());
    await session(scene);
    expect(FeedClient.delays).toEqual([100, 100, 100, undefined]);
  });

  it('is as good after stableAfter, without a word', async () => {
    await using scene = await boot();
    await session(scene);
    await scene.net.clock.advance(100);
    await scene.server.accept();
    await scene.handle.connected();
    await scene.net.clock.advance(5_000);
    scene.peer.drop();
    await scene.net.settle();
    expect(FeedClient.delays).toEqual([100, 100]);
  });
});

it('accepted() between sessions does nothing', async () => {
  await using scene = await boot();
  await session(scene);
  scene.handle.accepted();
  await session(scene);
  scene.handle.accepted();
  await session(scene);
  expect(FeedClient.delays).toEqual([100, 200, 400]);
  await scene.handle.stop();
  scene.handle.accepted();
});

it('a fake handle tells which sessions were accepted', () => {
  const fake = fakeHandle(clientAt('wss://feed.example', FeedClient));
  fake.accepted();
  fake.become('backoff');
  fake.accepted();
  fake.become('open');
  fake.accepted();
  expect(fake.acceptedSessions).toEqual([1, 2]);
});
