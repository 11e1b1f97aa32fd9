import { deflateRawSync } from 'node:zlib';

import type { ClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import type { Memory } from '../fixtures/nest/programs/subject.js';
import type { RawPeer } from '../fixtures/raw-peer.js';
import { RawServer } from '../fixtures/raw-server.js';
import { encodeFrame, OPCODE } from '../fixtures/wire.js';
import { mib, type Subject, subjects } from './subject.js';

const boot = subjects();

const MIB = 2 ** 20;
const FLOOD = 200_000;

/** What a peer does, and what it may cost. */
interface Row {
  readonly does: string;
  /** @param look looks at what it has taken by then */
  readonly play: (peer: RawPeer, subject: Subject, look: () => Promise<void>) => Promise<unknown>;
  /** What it is to be closed with; without it the session is to go on, */
  readonly code?: number;
  /** unless the peer is gone. */
  readonly isGone?: true;
  readonly options?: ClientOptions;
  readonly hasOnPing?: boolean;
  /**
   * It goes on and on: what the process holds counts, looked at now and then. Else it is the most that it
   * has ever taken, which in a stream of frames is for Node to say, who collects when he likes.
   */
  readonly isStream?: true;
  /** @default 16 MiB */
  readonly most?: number;
}

const SOME = 500;

/** Writes so many copies of a frame, some in each write, no faster than they are taken. */
async function flood(
  peer: RawPeer,
  frame: Buffer,
  count: number,
  look?: () => Promise<void>,
): Promise<void> {
  const bytes = Buffer.concat(Array.from({ length: Math.min(SOME, count) }, () => frame));
  for (let sent = 0; sent < count; sent += SOME) {
    await peer.writeAll(bytes);
    if (sent % (100 * SOME) === 0) await look?.();
  }
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
    does: 'sends a message of 16,000 fragments of a byte',
    play: async (peer, subject) => {
      const { frames } = await subject.ask('tally');
      peer.text('x', { fin: false });
      await flood(peer, tiny, 16_000);
      peer.continuation('x');
      await subject.ask('until', ['frames', frames + 1]);
    },
  },
  {
    does: 'reads nothing of 256 MiB that are sent to it',
    isStream: true,
    isGone: true,
    options: { sendTimeout: 2_000 },
    // maxBuffered, and as much again.
    most: 32 * MIB,
    play: async (peer, subject, look) => {
      peer.pauseReading();
      for (let round = 0; round < 4; round++) {
        await subject.ask('send', [64 * 1024, 1_000]);
        await look();
      }
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
    does: `sends ${FLOOD} pings and reads no pong`,
    isStream: true,
    isGone: true,
    options: { sendTimeout: 2_000 },
    play: async (peer, subject, look) => {
      peer.pauseReading();
      // They are taken only as long as the client reads.
      void flood(peer, bigPing, FLOOD);
      await subject.ask('ended', 'sendTimeout');
      await look();
    },
  },
  ...[true, false].flatMap((hasOnPing): Row[] => {
    const how = hasOnPing ? 'a client with @OnPing and @OnPong' : 'a client without @OnPing';
    return [
      {
        does: `sends ${FLOOD} pings to ${how}`,
        hasOnPing,
        isStream: true,
        play: async (peer, _, look) => {
          const sent = flood(peer, ping, FLOOD, look);
          await pongs(peer, FLOOD);
          await sent;
        },
      },
      {
        does: `sends ${FLOOD} pongs to ${how}`,
        hasOnPing,
        isStream: true,
        play: async (peer, subject, look) => {
          await flood(peer, pong, FLOOD, look);
          if (hasOnPing) await subject.ask('until', ['pongs', FLOOD]);
        },
      },
    ];
  }),
];

const rows = ROWS.map((row) => [row.does, row] as const);

// Elsewhere a process does not tell the most that it has taken.
describe.runIf(process.platform === 'linux')('The memory of a client', () => {
  it.concurrent.for(rows)('whose peer %s', async ([, row], { annotate }) => {
    const { options, play, code, isGone, isStream, hasOnPing, most = 16 * MIB } = row;
    await using server = await RawServer.listen();
    const nodeArgs = ['--expose-gc', '--max-semi-space-size=1'];
    await using subject = await boot({ nodeArgs });
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
    // So that what is loaded, or made, with the first of each kind is there.
    for (let round = 0; round < 2; round++) {
      await flood(peer, ping, 500);
      await flood(peer, encodeFrame(OPCODE.text, 'warm'), 500);
      await pongs(peer, 500);
    }
    await subject.ask('memory');
    const before = await subject.ask('memory');

    const seen: Memory[] = [];
    const look = async (): Promise<void> => void seen.push(await subject.ask('memory'));
    await play(peer, subject, look);
    const goesOn = code === undefined && isGone === undefined;
    if (goesOn) {
      peer.ping(LAST);
      await peer.nextFrame(({ name, payload }) => name === 'pong' && payload.equals(LAST));
    } else if (code !== undefined) {
      expect((await peer.nextFrame('close', 60_000)).closeCode).toBe(code);
    }
    await look();

    const held = Math.max(...seen.map(({ rss }) => rss)) - before.rss;
    const peak = Math.max(...seen.map((one) => one.peak)) - before.rss;
    const end = goesOn ? 'still open' : `closed with ${code ?? 1006}`;
    await annotate(
      `holds ${mib(held)} more, took ${mib(peak)} at most (${isStream ? 'the former' : 'the latter'} may be ${mib(most)}); ${end}`,
    );
    expect(isStream ? held : peak).toBeLessThan(most);
    const { ends, statuses } = await subject.ask('tally');
    expect(statuses).toHaveLength(1);
    if (goesOn) expect({ ends, statuses }).toEqual({ ends: [], statuses: ['open'] });
    expect(subject.run.stderr).toBe('');
  });
});
