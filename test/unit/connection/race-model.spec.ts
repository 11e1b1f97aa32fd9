import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TRANSITIONS } from '../../../lib/runtime/client/client.transitions.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { DEEDS, type Reflex } from './race-deeds.js';
import { Player } from './race-player.js';
import { leftovers } from './race-story.js';

type EventName = keyof Player['moves'];
const QUIET = { turns: [], holdsEnds: false, holdsSends: false, reflex: undefined, returns: false };
const EVENTS = Object.keys(new Player(QUIET).moves) as EventName[];

/** Most callbacks do nothing, or little would ever be played. */
const turn = fc.record({
  deed: fc.oneof(
    { weight: 20, arbitrary: fc.constant('nothing') },
    { weight: 2, arbitrary: fc.constantFrom(...Object.keys(DEEDS)) },
  ),
  waits: fc.oneof(
    { weight: 3, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
});

const step = fc.record({
  event: fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...EVENTS.filter((name) => name !== 'stop')) },
    // Without a good part of an ordinary life little would come of the rest.
    {
      weight: 50,
      arbitrary: fc.constantFrom<EventName>('onward', 'onward', 'text', 'cast', 'call'),
    },
    { weight: 1, arbitrary: fc.constant<EventName>('stop') },
  ),
  /** On which socket, counted from the last one. */
  back: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
  /** Whether all settles before the next step, or it comes in the same turn. */
  settles: fc.boolean(),
});

/** The events and the statuses at which somebody who watches may act. */
const reflex = fc.record({
  on: fc.constantFrom(
    'connecting',
    'connected',
    'disconnected',
    'backoff',
    'frame:received',
    'frame:sent',
    'terminate',
    ...['connecting', 'open', 'closing', 'backoff', 'terminated'].map((one) => `status ${one}`),
  ),
  does: fc.constantFrom<Reflex['does']>('close', 'reconnect', 'stop', 'cast', 'sendFrame', 'call'),
});

const RUNS = Number(process.env.RACE_RUNS ?? 400);

const scenario = fc.record({
  steps: fc.array(step, { maxLength: 50, size: 'max' }),
  turns: fc.array(turn, { maxLength: 30, size: 'max' }),
  holdsEnds: fc.boolean(),
  holdsSends: fc.boolean(),
  reflex: fc.option(reflex, { nil: undefined }),
  returns: fc.boolean(),
  /** Whether it is stopped while callbacks still wait. */
  hangs: fc.boolean(),
});

describe('A client, whatever happens to it', () => {
  it('keeps the rules of its life', { timeout: 10_000 + RUNS * 20 }, async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      await fc.assert(
        fc.asyncProperty(scenario, async ({ steps, hangs, ...character }) => {
          const player = new Player(character);
          await player.play('launch');
          for (const { event, back, settles } of steps) {
            await player.play(event, back);
            if (settles) await settle();
            expect([player.problems, player.overlaps]).toEqual([[], []]);
          }
          if (!hangs) await atRest(player);
          await stopped(player);
          expect([player.problems, player.overlaps, unhandled]).toEqual([[], [], []]);
        }),
        { numRuns: RUNS },
      );
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});

/** Lets everything return, and sees that nothing is left undone. */
async function atRest(player: Player): Promise<void> {
  await player.calm();
  player.checkCalm();
  await player.outlast();
  expect(player.running, 'a callback that hangs').toBeUndefined();
}

/** Stops the client, and sees that it ends in time and that nothing is left. */
async function stopped(player: Player): Promise<void> {
  await player.play('stop');
  await player.clock.advance(1000);
  expect(leftovers(player)).toEqual([]);
  await player.calm();
  await player.outlast();
  expect(player.ends).toHaveLength(1);
  expect(player.clock.pending).toEqual([]);
  const settled = Promise.allSettled(player.promises).then(() => 'settled');
  await expect(Promise.race([settled, settle().then(() => 'waiting')])).resolves.toBe('settled');
  player.checkEnd();
  for (const [i, status] of player.statuses.slice(1).entries()) {
    const before = player.statuses[i];
    expect(before && TRANSITIONS[before], `after ${before}`).toContain(status);
  }
}
