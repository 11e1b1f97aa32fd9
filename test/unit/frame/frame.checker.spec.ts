import fc from 'fast-check';
import { Frame, FrameEncodeError, InvalidFrameError, type FrameLike } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { FrameChecker } from '../../../lib/runtime/frame/frame.checker.js';

const whole = (text: string): FrameLike => Frame.text(text);
const first = (text: string): FrameLike => Frame.text(text, { fin: false });
const more = (text: string): FrameLike => Frame.continuation(text, { fin: false });
const last = (text: string): FrameLike => Frame.continuation(text);

/** A message as its frames, with control frames that may stand anywhere between them. */
const message = fc
  .tuple(
    fc
      .nat(4)
      .map((count) => [
        ...(count === 0 ? [whole('a')] : [first('a')]),
        ...Array.from({ length: Math.max(0, count - 1) }, () => more('b')),
        ...(count === 0 ? [] : [last('c')]),
      ]),
    fc.array(fc.tuple(fc.nat(6), fc.constantFrom(Frame.ping('p'), Frame.pong('q')))),
  )
  .map(([frames, controls]) => {
    const all: FrameLike[] = [...frames];
    for (const [at, control] of controls) all.splice(at % (all.length + 1), 0, control);
    return all;
  });

describe('FrameChecker', () => {
  it('gives frames for what stands where frames are wanted', () => {
    const bytes = new Uint8Array([1]);
    expect(new FrameChecker('Feed').check(['a', bytes, Frame.ping()])).toEqual([
      Frame.text('a'),
      Frame.binary(bytes),
      Frame.ping(),
    ]);
    expect(new FrameChecker('Feed').check([])).toEqual([]);
  });

  it('takes any messages in fragments, with control frames between, however they are batched', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 5 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 3 })),
        (all, sizes) => {
          const checker = new FrameChecker('Feed');
          const frames = all.flat();
          const passed: unknown[] = [];
          for (let at = 0; at < frames.length;) {
            const size = sizes.next().value ?? 1;
            passed.push(...checker.check(frames.slice(at, at + size)));
            at += size;
          }
          expect(passed).toEqual(frames);
        },
      ),
    );
  });

  it('refuses exactly the order that RFC 6455 forbids', () => {
    const anyFrame = fc.constantFrom(whole('a'), first('a'), more('b'), last('c'), Frame.ping());
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 12 }), (frames) => {
        const checker = new FrameChecker('Feed');
        let inFragments = false;
        for (const frame of frames) {
          const { type, fin } = frame as { type: string; fin?: boolean };
          const allowed = type === 'ping' || (type === 'continuation') === inFragments;
          if (!allowed) expect(() => checker.check([frame])).toThrow(FrameEncodeError);
          else {
            expect(checker.check([frame])).toEqual([frame]);
            if (type !== 'ping') inFragments = fin === false;
          }
        }
      }),
    );
  });

  it('takes all or nothing: what it refuses changes nothing', () => {
    const bad = fc.constantFrom<unknown>(7, Frame.ping('x'.repeat(126)), { type: 'text' });
    fc.assert(
      fc.property(message, fc.nat(8), bad, fc.boolean(), (frames, at, value, open) => {
        const checker = new FrameChecker('Feed');
        if (open) checker.check([first('x')]);
        const batch: unknown[] = open ? [last('y'), ...frames] : [...frames];
        const broken = batch.toSpliced(at % (batch.length + 1), 0, value);
        expect(() => checker.check(broken)).toThrow();
        expect(checker.check(batch)).toEqual(batch);
      }),
    );
  });

  it('lets the fragments of one connection be, whatever another has open', () => {
    new FrameChecker('Feed').check([first('a')]);
    expect(new FrameChecker('Feed').check([whole('a')])).toHaveLength(1);
  });

  it.each(['ping', 'pong'] as const)('counts the bytes of a %s: 125 pass, 126 do not', (type) => {
    const checker = new FrameChecker('Feed');
    const make = type === 'ping' ? Frame.ping : Frame.pong;
    expect(checker.check([make('é'.repeat(62))])).toHaveLength(1);
    expect(checker.check([make('x'.repeat(125))])).toHaveLength(1);
    for (const data of ['é'.repeat(63), 'x'.repeat(126)]) {
      expect(() => checker.check([make(data)])).toThrow(
        `Feed: a ${type} carries at most 125 bytes, this one has 126`,
      );
    }
  });

  it('names the client and what it was given', () => {
    expect(() => new FrameChecker('Feed').check([{ type: 'nope' }])).toThrow(InvalidFrameError);
    expect(() => new FrameChecker('Feed').check([{ type: 'nope' }])).toThrow(
      'Feed: {"type":"nope"} is not a frame',
    );
    expect(() => new FrameChecker('Feed').check([last('a')])).toThrow(
      /^Feed: a continuation needs/,
    );
    const open = new FrameChecker('Feed');
    open.check([first('a')]);
    expect(() => open.check([whole('b')])).toThrow(/^Feed: a message in fragments is not finished/);
  });
});
