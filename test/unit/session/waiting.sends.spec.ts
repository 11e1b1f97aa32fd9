import fc from 'fast-check';
import { Frame } from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { type WaitingSend, WaitingSends } from '../../../lib/runtime/session/waiting.sends.js';

let made = 0;

/** One of so many bytes, that waits for a session or answers the peer. */
function send(bytes: number, mode: 'queue' | 'bound'): WaitingSend {
  return {
    frames: [Frame.text('x'.repeat(bytes))],
    messages: 1,
    bytes,
    at: made++,
    mode,
    key: undefined,
    session: undefined,
    isWhole: true,
    isAnswer: mode === 'bound',
    done: undefined,
    caller: undefined,
    isSettled: false,
  };
}

const sum = (items: readonly WaitingSend[]): number =>
  items.reduce((total, { bytes }) => total + bytes, 0);

/** What is done to it, and to a list that it shall be like. */
type Deed = (sends: WaitingSends, list: WaitingSend[]) => void;

const item = fc.tuple(fc.nat(9), fc.constantFrom('queue' as const, 'bound' as const));

const deeds = fc.oneof(
  item.map(([bytes, mode]): Deed => (sends, list) => {
    const one = send(bytes, mode);
    sends.add(one);
    list.push(one);
  }),
  fc.nat(9).map((index): Deed => (sends, list) => {
    const [one] = list.splice(index, 1);
    if (one !== undefined) sends.remove(one);
    // Once more does nothing.
    if (one !== undefined) sends.remove(one);
  }),
  fc.constant<Deed>((sends, list) => {
    const { first } = sends;
    expect(first).toBe(list.shift());
    if (first !== undefined) sends.remove(first);
  }),
  fc.array(item, { maxLength: 3 }).map((items): Deed => (sends, list) => {
    const some = items.map(([bytes, mode]) => send(bytes, mode));
    sends.putFirst(some);
    list.unshift(...some);
  }),
);

it('What waits to be sent is in order, and counted', () => {
  fc.assert(
    fc.property(fc.array(deeds, { maxLength: 60 }), (all) => {
      const sends = new WaitingSends();
      const list: WaitingSend[] = [];
      for (const deed of all) {
        deed(sends, list);
        const kept = list.filter(({ mode }) => mode === 'queue');
        expect([...sends]).toEqual(list);
        expect(sends.first).toBe(list[0]);
        expect(sends.oldestKept).toBe(kept[0]);
        expect([sends.size, sends.bytes]).toEqual([list.length, sum(list)]);
        expect(sends.frames).toBe(list.length);
        expect(sends.answers).toEqual({
          frames: list.length - kept.length,
          bytes: sum(list) - sum(kept),
        });
        expect(sends.kept).toEqual({ frames: kept.length, bytes: sum(kept) });
      }
    }),
    runs(300, 4711),
  );
});
