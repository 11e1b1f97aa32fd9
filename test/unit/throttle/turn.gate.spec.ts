import { describe, expect, it } from 'vitest';

import { TurnGate } from '../../../lib/runtime/throttle/turn.gate.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets `count` works pass in one go; tells the numbers of those that are done. */
function burst(gate: TurnGate, count: number): { done: number[]; pending: unknown[] } {
  const done: number[] = [];
  const pending = Array.from({ length: count }, (_, index) =>
    gate.pass(() => void done.push(index)),
  );
  return { done, pending };
}

describe('TurnGate', () => {
  it('lets few pass at once, without a promise', () => {
    const { done, pending } = burst(new TurnGate(), 3);

    expect(done).toEqual([0, 1, 2]);
    expect(pending).toEqual([undefined, undefined, undefined]);
  });

  it('spreads many over turns, in order, as many in each as in the first', async () => {
    const gate = new TurnGate();
    const { done, pending } = burst(gate, 1_000);
    const inOneTurn = done.length;
    expect(gate.isBusy).toBe(true);
    for (let turns = 1; gate.isBusy; turns++) {
      expect(done.length).toBe(turns * inOneTurn);
      await turn();
    }

    expect(inOneTurn).toBeLessThan(200);
    expect(done).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    expect(await Promise.all(pending)).toHaveLength(1_000);
  });

  it('lets nobody pass before those who wait', async () => {
    const gate = new TurnGate();
    const first = burst(gate, 500);
    await turn();
    const second = burst(gate, 1);
    expect(second.done).toEqual([]);
    await Promise.all(second.pending);

    expect(first.done).toHaveLength(500);
    expect(second.done).toEqual([0]);
  });

  it('has room again in the next turn', async () => {
    const gate = new TurnGate();
    burst(gate, 100);
    await turn();

    expect(burst(gate, 100).done).toHaveLength(100);
  });

  it('holds the promise of a work that waited until its own has settled', async () => {
    const gate = new TurnGate();
    burst(gate, 500);
    let finish!: () => void;
    let isOver = false;
    const work = new Promise<void>((resolve) => (finish = resolve));
    void gate.pass(() => work)?.then(() => (isOver = true));
    while (gate.isBusy) await turn();
    expect(isOver).toBe(false);
    finish();
    await turn();

    expect(isOver).toBe(true);
  });
});
