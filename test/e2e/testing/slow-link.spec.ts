import { expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';
import { NetScene } from '../../fixtures/net-scene.js';

/** When the next frame arrives, in milliseconds of the clock. */
function nextFrame({ net, handle }: NetScene<FeedClient>): Promise<number> {
  const began = net.clock.now();
  return new Promise((resolve) => {
    const frames = handle.frames$.subscribe(() => {
      frames.unsubscribe();
      resolve(net.clock.now() - began);
    });
  });
}

it.each([
  [1, 5, 4_000],
  [10, 50, 4_900],
  [30, 60, 1_967],
  [100, 100, 950],
  [1_000, 120, 100],
])('%i bytes/s bring %i bytes within %i ms', async (rate, bytes, duration) => {
  await using scene = await NetScene.open(FeedClient);
  const arrival = nextFrame(scene);
  scene.peer.slowly(rate);
  scene.peer.send('x'.repeat(bytes - 2)); // its header has two
  await scene.net.clock.advance('1m');

  expect(Math.round(await arrival)).toBe(duration);
});

it('keeps its rate for many small frames, as for a long one', async () => {
  await using scene = await NetScene.open(FeedClient);
  const { net, peer, handle } = scene;
  const began = net.clock.now();
  const arrivals: number[] = [];
  handle.frames$.subscribe(() => arrivals.push(net.clock.now() - began));
  peer.slowly(1_000);
  for (let count = 0; count < 50; count++) peer.send('x'.repeat(98)); // a hundred bytes each
  await net.clock.advance('1m');

  expect(arrivals).toHaveLength(50);
  // 5,000 bytes: what comes at once at the beginning is no more than 100 ms of it.
  expect(arrivals.at(-1)).toBeGreaterThanOrEqual(4_900);
  expect(arrivals.at(-1)).toBeLessThanOrEqual(5_000);
});

it('does not hold up what comes after a pause, and leaves no timer', async () => {
  await using scene = await NetScene.open(FeedClient);
  const { net, peer } = scene;
  peer.slowly(200);
  for (const text of ['one', 'two', 'three']) {
    await scene.feed(text);
    expect([await scene.handle.call('last'), net.clock.pending]).toEqual([text, []]);
    await net.clock.advance('1s');
  }
});

it('lets what was sent before a close arrive before it', async () => {
  await using scene = await NetScene.open(FeedClient);
  const { net, peer, handle } = scene;
  peer.slowly(10);
  peer.send('x'.repeat(98));
  peer.close(1012);
  await net.settle();
  expect([peer.bufferedAmount > 90, handle.status]).toEqual([true, 'open']);
  await net.clock.advance('30s');

  expect([handle.session, await handle.call('last')]).toEqual([2, 'x'.repeat(98)]);
  expect(peer.bufferedAmount).toBe(0);
});

it('keeps the order of what is sent when it is fast again', async () => {
  await using scene = await NetScene.open(FeedClient);
  const texts: string[] = [];
  scene.handle.frames$.subscribe(({ data }) => texts.push(data.toString()));
  scene.peer.slowly(1);
  scene.peer.send('slow');
  scene.peer.raw(Uint8Array.of(0x81, 0x01, 0x61));
  await scene.net.settle();
  expect(texts).toEqual([]);

  scene.peer.slowly(Infinity);
  scene.peer.send('fast');
  await scene.net.settle();
  expect(texts).toEqual(['slow', 'a', 'fast']);
});

it('brings no bytes at all from a peer that is silent', async () => {
  await using scene = await NetScene.open(FeedClient);
  scene.peer.silence();
  scene.peer.raw(Uint8Array.of(0x81, 0x01, 0x61));
  await scene.net.settle();

  expect(await scene.handle.call('last')).toBeUndefined();
});

it('leaves no timer behind for what nobody waits for any more', async () => {
  await using scene = await NetScene.open(FeedClient, { reconnect: false });
  scene.peer.slowly(1);
  scene.peer.send('never');
  await scene.net.settle();
  expect(scene.net.clock.pending).toHaveLength(1);
  scene.peer.drop();
  await scene.net.settle();

  expect(scene.net.clock.pending).toEqual([]);
});
