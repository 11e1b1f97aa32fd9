import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ws from 'ws';

import {
  type FrameLimits,
  FrameReader,
  type FrameSink,
} from '../../../../lib/runtime/transport/native/frame.reader.js';
import { PayloadMemory } from '../../../../lib/runtime/transport/native/payload.memory.js';
import { closePayload, encodeFrame, OPCODE } from '../../../fixtures/wire.js';

/** Streams in the comparison with `ws`; `FUZZ_STREAMS=100000` for a long one. */
const STREAMS = Number(process.env['FUZZ_STREAMS'] ?? 5000);

const LIMITS: FrameLimits = { maxPayload: 2 ** 31 - 1, maxFragments: 16_384 };

class Told implements FrameSink {
  readonly lines: string[] = [];
  onLine: (line: string) => void = () => undefined;

  onText(data: string): void {
    this.#note(`text ${JSON.stringify(data)}`);
  }

  onBinary(data: Buffer): void {
    // Kept as long as the test: a reader that tells memory which it uses again is found out.
    this.#kept.push(data);
    this.#note(`binary ${data.length}`);
  }

  onPing(data: Buffer): void {
    this.#note(`ping ${data.toString('hex')}`);
  }

  onPong(data: Buffer): void {
    this.#note(`pong ${data.toString('hex')}`);
  }

  onPeerClose(code: number | undefined, reason: string): void {
    this.#note(`close ${code} ${JSON.stringify(reason)}`);
  }

  onRefused(code: number, cause: Error): void {
    this.#note(`refused ${code} ${cause.message}`);
  }

  readonly #kept: Buffer[] = [];

  /** The lines, with the bytes of the binary messages as they are now. */
  get all(): string[] {
    let n = 0;
    return this.lines.map((line) =>
      line.startsWith('binary') ? `${line} ${this.#kept[n++]?.toString('hex')}` : line,
    );
  }

  #note(line: string): void {
    this.lines.push(line);
    this.onLine(line);
  }
}

/** Its types do not know it. */
const { Receiver } = ws as unknown as {
  Receiver: new (options: object) => NodeJS.EventEmitter;
};

interface Internals {
  readonly _bufferedBytes: number;
  readonly _payloadLength: number;
}

/** What `ws` tells of the same chunks; a frame that may not stand there is told once it is whole, as we do. */
function byWs(chunks: readonly Buffer[], limits: FrameLimits): string[] {
  const told = new Told();
  const receiver = new Receiver({ isServer: false, ...limits });
  let refusal: (() => void) | undefined;
  let missing = 0;
  let isOver = false;
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) told.onBinary(Buffer.from(data));
    else told.onText(data.toString());
  });
  receiver.on('ping', (data: Buffer) => told.onPing(Buffer.from(data)));
  receiver.on('pong', (data: Buffer) => told.onPong(Buffer.from(data)));
  receiver.on('conclude', (code: number, reason: Buffer) => {
    isOver = true;
    told.onPeerClose(code === 1005 ? undefined : code, reason.toString());
  });
  // A `Writable` tells its error in a later turn: the call that is given it tells it now.
  const write = receiver as unknown as {
    _write(chunk: Buffer, encoding: string, done: (error?: Error) => void): void;
  };
  for (const chunk of chunks) {
    if (refusal !== undefined) {
      missing -= chunk.length;
      continue;
    }
    if (isOver) break;
    write._write(Buffer.from(chunk), 'buffer', (error) => {
      if (error === undefined) return;
      const symbol = Object.getOwnPropertySymbols(error)[0] as symbol;
      const code = (error as unknown as Record<symbol, number>)[symbol] as number;
      const { _bufferedBytes: have, _payloadLength: length } = receiver as unknown as Internals;
      const isLate = error.message.includes('invalid opcode') && length <= 125;
      missing = isLate ? length - have : 0;
      refusal = () => told.onRefused(code, error);
    });
  }
  if (missing <= 0) refusal?.();
  return told.all;
}

interface Reading {
  readonly limits?: FrameLimits;
  readonly isShared?: boolean;
}

/** What the reader tells of them. Shared memory is written over behind each of them. */
function byUs(chunks: readonly Buffer[], { limits = LIMITS, isShared = false }: Reading): string[] {
  const told = new Told();
  const reader = new FrameReader(told, limits, new PayloadMemory());
  const memory = Buffer.allocUnsafeSlow(64 * 1024);
  for (const chunk of chunks) {
    if (!isShared) {
      reader.read(Buffer.from(chunk), false);
      continue;
    }
    for (let at = 0; at < chunk.length; at += memory.length) {
      const length = chunk.copy(memory, 0, at, Math.min(chunk.length, at + memory.length));
      reader.read(memory.subarray(0, length), true);
      memory.fill(0xaa, 0, length);
    }
  }
  return told.all;
}

/** Chunks after which the rest comes in one: a long stream cut into bytes would take its time. */
const MANY = 300;

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = n < MANY ? (sizes[n % sizes.length] as number) : bytes.length;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const anyText = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom('\ufffd', 'a'.repeat(125), 'b'.repeat(126), 'é'.repeat(100), 'c'.repeat(3000)),
);
const badText = fc.constantFrom([0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]);
const anyBytes = fc.oneof(
  anyText.map((text) => Buffer.from(text)),
  badText.map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);

const feed = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: fc.tuple(fc.constant(OPCODE.text), fc.string({ maxLength: 40 })) },
      { weight: 2, arbitrary: fc.tuple(fc.constant(OPCODE.text), anyText) },
      { weight: 1, arbitrary: fc.tuple(fc.constant(OPCODE.binary), anyText) },
    ),
    { maxLength: 40 },
  )
  .map((frames) => Buffer.concat(frames.map(([opcode, data]) => encodeFrame(opcode, data))));

const fragmented = fc
  .tuple(fc.constantFrom(OPCODE.text, OPCODE.binary), anyBytes, fc.array(fc.nat(50)), fc.boolean())
  .map(([opcode, payload, sizes, pings]) => {
    const pieces =
      sizes.length === 0
        ? [payload]
        : cut(
            payload,
            sizes.map((size) => size + 1),
          );
    const ends = pieces.length - 1;
    return Buffer.concat(
      pieces.flatMap((piece, n) => [
        encodeFrame(n === 0 ? opcode : OPCODE.continuation, piece, { fin: n === ends }),
        ...(pings && n < ends ? [encodeFrame(OPCODE.ping, String(n))] : []),
      ]),
    );
  });

const long = fc
  .tuple(fc.constantFrom(OPCODE.text, OPCODE.binary), fc.integer({ min: 60_000, max: 300_000 }))
  .map(([opcode, length]) => encodeFrame(opcode, Buffer.alloc(length, 'xyz')));

const close = fc
  .tuple(fc.option(fc.integer({ min: 990, max: 5010 })), anyText)
  .map(([code, reason]) =>
    encodeFrame(OPCODE.close, closePayload(code ?? undefined, reason.slice(0, 30))),
  );

/** Any frame, well formed or not. */
const anyFrame = fc
  .record({
    opcode: fc.integer({ min: 0, max: 15 }),
    payload: anyBytes,
    fin: fc.boolean(),
    rsv: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 7 })),
    mask: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
    lengthForm: fc.constantFrom(undefined, undefined, 16 as const, 64 as const),
    announcedLength: fc.option(fc.constantFrom(0, 1, 126, 70_000, 2 ** 31, 2n ** 62n), { freq: 9 }),
  })
  .map(({ opcode, payload, lengthForm, announcedLength, ...bits }) =>
    encodeFrame(opcode, payload, {
      ...bits,
      ...(announcedLength === null
        ? lengthForm !== undefined && { lengthForm }
        : { announcedLength }),
    }),
  );

const stream = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: feed },
        { weight: 4, arbitrary: fragmented },
        { weight: 2, arbitrary: anyFrame },
        { weight: 1, arbitrary: close },
        { weight: 1, arbitrary: long },
      ),
      { maxLength: 5 },
    ),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }),
    fc.nat(3),
  )
  .map(([parts, flips, cutOff]) => {
    const bytes = Buffer.concat(parts);
    // Three of four streams are as they were made.
    if (bytes.length > 0 && cutOff === 0) for (const [at, mask] of flips) flip(bytes, at, mask);
    return bytes.subarray(0, cutOff === 1 ? Math.floor(bytes.length * 0.9) : undefined);
  });

function flip(bytes: Buffer, at: number, mask: number): void {
  const index = at % bytes.length;
  bytes[index] = (bytes[index] as number) ^ mask;
}

const size = fc.constantFrom(1, 2, 3, 5, 9, 17, 126, 130, 1000, 4096, 65_536, 1_000_000);
const sizes = fc.array(size, { minLength: 1, maxLength: 6 });
const limits = fc.record({
  maxPayload: fc.constantFrom(2 ** 31 - 1, 2 ** 31 - 1, 100, 3000, 100_000),
  maxFragments: fc.constantFrom(16_384, 16_384, 3),
});

const script = fc.array(
  fc.constantFrom('none', 'none', 'none', 'pause', 'pause and resume', 'throw', 'read'),
  { minLength: 1, maxLength: 20 },
);

function fragment(data: string, fin: boolean): Buffer {
  return encodeFrame(OPCODE.text, data, { fin });
}

function rest(bytes: readonly number[], fin = false): Buffer {
  return encodeFrame(OPCODE.continuation, Buffer.from(bytes), { fin });
}

/** The head of a frame of that length, and the first bytes of its payload. */
function head(
  length: number,
  bytes: readonly number[],
  opcode = OPCODE.continuation as number,
): Buffer {
  return encodeFrame(opcode, Buffer.from(bytes), { announcedLength: length });
}

const EARLY = 'refused 1007 Invalid WebSocket frame: invalid UTF-8 sequence';

describe('The reader of frames', () => {
  it(
    `tells the same as ws of ${STREAMS} streams, however they are cut`,
    { timeout: 3_600_000 },
    () => {
      let refusedEarly = 0;
      let refused = 0;
      fc.assert(
        fc.property(stream, sizes, limits, fc.boolean(), (bytes, some, limit, isShared) => {
          const chunks = cut(bytes, some);
          const theirs = byWs(chunks, limit);
          const ours = byUs(chunks, { limits: limit, isShared });
          if (ours.at(-1)?.startsWith('refused')) refused++;
          if (ours.at(-1) === EARLY && theirs[ours.length - 1] !== EARLY) {
            // Bad text: `ws` sees it at the end of the message, and goes on until then.
            refusedEarly++;
            ours.pop();
            theirs.length = Math.min(theirs.length, ours.length);
          }
          expect(ours).toEqual(theirs);
        }),
        { numRuns: STREAMS },
      );
      // The streams are worth their while.
      expect(refused).toBeGreaterThan(STREAMS / 20);
      expect(refusedEarly).toBeGreaterThan(STREAMS / 500);
      expect(refusedEarly).toBeLessThan(refused);
    },
  );

  it('tells all of it once and in order, whatever is done within the calls', () => {
    let thrown = 0;
    fc.assert(
      fc.property(stream, sizes, fc.boolean(), script, (bytes, some, isShared, acts) => {
        const chunks = cut(bytes, some);
        const plain = byUs(chunks, {});
        const told = new Told();
        const reader = new FrameReader(told, LIMITS, new PayloadMemory());
        let next: Buffer | undefined;
        told.onLine = () => {
          const act = acts[told.lines.length % acts.length];
          if (act === 'pause') reader.pause();
          if (act === 'pause and resume') reader.pause();
          if (act === 'pause and resume') reader.resume();
          // A stream may give more within a call.
          if (act === 'read' && next !== undefined) {
            const chunk = next;
            next = undefined;
            read(chunk);
          }
          if (act === 'throw') throw new Error('thrown by a sink');
        };
        const memory = Buffer.allocUnsafeSlow(64 * 1024);
        const safely = (work: () => void): void => {
          try {
            work();
          } catch (error) {
            thrown++;
            expect(error).toMatchObject({ message: 'thrown by a sink' });
          }
        };
        function read(chunk: Buffer): void {
          if (!isShared || chunk.length > memory.length || next === undefined) {
            return safely(() => reader.read(Buffer.from(chunk), false));
          }
          const length = chunk.copy(memory);
          safely(() => reader.read(memory.subarray(0, length), true));
          memory.fill(0xaa, 0, length);
        }
        while (chunks.length > 0) {
          const chunk = chunks.shift() as Buffer;
          next = chunks[0] ?? Buffer.alloc(0);
          const given = next;
          read(chunk);
          if (next !== given) chunks.shift();
          next = undefined;
          if (chunks.length % 3 !== 0) continue;
          reader.resume();
          safely(() => reader.more());
        }
        next = undefined;
        while (reader.kept > 0) {
          reader.resume();
          safely(() => reader.more());
        }
        expect(told.all).toEqual(plain);
      }),
      { numRuns: 1500 },
    );
    expect(thrown).toBeGreaterThan(100);
  });

  it('tells 64 KiB of a chunk after a pause, so that a ping in it is answered', () => {
    const told = new Told();
    const reader = new FrameReader(told, LIMITS, new PayloadMemory());
    const frame = encodeFrame(OPCODE.binary, Buffer.alloc(1020));
    expect(frame.length).toBe(1024);
    told.onLine = () => reader.pause();
    const ping = encodeFrame(OPCODE.ping, 'p');
    reader.read(Buffer.concat([frame, ping, ...Array<Buffer>(999).fill(frame)]), false);
    expect(told.lines.length).toBeGreaterThan(60);
    expect(told.lines.length).toBeLessThan(70);
    expect(told.lines).toContain('ping 70');
    expect(reader.kept).toBeGreaterThan(930 * 1024);
    told.onLine = () => undefined;
    reader.resume();
    reader.more();
    expect(told.lines.length).toBe(1001);
    expect(reader.kept).toBe(0);
  });

  it('keeps what arrives while it is paused, and tells nothing of it', () => {
    const told = new Told();
    const reader = new FrameReader(told, LIMITS, new PayloadMemory());
    reader.pause();
    const memory = Buffer.from(encodeFrame(OPCODE.text, 'kept'));
    reader.read(memory, true);
    memory.fill(0);
    expect(told.lines).toEqual([]);
    reader.resume();
    reader.more();
    expect(told.lines).toEqual(['text "kept"']);
  });

  it.each<[string, Buffer[], string]>([
    [
      'in the second fragment',
      [fragment('κόσμε', false), rest([0xf4, 0x90]), rest([0x80], true)],
      EARLY,
    ],
    ['within a frame that is not whole', [fragment('κόσμε', false), head(20, [0xf4, 0x90])], EARLY],
  ])('refuses bad text as soon as it is there: %s', (_, chunks, line) => {
    const told = byUs(chunks.slice(0, 2), {});
    expect(told).toEqual([line]);
  });

  it('tells binary messages that stay as they are, of each what is near it at most', () => {
    const length = fc.constantFrom(0, 10, 1023, 1024, 1500, 4096, 8192, 8193, 20_000);
    const message = fc.tuple(fc.constantFrom(OPCODE.binary, OPCODE.binary, OPCODE.text), length);
    const isInRun = (one: Buffer): boolean => one.length >= 1024 && one.length <= 8192;
    let shared = 0;
    fc.assert(
      fc.property(fc.array(message, { maxLength: 60 }), fc.nat(255), (messages, seed) => {
        const kept: Buffer[] = [];
        const told = new Told();
        told.onBinary = (data) => void kept.push(data);
        const reader = new FrameReader(told, LIMITS, new PayloadMemory());
        const payloads = messages.map((one, n) => Buffer.alloc(one[1], (seed + n) % 128));
        const frames = messages.map(([opcode], n) => encodeFrame(opcode, payloads[n] as Buffer));
        const bytes = Buffer.concat(frames);
        // The same memory, and the same view of it, each time.
        const memory = Buffer.allocUnsafeSlow(64 * 1024);
        for (let at = 0; at < bytes.length; at += memory.length) {
          const count = bytes.copy(memory, 0, at, at + memory.length);
          reader.read(count === memory.length ? memory : memory.subarray(0, count), true);
          memory.fill(0xaa);
        }
        const sent = payloads.filter((_, n) => messages[n]?.[0] === OPCODE.binary);
        expect(kept.map((data) => data.toString('latin1'))).toEqual(
          sent.map((data) => data.toString('latin1')),
        );
        for (const one of kept.filter(isInRun)) {
          expect(one.buffer.byteLength / one.length).toBeLessThan(33);
        }
        const memories = kept
          .filter((one) => one.length >= 4096 && isInRun(one))
          .map((one) => one.buffer);
        shared += memories.length - new Set(memories).size;
      }),
      { numRuns: 300 },
    );
    expect(shared).toBeGreaterThan(10);
  });

  it('gives no room for what a peer only announces', () => {
    const told = new Told();
    const reader = new FrameReader(told, LIMITS, new PayloadMemory());
    const before = process.memoryUsage().arrayBuffers;
    reader.read(head(2 ** 30, [1, 2, 3], OPCODE.binary), false);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 21);
    expect(told.lines).toEqual([]);
  });
});
