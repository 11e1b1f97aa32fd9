import { Test } from '@nestjs/testing';
import { OnCast, terminate, WebSockexManager, WebSockexModule } from 'nestjs-websockex';
import {
  createTestNet,
  createTestServer,
  type ScriptedPeer,
  type ScriptedServer,
  type TestNet,
} from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { clientAt } from '../../fixtures/scene.js';

/** More than any buffer of the system takes. */
const MUCH = 'x'.repeat(8_000_000);
const SENDS = 3;

class Sender {
  @OnCast() crash(): void {
    throw new Error('boom');
  }

  @OnCast() end() {
    return terminate();
  }
}

type Feed = Awaited<ReturnType<typeof boot>>['feed'];

async function boot(server: ScriptedServer, url: string, net?: TestNet) {
  const options = { reconnect: false, restart: 'temporary', closeTimeout: 50 } as const;
  const client = clientAt(url, Sender, { ...options, startup: 'manual' });
  const builder = Test.createTestingModule({
    imports: [WebSockexModule.forRoot({ clients: [client], shutdownTimeout: 200 })],
  });
  const app = await (net?.install(builder) ?? builder.compile());
  app.useLogger(false);
  await app.init();
  const accepted = server.accept();
  const feed = app.get(WebSockexManager).get(client)!;
  await feed.start();
  return { app, feed, peer: await accepted };
}

/** What a cast does happens in its turn. */
const ends: Record<string, (feed: Feed, peer: ScriptedPeer) => unknown> = {
  'the peer drops': (_, peer) => peer.drop(),
  'the peer reads on': (_, peer) => peer.unstall(),
  'the client is closed, and the peer does not answer': (feed) => feed.close(),
  'the client is stopped': (feed) => feed.stop(),
  'it ends itself': (feed) => feed.cast('end'),
  'it crashes': (feed) => feed.cast('crash'),
};

/** How every send has settled, and how often. Which of two that are lost together is told first is not promised. */
async function story(
  { feed, peer }: Awaited<ReturnType<typeof boot>>,
  end: (feed: Feed, peer: ScriptedPeer) => unknown,
  pass: () => Promise<unknown>,
): Promise<string[]> {
  const lines: string[] = [];
  peer.stall();
  const sends = Array.from({ length: SENDS }, (_, index) =>
    feed.sendFrame(MUCH).then(
      () => lines.push(`${index} taken`),
      (error: { code: string }) => lines.push(`${index} ${error.code}`),
    ),
  );
  end(feed, peer);
  const settled = Promise.all(sends);
  await Promise.race([settled, pass()]);
  await settled;
  return lines.toSorted();
}

describe('What is sent to a peer that has stalled settles once, on the net as over TCP, when', () => {
  it.each(Object.keys(ends))('%s', async (what) => {
    const end = ends[what]!;
    const net = createTestNet();
    const onNet = await boot(net.server('ws://feed.test'), 'ws://feed.test', net);
    const told = await story(onNet, end, () => net.clock.advance('10s'));
    const closed = onNet.app.close();
    await net.clock.advance('10s');
    await closed;
    await net.dispose();

    await using server = await createTestServer();
    const onTcp = await boot(server, server.url());
    const forever = (): Promise<unknown> => new Promise(() => undefined);
    expect(told).toEqual(await story(onTcp, end, forever));
    await onTcp.app.close();
    expect(told).toHaveLength(SENDS);
  });
});
