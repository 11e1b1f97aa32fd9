// Real time: the feed goes on for so many seconds.
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateRawSync } from 'node:zlib';

import type { ClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import type { RawPeer } from '../fixtures/raw-peer.js';
import { RawServer } from '../fixtures/raw-server.js';
import { encodeFrame, OPCODE } from '../fixtures/wire.js';
import { mib, type Subject, subjects } from './subject.js';

const boot = subjects();

const MIB = 2 ** 20;
const FLOOD = 200_000;

/** Seconds for which a handler is slower than its feed. */
const FEED = Number(process.env['FEED_SECONDS'] ?? 5);

/** What a peer does, and what it may cost. */
interface Row {
  readonly does: string;
  readonly play: (peer: RawPeer, subject: Subject) => Promise<unknown>;
  /** What it is to be closed with; without it the session is to go on, */
  readonly code?: number;
  /** unless the peer is gone. */
  readonly isGone?: true;
  readonly options?: ClientOptions;
  readonly hasOnPing?: boolean;
  /** @default 16 MiB */
  readonly most?: number;
}

/**
 * A program that is busy takes what V8 lets it have before it collects: without a limit that is 40 MiB and more in any
 * stream of frames, of which nothing is held. Here the heap has some 16 MiB beside what the program is.
 */
const NODE_ARGS = ['--expose-gc', '--max-semi-space-size=1', '--max-old-space-size=32'];

const SOME = 500;

/** Writes so many copies of a frame, some in each write, no faster than they are taken. */
async function flood(peer: RawPeer, frame: Buffer, count: number): Promise<void> {
  const bytes = Buffer.concat(Array.from({ length: Math.min(SOME, count) }, () => frame));
  for (let sent = 0; sent < count; sent += SOME) await peer.writeAll(bytes);
}

/** Waits for so many. */
async function pongs(peer: RawPeer, count: number): Promise<void> {
  let left = count;
  await peer.nextFrame(({ name }) => name === 'pong' && --left === 0, 120_000);
}

const LAST = Buffer.from('still there?');
const ping = encodeFrame(OPCODE.ping, 'flooded with it');
const pong = encodeFrame(OPCODE.pong, 'flooded with it');
const bigPing = encodeFrame(OPCODE.ping, Buffer.alloc(125));
const tiny = encodeFrame(OPCODE.continuation, 'x', { fin: false });

/** Of 512 KiB on the wire, half a GiB once it is inflated. */
const bomb = deflateRawSync(Buffer.alloc(512 * MIB), { finishFlush: 2 }).subarray(0, -4);

const deflate = {
  options: { perMessageDeflate: true },
  most: 32 * MIB,
} as const;

const ROWS: readonly Row[] = [
  {
    does: 'announces a GiB',
    play: (peer) => flood(peer, encodeFrame(OPCODE.binary, '', { announcedLength: 2 ** 30 }), 1),
    code: 1009,
  },
  {
    does: 'announces a GiB to a client without a limit, sends a MiB of it, and goes',
    options: { maxPayload: 0, reconnect: false },
    play: async (peer, subject) => {
      await peer.writeAll(encodeFrame(OPCODE.binary, '', { announcedLength: 2 ** 30 }));
      await peer.writeAll(Buffer.alloc(MIB));
      peer.reset();
      await subject.ask('ended', '1006');
    },
    isGone: true,
  },
  {
    does: 'sends a message of 512 MiB, deflated to half a MiB',
    ...deflate,
    play: async (peer) => peer.frame(OPCODE.binary, bomb, { rsv: 4 }),
    code: 1009,
  },
  {
    does: 'sends the same in fragments',
    ...deflate,
    play: async (peer) => {
      for (let at = 0; at < bomb.length; at += 1024) {
        const opcode = at === 0 ? OPCODE.binary : OPCODE.continuation;
        const rsv = at === 0 ? 4 : 0;
        peer.frame(opcode, bomb.subarray(at, at + 1024), { rsv, fin: false });
      }
      peer.continuation('');
    },
    code: 1009,
  },
  {
    does: `sends ${FLOOD} fragments of a byte`,
    play: async (peer) => {
      peer.text('x', { fin: false });
      await flood(peer, tiny, FLOOD);
    },
    code: 1008,
  },
  {
    does: 'sends one message of 16,000 fragments of a byte after the other',
    play: async (peer, subject) => {
      const { frames } = await subject.ask('tally');
      for (let message = 0; message < 40; message++) {
        peer.text('x', { fin: false });
        await flood(peer, tiny, 16_000);
        peer.continuation('x');
      }
      await subject.ask('until', ['frames', frames + 40]);
    },
  },
  {
    does: 'has a handler hang, while its own application goes on with 300,000 infos',
    options: { mailbox: { maxWaiting: 1_000 } },
    play: async (peer, subject) => {
      const { frames } = await subject.ask('tally');
      peer.text('hang');
      await subject.ask('until', ['frames', frames + 1]);
      expect(await subject.ask('inform', 300_000)).toEqual({
        taken: 1_000,
        refused: { MailboxFullError: 299_000 },
      });
    },
  },
  {
    does: `sends numbered frames for ${FEED} s, as fast as they are taken, to a handler that takes 5 ms`,
    play: async (peer, subject) => {
      await subject.ask('delay', 5);
      const deadline = performance.now() + FEED * 1_000;
      let count = 0;
      // The last of these writes are taken when the client hurries, or never.
      let taken = Promise.resolve();
      while (performance.now() < deadline) {
        const frames = Array.from({ length: SOME }, () =>
          encodeFrame(OPCODE.text, `number ${count++}`),
        );
        taken = peer.writeAll(Buffer.concat(frames));
        // Real time: the feed goes on until then, though nobody takes it.
        await Promise.race([taken, sleep(deadline - performance.now())]);
      }
      const { next: handled } = await subject.ask('numbered', 1);
      expect(handled).toBeLessThan(FEED * 250);
      await subject.ask('delay', 0);
      await taken;
      expect(await subject.ask('numbered', count)).toEqual({ next: count, gaps: 0, delay: 0 });
    },
  },
  {
    does: 'reads nothing of 256 MiB that are sent to it',
    isGone: true,
    options: { sendTimeout: 2_000 },
    // maxBuffered, and as much again.
    most: 32 * MIB,
    play: async (peer, subject) => {
      peer.pauseReading();
      await subject.ask('send', [64 * 1024, 4_000]);
      await subject.ask('ended', 'sendTimeout');
      const { taken, unsettled, refused } = await subject.ask('sends');
      expect(unsettled).toBe(0);
      expect(taken).toBeGreaterThan(0);
      expect(refused).toEqual({
        BackpressureError: expect.any(Number),
        NotConnectedError: expect.any(Number),
      });
    },
  },
  {
    does: 'reads nothing of 300,000 small frames that are sent to it',
    isGone: true,
    options: { sendTimeout: 2_000, sendHighWaterMark: 64 * 1024, maxBuffered: MIB / 2 },
    play: async (peer, subject) => {
      peer.pauseReading();
      await subject.ask('send', [20, 300_000]);
      await subject.ask('ended', 'sendTimeout');
    },
  },
  {
    does: `sends ${5 * FLOOD} empty pings and reads no pong`,
    isGone: true,
    options: { sendTimeout: 2_000 },
    play: async (peer, subject) => {
      peer.pauseReading();
      void flood(peer, encodeFrame(OPCODE.ping, ''), 5 * FLOOD);
      await subject.ask('ended', 'sendTimeout');
    },
  },
  {
    does: `sends ${FLOOD} pings and reads no pong`,
    isGone: true,
    options: { sendTimeout: 2_000 },
    play: async (peer, subject) => {
      peer.pauseReading();
      // They are taken only as long as the client reads.
      void flood(peer, bigPing, FLOOD);
      await subject.ask('ended', 'sendTimeout');
    },
  },
  ...[true, false].flatMap((hasOnPing): Row[] => {
    const how = hasOnPing ? 'a client with @OnPing and @OnPong' : 'a client without @OnPing';
    return [
      {
        does: `sends ${FLOOD} pings to ${how}`,
        hasOnPing,
        play: async (peer) => {
          const sent = flood(peer, ping, FLOOD);
          await pongs(peer, FLOOD);
          await sent;
        },
      },
      {
        does: `sends ${FLOOD} pongs to ${how}`,
        hasOnPing,
        play: async (peer, subject) => {
          await flood(peer, pong, FLOOD);
          if (hasOnPing) await subject.ask('until', ['pongs', FLOOD]);
        },
      },
    ];
  }),
];

const rows = ROWS.map((row) => [row.does, row] as const);

/** What any peer sends, as fast as it is taken. */
async function converse(peer: RawPeer, subject: Subject): Promise<void> {
  const { frames } = await subject.ask('tally');
  for (const opcode of [OPCODE.binary, OPCODE.text]) {
    await flood(peer, encodeFrame(opcode, 'an ordinary frame'), FLOOD / 4);
    await flood(peer, ping, SOME);
    await pongs(peer, SOME);
  }
  await subject.ask('until', ['frames', frames + FLOOD / 2]);
}

// Elsewhere a process does not tell the most that it has taken.
describe.runIf(process.platform === 'linux')('The memory of a client', () => {
  it.concurrent.for(rows)('whose peer %s', async ([, row], { annotate }) => {
    const { options, play, code, isGone, hasOnPing, most = 16 * MIB } = row;
    await using server = await RawServer.listen();
    await using subject = await boot({ nodeArgs: NODE_ARGS });
    const start = {
      url: server.url(),
      ...(options && { options }),
      ...(hasOnPing && { hasOnPing }),
    };
    await subject.ask('start', start);
    const headers = {
      'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover',
    };
    const accepted = options?.perMessageDeflate ? { headers } : {};
    const peer = await server.nextPeer();
    await peer.open(accepted);
    // What the process takes when it is busy is no attack's.
    await converse(peer, subject);
    const { rss: before } = await subject.ask('memory');
    await converse(peer, subject);
    await subject.ask('peak');

    await play(peer, subject);
    const goesOn = code === undefined && isGone === undefined;
    if (goesOn) {
      peer.ping(LAST);
      await peer.nextFrame(({ name, payload }) => name === 'pong' && payload.equals(LAST));
    } else if (code !== undefined) {
      expect((await peer.nextFrame('close', 60_000)).closeCode).toBe(code);
    }
    const grown = (await subject.ask('peak')) - before;
    const { rss } = await subject.ask('memory');

    const end = goesOn ? 'still open' : `closed with ${code ?? 1006}`;
    await annotate(
      `took ${mib(grown)} more at most, of ${mib(most)}, and holds ${mib(rss - before)}; ${end}`,
    );
    expect(grown).toBeLessThan(most);
    const { ends, statuses } = await subject.ask('tally');
    expect(statuses).toHaveLength(1);
    if (goesOn) expect({ ends, statuses }).toEqual({ ends: [], statuses: ['open'] });
    expect(subject.run.stderr).toBe('');
  });
});
