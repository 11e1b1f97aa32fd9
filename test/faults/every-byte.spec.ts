import { deflateRawSync } from 'node:zlib';

import {
  OnConnect,
  OnDisconnect,
  OnFrame,
  OnStart,
  WebSockexClient,
  type ClientHandle,
  type ConnectionInfo,
  type DataFrame,
  type DisconnectStatus,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boot } from '../fixtures/boot.js';
import { Journal, tellFrame, tellReason } from '../fixtures/journal.js';
import { RawServer, type AcceptOptions } from '../fixtures/raw-server.js';
import { AT_ONCE } from '../fixtures/scene.js';
import { TcpProxy } from '../fixtures/tcp-proxy.js';
import { selfSigned } from '../fixtures/tls.js';
import { encodeFrame, OPCODE } from '../fixtures/wire.js';

/** So many clients are cut at the same time; fewer where each has a handshake of TLS, which is work for this process. */
const CROWD = { plain: 100, tls: 20 } as const;

/**
 * Notes what it is told, in the journal of its own. No attempt is given up: on a busy machine one of a crowd takes as long
 * as all of that, and it is the cut that is to end it.
 */
@WebSockexClient('ws://127.0.0.1:9', { reconnect: AT_ONCE, connectTimeout: Infinity })
class CutClient {
  #journal!: Journal;

  @OnStart()
  start(journal: Journal) {
    this.#journal = journal;
  }

  @OnConnect()
  connect(info: ConnectionInfo) {
    this.#journal.note(`connect ${info.session}`);
  }

  @OnFrame()
  frame(frame: DataFrame) {
    this.#journal.note(tellFrame(frame));
  }

  @OnDisconnect()
  lost({ attempt, reason }: DisconnectStatus) {
    this.#journal.note(`disconnect #${attempt} ${tellReason(reason)}`);
  }
}

/** A stream of frames: the bytes of each message, and what the client is to note of it. */
type Message = readonly [bytes: Buffer, line: string];

const { text, binary, continuation } = OPCODE;
const long = Buffer.alloc(130, 7);

const PLAIN: readonly Message[] = [
  [encodeFrame(text, 'hellö'), 'text hellö'],
  [encodeFrame(binary, long), `binary ${long.toString('hex')}`],
  [
    Buffer.concat([encodeFrame(text, 'in ', { fin: false }), encodeFrame(continuation, 'two')]),
    'text in two',
  ],
  [encodeFrame(text, 'last', { lengthForm: 64 }), 'text last'],
];

/** What permessage-deflate makes of it, without context. */
function deflated(value: string): Buffer {
  return deflateRawSync(value, { finishFlush: 2 }).subarray(0, -4);
}

const word = 'again and '.repeat(40).trimEnd();

const DEFLATED: readonly Message[] = [
  [encodeFrame(text, deflated(word), { rsv: 4 }), `text ${word}`],
  [
    Buffer.concat([
      encodeFrame(text, deflated(word).subarray(0, 5), { rsv: 4, fin: false }),
      encodeFrame(continuation, deflated(word).subarray(5)),
    ]),
    `text ${word}`,
  ],
];

const STREAMS = {
  plain: [PLAIN, {}],
  compressed: [
    DEFLATED,
    { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover' },
  ],
} as const satisfies Record<string, readonly [readonly Message[], AcceptOptions['headers']]>;

/** What is to be noted of a session of which so many bytes came behind the answer. */
function linesWithin(messages: readonly Message[], bytes: number, session: number): string[] {
  const lines = [`connect ${session}`];
  let end = 0;
  for (const [{ length }, line] of messages) {
    end += length;
    if (end <= bytes) lines.push(line);
  }
  return lines;
}

describe.each(['plain', 'compressed'] as const)('A connection of %s frames', (kind) => {
  it.each(['fin', 'reset'] as const)(
    'that ends by a %s, at any byte: one disconnect, no part of a frame, and the next attempt',
    async (how) => {
      const [messages, headers] = STREAMS[kind];
      const tail = Buffer.concat(messages.map(([bytes]) => bytes));
      let answer = 0;
      await using server = await RawServer.listen({
        onPeer: async (peer) => {
          await peer.request();
          answer = peer.acceptBytes({ headers }).length;
          peer.accept({ headers, tail });
        },
      });
      await using app = await boot([], { defaults: { perMessageDeflate: kind === 'compressed' } });

      /** Cuts the first connection of a client there, and gives what it noted by the end of the second. */
      const cutAt = async (bytes: number): Promise<readonly string[]> => {
        await using proxy = await TcpProxy.listen(server.port, ({ index, down }) => {
          if (index === 1) down.cutAfter(bytes, how);
        });
        const journal = new Journal();
        const start = { url: proxy.url(), args: journal };
        const handle: ClientHandle = await app.manager.start(CutClient, start);
        const ends = (line: string): boolean => line.startsWith('disconnect');
        await journal.untilCount(1, ends);
        const whole = messages.length + 1;
        await journal.untilCount(journal.lines.findIndex(ends) + 1 + whole);
        expect(proxy.linkCount).toBe(2);
        await handle.stop();
        return journal.lines;
      };

      // The first tells how long the answer is.
      await cutAt(0);
      const all = Array.from({ length: answer + tail.length + 1 }, (_, bytes) => bytes);
      // An answer is the same whatever comes behind it.
      if (kind === 'compressed') all.splice(0, answer);
      expect(answer).toBeGreaterThan(100);
      while (all.length > 0) {
        await Promise.all(all.splice(0, CROWD.plain).map(async (bytes) => expectCut(bytes)));
      }

      async function expectCut(bytes: number): Promise<void> {
        const lines = await cutAt(bytes);
        const end = lines.findIndex((line) => line.startsWith('disconnect'));
        const isOpen = lines[0]?.startsWith('connect') === true;
        const first = bytes < answer ? [] : linesWithin(messages, bytes - answer, 1);
        const at = `after ${bytes} bytes, of which ${answer} are the answer`;
        // A reset may overtake what was sent before it, and then that was never there.
        if (how === 'reset') expect(first.slice(0, end), at).toEqual(lines.slice(0, end));
        else expect(lines.slice(0, end), at).toEqual(first);
        expect(lines[end], at).toBe(
          isOpen ? 'disconnect #1 remote 1006' : 'disconnect #1 error ConnectionError',
        );
        expect(lines.slice(end + 1), at).toEqual(
          linesWithin(messages, tail.length, isOpen ? 2 : 1),
        );
      }
    },
  );
});

/** Every so manieth byte of the ciphertext, and those around the end of each record. */
const STEP = 5;

describe('A connection of TLS', () => {
  it.each(['fin', 'reset'] as const)(
    'that ends by a %s, within any record of its session: the same',
    async (how) => {
      const pair = selfSigned();
      const bytes = PLAIN.map(([one]) => one);
      /** What a connection does when its request has come, by the path of that. */
      const plans = new Map<string, () => Promise<void> | void>();
      let answer = 0;
      await using server = await RawServer.listen({
        tls: pair,
        onPeer: async (peer) => {
          const { path } = await peer.request();
          const plan = plans.get(path);
          plans.delete(path);
          await plan?.();
          answer = peer.acceptBytes().length;
          peer.accept();
          // A record each.
          for (const one of bytes) await peer.writeAll(one);
        },
      });
      // Nothing of the handshake of TLS 1.2 comes behind the client's request.
      const tls = { ca: pair.cert, maxVersion: 'TLSv1.2' } as const;
      await using app = await boot([], { defaults: { tls } });

      /** Cuts the first connection so many bytes behind its handshake; what was noted, and how much had come. */
      const cutAt = async (count: number): Promise<{ lines: string[]; passed: number }> => {
        await using proxy = await TcpProxy.listen(server.port);
        const path = `/${count}`;
        let from = 0;
        plans.set(path, async () => {
          const { down } = await proxy.link(1);
          from = down.passed;
          down.cutAfter(from + count, how);
        });
        const journal = new Journal();
        const url = `wss://127.0.0.1:${proxy.port}${path}`;
        const handle: ClientHandle = await app.manager.start(CutClient, { url, args: journal });
        const ends = (line: string): boolean => line.startsWith('disconnect');
        const whole = PLAIN.length + 1;
        if (count === Infinity) await journal.untilCount(whole);
        else {
          await journal.untilCount(1, ends);
          await journal.untilCount(journal.lines.findIndex(ends) + 1 + whole);
        }
        const { passed } = (await proxy.link(1)).down;
        await handle.stop();
        return { lines: [...journal.lines], passed: passed - from };
      };

      const { passed: all } = await cutAt(Infinity);
      const plain = answer + Buffer.concat(bytes).length;
      // What each record has beside the bytes that are in it.
      const overhead = (all - plain) / (1 + bytes.length);
      expect(Number.isInteger(overhead)).toBe(true);
      expect(overhead).toBeGreaterThan(5);
      const records = [answer, ...bytes.map(({ length }) => length)].map((one) => one + overhead);
      const ends = records.map((_, index) =>
        records.slice(0, index + 1).reduce((sum, one) => sum + one),
      );

      async function expectCut(count: number): Promise<void> {
        const { lines } = await cutAt(count);
        const end = lines.findIndex((line) => line.startsWith('disconnect'));
        const come = ends.filter((one) => one <= count).length;
        const first = ['connect 1', ...PLAIN.map(([, line]) => line)].slice(0, come);
        const at = `after ${count} bytes of ${ends.join(', ')}`;
        // A reset may overtake what was sent before it, and then that was never there.
        if (how === 'reset') expect(first.slice(0, end), at).toEqual(lines.slice(0, end));
        else expect(lines.slice(0, end), at).toEqual(first);
        const isOpen = end > 0;
        expect(lines[end], at).toBe(
          isOpen ? 'disconnect #1 remote 1006' : 'disconnect #1 error ConnectionError',
        );
        const session = isOpen ? 2 : 1;
        expect(lines.slice(end + 1), at).toEqual(linesWithin(PLAIN, plain, session));
      }

      const cuts = Array.from({ length: all + 1 }, (_, count) => count).filter(
        (count) => count % STEP === 0 || ends.some((one) => Math.abs(one - count) <= 1),
      );
      expect(cuts.length).toBeGreaterThan(80);
      while (cuts.length > 0) await Promise.all(cuts.splice(0, CROWD.tls).map(expectCut));
    },
  );
});
