import fc from 'fast-check';
import type { ClientStatus, EventName } from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { OutageWatch } from '../../../lib/runtime/client/outage.watch.js';
import { Telemetry } from '../../../lib/runtime/telemetry/telemetry.js';

const reason = { by: 'remote', code: 1006, message: '' } as const;

/** A watch over a client that a test plays, and what it tells. */
class Watched {
  readonly clock = new VirtualClock();
  readonly told: string[] = [];
  readonly events: object[] = [];
  isLeaving = false;
  readonly lastEnd = { attempt: 1, reason };
  readonly watch: OutageWatch;

  constructor(readonly lostAfter = 5_000) {
    const source = { client: 'Feed', module: 'Feed', session: () => 1 };
    const sink = {
      wants: (event: EventName) => event === 'lost' || event === 'restored',
      next: (event: { event: string }) => {
        this.told.push(event.event);
        this.events.push(event);
      },
    };
    const telemetry = new Telemetry(source, this.clock, [sink]);
    this.watch = new OutageWatch(this, this.clock, telemetry);
  }

  become(...statuses: (ClientStatus | 'ready')[]): void {
    for (const status of statuses) {
      if (status === 'ready') this.watch.ready();
      else this.watch.onStatus(status);
    }
  }
}

/** What leads to each state of the watch. */
const STATES = {
  'no session yet': () => new Watched(),
  'a session is ready': () => {
    const watched = new Watched();
    watched.become('connecting', 'open', 'ready');
    return watched;
  },
  outage: () => {
    const watched = new Watched();
    watched.become('connecting', 'open', 'ready', 'closing');
    return watched;
  },
} as const;

type State = keyof typeof STATES | 'lost';

async function reach(state: State): Promise<Watched> {
  const watched = STATES[state === 'lost' ? 'outage' : state]();
  if (state === 'lost') {
    await watched.clock.advance(5_000);
    expect(watched.told.splice(0)).toEqual(['lost']);
  }
  return watched;
}

/** In each state, what each event leads to: what is told at once, and what within the hour. */
const TABLE: readonly [State, ClientStatus | 'ready', readonly string[], readonly string[]][] = [
  ['no session yet', 'idle', [], []],
  ['no session yet', 'connecting', [], []],
  ['no session yet', 'open', [], []],
  ['no session yet', 'ready', [], []],
  ['no session yet', 'closing', [], []],
  ['no session yet', 'backoff', [], []],
  ['no session yet', 'terminated', [], []],
  ['no session yet', 'failed', [], []],
  ['a session is ready', 'idle', [], []],
  ['a session is ready', 'connecting', [], []],
  ['a session is ready', 'open', [], []],
  ['a session is ready', 'ready', [], []],
  ['a session is ready', 'closing', [], ['lost']],
  ['a session is ready', 'backoff', [], ['lost']],
  ['a session is ready', 'terminated', [], []],
  ['a session is ready', 'failed', [], []],
  ['outage', 'idle', [], ['lost']],
  ['outage', 'connecting', [], ['lost']],
  ['outage', 'open', [], ['lost']],
  ['outage', 'ready', [], []],
  ['outage', 'closing', [], ['lost']],
  ['outage', 'backoff', [], ['lost']],
  ['outage', 'terminated', [], []],
  ['outage', 'failed', [], []],
  ['lost', 'idle', [], []],
  ['lost', 'connecting', [], []],
  ['lost', 'open', [], []],
  ['lost', 'ready', ['restored'], ['restored']],
  ['lost', 'closing', [], []],
  ['lost', 'backoff', [], []],
  ['lost', 'terminated', [], []],
  ['lost', 'failed', [], []],
];

describe('The watch over outages', () => {
  it.each(TABLE)('in "%s" at %s tells %j, in the end %j', async (state, event, now, later) => {
    const watched = await reach(state);
    watched.become(event);
    expect(watched.told).toEqual(now);
    await watched.clock.advance('1h');
    expect([watched.told, watched.clock.pending]).toEqual([later, []]);
  });

  it('has no timer where nothing is lost', async () => {
    for (const state of ['no session yet', 'a session is ready', 'lost'] as const) {
      expect((await reach(state)).clock.pending).toEqual([]);
    }
    expect((await reach('outage')).clock.pending).toMatchObject([{ delay: 5_000 }]);
  });

  it('tells of nothing a millisecond before lostAfter, and what it is at it', async () => {
    const watched = await reach('a session is ready');
    await watched.clock.advance(100);
    const since = watched.clock.epoch();
    watched.become('closing', 'backoff');
    await watched.clock.advance(4_999);
    expect(watched.told).toEqual([]);
    await watched.clock.advance(1);
    expect(watched.events).toMatchObject([{ event: 'lost', since, attempt: 1, reason }]);
    await watched.clock.advance(2_000);
    watched.become('open', 'ready');
    expect(watched.events[1]).toMatchObject({ event: 'restored', lasted: 7_000 });
  });

  it('begins none where somebody wants the client to end, and tells of none that is about to', async () => {
    const closing = await reach('a session is ready');
    closing.isLeaving = true;
    closing.become('closing');
    expect(closing.clock.pending).toEqual([]);
    // Another attempt follows after all.
    closing.isLeaving = false;
    closing.become('backoff');
    await closing.clock.advance(5_000);
    expect(closing.told).toEqual(['lost']);

    const stopped = await reach('outage');
    stopped.isLeaving = true;
    await stopped.clock.advance('1h');
    expect(stopped.told).toEqual([]);
  });

  it('tells at once with 0, and never with Infinity', async () => {
    const [at, never] = [new Watched(0), new Watched(Infinity)];
    for (const one of [at, never]) one.become('connecting', 'open', 'ready', 'backoff');
    expect([at.told, never.told, never.clock.pending]).toEqual([['lost'], [], []]);
  });

  it('tells lost and restored in turn, whatever happens, and each lost after a whole lostAfter', async () => {
    const events = fc.constantFrom(
      ...(['connecting', 'open', 'ready', 'closing', 'backoff'] as const),
    );
    const steps = fc.array(fc.tuple(events, fc.nat(6_000)), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, async (row) => {
        const watched = new Watched();
        let began: number | undefined;
        let hasBeenReady = false;
        const expected: string[] = [];
        let isLost = false;
        for (const [event, pause] of row) {
          watched.become(event);
          const now = watched.clock.now();
          if (hasBeenReady && (event === 'closing' || event === 'backoff')) began ??= now;
          if (event === 'ready') {
            if (isLost) expected.push('restored');
            [began, isLost, hasBeenReady] = [undefined, false, true];
          }
          await watched.clock.advance(pause);
          if (began !== undefined && !isLost && watched.clock.now() - began >= 5_000) {
            isLost = true;
            expected.push('lost');
          }
          expect(watched.told).toEqual(expected);
        }
        watched.become('terminated');
        expect([watched.told, watched.clock.pending]).toEqual([expected, []]);
      }),
      runs(100, 7),
    );
  });
});
