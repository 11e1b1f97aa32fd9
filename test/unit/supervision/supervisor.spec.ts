import { describe, expect, it } from 'vitest';

import type { CloseReason } from '../../../lib/runtime/frame/close-reason.js';
import { Supervisor } from '../../../lib/runtime/supervision/supervisor.js';
import type { Member } from '../../../lib/runtime/supervision/supervisor.port.js';
import { settle, VirtualClock } from '../../fixtures/virtual-clock.js';

const CRASH: CloseReason = { by: 'error', error: new Error('boom') };

/** A member that does as it is told, and notes it. */
class Told implements Member {
  readonly story: string[] = [];
  readonly policy = {
    restart: 'permanent',
    limit: undefined,
    maxDelay: 0,
    healthyAfter: 0,
  } as const;
  isAlive = true;
  hasCrashed = false;
  hasEnded = false;
  incarnation = 1;

  constructor(readonly name: string) {}

  begin(): void {
    this.isAlive = true;
    this.incarnation++;
    this.story.push('begin');
  }

  begun(): Promise<void> {
    return Promise.resolve();
  }

  halt(): Promise<CloseReason> {
    this.isAlive = false;
    this.story.push('halt');
    return Promise.resolve(CRASH);
  }

  end(): void {
    this.hasEnded = true;
    this.story.push('end');
  }

  condemn(): void {
    this.story.push('condemn');
  }

  fail(): Promise<void> {
    this.hasEnded = true;
    this.story.push('fail');
    return Promise.resolve();
  }

  onRestart(): void {
    this.story.push('restart');
  }
}

describe('A supervisor that is closed', () => {
  it('counts no end that it had not come to yet, and gives up by none', async () => {
    const gaveUp: unknown[] = [];
    const clock = new VirtualClock();
    const supervisor = new Supervisor(
      {
        name: 'group',
        strategy: 'rest_for_one',
        limit: { maxRestarts: 1, within: 1000 },
        onGiveUp: (error) => gaveUp.push(error),
      },
      clock,
      () => 0,
    );
    const [first, last] = [new Told('first'), new Told('last')] as const;
    supervisor.add(first, 0);
    supervisor.add(last, 1);
    last.isAlive = false;
    supervisor.exited(last, CRASH);
    first.isAlive = false;
    // Its turn comes after that of the one before.
    supervisor.exited(first, CRASH);
    supervisor.close();
    await settle();
    await clock.advance(1000);
    expect(gaveUp).toEqual([]);
    expect(first.story).toEqual([]);
    expect([first.hasEnded, last.hasEnded]).toEqual([false, false]);
    await supervisor.settled();
  });
});
