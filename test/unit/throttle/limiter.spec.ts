import { describe, expect, it } from 'vitest';

import type { ConnectLimiter, Leave } from '../../../lib/runtime/throttle/budget.port.js';
import { Crowd, type Member, opens, refusal, turn } from './crowd.js';

/** Notes who asks, and answers when it is told to. */
class Fleet implements ConnectLimiter {
  readonly asked: { readonly origin: string; readonly signal: AbortSignal }[] = [];
  readonly #answers: ((leave: Promise<Leave>) => void)[] = [];
  /** Those who have left. */
  left = 0;

  enter(origin: string, signal: AbortSignal): Promise<Leave> {
    this.asked.push({ origin, signal });
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  /** Lets the next one in. */
  admit(leave: Leave = () => this.left++): Promise<void> {
    return this.answer(Promise.resolve(leave));
  }

  answer(answer: Promise<unknown>): Promise<void> {
    this.#answers.shift()!(answer as Promise<Leave>);
    return turn();
  }
}

function crowdOf(limiter: ConnectLimiter, concurrent = 64): Crowd {
  return new Crowd({ budget: { limiter, concurrent } }, () => undefined);
}

function enter(crowd: Crowd, url = 'wss://feed.example/v1?token=x'): Member {
  const [member] = crowd.join(1, url);
  member!.go();
  return member!;
}

describe('A limiter', () => {
  it('is asked last for each attempt, with its origin, and told once when it is over', async () => {
    const fleet = new Fleet();
    const crowd = crowdOf(fleet, 1);
    const [first, second] = [enter(crowd), enter(crowd)];
    await turn();
    expect(fleet.asked.map(({ origin }) => origin)).toEqual(['wss://feed.example']);
    expect(first.state).toBe('waiting');
    await fleet.admit();
    expect([first.state, fleet.left]).toEqual(['dialling', 0]);
    first.attempt!.settle({ type: 'opened' });
    await turn();

    expect([fleet.left, fleet.asked.length]).toEqual([1, 2]);
    expect(fleet.asked[0]!.signal.aborted).toBe(false);
    await fleet.admit();
    second.attempt!.settle({ type: 'failed', error: refusal(401) });
    expect(fleet.left).toBe(2);
    first.leave();
    second.leave();
    await crowd.clock.advance(0);
    expect([fleet.left, crowd.failures, crowd.clock.pending]).toEqual([2, [], []]);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('no lease')), /no lease/],
    [
      'gives no function',
      () => Promise.resolve('ok'),
      /enter\(\) gave "ok"; it must give a function/,
    ],
    [
      'throws',
      () => {
        throw new Error('no lease');
      },
      /no lease/,
    ],
  ])('that %s fails the attempt, which leaves its place', async (_what, answer, message) => {
    const crowd = crowdOf({ enter: answer as unknown as ConnectLimiter['enter'] }, 1);
    const [first, second] = [enter(crowd), enter(crowd)];
    await turn();

    for (const { failure } of [first, second]) expect(String(failure)).toMatch(message);
    expect([crowd.budget.inside, crowd.budget.waiting]).toEqual([0, 0]);
  });

  it('that never answers fails the attempt after five minutes, and hears that it is not wanted', async () => {
    const fleet = new Fleet();
    const crowd = crowdOf(fleet);
    const member = enter(crowd);
    await crowd.clock.advance('299s');
    expect([member.state, fleet.asked[0]!.signal.aborted]).toEqual(['waiting', false]);
    await crowd.clock.advance('1s');

    expect(String(member.failure)).toMatch(/did not let the attempt in within 300000 ms/);
    expect(fleet.asked[0]!.signal.aborted).toBe(true);
    expect(crowd.budget.inside).toBe(0);
    // It answers all the same.
    await fleet.admit();
    expect([fleet.left, crowd.dials.length]).toEqual([1, 0]);
  });

  it('hears when an attempt is given up, and one that it then lets in leaves at once', async () => {
    const fleet = new Fleet();
    const crowd = crowdOf(fleet, 1);
    const [first, second] = [enter(crowd), enter(crowd)];
    await turn();
    first.leave();
    await turn();

    expect(fleet.asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    await fleet.admit();
    expect([fleet.left, first.state]).toEqual([1, 'over']);
    await fleet.admit();
    expect(second.state).toBe('dialling');
  });

  it('may reject with the abort of its signal; anything else that it rejects with then is told', async () => {
    const fleet = new Fleet();
    const crowd = crowdOf(fleet);
    const members = [enter(crowd), enter(crowd), enter(crowd)];
    await turn();
    for (const member of members) member.leave();
    await fleet.answer(Promise.reject(fleet.asked[0]!.signal.reason as Error));
    await fleet.answer(Promise.reject(new DOMException('gone', 'AbortError')));
    expect(crowd.failures).toEqual([]);
    await fleet.answer(Promise.reject(new Error('the store is down')));

    expect(crowd.failures).toEqual([
      'the limiter of an attempt that was over: Error: the store is down',
    ]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('stuck');
      },
    ],
    ['rejects', () => Promise.reject(new Error('stuck'))],
  ])('whose leave() %s is told of, and disturbs nobody', async (_what, leave) => {
    const fleet = new Fleet();
    const crowd = crowdOf(fleet);
    const member = enter(crowd);
    await fleet.admit(leave);
    member.attempt!.settle({ type: 'opened' });
    await turn();

    expect(member.state).toBe('open');
    expect(crowd.failures).toEqual(['leave() of the limiter: Error: stuck']);
    expect(crowd.budget.inside).toBe(0);
  });

  it('may take its time with the probe, whose turn the next one has when it is given up', async () => {
    const fleet = new Fleet();
    const crowd = crowdOf(fleet);
    const first = enter(crowd);
    await fleet.admit();
    first.delay = 1_000_000;
    first.attempt!.settle({ type: 'failed', error: refusal(503) });
    crowd.answer = () => opens();
    const [probe, next] = [enter(crowd), enter(crowd)];
    await turn();
    expect(fleet.asked).toHaveLength(2);
    probe.leave();
    await turn();
    await fleet.admit();
    await fleet.admit();
    await crowd.clock.advance(0);

    expect([next.state, fleet.left]).toEqual(['open', 3]);
  });
});
