import fc from 'fast-check';
import { Frame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { FrameWriter } from '../../../lib/runtime/connection/frame.writer.js';
import { Telemetry } from '../../../lib/runtime/telemetry/telemetry.js';
import type { TransportSocket } from '../../../lib/runtime/transport/transport.port.js';

const HIGH = 100;
const MAX = 10;

type Done = (error?: Error | null) => void;
type Step = { readonly who: 'answer' | 'other'; readonly bytes: number } | 'take';

/** What was handed over and not taken yet, in order; a test takes it, one frame at a time. */
class Queue {
  readonly waiting: { readonly bytes: number; readonly done: Done | undefined }[] = [];
  /** Whether the system takes what it is handed at once. */
  isGreedy = false;

  readonly socket = {
    send: (frame: Frame, done?: Done): void => {
      if (this.isGreedy) done?.();
      else this.waiting.push({ bytes: frame.data.length, done });
    },
  } as TransportSocket;

  constructor() {
    Object.defineProperty(this.socket, 'bufferedAmount', {
      get: () => this.waiting.reduce((sum, { bytes }) => sum + bytes, 0),
    });
  }

  take(): void {
    this.waiting.shift()?.done?.();
  }
}

class Rig {
  readonly queue = new Queue();
  hasBackpressure = false;
  /** What waited each time it was told that there may be room. */
  readonly writable: number[] = [];
  readonly writer: FrameWriter;

  constructor(maxAnswerBytes = MAX) {
    const source = { client: 'feed', module: 'Feed', session: () => 1 };
    const telemetry = new Telemetry(source, { epoch: () => 0 }, []);
    const marks = { maxAnswerBytes, sendHighWaterMark: HIGH };
    this.writer = new FrameWriter('feed', telemetry, marks, {
      onBackpressure: (hasBackpressure) => {
        expect(hasBackpressure).not.toBe(this.hasBackpressure);
        this.hasBackpressure = hasBackpressure;
      },
      onWritable: () => this.writable.push(this.queue.socket.bufferedAmount),
    });
  }

  send(who: 'answer' | 'other', bytes: number, done?: Done): void {
    const frame = Frame.text('x'.repeat(bytes));
    this.writer.send(this.queue.socket, [frame], who === 'answer', done);
  }
}

describe('What is sent', () => {
  it('tells that there may be room once what filled it up has been taken', () => {
    const rig = new Rig();
    for (let i = 0; i < 4; i++) rig.send('other', HIGH / 2);
    rig.send('answer', 1);
    rig.queue.take();
    const before = rig.writable.length;
    expect(rig.queue.socket.bufferedAmount).toBeGreaterThanOrEqual(HIGH);
    while (rig.queue.waiting.length > 0) rig.queue.take();
    expect(rig.writable.length).toBeGreaterThan(before);
    expect(rig.writable.at(-1)).toBe(0);
  });

  it('tells nothing of room while less waits than may', () => {
    const rig = new Rig();
    rig.send('other', HIGH / 4);
    rig.queue.take();
    expect(rig.writable).toEqual([]);
  });

  const step = fc.oneof(
    fc.constant('take' as const),
    fc.record({ who: fc.constantFrom('answer', 'other'), bytes: fc.nat(12) }),
  ) as fc.Arbitrary<Step>;

  it('holds up reading only while answers above the mark wait, whoever else sends', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const rig = new Rig();
        // The same, told plainly: what waits, by whom, and the answer that everybody waits for.
        let waiting: Exclude<Step, 'take'>[] = [];
        let held: Step | undefined;
        for (const one of steps) {
          if (one === 'take') {
            rig.queue.take();
            if (waiting[0] === held) held = undefined;
            waiting = waiting.slice(1);
          } else {
            const answers = waiting.filter(({ who }) => who === 'answer');
            const isMuch = answers.reduce((sum, { bytes }) => sum + bytes, 0) >= MAX;
            if (one.who === 'answer' && isMuch) held ??= one;
            waiting.push(one);
            rig.send(one.who, one.bytes);
          }
          expect(rig.hasBackpressure).toBe(held !== undefined);
        }
        while (rig.queue.waiting.length > 0) rig.queue.take();
        expect(rig.hasBackpressure).toBe(false);
      }),
      runs(100),
    );
  });

  it.each([
    ['others alone', 'other', 'other', false],
    ['an answer behind others', 'other', 'answer', false],
    ['others behind answers', 'answer', 'other', false],
    ['an answer behind answers', 'answer', 'answer', true],
  ] as const)('%s: first %s, then %s, reading is held up: %s', (_what, first, second, isHeld) => {
    const rig = new Rig();
    rig.send(first, 1000);
    rig.send(second, 1);
    expect(rig.hasBackpressure).toBe(isHeld);
  });

  it('holds up reading where many answers wait, however small they are', () => {
    const rig = new Rig(10_000);
    const answer = (times: number): void => {
      for (let sent = 0; sent < times; sent++) rig.send('answer', 1);
    };
    const take = (times: number): void => {
      for (let taken = 0; taken < times; taken++) rig.queue.take();
    };
    answer(1_024);
    expect(rig.hasBackpressure).toBe(false);
    answer(10);
    expect(rig.hasBackpressure).toBe(true);
    // Until the first that was too much has gone; those behind it wait still.
    take(1_024);
    expect(rig.hasBackpressure).toBe(true);
    take(1);
    expect(rig.hasBackpressure).toBe(false);
    answer(1_015);
    expect(rig.hasBackpressure).toBe(false);
    answer(1);
    expect(rig.hasBackpressure).toBe(true);
  });

  it('is not counted as waiting when the system took it in the same call', () => {
    const rig = new Rig();
    rig.queue.isGreedy = true;
    let done = 0;
    rig.send('other', 1000, () => done++);
    rig.queue.isGreedy = false;
    rig.send('answer', MAX);
    rig.send('answer', 1);
    expect([done, rig.hasBackpressure]).toEqual([1, true]);
  });

  it('tells each sender of an error, and waits for nothing any more', () => {
    const rig = new Rig();
    const errors: unknown[] = [];
    for (const who of ['answer', 'other', 'answer'] as const) {
      rig.send(who, MAX, (error) => errors.push(error));
    }
    expect(rig.hasBackpressure).toBe(true);
    const gone = new Error('gone');
    for (const { done } of rig.queue.waiting.splice(0)) done?.(gone);
    expect(errors).toEqual([gone, gone, gone]);
    expect(rig.hasBackpressure).toBe(false);
  });

  it('holds up nobody once the wire is over, also while a frame is never taken', () => {
    const rig = new Rig();
    rig.send('answer', MAX);
    rig.send('answer', 1);
    expect(rig.hasBackpressure).toBe(true);
    rig.writer.over();
    expect(rig.hasBackpressure).toBe(false);
    // What comes late changes nothing: the rig refuses to be told the same twice.
    while (rig.queue.waiting.length > 0) rig.queue.take();
    expect(rig.hasBackpressure).toBe(false);
  });
});
