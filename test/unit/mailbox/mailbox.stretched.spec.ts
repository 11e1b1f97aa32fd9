import { describe, expect, it } from 'vitest';

import { Gate, type Note, Owner } from './owner.js';

describe('A mailbox that is stretched', () => {
  const marks = { highWaterMark: 3, lowWaterMark: 1, maxBytes: 100 };
  /** One whose handler hangs, so that all else waits. */
  function hanging(): Owner {
    const owner = new Owner(marks);
    owner.mailbox.post({ id: 'hangs', work: new Gate().wait });
    owner.story.length = 0;
    return owner;
  }

  it('has no mark in the number of what waits, until it is so no more', () => {
    const { mailbox, story } = hanging();
    mailbox.stretch(() => story.push('full'));
    for (let id = 0; id < 50; id++) mailbox.post({ id });
    expect(story).toEqual([]);
    mailbox.stretch(undefined);
    expect(story).toEqual(['high']);
  });

  it('lets the source go on that the number of what waits has stopped', () => {
    const { mailbox, story } = hanging();
    for (let id = 0; id < 4; id++) mailbox.post({ id });
    mailbox.stretch(() => story.push('full'));
    expect(story).toEqual(['high', 'low']);
  });

  it('tells when the bytes of what waits are too many, or when they are by then', () => {
    const { mailbox, story } = hanging();
    mailbox.stretch(() => story.push('full'));
    mailbox.post({ id: 1, size: 99 });
    expect(story).toEqual([]);
    mailbox.post({ id: 2, size: 1 });
    expect(story).toEqual(['high', 'full']);
    mailbox.stretch(() => story.push('full again'));
    expect(story).toEqual(['high', 'full', 'full again']);
  });

  it('holds no more than 100,000, however small they are', () => {
    const { mailbox, story } = hanging();
    mailbox.stretch(() => story.push('full'));
    for (let id = 1; id < 100_000; id++) mailbox.post({ id });
    expect(story).toEqual([]);
    mailbox.post({ id: 0 });
    expect(story).toEqual(['high', 'full']);
  });

  it('counts what is taken out no more', () => {
    const { mailbox, story } = hanging();
    for (const id of [1, 2, 3, 4]) mailbox.post({ id, size: 20 });
    const is =
      (wanted: number) =>
      (note: Note): note is Note =>
        note.id === wanted;
    expect(mailbox.takeOut(is(3))).toEqual({ id: 3, size: 20 });
    expect(mailbox.takeOut(is(3))).toBeUndefined();
    expect([mailbox.length, story]).toEqual([3, ['high']]);
    mailbox.takeOut(is(1));
    mailbox.takeOut(is(4));
    expect([mailbox.length, story]).toEqual([1, ['high', 'low']]);
  });
});
