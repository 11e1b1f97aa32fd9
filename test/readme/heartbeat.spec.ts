import type { Type } from '@nestjs/common';
import { expect, it } from 'vitest';

import { NetScene } from '../fixtures/net-scene.js';
import { block } from './pages.js';
import { run } from './snippet.runner.js';

it('the heartbeat of the documentation beats on the clock of a net, as long as its session lasts', async () => {
  const { BeatingClient } = run(block('observable-result')) as { BeatingClient: Type<object> };
  await using scene = await NetScene.open(BeatingClient, {
    reconnect: { initialDelay: 1_000, jitter: 'none' },
  });
  const { net, server, handle } = scene;
  const first = scene.peer;
  await net.clock.advance('9999ms');
  expect(first.transcript).toEqual([]);
  await net.clock.advance('20001ms');
  for (const count of [0, 1, 2]) await first.expectJson({ op: 'heartbeat', count });

  first.drop();
  await net.settle();
  await net.clock.advance('1s');
  await handle.connected();
  expect(server.peers).toHaveLength(2);
  await net.clock.advance('10s');
  await scene.peer.expectJson({ op: 'heartbeat', count: 0 });
  expect(first.transcript.filter((line) => line.includes('heartbeat'))).toHaveLength(3);

  await handle.stop();
  expect(net.clock.pending).toEqual([]);
});
