import { describe, expect, it } from 'vitest';

import { RawServer } from '../fixtures/raw-server.js';
import { TcpProxy, type Link } from '../fixtures/tcp-proxy.js';
import { AT_ONCE, lapse, since, subjects, TIMED } from './subject.js';

const boot = subjects();

const heartbeat = { interval: 400, timeout: 300 };
/** When it must be known, in milliseconds. */
const VERDICT = heartbeat.interval + heartbeat.timeout + 1000;

/** A client, and a peer that answers pings, with a bad network between them. */
async function open() {
  const server = await RawServer.listen({
    onPeer: async (peer) => {
      await peer.open();
      for (;;) {
        const frame = await peer.next(600_000);
        if (frame.kind !== 'frame') return;
        if (frame.name === 'ping') peer.pong(frame.payload);
      }
    },
  });
  const proxy = await TcpProxy.listen(server.port);
  const subject = await boot();
  const options = { heartbeat, reconnect: AT_ONCE };
  await subject.ask('start', { url: proxy.url(), options });
  await subject.ask('until', ['heartbeats', 1]);
  const dispose = async (): Promise<void> => {
    await subject[Symbol.asyncDispose]();
    await proxy.close();
    await server.close();
  };
  return { server, proxy, subject, link: await proxy.link(1), [Symbol.asyncDispose]: dispose };
}

const DEAD: readonly (readonly [string, (link: Link) => void])[] = [
  ['passes nothing in either direction', (link) => link.blackhole()],
  ['passes nothing to the peer', ({ up }) => up.swallow()],
  ['passes nothing to the client', ({ down }) => down.swallow()],
  ['stands still', ({ up, down }) => (up.hold(), down.hold())],
];

describe('A connection that is dead', () => {
  it.concurrent.for(DEAD)(
    'because the network %s: it is noticed in time, and there is a next one',
    TIMED,
    async ([, fault], { annotate }) => {
      await using scene = await open();
      const { subject, proxy, link } = scene;
      fault(link);
      const from = performance.now();
      await subject.ask('ended', 'heartbeat');
      const took = since(from);
      await subject.ask('until', ['connects', 2]);

      await annotate(`noticed after ${took} ms, of ${VERDICT}`);
      expect(took).toBeLessThan(VERDICT);
      expect(proxy.linkCount).toBe(2);
      const { ends, statuses } = await subject.ask('tally');
      expect(ends).toHaveLength(1);
      expect(statuses).toEqual(['open']);
      expect(subject.run.stderr).toBe('');
    },
  );
});

describe('A connection that is alive', () => {
  it.concurrent(
    'though a byte comes at a time, of a frame that is never whole',
    async ({ annotate }) => {
      await using scene = await open();
      const { subject, server, proxy, link } = scene;
      link.down.trickle(100);
      // The pongs wait behind it.
      (await server.peer(1)).text(Buffer.alloc(125));
      const before = link.down.passed;
      await lapse(4 * VERDICT);

      await annotate(`${link.down.passed - before} bytes in ${4 * VERDICT} ms`);
      expect(await subject.ask('tally')).toMatchObject({
        connects: 1,
        ends: [],
        statuses: ['open'],
      });
      expect(proxy.linkCount).toBe(1);
    },
  );

  it.concurrent('though nothing reaches the peer, which goes on sending', async ({ annotate }) => {
    await using scene = await open();
    const { subject, server, link } = scene;
    link.up.swallow();
    const peer = await server.peer(1);
    for (let sent = 0; sent < 40; sent++) {
      peer.text('tick');
      await lapse(100);
    }

    const { frames, ...rest } = await subject.ask('tally');
    await annotate(`${frames} frames in 4 s without a pong`);
    expect(rest).toMatchObject({ connects: 1, ends: [], statuses: ['open'] });
  });
});

const CONNECT_TIMEOUT = 1000;

const HANDSHAKES: readonly (readonly [string, (link: Link) => void])[] = [
  ['never comes', ({ down }) => down.swallow()],
  ['comes a byte at a time', ({ down }) => down.trickle(50)],
  ['stops in its middle', () => undefined],
  ['waits for a request that never arrives', ({ up }) => up.hold()],
];

describe('An answer of the handshake', () => {
  it.concurrent.for(HANDSHAKES)(
    'that %s: connectTimeout ends the attempt',
    TIMED,
    async ([how, fault], context) => {
      await using server = await RawServer.listen({
        onPeer: async (peer) => {
          await peer.request(600_000);
          if (how === 'stops in its middle') peer.write(peer.acceptBytes().subarray(0, 60));
          else peer.accept();
        },
      });
      await using proxy = await TcpProxy.listen(server.port, (link) => {
        if (link.index === 1) fault(link);
      });
      await using subject = await boot();
      const options = { connectTimeout: CONNECT_TIMEOUT, reconnect: false } as const;
      await subject.ask('start', { url: proxy.url(), options });
      const from = performance.now();
      const end = await subject.ask('ended', 'connectTimeout');
      const took = since(from);

      await context.annotate(`ended after ${took} ms, of ${CONNECT_TIMEOUT}: ${end}`);
      expect(took).toBeLessThan(CONNECT_TIMEOUT + 1000);
      const { connects, ends, statuses } = await subject.ask('tally');
      expect({ connects, ends: ends.length, statuses }).toEqual({
        connects: 0,
        ends: 1,
        statuses: ['terminated'],
      });
      expect(proxy.linkCount).toBe(1);
    },
  );
});
