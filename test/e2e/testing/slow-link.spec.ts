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
