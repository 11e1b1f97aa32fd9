import { readFileSync } from 'node:fs';

import type { Type } from '@nestjs/common';
import { expect, it } from 'vitest';

import { NetScene } from '../fixtures/net-scene.js';
import { readCodeBlocks } from './markdown.js';
import { run } from './snippet.runner.js';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

it('the heartbeat of the README beats on the clock of a net, as long as its session lasts', async () => {
  const block = readCodeBlocks(readme).find(({ name }) => name === 'observable-result')!;
  const { BeatingClient } = run(block) as { BeatingClient: Type<object> };
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
