import { describe, expect, it, vi } from 'vitest';

import { TurnBudget } from '../../../lib/runtime/mailbox/turn.budget.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { Owner } from './owner.js';

const boom = new Error('boom');
const thrower = (): never => {
  throw boom;
};
const never = (): void => undefined;

/** The ways in which a message gets its turn. */
const WAYS = {
  post: ({ mailbox }: Owner) => mailbox.post({ id: 1, work: thrower }),
  'post, behind another': ({ mailbox }: Owner) => {
    mailbox.post({ id: 0, work: () => mailbox.post({ id: 1, work: thrower }) });
  },
  postLater: ({ mailbox }: Owner) => mailbox.postLater({ id: 1, work: thrower }),
  putFirst: ({ mailbox }: Owner) => mailbox.putFirst([{ id: 1, work: thrower }]),
  resume: ({ mailbox }: Owner) => {
    mailbox.suspend();
    mailbox.post({ id: 1, work: thrower });
    mailbox.resume();
  },
  'a promise that rejects': ({ mailbox }: Owner) =>
    mailbox.post({ id: 1, work: () => Promise.reject(boom) }),
  interject: ({ mailbox }: Owner) => mailbox.interject(thrower, never),
  'work that rejects': ({ mailbox }: Owner) => mailbox.interject(() => Promise.reject(boom), never),
} satisfies Record<string, (owner: Owner) => void>;

describe.each(Object.entries(WAYS))('What escapes from a turn: %s', (_, play) => {
  it('goes to the owner, not to the caller, and the next message has its turn', async () => {
    const owner = new Owner();
    play(owner);
    owner.mailbox.post({ id: 'next' });
    await settle();
    expect(owner.escaped).toEqual([boom]);
    expect(owner.story.at(-1)).toBe('next');
    expect(owner.isIdle).toBe(true);
  });

  it('is waited for, where the owner takes its time', async () => {
    const owner = new Owner();
    let done = never;
    owner.onEscaped = () => new Promise<void>((resolve) => (done = resolve));
    play(owner);
    owner.mailbox.post({ id: 'next' });
    await settle();
    expect(owner.story).not.toContain('next');
    done();
    await settle();
    expect(owner.story.at(-1)).toBe('next');
  });

  it.each([
    ['throws', thrower],
    ['rejects', () => Promise.reject(boom)],
  ])('ends there, where the owner %s too', async (_how, onEscaped) => {
    const owner = new Owner();
    owner.onEscaped = onEscaped;
    play(owner);
    owner.mailbox.post({ id: 'next' });
    await settle();
    expect([owner.story.at(-1), owner.isIdle]).toEqual(['next', true]);
  });
});

it('Work between two messages that throws is told as dropped to whoever waits for it', () => {
  const owner = new Owner();
  owner.mailbox.interject(thrower, () => void owner.story.push('dropped'));
  expect(owner.story).toEqual(['dropped']);
});

describe('A turn of the event loop', () => {
  it.each(['post', 'postLater', 'putFirst'] as const)(
    'comes, though a handler tells itself the next step by %s, for ever',
    async (way) => {
      const owner = new Owner({ highWaterMark: 1e9 }, new TurnBudget(100, Infinity));
      let isOver = false;
      const step = (id: number): void => {
        if (isOver) return;
        const note = { id, work: () => step(id + 1) };
        if (way === 'putFirst') owner.mailbox.putFirst([note]);
        else owner.mailbox[way](note);
      };
      step(1);
      await settle();
      isOver = true;
      const steps = owner.story.length;
      expect(steps).toBeGreaterThan(0);
      await settle();
      await settle();
      expect(owner.story.length - steps).toBeLessThanOrEqual(1);
    },
  );

  it('comes after so many milliseconds of handlers, too', async () => {
    const owner = new Owner({}, new TurnBudget(Infinity, 5));
    owner.mailbox.suspend();
    const work = (): void => {
      const until = performance.now() + 6;
      while (performance.now() < until);
    };
    for (let id = 1; id <= 3; id++) owner.mailbox.post({ id, work });
    owner.mailbox.resume();
    const story = [...owner.story];
    while (!owner.isIdle) await settle();
    expect([story, owner.story]).toEqual([[1], [1, 2, 3]]);
  });

  it('is asked for by a look at the clock, though not after each of the short ones', () => {
    const budget = new TurnBudget(Infinity, 1_000);
    const now = vi.spyOn(performance, 'now');
    for (let steps = 0; steps < 1_600; steps++) {
      budget.spend();
      expect(budget.isSpent).toBe(false);
    }
    expect(now.mock.calls.length).toBeLessThan(200);
    now.mockRestore();
  });

  it('is asked for after each of those of which few more fit in', () => {
    let at = 0;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => at);
    const budget = new TurnBudget(Infinity, 10);
    let steps = 0;
    do {
      budget.spend();
      steps++;
      at += 3;
    } while (!budget.isSpent);
    expect([steps, budget.isSpent]).toEqual([4, true]);
    now.mockRestore();
  });

  it('is used up for good by so many steps', async () => {
    const budget = new TurnBudget(3, Infinity);
    const story: boolean[] = [];
    for (let steps = 0; steps < 4; steps++) {
      story.push(budget.isSpent);
      budget.spend();
    }
    expect(story).toEqual([false, false, false, true]);
    let isRenewed = false;
    budget.whenRenewed(() => (isRenewed = true));
    await settle();
    expect([isRenewed, budget.isSpent]).toEqual([true, false]);
  });

  it('does not keep work between two messages waiting', () => {
    const owner = new Owner({}, new TurnBudget(1, Infinity));
    owner.mailbox.suspend();
    for (let id = 1; id <= 2; id++) owner.mailbox.post({ id });
    owner.mailbox.resume();
    owner.mailbox.interject(() => void owner.story.push('job'), never);
    expect(owner.story).toEqual([1, 'job']);
  });

  it('keeps the order of what comes meanwhile', async () => {
    const owner = new Owner({}, new TurnBudget(1, Infinity));
    owner.mailbox.suspend();
    for (let id = 1; id <= 2; id++) owner.mailbox.post({ id });
    owner.mailbox.resume();
    owner.mailbox.post({ id: 3 });
    owner.mailbox.postLater({ id: 4 });
    while (!owner.isIdle) await settle();
    expect(owner.story).toEqual([1, 2, 3, 4]);
  });
});
