import { describe, expect, it } from 'vitest';

import { load } from './load.js';

interface Work {
  readonly kind: 'receive' | 'send' | 'echo';
  readonly [option: string]: unknown;
}

const { runOnce, nodeSubject } = await load<{
  runOnce(subject: unknown, work: Work): Promise<Record<string, number>>;
  nodeSubject(name: string, file: URL): unknown;
}>('harness/run-once.mjs');

const subject = (fault: string): unknown =>
  nodeSubject(fault, new URL(`../fixtures/bench/losing.mjs?fault=${fault}`, import.meta.url));

const size = 100;
const works: readonly Work[] = [
  { kind: 'receive', size, warmUp: 1_000, frames: 3_000 },
  { kind: 'receive', size, warmUp: 1_000, frames: 3_000, binary: true },
  { kind: 'send', size, perTick: 16, warmUp: 1_600, frames: 3_200 },
  { kind: 'echo', size, flight: 64, warmUp: 1_000, frames: 3_000 },
];

describe.each(works)('A run of the benchmark: $kind, binary $binary', (work) => {
  it.each(['loses', 'swaps'])('fails where a subject %s frames', async (fault) => {
    await expect(runOnce(subject(fault), work)).rejects.toThrow(/Frames were lost/);
  });

  it('has figures where none is lost', async () => {
    const figures = await runOnce(subject('none'), work);
    expect(figures.cpu).toBeGreaterThan(0);
  });
});
