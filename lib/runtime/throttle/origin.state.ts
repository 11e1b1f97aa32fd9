import { Pace, rampRate, TIME_TO_TOP } from './pace.js';

/** Milliseconds after which a probe without an answer keeps nobody waiting any more. */
export const PROBE_PATIENCE = 30_000;

/** An attempt that was let in. */
export interface Ticket {
  /** How many ramps of its origin had begun by then: what it learns of the origin is as old as that. */
  readonly ramps: number;
  /** When that was. */
  readonly since: number;
}

/**
 * What is known of an origin.
 *
 *     fresh ───opened───> healthy <──quiet, at its top── ramp <─┐
 *       │                    │                            │     │ opened
 *       └──failed-of-origin──┴──────failed-of-origin──────┘     │
 *                            │  on a ramp only of those that it │
 *                            │  let in: what is older is stale  │
 *                            └───────────> doubtful ────────────┘
 *                                   one probe at a time
 *
 * - `fresh`: nobody has opened a session there. A few attempts at a time.
 * - `healthy`: as many at a time as the application may have.
 * - `doubtful`: one attempt at a time, the probe. The next one has its turn when the probe has failed,
 *   was given up, or has had {@link PROBE_PATIENCE}. Attempts from before the doubt go on.
 * - `ramp`: a session opened again. Attempts are let in evenly, more in each second.
 */
export type OriginState =
  | { readonly name: 'fresh' | 'healthy'; readonly ramps: number }
  | { readonly name: 'doubtful'; readonly ramps: number; readonly probe?: Ticket }
  | {
      readonly name: 'ramp';
      readonly ramps: number;
      readonly since: number;
      readonly pace: Pace;
    };

/** What happens to an origin. */
export type OriginEvent =
  /** An attempt is let in; on a ramp it has its place in the row, unless it was called before. */
  | { readonly type: 'entered'; readonly ticket: Ticket; readonly isCalled: boolean }
  /** One that waits for the end of its backoff is called, and has its place in the row of a ramp. */
  | { readonly type: 'called' }
  | {
      readonly type: 'opened' | 'failed-of-origin' | 'failed-of-client' | 'given-up';
      readonly ticket: Ticket;
    }
  /** Nobody waits. */
  | { readonly type: 'quiet' }
  /** Time has passed. */
  | { readonly type: 'timer' };

export const FRESH: OriginState = { name: 'fresh', ramps: 0 };

/** The state after an event. Pure: the time is given. */
export function follow(state: OriginState, event: OriginEvent, now: number): OriginState {
  const { ramps } = state;
  switch (event.type) {
    case 'entered':
      if (state.name === 'doubtful') return { ...state, probe: event.ticket };
      return event.isCalled ? state : stepped(state, now);
    case 'called':
      return stepped(state, now);
    case 'opened':
      if (state.name === 'fresh') return { name: 'healthy', ramps };
      if (state.name !== 'doubtful') return state;
      return { name: 'ramp', ramps: ramps + 1, since: now, pace: Pace.from(now) };
    case 'failed-of-origin':
      if (state.name === 'doubtful') return withoutProbe(state, event.ticket);
      return event.ticket.ramps === ramps ? { name: 'doubtful', ramps } : state;
    case 'failed-of-client':
    case 'given-up':
      return state.name === 'doubtful' ? withoutProbe(state, event.ticket) : state;
    case 'quiet':
      return state.name === 'ramp' && now - state.since >= TIME_TO_TOP
        ? { name: 'healthy', ramps }
        : state;
    case 'timer':
      return state.name === 'doubtful' && probeLeft(state, now) === 0
        ? withoutProbe(state, state.probe)
        : state;
  }
}

/** Milliseconds until the state lets the next one in; 0: now. */
export function waitOf(state: OriginState, now: number): number {
  if (state.name === 'ramp') return state.pace.wait(now);
  if (state.name === 'doubtful') return probeLeft(state, now);
  return 0;
}

function stepped(state: OriginState, now: number): OriginState {
  if (state.name !== 'ramp') return state;
  return { ...state, pace: state.pace.take(now, rampRate(now - state.since)) };
}

function withoutProbe(state: OriginState & { name: 'doubtful' }, ended?: Ticket): OriginState {
  return state.probe === ended ? { name: 'doubtful', ramps: state.ramps } : state;
}

function probeLeft({ probe }: OriginState & { name: 'doubtful' }, now: number): number {
  return probe === undefined ? 0 : Math.max(0, probe.since + PROBE_PATIENCE - now);
}
