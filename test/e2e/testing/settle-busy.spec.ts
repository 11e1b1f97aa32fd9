import { OnCast, OnFrame, type TextFrame } from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

/** Real time: a turn has so many milliseconds, and this takes more. */
function useUpTurn(): void {
  const until = performance.now() + 12;
  while (performance.now() < until);
}

it('settle() waits for handlers that have used up a turn of the event loop, and go on in the next', async () => {
  const heard: string[] = [];
  class Busy {
    @OnFrame('text') hear({ data }: TextFrame) {
      heard.push(data);
      useUpTurn();
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

it('settle() waits for a generator that has used up a turn, and yields nothing that is sent', async () => {
  let asked = 0;
  class Yielding {
    @OnCast() async *work() {
      for (; asked < 6; asked++) {
        useUpTurn();
        yield undefined;
      }
    }
  }
  await using scene = await NetScene.open(Yielding);
  scene.handle.cast('work');
  await scene.net.settle();
  expect(asked).toBe(6);
});
