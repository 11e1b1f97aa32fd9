import { describe, expect, it } from 'vitest';

import { TurnBudget } from '../../../lib/runtime/mailbox/turn.budget.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { Gate, Owner } from './owner.js';

/** A mailbox in a state, and what brings it out of that. */
interface Scene {
  readonly owner: Owner;
  /** What ends what is awaited. */
  readonly gate: Gate;
}

const never = (): void => undefined;

function awaited(waiting: number): Scene {
  const scene = { owner: new Owner(), gate: new Gate() };
  scene.owner.mailbox.post({ id: 1, work: scene.gate.wait });
  if (waiting > 0) scene.owner.mailbox.post({ id: 2 });
  return scene;
}

/** The states, each with message 1 handled, where the state needs one. */
const STATES = {
  idle: () => ({ owner: new Owner(), gate: new Gate() }),
  awaited: () => awaited(0),
  'awaited, with one that waits': () => awaited(1),
  held: () => {
    const scene = { owner: new Owner(), gate: new Gate() };
    scene.owner.mailbox.suspend();
    scene.owner.mailbox.post({ id: 1 });
    return scene;
  },
  'awaited and held': () => {
    const scene = awaited(1);
    scene.owner.mailbox.suspend();
    return scene;
  },
  'at the end of its turn': () => {
    const scene = { owner: new Owner({}, new TurnBudget(1, Infinity)), gate: new Gate() };
    scene.owner.mailbox.suspend();
    for (const id of [1, 2]) scene.owner.mailbox.post({ id });
    scene.owner.mailbox.resume();
    return scene;
  },
} satisfies Record<string, () => Scene>;

const EVENTS = {
  post: ({ owner }) => owner.mailbox.post({ id: 'new' }),
  postLater: ({ owner }) => owner.mailbox.postLater({ id: 'new' }),
  putFirst: ({ owner }) => owner.mailbox.putFirst([{ id: 'new' }, { id: 'newer' }]),
  interject: ({ owner }) => owner.mailbox.interject(() => void owner.story.push('job'), never),
  suspend: ({ owner }) => owner.mailbox.suspend(),
  resume: ({ owner }) => owner.mailbox.resume(),
  clear: ({ owner }) => void owner.mailbox.clear(),
  settled: ({ gate }) => gate.open(),
  rejected: ({ gate }) => {
    gate.wait().catch(never);
    gate.fail(new Error('no'));
  },
} satisfies Record<string, (scene: Scene) => void>;

type State = keyof typeof STATES;
type Event = keyof typeof EVENTS;

/** What was handled in the call itself, and what once the event loop had its turns. */
type Row = readonly [now: readonly (number | string)[], later?: readonly (number | string)[]];

const TABLE: Record<State, Record<Event, Row>> = {
  idle: {
    post: [['new']],
    postLater: [[], ['new']],
    putFirst: [['new', 'newer']],
    interject: [['job']],
    suspend: [[]],
    resume: [[]],
    clear: [[]],
    settled: [[]],
    rejected: [[]],
  },
  awaited: {
    post: [[1]],
    postLater: [[1]],
    putFirst: [[1]],
    interject: [[1]],
    suspend: [[1]],
    resume: [[1]],
    clear: [[1]],
    settled: [[1]],
    rejected: [[1]],
  },
  'awaited, with one that waits': {
    post: [[1]],
    postLater: [[1]],
    putFirst: [[1]],
    interject: [[1]],
    suspend: [[1]],
    resume: [[1]],
    clear: [[1]],
    settled: [[1], [1, 2]],
    rejected: [[1], [1, 2]],
  },
  held: {
    post: [[]],
    postLater: [[]],
    putFirst: [[]],
    interject: [['job']],
    suspend: [[]],
    resume: [[1]],
    clear: [[]],
    settled: [[]],
    rejected: [[]],
  },
  'awaited and held': {
    post: [[1]],
    postLater: [[1]],
    putFirst: [[1]],
    interject: [[1]],
    suspend: [[1]],
    resume: [[1]],
    clear: [[1]],
    settled: [[1]],
    rejected: [[1]],
  },
  'at the end of its turn': {
    post: [[1], [1, 2, 'new']],
    postLater: [[1], [1, 2, 'new']],
    putFirst: [[1], [1, 'new', 'newer', 2]],
    interject: [
      [1, 'job'],
      [1, 'job', 2],
    ],
    suspend: [[1]],
    resume: [[1], [1, 2]],
    clear: [[1]],
    settled: [[1], [1, 2]],
    rejected: [[1], [1, 2]],
  },
};

type End = Record<Event, readonly (number | string)[]>;

/** What is handled in the end where message 1 has had its turn, and 2 waits. */
const BEHIND_ONE: End = {
  post: [1, 2, 'new'],
  postLater: [1, 2, 'new'],
  putFirst: [1, 'new', 'newer', 2],
  interject: [1, 'job', 2],
  suspend: [1, 2],
  resume: [1, 2],
  clear: [1],
  settled: [1, 2],
  rejected: [1, 2],
};

/** What is handled in the end, once what is awaited has come and nothing is held. */
const END: Record<State, End> = {
  idle: {
    post: ['new'],
    postLater: ['new'],
    putFirst: ['new', 'newer'],
    interject: ['job'],
    suspend: [],
    resume: [],
    clear: [],
    settled: [],
    rejected: [],
  },
  awaited: {
    post: [1, 'new'],
    postLater: [1, 'new'],
    putFirst: [1, 'new', 'newer'],
    interject: [1, 'job'],
    suspend: [1],
    resume: [1],
    clear: [1],
    settled: [1],
    rejected: [1],
  },
  'awaited, with one that waits': BEHIND_ONE,
  held: {
    post: [1, 'new'],
    postLater: [1, 'new'],
    putFirst: ['new', 'newer', 1],
    interject: ['job', 1],
    suspend: [1],
    resume: [1],
    clear: [],
    settled: [1],
    rejected: [1],
  },
  'awaited and held': BEHIND_ONE,
  'at the end of its turn': BEHIND_ONE,
};

const ROWS = Object.entries(TABLE).flatMap(([state, events]) =>
  Object.entries(events).map(([event, [now, later = now]]) => ({
    state: state as State,
    event: event as Event,
    now,
    later,
    end: END[state as State][event as Event],
  })),
);

describe('A mailbox', () => {
  it.each(ROWS)('that is $state, at $event', async ({ state, event, now, later, end }) => {
    const scene = STATES[state]();
    const { owner, gate } = scene;
    EVENTS[event](scene);
    expect(owner.story, 'in the call').toEqual(now);
    for (let turns = 0; turns < 4; turns++) await settle();
    expect(owner.story, 'by itself').toEqual(later);
    gate.open();
    owner.mailbox.resume();
    for (let turns = 0; turns < 4; turns++) await settle();
    expect(owner.story, 'in the end').toEqual(end);
    expect([owner.isIdle, owner.overlaps]).toEqual([true, []]);
    const isRejected = event === 'rejected' && state.startsWith('awaited');
    expect(owner.escaped).toHaveLength(isRejected ? 1 : 0);
    expect(owner.settled).toBe(state.startsWith('awaited') && !isRejected ? 1 : 0);
  });

  it('waits for what its owner makes of what has come, as often as there is more', async () => {
    const owner = new Owner();
    const gates = [new Gate(), new Gate()];
    const more = [...gates];
    const values: unknown[] = [];
    owner.onSettled = (value?: unknown) => {
      values.push(value);
      return more.shift()?.wait();
    };
    owner.mailbox.post({ id: 1, work: () => Promise.resolve() });
    owner.mailbox.post({ id: 2 });
    await settle();
    expect(owner.story).toEqual([1]);
    gates[0]?.open();
    await settle();
    expect(owner.story).toEqual([1]);
    gates[1]?.open();
    await settle();
    expect([owner.story, values.length]).toEqual([[1, 2], 3]);
  });

  it('gives to its owner what that throws when something has come', async () => {
    const owner = new Owner();
    const error = new Error('boom');
    owner.onSettled = () => {
      throw error;
    };
    owner.mailbox.post({ id: 1, work: () => Promise.resolve() });
    owner.mailbox.post({ id: 2 });
    await settle();
    expect([owner.story, owner.escaped]).toEqual([[1, 2], [error]]);
  });
});
