import {
  OnFrame,
  type BinaryFrame,
  type DataFrame,
  type HandlerResult,
  type TextFrame,
} from 'nestjs-websockex';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TIMES, runs } from '../../fixtures/fuzz.js';
import { Recorder, tellFrame } from '../../fixtures/journal.js';
import { Scene } from '../../fixtures/scene.js';
import { encodeFrame, OPCODE, type Payload } from '../../fixtures/wire.js';

describe('A frame', () => {
  it('is delivered as text or binary, also when it is empty', async () => {
    await using scene = await Scene.open(Recorder);
    scene.peer.text('hi');
    scene.peer.binary(Buffer.from([0, 255, 1]));
    scene.peer.text('');
    scene.peer.binary('');
    await scene.journal.until('binary');
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'text hi',
      'binary 00ff01',
      'text',
      'binary',
    ]);
  });

  it('is a plain object that carries no more than type and data', async () => {
    const got: DataFrame[] = [];
    class Keeper extends Recorder {
      override frame(frame: DataFrame): HandlerResult | Promise<HandlerResult> {
        got.push(frame);
        return super.frame(frame);
      }
    }
    await using scene = await Scene.open(Keeper);
    scene.peer.text('a', { fin: false });
    scene.peer.continuation('b');
    scene.peer.binary('c');
    await scene.journal.until('binary 63');
    expect(got).toStrictEqual([
      { type: 'text', data: 'ab' },
      { type: 'binary', data: Buffer.from('c') },
    ]);
  });

  it('may come byte by byte', async () => {
    await using scene = await Scene.open(Recorder);
    const bytes = encodeFrame(OPCODE.text, 'drip');
    for (let i = 0; i < bytes.length; i++) {
      scene.peer.write(bytes.subarray(i, i + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await scene.journal.until('text drip');
    expect(scene.journal.lines).toEqual(['connect 1', 'text drip']);
  });

  it.each([
    ['the 16 bit form', 126, 16],
    ['the 16 bit form where the short one would do', 3, 16],
    ['the 64 bit form', 70_000, 64],
    ['the 64 bit form where a shorter one would do', 3, 64],
  ] as const)('may tell its length in %s', async (_what, length, lengthForm) => {
    await using scene = await Scene.open(Recorder);
    scene.peer.text('x'.repeat(length), { lengthForm });
    await scene.journal.until(`text ${'x'.repeat(length)}`);
    expect(scene.journal.lines).toHaveLength(2);
  });

  it('may be as large as maxPayload', async () => {
    await using scene = await Scene.open(Recorder, { maxPayload: 1000 });
    scene.peer.text('x'.repeat(1000));
    await scene.journal.until(`text ${'x'.repeat(1000)}`);
  });
});

describe('A fragmented message', () => {
  it('is delivered whole, and a ping between its fragments is answered', async () => {
    await using scene = await Scene.open(Recorder);
    scene.peer.text('a', { fin: false });
    scene.peer.ping('mid');
    expect(await scene.peer.nextFrame()).toMatchObject({ name: 'pong', fin: true, masked: true });
    scene.peer.continuation('', { fin: false });
    scene.peer.pong('too');
    scene.peer.continuation('b');
    await scene.journal.until('text ab');
    expect(scene.journal.lines).toEqual(['connect 1', 'pong too', 'text ab']);
  });

  it('may split a character over its fragments', async () => {
    await using scene = await Scene.open(Recorder);
    const euro = Buffer.from('€');
    scene.peer.text(euro.subarray(0, 1), { fin: false });
    scene.peer.continuation(euro.subarray(1, 2), { fin: false });
    scene.peer.continuation(euro.subarray(2));
    await scene.journal.until('text €');
  });

  it('may be binary', async () => {
    await using scene = await Scene.open(Recorder);
    scene.peer.binary(Buffer.from([1]), { fin: false });
    scene.peer.continuation(Buffer.from([2]));
    await scene.journal.until('binary 0102');
  });
});

describe('However a stream of messages is cut into fragments and segments', () => {
  const message = fc.oneof(
    fc.record({ type: fc.constant('text' as const), data: fc.string({ unit: 'grapheme' }) }),
    fc.record({ type: fc.constant('binary' as const), data: fc.uint8Array({ maxLength: 300 }) }),
  );
  const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 4 });

  it('the same messages arrive in the same order', { timeout: 30_000 * TIMES }, async () => {
    await using scene = await Scene.open(Recorder);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(message, cuts), { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat({ max: 200 }), { maxLength: 12 }),
        async (messages, segmentLengths) => {
          const { lines } = scene.journal;
          lines.length = 0;
          const bytes = Buffer.concat([
            ...messages.flatMap(([{ type, data }, at]) => inFragments(OPCODE[type], data, at)),
            encodeFrame(OPCODE.text, 'the end'),
          ]);
          let from = 0;
          for (const length of segmentLengths) {
            scene.peer.write(bytes.subarray(from, from + length));
            from += length;
            await new Promise((resolve) => setImmediate(resolve));
          }
          scene.peer.write(bytes.subarray(from));
          await scene.journal.untilCount(messages.length + 1);
          const sent = messages.map(([{ type, data }]) =>
            type === 'text'
              ? tellFrame({ type, data })
              : tellFrame({ type, data: Buffer.from(data) }),
          );
          expect(lines).toEqual([...sent, 'text the end']);
        },
      ),
      runs(60),
    );
  });

  /** The frames of one message, with a pong between them. */
  function inFragments(opcode: number, payload: Payload, cutsAt: readonly number[]): Buffer[] {
    const bytes = Buffer.from(payload);
    const ends = cutsAt.filter((at) => at <= bytes.length).toSorted((a, b) => a - b);
    let from = 0;
    return [...ends, bytes.length].map((end, index, all) => {
      const fin = index === all.length - 1;
      const frame = encodeFrame(index === 0 ? opcode : 0, bytes.subarray(from, end), { fin });
      from = end;
      return frame;
    });
  }
});

describe('Several @OnFrame of a class', () => {
  class Chooser extends Recorder {
    @OnFrame('text', 'exactly')
    exactly(): void {
      this.journal.note('exactly');
    }

    @OnFrame('text', /^\d+$/g)
    digits(frame: TextFrame): void {
      this.journal.note(`digits ${frame.data}`);
    }

    @OnFrame('binary', (data) => data[0] === 1)
    ones(frame: BinaryFrame): void {
      this.journal.note(`ones ${frame.data.toString('hex')}`);
    }

    @OnFrame('text')
    text(frame: TextFrame): void {
      this.journal.note(`other ${frame.data}`);
    }
  }

  it('are tried in order of declaration, those of the class it extends last', async () => {
    await using scene = await Scene.open(Chooser);
    for (const data of ['12', 'exactly', '345', 'exactly so']) scene.peer.text(data);
    scene.peer.binary(Buffer.from([2]));
    scene.peer.binary(Buffer.from([1, 2]));
    await scene.journal.until('ones 0102');
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'digits 12',
      'exactly',
      'digits 345',
      'other exactly so',
      'binary 02',
      'ones 0102',
    ]);
  });
});
