import diagnosticsChannel from 'node:diagnostics_channel';
// Real time: one turn of the event loop, no more.
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Test } from '@nestjs/testing';
import { CHANNELS, WebSockexModule } from 'nestjs-websockex';
import { createTestNet, type TestNet } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const SIGNALS = ['SIGTERM', 'SIGINT', 'exit', 'warning', 'unhandledRejection', 'uncaughtException'];

/** Bytes that are still reachable, after everything that has ended could let go. */
async function heap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    await setImmediate();
    collect();
  }
  return process.memoryUsage().heapUsed;
}

/** What a net could leave in the process, apart from memory and what keeps the process alive. */
function traces(): object {
  return {
    listeners: SIGNALS.map((name) => process.listenerCount(name)),
    subscribed: Object.values(CHANNELS).filter(({ name }) =>
      diagnosticsChannel.hasSubscribers(name),
    ),
  };
}

/** A net with a server, and nobody who dials. */
async function bare(): Promise<TestNet> {
  const net = createTestNet();
  net.server(FeedClient).acceptAll();
  net.clock.setTimer(1_000, () => undefined).cancel();
  await net.dispose();
  return net;
}

/** A net under a whole application: a session, an echo, a timer that waited, a close. */
async function used(): Promise<TestNet> {
  const net = createTestNet();
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [FeedClient] })] }),
  );
  app.useLogger(false);
  await app.init();
  await net.server(FeedClient).reject(503);
  await net.clock.advanceToNext();
  const peer = await net.server(FeedClient).accept();
  await peer.expectJson();
  peer.send('echo');
  await peer.expectText('ECHO');
  await app.close();
  await net.dispose();
  return net;
}

describe('Nets, made and disposed of', () => {
  it.each([
    { what: 'ten thousand bare ones', once: bare, warm: 500, count: 10_000, bytesEach: 200 },
    { what: 'many under an application', once: used, warm: 200, count: 300, bytesEach: 8_000 },
  ])(
    'leave nothing behind: $what',
    async ({ once, warm, count, bytesEach }) => {
      // What is made once for a process is made before, and what the compiler learns.
      for (let round = 0; round < warm; round++) await once();
      const before = { heap: await heap(), traces: traces() };
      const { length: alive } = process.getActiveResourcesInfo();
      const nets: WeakRef<TestNet>[] = [];
      for (let round = 0; round < count; round++) nets.push(new WeakRef(await once()));
      await heap();

      // The last one may stand where nobody has written over it; a trace would hold all of them.
      const left = nets.splice(0).filter((net) => net.deref() !== undefined);
      expect(left.length).toBeLessThanOrEqual(1);
      expect(((await heap()) - before.heap) / count).toBeLessThan(bytesEach);
      expect(traces()).toEqual(before.traces);
      // The runner has some of its own, which come and go.
      expect(process.getActiveResourcesInfo().length - alive).toBeLessThan(count / 100);
    },
    60_000,
  );
});
