import { OnFrame, type TextFrame } from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

it('settle() waits for handlers that have used up a turn of the event loop, and go on in the next', async () => {
  const heard: string[] = [];
  class Busy {
    @OnFrame('text') hear({ data }: TextFrame) {
      heard.push(data);
      // Real time: a turn has so many milliseconds, and each of these takes more.
      const until = performance.now() + 12;
      while (performance.now() < until);
    }
  }
  await using scene = await NetScene.open(Busy);
  const texts = Array.from({ length: 12 }, (_, n) => `text ${n}`);
  await scene.handle.sys.suspend();
  await scene.feed(...texts);
  await scene.handle.sys.resume();
  await scene.net.settle();
  expect(heard).toEqual(texts);
});
