import { getEventListeners } from 'node:events';

import { Frame, NotConnectedError } from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';
import { NetScene } from '../../fixtures/net-scene.js';

const CROWD = 30;

const crowd = <T>(each: (index: number) => Promise<T>): Promise<unknown[]> =>
  Promise.all(
    Array.from({ length: CROWD }, (_, index) => each(index).catch((error: unknown) => error)),
  );

/** How many listen to a signal, and what Node had to say of it. */
function watchSignal() {
  const controller = new AbortController();
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  return {
    controller,
    signal: controller.signal,
    warnings,
    listeners: () => getEventListeners(controller.signal, 'abort').length,
    [Symbol.dispose]: () => void process.off('warning', onWarning),
  };
}

it('thirty waits of two clients have one listener at the signal of a service, and leave none', async () => {
  using watched = watchSignal();
  await using scene = await NetScene.boot(FeedClient);
  const { signal } = watched;
  const waits = crowd(() => scene.handle.connected({ signal }));
  expect(watched.listeners()).toBe(1);
  scene.server.acceptAll();
  await waits;
  await scene.net.settle();
  expect(watched.listeners()).toBe(0);

  scene.peer.stall();
  const sends = crowd((index) =>
    scene.handle.sendFrame(Frame.binary(Buffer.alloc(99_999, index)), { signal }),
  );
  expect(watched.listeners()).toBe(1);
  scene.peer.unstall();
  expect(await sends).toEqual(Array.from({ length: CROWD }, () => undefined));
  await scene.net.settle();
  expect([watched.listeners(), watched.warnings]).toEqual([0, []]);
});

it('an abort ends every wait with its reason, and those alone', async () => {
  using watched = watchSignal();
  await using scene = await NetScene.boot(FeedClient);
  const { signal, controller } = watched;
  const other = scene.handle.connected();
  const waits = crowd((index) =>
    scene.handle.connected(index % 2 ? { signal, timeout: 1_000 } : { signal }),
  );
  controller.abort('enough');
  expect(new Set(await waits)).toEqual(new Set(['enough']));
  await scene.net.settle();
  expect([watched.listeners(), watched.warnings]).toEqual([0, []]);
  await expect(scene.handle.connected({ signal })).rejects.toBe('enough');
  await expect(scene.handle.sendFrame('x')).rejects.toThrow(NotConnectedError);

  scene.server.acceptAll();
  expect(await other).toMatchObject({ session: 1 });
});
