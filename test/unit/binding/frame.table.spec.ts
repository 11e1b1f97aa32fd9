import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { FrameTable } from '../../../lib/binding/frame.table.js';
import type { HandlerMetadata } from '../../../lib/interfaces/handler-metadata.interface.js';
import type { DataFrame } from '../../../lib/runtime/frame/frame.js';

type Clause = Pick<HandlerMetadata, 'frameType' | 'pattern'>;

const metadata = (clauses: readonly Clause[]): HandlerMetadata[] =>
  clauses.map((one, index) => ({ kind: 'frame', decorator: '@OnFrame', key: `${index}`, ...one }));
const table = (...clauses: readonly Clause[]): FrameTable => new FrameTable(metadata(clauses));
const text = (pattern?: unknown): Clause => ({ frameType: 'text', pattern });
const frame = (data: string | Buffer): DataFrame =>
  typeof data === 'string' ? { type: 'text', data } : { type: 'binary', data };

/** What `@OnFrame` means, clause after clause. */
function naive(clauses: readonly Clause[], { type, data }: DataFrame): number {
  return clauses.findIndex(({ frameType, pattern }) => {
    if (frameType !== undefined && frameType !== type) return false;
    if (pattern === undefined) return true;
    if (typeof pattern === 'string') return data === pattern;
    if (pattern instanceof RegExp) return new RegExp(pattern).test(data as string);
    return (pattern as (data: unknown) => unknown)(data);
  });
}

// Few letters, short texts, some beyond the BMP: many that are alike.
const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀'), maxLength: 5 });
const anyText: fc.Arbitrary<Clause> = fc.oneof(
  { weight: 6, arbitrary: texts.map(text) },
  { weight: 1, arbitrary: fc.constantFrom(/^a/, /b$/, /é/u).map(text) },
  { weight: 1, arbitrary: fc.nat(5).map((long) => text((data: string) => data.length === long)) },
);
const anyClause: fc.Arbitrary<Clause> = fc.oneof(
  { weight: 12, arbitrary: anyText },
  { weight: 1, arbitrary: fc.constantFrom<Clause>(text(), { frameType: 'binary' }, {}) },
  {
    weight: 1,
    arbitrary: fc.nat(3).map((first): Clause => ({
      frameType: 'binary',
      pattern: (data: Buffer) => data[0] === first,
    })),
  },
);
const anyFrame = fc.oneof(
  { weight: 4, arbitrary: texts.map(frame) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ max: 4, maxLength: 2 }).map((d) => frame(Buffer.from(d))),
  },
);

describe('The table of the @OnFrames of a class', () => {
  it('finds what a search clause after clause finds', () => {
    const property = fc.property(
      fc.array(anyClause, { maxLength: 30 }),
      fc.array(anyFrame, { maxLength: 30 }),
      (clauses, frames) => {
        const found = table(...clauses);
        const strings = clauses.map(({ pattern }) => pattern).filter((p) => typeof p === 'string');
        for (const one of [...frames, ...strings.map(frame)]) {
          expect(found.find(one)).toBe(naive(clauses, one));
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it('finds each of a hundred strings, and none that is like one', () => {
    const strings = Array.from({ length: 100 }, (_, index) => `{"topic":"${index}","data":[]}`);
    const found = table(...strings.map(text));
    for (const [index, one] of strings.entries()) {
      expect(found.find(frame(one))).toBe(index);
      expect(found.find(frame(`${one} `))).toBe(-1);
      expect(found.find(frame(one.replace('data', 'dato')))).toBe(-1);
      expect(found.find(frame(Buffer.from(one)))).toBe(-1);
    }
  });

  it('asks a predicate for what no clause before it has, and once', () => {
    const asked: string[] = [];
    const found = table(
      text('first'),
      text((data: string) => void asked.push(data)),
      text('second'),
    );
    expect(['first', 'second', 'third'].map((one) => found.find(frame(one)))).toEqual([0, 2, -1]);
    expect(asked).toEqual(['second', 'third']);
  });

  it('is open where the first takes every frame, and where another does it is not', () => {
    expect(table({}, text('a')).isOpen).toBe(true);
    expect(table(text('a'), {}).isOpen).toBe(false);
    expect(table(text()).isOpen).toBe(false);
    expect(table({ frameType: 'binary' }).isOpen).toBe(false);
    expect(table().isOpen).toBe(false);
  });

  it('gives a string that stands twice to the first', () => {
    expect(table(text('a'), text('b'), text('a')).find(frame('a'))).toBe(0);
    expect(table(text('b'), text(/c/), text('b')).find(frame('b'))).toBe(0);
  });
});
