import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { Duplex } from 'node:stream';

import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import * as ws from 'ws';

import {
  FrameWriter,
  WriterMemory,
} from '../../../../lib/runtime/transport/native/frame.writer.js';
import { Masks } from '../../../../lib/runtime/transport/native/masks.js';
import type { SocketBytes } from '../../../../lib/runtime/transport/socket.bytes.js';
import { FrameDecoder } from '../../../fixtures/wire.js';

/** Streams in the comparison with `ws`; `FUZZ_STREAMS=100000` for a long one. */
const STREAMS = Number(process.env['FUZZ_STREAMS'] ?? 5000);

type Written = (error?: Error | null) => void;

/** A socket that takes what it is given when the test says so. */
class HeldSocket extends Duplex {
  readonly given: { readonly memory: Buffer; readonly seen: Buffer; readonly done: Written }[] = [];
  taken = Buffer.alloc(0);
  /** How often it was written to. */
  writes = 0;
  bytesGiven = 0;
  /** Whether it takes what it is given at once. */
  isGreedy = false;

  override _read(): void {
    // Nothing is ever there.
  }

  override _write(chunk: Buffer, _encoding: string, done: Written): void {
    this.writes++;
    this.#give(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: Written): void {
    this.writes++;
    for (const { chunk } of chunks.slice(0, -1)) this.#give(chunk, () => undefined);
    this.#give((chunks.at(-1) as { chunk: Buffer }).chunk, done);
  }

  /** Takes all that is under way, and writes over it: nobody else may be using that memory. */
  release(): void {
    for (const { memory, seen, done } of this.given.splice(0)) {
      // It was not changed while it was under way.
      expect(memory.equals(seen)).toBe(true);
      this.taken = Buffer.concat([this.taken, memory]);
      memory.fill(0xaa);
      done();
    }
  }

  /** What a socket of Node counts. */
  get counted(): SocketBytes {
    // oxlint-disable-next-line typescript/no-this-alias
    const socket = this;
    return {
      get next() {
        const underWay = socket.given.reduce((sum, { memory }) => sum + memory.length, 0);
        return socket.bytesGiven + socket.writableLength - underWay;
      },
      get given() {
        return socket.bytesGiven;
      },
    } as SocketBytes;
  }

  #give(memory: Buffer, done: Written): void {
    this.bytesGiven += memory.length;
    this.given.push({ memory, seen: Buffer.from(memory), done });
    if (this.isGreedy) this.release();
  }
}

const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const memory = new WriterMemory();

function writerOf(
  socket: HeldSocket,
  isOurs = true,
  onWaiting: () => void = () => undefined,
): FrameWriter {
  return new FrameWriter(socket, socket.counted, isOurs, memory, onWaiting);
}

/** What a server reads, unmasked. */
function read(bytes: Buffer): string[] {
  const parser = new FrameDecoder();
  return parser.push(bytes).map(({ opcode, fin, masked, payload }) => {
    expect(masked).toBe(true);
    return `${opcode}${fin ? '' : '+'} ${payload.toString('base64')}`;
  });
}

function line(first: number, data: string | Buffer): string {
  return `${first & 15}${first & 0x80 ? '' : '+'} ${Buffer.from(data).toString('base64')}`;
}

/** Its types do not know it. */
const { Receiver } = ws as unknown as {
  Receiver: new (options: object) => NodeJS.WritableStream;
};

/** What a server of `ws` makes of the same bytes, cut so. */
function byWs(bytes: Buffer, sizes: readonly number[]): string[] {
  const receiver = new Receiver({ isServer: true, allowSynchronousEvents: true });
  const told: string[] = [];
  const note = (opcode: number) => (data: Buffer) => told.push(line(0x80 | opcode, data));
  receiver.on('message', (data: Buffer, isBinary: boolean) => note(isBinary ? 2 : 1)(data));
  receiver.on('ping', note(9));
  receiver.on('pong', note(10));
  receiver.on('error', (error) => told.push(String(error)));
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] as number;
    // It unmasks in place.
    receiver.write(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return told;
}

const payload = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 60 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 130 }) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 140 }).map((bytes) => Buffer.from(bytes)) },
  // A few of them fill a block.
  { weight: 3, arbitrary: fc.integer({ min: 1000, max: 5000 }).map((n) => 'z'.repeat(n)) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(125, 126, 5000, 16_400, 65_535, 65_536, 200_000)
      .map((length) => 'é'.repeat(length / 2)),
  },
);
const first = fc.constantFrom(0x81, 0x82, 0x01, 0x02, 0x80, 0x00, 0x89, 0x8a);
/** Frames that stand for themselves, of any length that is told in another way, or laid on in another. */
const message = fc.oneof(
  payload.map((data) => [typeof data === 'string' ? 0x81 : 0x82, data] as const),
  fc.tuple(fc.constant(0x81), fc.string({ unit: 'binary', maxLength: 200 })),
  // Halves of characters, in texts that have memory of their own, too.
  fc.tuple(
    fc.constant(0x81),
    fc.constantFrom(1, 2000, 5500, 9000).map((length) => '\ud83d\ude00\udc00x'.repeat(length)),
  ),
  fc.tuple(fc.constantFrom(0x89, 0x8a), fc.string({ unit: 'grapheme-ascii', maxLength: 125 })),
  fc.tuple(
    fc.constant(0x82),
    fc
      .tuple(fc.constantFrom(0, 125, 16_370, 65_535), fc.nat(40))
      .map(([length, more]) => Buffer.alloc(length + more, 'bytes')),
  ),
);
const cuts = fc.array(fc.constantFrom(1, 2, 3, 7, 14, 130, 4096, 65_536, 1_000_000), {
  minLength: 1,
  maxLength: 6,
});

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('send' as const), who: fc.nat(2), first, payload }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('tick' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const), who: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('take' as const), who: fc.nat(2) }) },
);

afterEach(() => {
  vi.restoreAllMocks();
});

describe('The writer of frames', () => {
  it('hands over what was sent, in order, of each connection its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), fc.boolean(), async (steps, isOurs) => {
        const sockets = [new HeldSocket(), new HeldSocket(), new HeldSocket()];
        const writers = sockets.map((socket) => writerOf(socket, isOurs));
        const sent: string[][] = [[], [], []];
        const done = [0, 0, 0];
        for (const one of steps) {
          if (one.do === 'tick') await tick();
          else if (one.do === 'flush') writers[one.who]?.flush();
          else if (one.do === 'take') sockets[one.who]?.release();
          else {
            const { who, payload: data } = one;
            const bytes = typeof data === 'string' ? data : Buffer.from(data);
            writers[who]?.send(one.first, bytes, (error) => {
              expect(error).toBeUndefined();
              (done[who] as number)++;
            });
            sent[who]?.push(line(one.first, data));
            // It was encoded: it is the sender's again.
            if (typeof bytes !== 'string') bytes.fill(0x55);
          }
        }
        for (let n = 0; n < 40; n++) {
          await turn();
          for (const socket of sockets) socket.release();
          if (writers.every(({ pending }) => pending === 0) && sockets.every(isEmpty)) break;
        }
        await turn();
        expect(sockets.map(({ taken }) => read(taken))).toEqual(sent);
        expect(done).toEqual(sent.map(({ length }) => length));
      }),
      { numRuns: 300 },
    );
  });

  it(`is read by ws as it was sent, in ${STREAMS} streams`, { timeout: 3_600_000 }, () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), cuts, (messages, sizes) => {
        const socket = new HeldSocket();
        socket.isGreedy = true;
        const writer = writerOf(socket);
        for (const [opcode, data] of messages) writer.send(opcode, data);
        writer.flush();
        // A long stream in single bytes would take its time.
        const least = Math.ceil(socket.taken.length / 1000);
        const told = byWs(
          socket.taken,
          sizes.map((size) => Math.max(size, least)),
        );
        expect(told).toEqual(messages.map(([opcode, data]) => line(opcode, data)));
      }),
      { numRuns: STREAMS },
    );
  });

  it('writes once for all that is sent in a tick', async () => {
    const socket = new HeldSocket();
    const writer = writerOf(socket);
    vi.spyOn(performance, 'now').mockReturnValue(0);
    for (let n = 0; n < 256; n++) writer.send(0x81, 'x'.repeat(100));
    expect(socket.writes).toBe(0);
    expect(writer.pending).toBe(256 * 106);
    await tick();
    expect(socket.writes).toBe(1);
    expect(writer.pending).toBe(0);
  });

  it('lets none wait for handlers that take their time', () => {
    const socket = new HeldSocket();
    const writer = writerOf(socket);
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    writer.send(0x81, 'a');
    writer.pass();
    expect(socket.writes).toBe(0);
    // From the first time that it was long each one is looked at.
    for (let time = 1; time < 10; time++) {
      now.mockReturnValue(time);
      writer.pass();
      if (socket.writes === 1) break;
    }
    expect(socket.writes).toBe(1);
    socket.release();
    expect(read(socket.taken)).toEqual([line(0x81, 'a')]);
  });

  it('tells that some of what it has written waits, and nothing where the system takes it at once', async () => {
    const socket = new HeldSocket();
    const waiting = vi.fn<() => void>();
    const writer = writerOf(socket, true, waiting);
    vi.spyOn(performance, 'now').mockReturnValue(0);
    writer.send(0x81, 'a');
    writer.send(0x81, 'b');
    expect(waiting).not.toHaveBeenCalled();
    await tick();
    expect(waiting).toHaveBeenCalledTimes(1);
    expect(writer.buffered).toBe(14);
    socket.release();
    await turn();
    expect(writer.buffered).toBe(0);
    socket.isGreedy = true;
    writer.send(0x81, 'c');
    expect(writer.buffered).toBe(7);
    await tick();
    expect(writer.buffered).toBe(0);
    expect(waiting).toHaveBeenCalledTimes(1);
  });

  it('uses no memory again that the system has not taken', async () => {
    const sockets = Array.from({ length: 4 }, () => new HeldSocket());
    const writers = sockets.map((socket) => writerOf(socket));
    const sent: string[][] = sockets.map(() => []);
    // The first is never taken until the end; the others are, all the time.
    for (let n = 0; n < 400; n++) {
      const data = `${n} ${'abc'.repeat(n)}`;
      writers[n % 4]?.send(0x81, data);
      sent[n % 4]?.push(line(0x81, data));
      if (n % 3 === 0) await tick();
      if (n % 7 === 0) for (const socket of sockets.slice(1)) socket.release();
    }
    for (let n = 0; n < 200; n++) {
      await tick();
      for (const socket of sockets) socket.release();
    }
    expect(sockets.map(({ taken }) => read(taken))).toEqual(sent);
  });

  it('uses all memory again that the system has taken, of writes out of several blocks too', async () => {
    const sockets = [new HeldSocket(), new HeldSocket()];
    const writers = sockets.map((socket) => writerOf(socket));
    vi.spyOn(performance, 'now').mockReturnValue(0);
    const used = new Set<ArrayBufferLike>();
    for (let n = 0; n < 50; n++) {
      for (const writer of writers) {
        for (let frame = 0; frame < 10; frame++) writer.send(0x82, Buffer.alloc(4_000));
      }
      await tick();
      for (const socket of sockets) {
        for (const { memory: part } of socket.given) used.add(part.buffer);
        while (!isEmpty(socket)) {
          socket.release();
          await tick();
        }
      }
    }
    expect(used.size).toBeLessThan(5);
  });

  it('says of what was never given to the system that nothing of it has left', async () => {
    const socket = new HeldSocket();
    const writer = writerOf(socket);
    const told: string[] = [];
    const note = (name: string) => (error?: (Error & { isUnsent?: boolean }) | null) =>
      told.push(`${name} ${error ? (error.isUnsent ? 'unsent' : 'perhaps') : 'taken'}`);
    writer.send(0x81, 'a', note('a'));
    await tick();
    socket.release();
    await tick();
    writer.send(0x81, 'b', note('b'));
    await tick();
    // The system has b, and what follows waits for it.
    writer.send(0x81, 'c', note('c'));
    await tick();
    writer.send(0x81, 'd', note('d'));
    socket.on('error', () => undefined);
    socket.destroy(new Error('reset'));
    writer.over();
    await turn();
    expect(told).toEqual(['a taken', 'b perhaps', 'c unsent', 'd unsent']);
    writer.send(0x81, 'e', note('e'));
    await tick();
    expect(told.at(-1)).toBe('e unsent');
  });

  it('holds for a peer that reads nothing little more than what it sent it', async () => {
    const [stuck, other] = [new HeldSocket(), new HeldSocket()];
    const [writer, busy] = [writerOf(stuck), writerOf(other)];
    const write = vi.spyOn(stuck, 'write');
    for (let n = 0; n < 200; n++) {
      writer.send(0x81, `frame ${n}`);
      // Meanwhile others fill a block.
      for (let filled = 0; filled < 64 * 1024; filled += 4000) busy.send(0x82, Buffer.alloc(4000));
      await tick();
      while (other.given.length > 0 || other.writableLength > 0) {
        other.release();
        await tick();
      }
    }
    const held = new Set(write.mock.calls.map(([part]) => (part as Buffer).buffer));
    const bytes = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(bytes).toBeLessThan(512 * 1024);
    while (stuck.given.length > 0 || stuck.writableLength > 0) {
      stuck.release();
      await tick();
    }
    const sent = Array.from({ length: 200 }, (_, n) => line(0x81, `frame ${n}`));
    expect(read(stuck.taken)).toEqual(sent);
  });

  it('gives out no masking key twice', () => {
    const drawn = new Masks();
    const masks = Array.from({ length: 50_000 }, () => drawn.next());
    // Chance alone gives one pair in four runs or so.
    expect(new Set(masks).size).toBeGreaterThan(masks.length - 5);
    const bits = masks.reduce((sum, mask) => sum + ((mask >>> 7) & 1), 0) / masks.length;
    expect(bits).toBeCloseTo(0.5, 1);
  });

  it("has its masking keys from the system's generator, one after the other, and keeps none", () => {
    const { randomFillSync } = crypto;
    const keys: number[] = [];
    let filled: ArrayLike<number> = [];
    const fill = vi.spyOn(crypto, 'randomFillSync').mockImplementation(((at: Int32Array) => {
      filled = randomFillSync(at);
      keys.push(...Array.from(filled));
    }) as unknown as typeof randomFillSync);
    syncBuiltinESMExports();
    try {
      const drawn = new Masks();
      const given = [drawn.next()];
      const count = keys.length;
      while (given.length < count) given.push(drawn.next());
      expect(fill).toHaveBeenCalledTimes(1);
      expect(given).toEqual(keys);
      expect(Array.from(filled)).toEqual(Array(count).fill(0));
      given.push(drawn.next());
      expect(fill).toHaveBeenCalledTimes(2);
      expect(given).toEqual(keys.slice(0, count + 1));
    } finally {
      fill.mockRestore();
      syncBuiltinESMExports();
    }
  });
});

function isEmpty({ given, writableLength }: HeldSocket): boolean {
  return given.length === 0 && writableLength === 0;
}
