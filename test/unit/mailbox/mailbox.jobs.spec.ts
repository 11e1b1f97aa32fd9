import { describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { Gate, Owner } from './owner.js';

describe('Mailbox, between two messages', () => {
  it('does a job between two messages, before all that wait', async () => {
    const { mailbox, story } = new Owner();
    const gate = new Gate();
    const never = (): void => void story.push('dropped');
    mailbox.post({ id: 1, work: gate.wait });
    mailbox.post({ id: 2 });
    mailbox.interject(() => void story.push('job'), never);
    mailbox.interject(async () => {
      story.push('begun');
      await Promise.resolve();
      story.push('done');
    }, never);
    expect(story).toEqual([1]);
    gate.open();
    await settle();
    expect([story, mailbox.isBusy]).toEqual([[1, 'job', 'begun', 'done', 2], false]);
  });

  it('does a job at once where nothing is being handled, though messages are held', () => {
    const { mailbox, story } = new Owner();
    mailbox.suspend();
    mailbox.post({ id: 1 });
    mailbox.interject(
      () => void story.push('job'),
      () => undefined,
    );
    expect([story, mailbox.length]).toEqual([['job'], 1]);
  });

  it('does a job that a handler asks for once that has returned', () => {
    const { mailbox, story } = new Owner();
    const work = (): void =>
      mailbox.interject(
        () => {
          story.push('job');
          mailbox.suspend();
        },
        () => undefined,
      );
    mailbox.post({ id: 1, work });
    mailbox.post({ id: 2 });
    expect([story, mailbox.length]).toEqual([[1, 'job'], 1]);
  });

  it('drops the jobs that wait, and the one that is being done, once', async () => {
    const { mailbox, story } = new Owner();
    const gate = new Gate();
    mailbox.interject(gate.wait, () => void story.push('first'));
    mailbox.interject(
      () => void story.push('never'),
      () => void story.push('second'),
    );
    mailbox.dropJobs();
    mailbox.dropJobs();
    expect(story).toEqual(['first', 'second']);
    mailbox.post({ id: 1 });
    gate.open();
    await settle();
    expect(story).toEqual(['first', 'second', 1]);
    mailbox.dropJobs();
    expect(story).toHaveLength(3);
  });

  it('does nothing when it goes on without having been held', async () => {
    const { mailbox, story } = new Owner();
    mailbox.postLater({ id: 1 });
    mailbox.resume();
    expect(story).toEqual([]);
    await settle();
    expect(story).toEqual([1]);
  });
});
