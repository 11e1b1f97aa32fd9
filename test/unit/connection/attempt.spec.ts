import { describe, expect, it } from 'vitest';

import { Attempt } from '../../../lib/runtime/connection/attempt.js';

describe('Attempt', () => {
  it('aborts its signal when it is abandoned', () => {
    const attempt = new Attempt();
    const { signal } = attempt;
    expect([attempt.isAbandoned, signal.aborted]).toEqual([false, false]);
    attempt.abandon();

    expect([attempt.isAbandoned, signal.aborted]).toEqual([true, true]);
    expect(attempt.signal).toBe(signal);
  });

  it('gives an aborted signal to who asks after it was abandoned', () => {
    const attempt = new Attempt();
    attempt.abandon();

    expect(attempt.signal.aborted).toBe(true);
  });

  it('does not abort the signal of what led to a session', () => {
    const attempt = new Attempt();
    const { signal } = attempt;
    attempt.settle({ type: 'opened' });

    expect([attempt.isAbandoned, signal.aborted]).toEqual([false, false]);
  });
});
