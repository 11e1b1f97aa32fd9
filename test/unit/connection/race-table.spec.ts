import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { ROWS } from './race-rows.js';
import { World } from './race-world.js';

const NEEDS_SESSION = ['found dead', 'peer end', 'peer close', 'protocol error', 'text', 'ping'];
const NEEDS_SOCKET = ['socket end', 'socket error', ...NEEDS_SESSION];
const WITH_SESSION = ['open', 'busy', 'closing', 'stopping'];
const WITH_CALLBACK = [
  'preparing',
  'busy',
  'stopping',
  'deciding, lost',
  'deciding, closed',
  'ending',
];

function canHappen(state: string, hit: string): boolean {
  // Once we have closed, what is wrong with the rest is not looked at.
  if (hit === 'protocol error' && state === 'closing') return false;
  if (NEEDS_SESSION.includes(hit)) return WITH_SESSION.includes(state);
  if (NEEDS_SOCKET.includes(hit)) return WITH_SESSION.includes(state) || state === 'dialling';
  if (hit === 'callback rejects') return WITH_CALLBACK.includes(state);
  return hit !== 'late events' || state !== 'idle';
}

describe('A client', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  beforeAll(() => void process.on('unhandledRejection', note));
  afterAll(() => void process.off('unhandledRejection', note));

  it('has a row for whatever can hit it in each of its states', () => {
    const { states, hits } = new World();
    const expected = Object.keys(states).flatMap((state) =>
      Object.keys(hits)
        .filter((hit) => canHappen(state, hit))
        .map((hit) => `${state} × ${hit}`),
    );
    expect(ROWS.map(({ state, hit }) => `${state} × ${hit}`)).toEqual(expected);
  });

  for (const row of ROWS) {
    it(`${row.state} × ${row.hit}: ${row.now}, then ${row.later}`, async () => {
      const world = new World();
      if (row.hit === 'late events') await world.loseAnAttempt();
      await world.enter(row.state);
      await expect(world.hit(row.state, row.hit)).resolves.toEqual(row);
      await world.finish();
      await settle();
      expect(unhandled).toEqual([]);
    });
  }
});
