import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Attempt } from '../../../lib/runtime/connection/attempt.js';
import { ConnectGate } from '../../../lib/runtime/throttle/connect.gate.js';

/** As the connector passes: notes who is inside, and leaves with the attempt. */
async function pass(gate: ConnectGate, attempt: Attempt, entered: () => void): Promise<void> {
  const entering = gate.enter(attempt);
  if (!(typeof entering === 'boolean' ? entering : await entering)) return;
  attempt.whenSettled(() => gate.leave());
  if (!attempt.signal.aborted) entered();
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ConnectGate', () => {
  it('lets in at once while there is room, and the others in order', async () => {
    const gate = new ConnectGate(() => 2);
    const order: number[] = [];
    const attempts = [1, 2, 3, 4].map(() => new Attempt());
    const passing = attempts.map((one, index) => pass(gate, one, () => order.push(index + 1)));

    expect(order).toEqual([1, 2]);
    expect([gate.inside, gate.waiting]).toEqual([2, 2]);
    attempts[1]!.settle();
    await passing[2];
    expect(order).toEqual([1, 2, 3]);
    attempts[0]!.abandon();
    await passing[3];
    expect(order).toEqual([1, 2, 3, 4]);
    attempts[2]!.settle();
    attempts[3]!.settle();
    expect([gate.inside, gate.waiting]).toEqual([0, 0]);
  });

  it('forgets who is given up while waiting, and who comes given up', async () => {
    const gate = new ConnectGate(() => 1);
    const [first, second, third, late] = [1, 2, 3, 4].map(() => new Attempt());
    late!.abandon();

    expect(gate.enter(first!)).toBe(true);
    const waiting = gate.enter(second!);
    const behind = gate.enter(third!);
    expect(gate.enter(late!)).toBe(false);
    second!.abandon();
    expect(await waiting).toBe(false);
    gate.leave();
    expect(await behind).toBe(true);
    expect([gate.inside, gate.waiting]).toEqual([1, 0]);
  });

  it('keeps no room for who is given up in the instant of its turn', async () => {
    const gate = new ConnectGate(() => 1);
    const [first, second, third] = [1, 2, 3].map(() => new Attempt());
    const entered: number[] = [];
    await pass(gate, first!, () => entered.push(1));
    const passing = [
      pass(gate, second!, () => entered.push(2)),
      pass(gate, third!, () => entered.push(3)),
    ];
    first!.settle();
    second!.abandon();
    await Promise.all(passing);

    expect(entered).toEqual([1, 3]);
    third!.settle();
    expect([gate.inside, gate.waiting]).toEqual([0, 0]);
  });

  it('never lets in more than the limit, never keeps anybody out, and loses no place', async () => {
    const deed = fc.record({
      what: fc.constantFrom('come', 'settle', 'abandon', 'turn'),
      whom: fc.nat(20),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(deed), async (limit, deeds) => {
        const gate = new ConnectGate(() => limit);
        const inside = new Set<Attempt>();
        const all: Attempt[] = [];
        const comers: Attempt[] = [];
        const came: Attempt[] = [];
        for (const { what, whom } of deeds) {
          const attempt = all[whom % all.length];
          if (what === 'turn') await turn();
          else if (what === 'come') {
            const next = new Attempt();
            all.push(next);
            comers.push(next);
            next.whenSettled(() => inside.delete(next));
            void pass(gate, next, () => {
              inside.add(next);
              came.push(next);
            });
          } else if (attempt !== undefined && what === 'abandon') attempt.abandon();
          else if (attempt !== undefined && inside.has(attempt)) attempt.settle();
          expect(inside.size).toBeLessThanOrEqual(limit);
          expect(gate.inside).toBeLessThanOrEqual(limit);
        }
        await turn();
        const wanted = all.filter((one) => !one.signal.aborted && !came.includes(one));
        // Whoever waits still, waits because it is full.
        expect(gate.waiting).toBe(wanted.length);
        expect(inside.size).toBe(gate.inside);
        if (wanted.length > 0) expect(gate.inside).toBe(limit);
        // In order of arrival.
        expect(came).toEqual(comers.filter((one) => came.includes(one)));
        for (let left = all.length; left > 0 && inside.size > 0; left--) {
          for (const one of inside) one.settle();
          await turn();
        }
        expect([gate.inside, gate.waiting]).toEqual([0, 0]);
      }),
    );
  });
});
