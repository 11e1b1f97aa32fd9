import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { runs } from '../../../fixtures/fuzz.js';
import { type CountedType, Traffic } from '../../../../lib/runtime/metering/traffic.js';
import {
  FrameReader,
  type FrameSink,
} from '../../../../lib/runtime/transport/native/frame.reader.js';
import { payloadOfFrame } from '../../../../lib/runtime/transport/native/frame.writer.js';
import { PayloadMemory } from '../../../../lib/runtime/transport/native/payload.memory.js';
import { encodeFrame, OPCODE } from '../../../fixtures/wire.js';

/** Counts by hand what it is told, and does something at each. */
class Counting implements FrameSink {
  readonly seen: Partial<Record<CountedType, readonly [frames: number, bytes: number]>> = {};
  count = 0;
  onTold: (count: number) => void = () => undefined;

  onText(data: string): void {
    this.#told('text', Buffer.byteLength(data));
  }

  onBinary(data: Buffer): void {
    this.#told('binary', data.length);
  }

  onPing(data: Buffer): void {
    this.#told('ping', data.length);
  }

  onPong(data: Buffer): void {
    this.#told('pong', data.length);
  }

  onPeerClose(code: number | undefined, reason: string): void {
    this.#told('close', code === undefined ? 0 : 2 + Buffer.byteLength(reason));
  }

  onRefused(): void {}

  #told(type: CountedType, size: number): void {
    const [frames, bytes] = this.seen[type] ?? [0, 0];
    this.seen[type] = [frames + 1, bytes + size];
    this.onTold(++this.count);
  }
}

/** What was counted, of the types of which there was something. */
function counted({ received }: Traffic): Counting['seen'] {
  return Object.fromEntries(
    Object.entries(received)
      .filter(([, { frames }]) => frames > 0)
      .map(([type, { frames, bytes }]) => [type, [frames, bytes]]),
  );
}

const piece = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constant(OPCODE.text), fc.string({ maxLength: 140 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constant(OPCODE.text), fc.constant('…ü€'.repeat(30))) },
  { weight: 1, arbitrary: fc.tuple(fc.constant(OPCODE.binary), fc.string({ maxLength: 3_000 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(OPCODE.ping, OPCODE.pong), fc.constant('p')) },
);

describe('What is read of a peer', () => {
  it('is counted as it is told, frame by frame and byte by byte, where who is told pauses, throws or stops, too', () => {
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 80 }),
        fc.integer({ min: 1, max: 200 }),
        fc.constantFrom('pauses', 'throws', 'stops', 'goes on'),
        fc.integer({ min: 1, max: 60 }),
        (frames, size, deed, at) => {
          const traffic = new Traffic({ now: () => 0 });
          const sink = new Counting();
          const limits = { maxPayload: 2_000, maxFragments: 10 };
          const reader = new FrameReader(sink, limits, new PayloadMemory(), undefined, traffic);
          sink.onTold = (count) => {
            if (count !== at) return;
            if (deed === 'pauses') reader.pause();
            if (deed === 'stops') reader.stop();
            if (deed === 'throws') throw new Error('a sink');
          };
          const bytes = Buffer.concat(frames.map(([opcode, text]) => encodeFrame(opcode, text)));
          const safely = (work: () => void): void => {
            try {
              work();
            } catch (thrown) {
              expect(thrown).toEqual(new Error('a sink'));
            }
          };
          for (let from = 0; from < bytes.length; from += size * 16) {
            safely(() => reader.read(Buffer.from(bytes.subarray(from, from + size * 16)), true));
            expect(counted(traffic)).toEqual(sink.seen);
          }
          reader.resume();
          safely(() => reader.more());
          expect(counted(traffic)).toEqual(sink.seen);
        },
      ),
      runs(1_500),
    );
  });

  it('is counted once where it has come in fragments, and its close frame', () => {
    const traffic = new Traffic({ now: () => 0 });
    const sink = new Counting();
    const limits = { maxPayload: 2_000, maxFragments: 10 };
    const reader = new FrameReader(sink, limits, new PayloadMemory(), undefined, traffic);
    reader.read(Buffer.from([0x01, 1, 97, 0x80, 2, 98, 99, 0x88, 4, 0x03, 0xe8, 98, 121]), false);
    expect(counted(traffic)).toEqual({ text: [1, 3], close: [1, 4] });
    expect(counted(traffic)).toEqual(sink.seen);
  });
});

it.each([
  [6, 0],
  [131, 125],
  [134, 126],
  [65_543, 65_535],
  [65_550, 65_536],
])('A frame of %s bytes has a payload of %s', (bytes, payload) => {
  expect(payloadOfFrame(bytes)).toBe(payload);
});
