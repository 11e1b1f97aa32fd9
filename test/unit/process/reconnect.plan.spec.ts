import { type CloseReason, HandshakeError } from 'nestjs-websockex';
import { beforeEach, describe, expect, it } from 'vitest';

import {
  DEFAULT_RECONNECT,
  type ReconnectPolicy,
} from '../../../lib/runtime/connection/backoff.policy.js';
import type { WireEnd } from '../../../lib/runtime/connection/wire.end.js';
import { ReconnectPlan } from '../../../lib/runtime/process/reconnect.plan.js';

/** 100, 200, 400, 800, then 1000. */
const policy: ReconnectPolicy = {
  ...DEFAULT_RECONNECT,
  jitter: 'none',
  initialDelay: 100,
  maxDelay: 1000,
};

const reason: CloseReason = { by: 'remote', code: 1006, message: '' };
const lost: WireEnd = { opened: true, reason, voluntary: false };
const closed: WireEnd = { opened: true, reason: { by: 'local', message: '' }, voluntary: true };
const failed: WireEnd = { opened: false, reason, voluntary: false };

function refused(retryAfter?: number): WireEnd {
  const answer = { status: 503, headers: {}, retryAfter };
  return { ...failed, error: new HandshakeError('Feed', 'no', answer) };
}

describe('ReconnectPlan', () => {
  let plan: ReconnectPlan;

  /** An end and the attempt after it: what was announced, and what was taken. */
  const round = (end: WireEnd, lasted = 0, rules: ReconnectPolicy | false = policy): unknown => {
    const announced = plan.plan(end, rules, lasted);
    if (announced === undefined) return undefined;
    expect(plan.commit()).toBe(announced);
    return announced;
  };

  beforeEach(() => {
    plan = new ReconnectPlan(() => 0);
  });

  it('backs off further with each loss and failure in a row', () => {
    const ends = [lost, failed, failed, lost, failed];
    expect(ends.map((end) => round(end))).toEqual([100, 200, 400, 800, 1000]);
  });

  it('falls back to the first delay only after a session that was open for stableAfter', () => {
    expect(round(lost)).toBe(100);
    expect(round(lost, 4999)).toBe(200);
    expect(round(lost, 5000)).toBe(100);
    expect(round(failed)).toBe(200);
    // How long an earlier session lasted says nothing of an attempt that failed.
    expect(round(failed, 60_000)).toBe(400);
    expect(round(lost, 60_000)).toBe(100);
  });

  it('does not move on by planning alone', () => {
    for (let i = 0; i < 3; i++) expect(plan.plan(failed, policy, 0)).toBe(100);
  });

  it('makes no attempt after our own close, nor where the policy is false', () => {
    expect(round(closed)).toBeUndefined();
    expect(round(lost, 0, false)).toBeUndefined();
  });

  it('gives up after maxAttempts in a row, and counts anew after a stable session', () => {
    const rules = { ...policy, maxAttempts: 2 };
    expect([lost, failed, failed].map((end) => round(end, 0, rules))).toEqual([
      100,
      200,
      undefined,
    ]);
    expect(round(lost, 5000, rules)).toBe(100);
    expect([lost, lost].map((end) => round(end, 10, rules))).toEqual([200, undefined]);
    expect(round(lost, 0, { ...policy, maxAttempts: 0 })).toBeUndefined();
  });

  it('waits as long as Retry-After asks, above the cap too, and that once', () => {
    expect(round(refused(60_000))).toBe(60_000);
    expect(round(failed)).toBe(200);
    expect(round(refused(50))).toBe(400);
    expect(round(refused())).toBe(800);
  });

  it.each([3_600_001, 1e26, Infinity])('waits for no Retry-After above an hour: %d', (asked) => {
    expect(round(refused(asked))).toBe(3_600_000);
    expect(round(failed)).toBe(200);
  });

  it.each([-1, -Infinity, NaN])('takes no wait from a Retry-After of %d', (asked) => {
    expect(round(refused(asked))).toBe(100);
  });

  it('takes a delay that is given in place of any other', () => {
    plan.plan(refused(60_000), policy, 0);
    expect(plan.commit({ delay: 7 })).toBe(7);
    plan.plan(failed, policy, 0);
    expect(plan.commit({ delay: 0 })).toBe(0);
    expect(round(failed)).toBe(400);
  });

  it('follows a wish whatever the policy says, with its delay or the next one', () => {
    plan.request({});
    expect(round(closed)).toBe(100);
    plan.request({ delay: 5 });
    expect(round(lost, 0, { ...policy, maxAttempts: 0 })).toBe(5);
    plan.request({});
    expect(round(closed, 0, false)).toBe(DEFAULT_RECONNECT.initialDelay);
  });

  it('follows a wish once, and not at all once it is taken back', () => {
    plan.request({});
    round(closed);
    expect(round(closed)).toBeUndefined();
    plan.request({ url: 'ws://b/' });
    plan.cancel();
    expect(round(closed)).toBeUndefined();
    expect(plan.changes).not.toHaveProperty('url');
  });

  it('knows the last word: a wish, or a close', () => {
    const said = (): readonly boolean[] => [plan.isRequested, plan.isCancelled];
    expect(said()).toEqual([false, false]);
    plan.cancel();
    expect(said()).toEqual([false, true]);
    plan.request({});
    expect(said()).toEqual([true, false]);
    plan.cancel();
    // What @OnDisconnect returns comes after that, and is followed: then it is forgotten.
    plan.plan(closed, policy, 0);
    plan.commit({});
    expect(said()).toEqual([false, false]);
  });

  it('keeps what was changed for every attempt to come, the last word for each header', () => {
    plan.plan(lost, policy, 0);
    plan.commit({ url: 'ws://b/', headers: { a: '1', b: '1' } });
    expect(plan.changes).toEqual({ url: 'ws://b/', headers: { a: '1', b: '1' } });
    plan.request({ headers: { b: '2' } });
    round(closed);
    round(failed);
    expect(plan.changes).toEqual({ url: 'ws://b/', headers: { a: '1', b: '2' } });
    plan.plan(lost, policy, 0);
    plan.commit({ url: 'ws://c/' });
    expect(plan.changes).toEqual({ url: 'ws://c/', headers: { a: '1', b: '2' } });
  });

  it('keeps the changes of a wish when @OnDisconnect returns a reconnect() of its own', () => {
    plan.request({ url: 'ws://b/', headers: { a: '1' }, delay: 5 });
    plan.plan(closed, policy, 0);
    expect(plan.commit({ headers: { b: '2' } })).toBe(5);
    expect(plan.changes).toEqual({ url: 'ws://b/', headers: { a: '1', b: '2' } });
    plan.request({ url: 'ws://c/', delay: 5 });
    plan.plan(closed, policy, 0);
    expect(plan.commit({ url: 'ws://d/', delay: 6 })).toBe(6);
    expect(plan.changes).toMatchObject({ url: 'ws://d/' });
  });

  describe.each([1012, 1013])('after a close with %d', (code) => {
    const restarts: WireEnd = { ...lost, reason: { by: 'remote', code, message: '' } };
    const drawn = (share: number, rules = policy): number | undefined =>
      new ReconnectPlan(() => share).plan(restarts, rules, 0);

    it('draws the first delay from 5 to 30 seconds, whatever the policy says', () => {
      expect([drawn(0), drawn(0.5), drawn(1 - 2 ** -32)]).toEqual([5000, 17_500, 30_000]);
    });

    it('holds no reconnect() of @OnDisconnect', () => {
      const own = new ReconnectPlan(() => 0.5);
      expect([own.plan(restarts, policy, 0), own.commit({}), own.held]).toEqual([17_500, 100, 0]);
    });

    it('waits no shorter than the policy does', () => {
      const slow = { ...policy, initialDelay: 60_000, maxDelay: 60_000 };
      expect(drawn(0, slow)).toBe(60_000);
    });

    it('goes on as after any other end', () => {
      expect([restarts, failed, failed].map((end) => round(end))).toEqual([5000, 200, 400]);
    });

    it('waits as long as somebody says who asks for a reconnect', () => {
      plan.request({ delay: 7 });
      expect(round(restarts)).toBe(7);
      plan.plan(restarts, policy, 0);
      expect(plan.commit({ delay: 8 })).toBe(8);
    });

    it('draws nothing where it was we who closed', () => {
      const ours: WireEnd = { ...lost, reason: { by: 'local', code, message: '' } };
      expect(round(ours)).toBe(100);
    });
  });

  it('waits after a slow end as its row says, and no shorter than Retry-After', () => {
    const slowly = (end: WireEnd): unknown => {
      const rules = { ...policy, slowDelay: 4000 };
      const announced = plan.plan(end, rules, 0, { after: 'slow' });
      // Whatever opens up at its origin, it is not let in before.
      expect([plan.commit(), plan.held]).toEqual([announced, announced]);
      return announced;
    };
    expect([failed, failed, refused(3000), failed].map(slowly)).toEqual([1000, 2000, 4000, 4000]);
    expect(slowly(refused(60_000))).toBe(60_000);
    expect(round(lost, 5000)).toBe(100);
    expect(slowly(failed)).toBe(1000);
  });

  it('waits after a slow end as after any other, where @OnDisconnect returns a reconnect()', () => {
    const own = (end: WireEnd): number => {
      plan.plan(end, policy, 0, { after: 'slow' });
      return plan.commit({});
    };
    expect([failed, failed, refused(3000), failed].map(own)).toEqual([100, 200, 3000, 800]);
  });
});
