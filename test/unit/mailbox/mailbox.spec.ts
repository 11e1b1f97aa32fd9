import { promiseHooks } from 'node:v8';

import { describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { Gate, Owner } from './owner.js';

/** Counts the promises that come into being while `work` runs. */
function promisesOf(work: () => void): number {
  let count = 0;
  const stop = promiseHooks.onInit(() => count++) as () => void;
  try {
    work();
  } finally {
    stop();
  }
  return count;
}

describe('Mailbox', () => {
  it('handles a message that finds it empty in the same call', () => {
    const { mailbox, story } = new Owner();
    mailbox.post({ id: 1 });
    expect(story).toEqual([1]);
    expect([mailbox.isBusy, mailbox.length]).toEqual([false, 0]);
  });

  it('makes no promise for handlers that return none, though the mailbox was never empty', () => {
    const { mailbox, story } = new Owner();
    mailbox.suspend();
    for (let id = 0; id < 50; id++) mailbox.post({ id });
    const promises = promisesOf(() => {
      mailbox.resume();
      for (let id = 50; id < 100; id++) mailbox.post({ id });
      mailbox.putFirst([{ id: 100 }]);
    });
    expect(promises).toBe(0);
    expect(story).toHaveLength(101);
    expect(
      promisesOf(() => mailbox.post({ id: 0, work: () => Promise.resolve() })),
    ).toBeGreaterThan(0);
  });

  it('awaits a handler that returns a promise before the next', async () => {
    const { mailbox, story } = new Owner();
    const gate = new Gate();
    mailbox.post({ id: 1, work: gate.wait });
    mailbox.post({ id: 2 });
    mailbox.post({ id: 3 });
    await settle();
    expect([story, mailbox.length, mailbox.isBusy]).toEqual([[1], 2, true]);
    gate.open();
    await settle();
    expect([story, mailbox.isBusy]).toEqual([[1, 2, 3], false]);
  });

  it('goes on after a handler whose promise rejects', async () => {
    const { mailbox, story } = new Owner();
    const gate = new Gate();
    mailbox.post({ id: 1, work: gate.wait });
    mailbox.post({ id: 2 });
    gate.fail(new Error('no'));
    await settle();
    expect(story).toEqual([1, 2]);
  });

  it('takes any thenable for a promise', async () => {
    const { mailbox, story } = new Owner();
    const gate = new Gate();
    // oxlint-disable-next-line unicorn/no-thenable
    const thenable: PromiseLike<void> = { then: (...args) => gate.wait().then(...args) };
    mailbox.post({ id: 1, work: () => thenable });
    mailbox.post({ id: 2 });
    await settle();
    expect(story).toEqual([1]);
    gate.open();
    await settle();
    expect(story).toEqual([1, 2]);
  });

  it('handles what a handler posts after it, and before nothing that waited', async () => {
    const owner = new Owner();
    const { mailbox, story } = owner;
    mailbox.suspend();
    mailbox.post({
      id: 1,
      work: () => {
        mailbox.post({ id: 3 });
        mailbox.postLater({ id: 4 });
        mailbox.putFirst([{ id: 'first' }]);
        story.push('end of 1');
      },
    });
    mailbox.post({ id: 2 });
    mailbox.resume();
    await settle();
    expect(story).toEqual([1, 'end of 1', 'first', 2, 3, 4]);
    expect(owner.overlaps).toEqual([]);
  });

  it('does not run out of stack when handlers post for ever', async () => {
    const { mailbox, story } = new Owner({ highWaterMark: 1e9 });
    const post = (id: number): void =>
      mailbox.post({ id, work: () => (id < 50_000 ? post(id + 1) : undefined) });
    post(0);
    while (mailbox.length > 0) await settle();
    expect(story).toHaveLength(50_001);
  });

  it('handles what a caller posts soon, and never in the call', async () => {
    const { mailbox, story } = new Owner();
    mailbox.postLater({ id: 1 });
    mailbox.postLater({ id: 2 });
    expect([story, mailbox.length, mailbox.isBusy]).toEqual([[], 2, false]);
    await Promise.resolve();
    expect(story).toEqual([1, 2]);
  });

  it('keeps the order between callers and sockets', async () => {
    const { mailbox, story } = new Owner();
    mailbox.postLater({ id: 1 });
    mailbox.post({ id: 2 });
    mailbox.postLater({ id: 3 });
    await settle();
    expect(story).toEqual([1, 2, 3]);
  });

  it('holds messages while it is suspended, and finishes the one in hand', async () => {
    const { mailbox, story } = new Owner();
    const gate = new Gate();
    mailbox.post({ id: 1, work: gate.wait });
    mailbox.suspend();
    mailbox.post({ id: 2 });
    mailbox.postLater({ id: 3 });
    gate.open();
    await settle();
    expect([story, mailbox.length]).toEqual([[1], 2]);
    mailbox.resume();
    expect(story).toEqual([1, 2, 3]);
  });

  it('puts messages before all that wait, in the order given', () => {
    const { mailbox, story } = new Owner();
    mailbox.suspend();
    mailbox.post({ id: 3 });
    mailbox.putFirst([{ id: 1 }, { id: 2 }]);
    mailbox.resume();
    expect(story).toEqual([1, 2, 3]);
  });

  it('gives out all that waits, and forgets it', async () => {
    const { mailbox, story } = new Owner();
    const gate = new Gate();
    mailbox.post({ id: 1, work: gate.wait });
    mailbox.post({ id: 2 });
    mailbox.postLater({ id: 3 });
    expect(mailbox.clear().map(({ id }) => id)).toEqual([2, 3]);
    gate.open();
    await settle();
    expect([story, mailbox.isBusy]).toEqual([[1], false]);
  });

  it('tells its high mark once, and its low mark once it is reached', () => {
    const { mailbox, story } = new Owner({ highWaterMark: 4, lowWaterMark: 1 });
    mailbox.suspend();
    for (let id = 1; id <= 3; id++) mailbox.post({ id });
    expect(story).toEqual([]);
    for (let id = 4; id <= 6; id++) mailbox.post({ id });
    expect(story).toEqual(['high']);
    mailbox.resume();
    expect(story).toEqual(['high', 1, 2, 3, 4, 5, 'low', 6]);
  });

  it('counts bytes too, and is low again at half of them', () => {
    const { mailbox, story } = new Owner({ maxBytes: 100, lowWaterMark: 500 });
    mailbox.suspend();
    mailbox.post({ id: 1, size: 49 });
    mailbox.post({ id: 2, size: 50 });
    expect(story).toEqual([]);
    mailbox.post({ id: 3, size: 1 });
    expect(story).toEqual(['high']);
    mailbox.resume();
    expect(story).toEqual(['high', 1, 2, 'low', 3]);
  });

  it('is low when it is cleared, and counts from nothing then', () => {
    const { mailbox, story } = new Owner({ maxBytes: 10, highWaterMark: 5 });
    mailbox.suspend();
    mailbox.post({ id: 1, size: 10 });
    mailbox.clear();
    mailbox.post({ id: 2, size: 9 });
    expect(story).toEqual(['high', 'low']);
  });

  it('tells no mark for what it handles at once, however big', () => {
    const { mailbox, story } = new Owner({ maxBytes: 1, highWaterMark: 1 });
    for (let id = 1; id <= 3; id++) mailbox.post({ id, size: 1e6 });
    expect(story).toEqual([1, 2, 3]);
  });
});
