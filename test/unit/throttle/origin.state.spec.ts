import { describe, expect, it } from 'vitest';

import {
  follow,
  type OriginEvent,
  type OriginState,
  PROBE_PATIENCE,
  type Ticket,
  waitOf,
} from '../../../lib/runtime/throttle/origin.state.js';
import { Pace } from '../../../lib/runtime/throttle/pace.js';

const NOW = 100_000;

/** Let in before the last ramp, and since. */
const OLD: Ticket = { ramps: 1, since: 10_000 };
const OWN: Ticket = { ramps: 2, since: 90_000 };
const PROBE: Ticket = { ramps: 2, since: 95_000 };

const ramp = (since: number): OriginState => ({
  name: 'ramp',
  ramps: 2,
  since,
  pace: Pace.from(NOW),
});

const STATES = {
  fresh: { name: 'fresh', ramps: 0 },
  healthy: { name: 'healthy', ramps: 2 },
  'doubtful, nobody probes': { name: 'doubtful', ramps: 2 },
  'doubtful, one probes': { name: 'doubtful', ramps: 2, probe: PROBE },
  'ramp, young': ramp(NOW - 500),
  'ramp, at its top': ramp(NOW - 5_000),
} as const satisfies Record<string, OriginState>;

type StateName = keyof typeof STATES;

const EVENTS = {
  'one enters': { type: 'entered', ticket: OWN, isCalled: false },
  'one enters that was called': { type: 'entered', ticket: OWN, isCalled: true },
  'one is called': { type: 'called' },
  'one opens': { type: 'opened', ticket: OWN },
  'one from before the ramp opens': { type: 'opened', ticket: OLD },
  'the probe opens': { type: 'opened', ticket: PROBE },
  'one fails, of the origin': { type: 'failed-of-origin', ticket: OWN },
  'one from before the ramp fails, of the origin': { type: 'failed-of-origin', ticket: OLD },
  'the probe fails, of the origin': { type: 'failed-of-origin', ticket: PROBE },
  'one fails, of the client': { type: 'failed-of-client', ticket: OWN },
  'the probe fails, of the client': { type: 'failed-of-client', ticket: PROBE },
  'one is given up': { type: 'given-up', ticket: OWN },
  'the probe is given up': { type: 'given-up', ticket: PROBE },
  'nobody waits': { type: 'quiet' },
  'time passes': { type: 'timer' },
} as const satisfies Record<string, OriginEvent>;

type EventName = keyof typeof EVENTS;

const STAYS = 'as it was';

/** What becomes of each state by each event. Fresh ones have no ramp yet: there every ticket is of now. */
const TABLE: Record<StateName, Record<EventName, string>> = {
  fresh: {
    'one enters': STAYS,
    'one enters that was called': STAYS,
    'one is called': STAYS,
    'one opens': 'healthy',
    'one from before the ramp opens': 'healthy',
    'the probe opens': 'healthy',
    'one fails, of the origin': 'doubtful',
    'one from before the ramp fails, of the origin': 'doubtful',
    'the probe fails, of the origin': 'doubtful',
    'one fails, of the client': STAYS,
    'the probe fails, of the client': STAYS,
    'one is given up': STAYS,
    'the probe is given up': STAYS,
    'nobody waits': STAYS,
    'time passes': STAYS,
  },
  healthy: {
    'one enters': STAYS,
    'one enters that was called': STAYS,
    'one is called': STAYS,
    'one opens': STAYS,
    'one from before the ramp opens': STAYS,
    'the probe opens': STAYS,
    'one fails, of the origin': 'doubtful',
    'one from before the ramp fails, of the origin': STAYS,
    'the probe fails, of the origin': 'doubtful',
    'one fails, of the client': STAYS,
    'the probe fails, of the client': STAYS,
    'one is given up': STAYS,
    'the probe is given up': STAYS,
    'nobody waits': STAYS,
    'time passes': STAYS,
  },
  'doubtful, nobody probes': {
    'one enters': 'doubtful, that one probes',
    'one enters that was called': 'doubtful, that one probes',
    'one is called': STAYS,
    'one opens': 'a new ramp',
    'one from before the ramp opens': 'a new ramp',
    'the probe opens': 'a new ramp',
    'one fails, of the origin': STAYS,
    'one from before the ramp fails, of the origin': STAYS,
    'the probe fails, of the origin': STAYS,
    'one fails, of the client': STAYS,
    'the probe fails, of the client': STAYS,
    'one is given up': STAYS,
    'the probe is given up': STAYS,
    'nobody waits': STAYS,
    'time passes': STAYS,
  },
  'doubtful, one probes': {
    'one enters': 'doubtful, that one probes',
    'one enters that was called': 'doubtful, that one probes',
    'one is called': STAYS,
    'one opens': 'a new ramp',
    'one from before the ramp opens': 'a new ramp',
    'the probe opens': 'a new ramp',
    'one fails, of the origin': STAYS,
    'one from before the ramp fails, of the origin': STAYS,
    'the probe fails, of the origin': 'doubtful',
    'one fails, of the client': STAYS,
    'the probe fails, of the client': 'doubtful',
    'one is given up': STAYS,
    'the probe is given up': 'doubtful',
    'nobody waits': STAYS,
    'time passes': STAYS,
  },
  'ramp, young': {
    'one enters': 'one place of the row less',
    'one enters that was called': STAYS,
    'one is called': 'one place of the row less',
    'one opens': STAYS,
    'one from before the ramp opens': STAYS,
    'the probe opens': STAYS,
    'one fails, of the origin': 'doubtful',
    'one from before the ramp fails, of the origin': STAYS,
    'the probe fails, of the origin': 'doubtful',
    'one fails, of the client': STAYS,
    'the probe fails, of the client': STAYS,
    'one is given up': STAYS,
    'the probe is given up': STAYS,
    'nobody waits': STAYS,
    'time passes': STAYS,
  },
  'ramp, at its top': {
    'one enters': 'one place of the row less',
    'one enters that was called': STAYS,
    'one is called': 'one place of the row less',
    'one opens': STAYS,
    'one from before the ramp opens': STAYS,
    'the probe opens': STAYS,
    'one fails, of the origin': 'doubtful',
    'one from before the ramp fails, of the origin': STAYS,
    'the probe fails, of the origin': 'doubtful',
    'one fails, of the client': STAYS,
    'the probe fails, of the client': STAYS,
    'one is given up': STAYS,
    'the probe is given up': STAYS,
    'nobody waits': 'healthy',
    'time passes': STAYS,
  },
};

function tell(before: OriginState, after: OriginState): string {
  if (JSON.stringify(after) === JSON.stringify(before)) return STAYS;
  if (after.name === 'doubtful' && after.probe !== undefined) {
    return after.probe === OWN ? 'doubtful, that one probes' : 'doubtful, another one probes';
  }
  if (after.name !== 'ramp') return after.name;
  if (before.name === 'ramp') {
    const isLater = after.pace.wait(NOW) > before.pace.wait(NOW);
    return isLater && after.since === before.since ? 'one place of the row less' : 'another ramp';
  }
  return after.ramps === before.ramps + 1 && after.since === NOW ? 'a new ramp' : 'a ramp';
}

const rows = Object.entries(TABLE) as [StateName, Record<EventName, string>][];

describe.each(rows)('An origin that is %s', (state, row) => {
  it.each(Object.entries(row) as [EventName, string][])('when %s: %s', (event, expected) => {
    // Of a fresh one there has been no ramp.
    const given: OriginEvent =
      state === 'fresh' && 'ticket' in EVENTS[event]
        ? ({ ...EVENTS[event], ticket: { ramps: 0, since: 0 } } as OriginEvent)
        : EVENTS[event];
    const before = STATES[state];

    expect(tell(before, follow(before, given, NOW))).toBe(expected);
  });
});

describe('Time', () => {
  it('ends the patience with a probe', () => {
    const probing = STATES['doubtful, one probes'];
    const due = PROBE.since + PROBE_PATIENCE;

    expect(waitOf(probing, NOW)).toBe(due - NOW);
    expect(follow(probing, { type: 'timer' }, due - 1)).toEqual(probing);
    expect(follow(probing, { type: 'timer' }, due)).toEqual({ name: 'doubtful', ramps: 2 });
    // It is one of many now: what comes of it ends no other's turn.
    const next = follow({ name: 'doubtful', ramps: 2 }, EVENTS['one enters'], due);
    expect(follow(next, EVENTS['the probe fails, of the origin'], due + 1)).toEqual(next);
  });

  it('lets the next one in: at once, behind the probe, or as the ramp goes', () => {
    expect(waitOf(STATES.fresh, NOW)).toBe(0);
    expect(waitOf(STATES.healthy, NOW)).toBe(0);
    expect(waitOf(STATES['doubtful, nobody probes'], NOW)).toBe(0);
    const began = follow(STATES['doubtful, one probes'], EVENTS['the probe opens'], NOW);
    expect(waitOf(began, NOW)).toBe(0);
    expect(waitOf(follow(began, { type: 'called' }, NOW), NOW)).toBeCloseTo(20);
  });
});
