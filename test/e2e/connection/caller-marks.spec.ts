import { OnCall, OnCast, OnInfo } from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';

class Busy {
  handled = 0;
  readonly gate = new Gate();

  @OnCast() async work() {
    await this.gate.opened;
    this.handled++;
  }

  @OnInfo() told() {
    this.handled++;
  }

  @OnCall() ask() {
    return ++this.handled;
  }
}

it('casts, infos and calls count towards the marks, and none of them is refused in a session', async () => {
  const mailbox = { highWaterMark: 6, lowWaterMark: 2, maxPostponed: 1 };
  await using scene = await NetScene.open(Busy, { mailbox });
  const { handle, net } = scene;
  const seen: string[] = [];
  handle.events$.subscribe(({ event }) => {
    if (event === 'pause' || event === 'resume') seen.push(event);
  });
  const { gate } = (await handle.sys.getState()) as Pick<Busy, 'gate'>;
  const answers: Promise<number>[] = [];
  const post = (): void => {
    handle.cast('work');
    handle.info('news');
    answers.push(handle.call('ask'));
  };
  // The first is being handled: five wait.
  post();
  await net.settle();
  post();
  await net.settle();
  expect(seen).toEqual([]);
  handle.info('one more');
  await net.settle();
  expect(seen).toEqual(['pause']);
  for (let round = 0; round < 100; round++) post();
  gate.open();
  await net.settle();

  expect(seen).toEqual(['pause', 'resume']);
  const last = await Promise.all(answers).then((all) => all.at(-1));
  expect(last).toBe(3 * 102 + 1);
});
