import { fakeHandle, hasSent } from 'nestjs-websockex/testing';
import { matchers } from 'nestjs-websockex/testing/matchers';
import { expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';
import { NetScene } from '../../fixtures/net-scene.js';

expect.extend(matchers);

it.each([/tick \d/g, /TICK \d/iy, /tick/dg])(
  '%s is expected as often as one likes',
  async (tick) => {
    await using scene = await NetScene.open(FeedClient);
    await scene.peer.expectJson();
    const matcher: unknown = expect.stringMatching(tick);
    for (let round = 1; round <= 3; round++) {
      for (let said = 0; said < 4; said++) scene.handle.cast('publish', `tick ${round}`);
      await scene.peer.expectText(tick);
      await scene.peer.expectText(matcher as string);
      scene.handle.cast('publish', JSON.stringify({ a: [`tick ${round}`], b: `tick ${round}` }));
      await scene.peer.expectText(tick);
      await scene.peer.expectText(matcher as string);
      await scene.peer.expectJson({ a: [matcher], b: matcher });
    }
  },
);

it('a matcher is tried on every frame that was sent, and has no memory of it', async () => {
  const feed = fakeHandle(FeedClient);
  await feed.sendFrame(['tick 1', 'tick 2', 'tick 3']);
  const tick: unknown = expect.stringMatching(/tick/g);
  for (let round = 0; round < 3; round++) {
    expect(hasSent(feed, tick, tick, tick).pass).toBe(true);
    expect(feed).toHaveSent(tick, tick, tick);
    expect(feed).not.toHaveSent(tick, tick, tick, tick);
  }
});
