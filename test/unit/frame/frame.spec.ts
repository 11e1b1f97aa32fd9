import { deepStrictEqual } from 'node:assert/strict';

import fc from 'fast-check';
import { Frame, FrameEncodeError, InvalidFrameError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { isFrame, payloadOf, toFrame } from '../../../lib/runtime/frame/frame.js';

const bytes = Buffer.from([1, 2, 3]);

describe('Frame', () => {
  it('makes plain objects', () => {
    expect(Frame.text('hi')).toStrictEqual({ type: 'text', data: 'hi' });
    expect(Frame.binary(bytes)).toStrictEqual({ type: 'binary', data: bytes });
    expect(Frame.ping('p')).toStrictEqual({ type: 'ping', data: Buffer.from('p') });
    expect(Frame.ping()).toStrictEqual({ type: 'ping', data: Buffer.alloc(0) });
    expect(Frame.pong(bytes)).toStrictEqual({ type: 'pong', data: bytes });
    expect(Frame.pong()).toStrictEqual({ type: 'pong', data: Buffer.alloc(0) });
    expect(Frame.json({ a: 1 })).toStrictEqual({ type: 'text', data: '{"a":1}' });
  });

  it('prepares a text frame that nobody can tell from another, and that nobody can change', () => {
    const frame = Frame.prepare('grün 🎉');
    expect(frame).toStrictEqual(Frame.text('grün 🎉'));
    deepStrictEqual(frame, Frame.text('grün 🎉'));
    expect(JSON.stringify(frame)).toBe(JSON.stringify(Frame.text('grün 🎉')));
    expect(structuredClone(frame)).toStrictEqual(Frame.text('grün 🎉'));
    expect(payloadOf(frame)).toStrictEqual(Buffer.from('grün 🎉'));
    expect(payloadOf(frame)).toBe(payloadOf(frame));
    expect(payloadOf({ ...frame, data: 'other' })).toBe('other');
    expect(isFrame(frame)).toBe(true);
    expect(toFrame(frame)).toBe(frame);
    expect(() => Frame.prepare(Buffer.from('x') as unknown as string)).toThrow(
      new InvalidFrameError(Buffer.from('x'), 'Frame.prepare()').message,
    );
  });

  it('makes fragments, and says fin only where it is false', () => {
    expect(Frame.text('He', { fin: false })).toStrictEqual({
      type: 'text',
      data: 'He',
      fin: false,
    });
    expect(Frame.text('He', { fin: true })).toStrictEqual({ type: 'text', data: 'He' });
    expect(Frame.text('He', {})).toStrictEqual({ type: 'text', data: 'He' });
    expect(Frame.binary(bytes, { fin: false })).toHaveProperty('fin', false);
    expect(Frame.continuation('llo')).toStrictEqual({ type: 'continuation', data: 'llo' });
    expect(Frame.continuation(bytes, { fin: false })).toStrictEqual({
      type: 'continuation',
      data: bytes,
      fin: false,
    });
  });

  it('takes any bytes as a Buffer over the same memory', () => {
    const memory = new Uint8Array([0, 1, 2, 3]);
    const view = memory.subarray(1, 3);
    const { data } = Frame.binary(view);
    expect(Buffer.isBuffer(data)).toBe(true);
    expect([...data]).toEqual([1, 2]);
    memory[1] = 9;
    expect(data[0]).toBe(9);
    expect(Frame.binary(bytes).data).toBe(bytes);
    expect([...Frame.binary(memory.buffer).data]).toEqual([0, 9, 2, 3]);
  });

  it.each([7, undefined, null, {}, Buffer.from('x')])('refuses %j as text', (value) => {
    expect(() => Frame.text(value as string)).toThrow(InvalidFrameError);
  });

  it.each([7, undefined, null, {}, [1, 2]])('refuses %j as bytes', (value: unknown) => {
    const bad = value as Buffer;
    for (const make of [Frame.binary, Frame.continuation]) {
      expect(() => make(bad)).toThrow(InvalidFrameError);
    }
    // Without a payload a control frame is empty.
    if (value === undefined) return;
    for (const make of [Frame.ping, Frame.pong]) expect(() => make(bad)).toThrow(InvalidFrameError);
  });

  it('refuses what JSON has no text for, and keeps the cause', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const value of [undefined, () => 1, Symbol('s')]) {
      expect(() => Frame.json(value)).toThrow(FrameEncodeError);
    }
    for (const value of [cycle, 1n, { n: 1n }]) {
      expect(() => Frame.json(value)).toThrow(
        expect.objectContaining({ name: 'FrameEncodeError', cause: expect.any(TypeError) }),
      );
    }
  });

  it('gives JSON that reads back as what went in', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const again: unknown = JSON.parse(Frame.json(value).data);
        expect(JSON.stringify(again)).toBe(JSON.stringify(value));
      }),
    );
  });

  it('lets an oversized ping be made: it is refused where it is sent', () => {
    expect(Frame.ping('x'.repeat(126)).data).toHaveLength(126);
  });
});

describe('toFrame', () => {
  it('takes a string for text and bytes for a binary frame', () => {
    expect(toFrame('hi')).toStrictEqual({ type: 'text', data: 'hi' });
    expect(toFrame('')).toStrictEqual({ type: 'text', data: '' });
    expect(toFrame(bytes)).toStrictEqual({ type: 'binary', data: bytes });
    expect(toFrame(new Uint8Array([1]))).toStrictEqual({ type: 'binary', data: Buffer.from([1]) });
  });

  it('gives a frame as it is', () => {
    const frames = [
      Frame.text('a'),
      Frame.binary(bytes),
      Frame.ping(),
      Frame.pong(),
      Frame.continuation('a'),
      Frame.continuation(bytes),
    ];
    for (const frame of frames) {
      expect(isFrame(frame)).toBe(true);
      expect(toFrame(frame)).toBe(frame);
    }
  });

  it.each([
    7,
    null,
    undefined,
    true,
    [],
    {},
    { type: 'text' },
    { type: 'text', data: 7 },
    { type: 'text', data: bytes },
    { type: 'binary', data: 'text' },
    { type: 'binary', data: [1] },
    { type: 'ping', data: 'text' },
    { type: 'pong', data: undefined },
    { type: 'continuation', data: 7 },
    { type: 'close', data: bytes },
    { type: 'constructor', data: 'a' },
    { data: 'text' },
  ])('gives nothing for %j', (value) => {
    expect(isFrame(value)).toBe(false);
    expect(toFrame(value)).toBeUndefined();
  });

  it('never takes a value for a frame that cannot be sent', () => {
    fc.assert(
      fc.property(fc.anything({ withTypedArray: true }), (value) => {
        const frame = toFrame(value);
        if (frame === undefined) return;
        expect(['text', 'binary']).toContain(frame.type);
        expect(typeof frame.data === 'string' || Buffer.isBuffer(frame.data)).toBe(true);
      }),
    );
  });
});
