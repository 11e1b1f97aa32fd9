import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { type Answer, Crowd, fails, type Member, opens, refusal, turn } from './crowd.js';

/** Everybody attempts, in order. */
function go(members: readonly Member[]): void {
  for (const member of members) member.go();
}

/** A crowd whose origin is in doubt: one of them has failed, and is in backoff for long. */
async function inDoubt(answer: () => Answer = () => fails()): Promise<Crowd> {
  const crowd = new Crowd({}, () => fails());
  const [first] = crowd.join(1);
  first!.delay = 1_000_000;
  first!.go();
  await crowd.clock.advance(0);
  crowd.answer = answer;
  crowd.dials.length = 0;
  crowd.most = 0;
  return crowd;
}

describe('Places', () => {
  it('are taken at once while there are some, and then in order', async () => {
    const crowd = new Crowd({ budget: { concurrent: 2 } }, () => undefined);
    const members = crowd.join(4);
    go(members);

    expect(members.map(({ state }) => state)).toEqual([
      'dialling',
      'dialling',
      'waiting',
      'waiting',
    ]);
    expect([crowd.budget.inside, crowd.budget.waiting]).toEqual([2, 2]);
    members[1]!.leave();
    await turn();
    members[0]!.leave();
    await turn();
    expect(crowd.dials.map(({ member }) => member)).toEqual(members);
    for (const member of members) member.leave();
    expect([crowd.budget.inside, crowd.budget.waiting, crowd.budget.origins]).toEqual([0, 0, 0]);
  });

  it('are few before the first has opened, and then as many as the application may have', async () => {
    const crowd = new Crowd({ maxConcurrentConnects: 100 }, () => undefined);
    const members = crowd.join(300);
    go(members);
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(crowd.underWay).toBe(64);
    members[0]!.attempt!.settle({ type: 'opened' });
    for (let turns = 0; turns < 10; turns++) await turn();

    expect(crowd.underWay).toBe(100);
    expect(crowd.dials).toHaveLength(101);
  });

  it('are not kept for who is given up while it waits, comes given up, or is so in its turn', async () => {
    const crowd = new Crowd({ budget: { concurrent: 1 } }, () => undefined);
    const [first, second, third, fourth] = crowd.join(4) as [Member, Member, Member, Member];
    go([first, second, third]);
    second.leave();
    first.attempt!.settle({ type: 'failed', error: refusal(403) });
    third.leave();
    fourth.go();
    await turn();

    expect(crowd.dials.map(({ member }) => member)).toEqual([first, fourth]);
    expect([crowd.budget.inside, crowd.budget.waiting]).toEqual([1, 0]);
  });

  it('are for 16 in one turn of the event loop', async () => {
    const crowd = new Crowd({}, () => undefined);
    go(crowd.join(100));
    const counts = [crowd.dials.length];
    for (let turns = 0; turns < 4; turns++) {
      await turn();
      counts.push(crowd.dials.length);
    }
    expect(counts).toEqual([16, 32, 48, 64, 64]);
  });

  it('keep nobody out, and are never lost, whatever becomes of whoever has one', async () => {
    const deed = fc.record({
      what: fc.constantFrom('go', 'go', 'open', 'fail', 'refuse', 'leave', 'turn', 'wait'),
      whom: fc.nat(30),
    });
    const limits = fc.record({
      most: fc.integer({ min: 1, max: 6 }),
      few: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(limits, fc.array(deed, { maxLength: 80 }), async ({ most, few }, deeds) => {
        const options = { maxConcurrentConnects: most, budget: { concurrent: few } };
        const crowd = new Crowd(options, () => undefined);
        const origins = ['ws://a/', 'ws://b/', 'ws://c/'];
        for (const url of origins) crowd.join(10, url);
        for (const { what, whom } of deeds) {
          const member = crowd.members[whom % 30]!;
          const isDialling = member.state === 'dialling';
          if (what === 'turn') await turn();
          else if (what === 'wait') await crowd.clock.advance(700);
          else if (what === 'leave' && member.state !== 'over') member.leave();
          else if (what === 'go' && ['idle', 'open'].includes(member.state)) member.go();
          else if (isDialling && what === 'open') member.attempt!.settle({ type: 'opened' });
          else if (isDialling && what === 'refuse') {
            member.attempt!.settle({ type: 'failed', error: refusal(401) });
          } else if (isDialling && what === 'fail') {
            member.attempt!.settle({ type: 'failed', error: refusal(503) });
          }
          // Each origin has one in any case.
          expect(crowd.budget.inside).toBeLessThanOrEqual(most + origins.length - 1);
          expect(crowd.underWay).toBeLessThanOrEqual(crowd.budget.inside);
        }
        // From now on everybody is let in, in the end.
        crowd.answer = () => opens();
        for (const member of crowd.members) {
          if (member.state === 'dialling') member.attempt!.settle({ type: 'opened' });
          if (member.state === 'idle') member.go();
        }
        await crowd.clock.advance(120_000);
        const rest = crowd.members.filter(({ state }) => state !== 'open' && state !== 'over');
        expect(rest).toEqual([]);
        expect([crowd.budget.inside, crowd.budget.waiting]).toEqual([0, 0]);
        for (const member of crowd.members) if (member.state !== 'over') member.leave();
        expect([crowd.budget.origins, crowd.clock.pending.length]).toEqual([0, 0]);
      }),
      runs(60, 20_260_301),
    );
  });
});

describe('Origins', () => {
  it('that do not answer keep no other waiting, although all places are taken', async () => {
    const crowd = new Crowd({}, ({ url }) => (url.includes('dead') ? undefined : opens()));
    for (const host of [1, 2, 3, 4]) go(crowd.join(600, `ws://dead${host}/`));
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(crowd.underWay).toBe(256);
    const [healthy] = crowd.join(1, 'ws://well/');
    healthy!.go();

    expect(healthy!.state).toBe('dialling');
    await crowd.clock.advance(0);
    expect(healthy!.state).toBe('open');
    expect(crowd.clock.now()).toBe(0);
  });

  it('with fewest under way have the place that is free', async () => {
    const crowd = new Crowd({ maxConcurrentConnects: 6 }, () => undefined);
    const many = crowd.join(8, 'ws://many/');
    const few = crowd.join(4, 'ws://few/');
    go(many);
    go(few);
    await turn();
    const underWay = (members: readonly Member[]): number =>
      members.filter(({ state }) => state === 'dialling').length;
    expect([underWay(many), underWay(few)]).toEqual([6, 1]);
    for (const member of many.slice(0, 3)) member.leave();
    await turn();

    expect([underWay(many), underWay(few)]).toEqual([3, 3]);
  });

  it('are reported for each origin, with those who wait for one', async () => {
    const crowd = new Crowd({ budget: { concurrent: 2 } }, () => undefined);
    for (const member of crowd.join(3)) member.go();
    const [other] = crowd.join(1, 'wss://two:443/path?token=x');
    crowd.answer = () => opens();
    other?.go();
    await crowd.clock.advance(0);
    expect(crowd.budget.report()).toEqual([
      { origin: 'ws://one', state: 'fresh', waiting: 1, underWay: 2 },
      { origin: 'wss://two', state: 'healthy', waiting: 0, underWay: 0 },
    ]);
    for (const member of crowd.members) member.leave();
    expect(crowd.budget.report()).toEqual([]);
  });

  it('are told apart by scheme, host and port alone', async () => {
    const crowd = new Crowd({ budget: { concurrent: 1 } }, () => undefined);
    const same = ['ws://h/a', 'ws://h:80/b?c', 'http://h/', 'ws://u:p@H/'];
    const others = ['wss://h/', 'ws://h:81/', 'ws://g/', 'ws+unix:/tmp/a:/x', 'ws+unix:/tmp/b:/x'];
    for (const url of [...same, ...others, 'ws+unix:/tmp/a:/y', 'https://h:443/']) {
      go(crowd.join(1, url));
    }
    await turn();

    expect(crowd.dials.map(({ member }) => member.url)).toEqual([same[0], ...others]);
    expect(crowd.budget.origins).toBe(6);
  });

  it('are forgotten when their last client has gone elsewhere, or ended', async () => {
    const crowd = new Crowd({}, ({ url }) => (url.endsWith('1/') ? fails() : opens()));
    const [wanderer] = crowd.join(1);
    for (let port = 1_000; port < 1_200; port++) {
      wanderer!.url = `ws://one:${port}/`;
      wanderer!.go();
      await crowd.clock.advance(0);
    }
    expect(crowd.budget.origins).toBe(1);
    const others = crowd.join(200);
    for (const [index, other] of others.entries()) other.url = `ws://two:${2_000 + index}/`;
    go(others);
    await crowd.clock.advance(5_000);
    expect(crowd.budget.origins).toBe(201);
    for (const member of crowd.members) member.leave();

    expect([crowd.budget.origins, crowd.clock.pending]).toEqual([0, []]);
  });
});

describe('In doubt', () => {
  it('one attempt is made at a time, and the next behind it when that has failed', async () => {
    const crowd = await inDoubt(() => fails(undefined, 100));
    const members = crowd.join(5);
    for (const member of members) member.delay = 1_000_000;
    go(members);
    await crowd.clock.advance(1_000);

    expect(crowd.most).toBe(1);
    expect(crowd.dials.map(({ member }) => member)).toEqual(members);
    expect(crowd.dialsOf(...members)).toEqual([0, 100, 200, 300, 400]);
  });

  it.each([
    ['is given up', (probe: Member) => probe.leave()],
    ['is made anew', (probe: Member) => probe.go()],
    ['is refused as a client', (probe: Member) => settle(probe, 401)],
    ['fails', (probe: Member) => settle(probe, 503)],
  ])('the next one has the turn of a probe that %s', async (_what, deed) => {
    const crowd = await inDoubt(() => undefined);
    const [probe, next, last] = crowd.join(3) as [Member, Member, Member];
    probe.delay = 1_000_000;
    go([probe, next, last]);
    await turn();
    expect([probe.state, next.state]).toEqual(['dialling', 'waiting']);
    deed(probe);
    await turn();

    expect([next.state, last.state]).toEqual(['dialling', 'waiting']);
    // Who comes anew is last.
    expect(probe.state).not.toBe('dialling');
  });

  it('a probe without an answer keeps nobody waiting for more than half a minute', async () => {
    const crowd = await inDoubt(() => undefined);
    const [probe, next] = crowd.join(2) as [Member, Member];
    go([probe, next]);
    await crowd.clock.advance(29_999);
    expect(next.state).toBe('waiting');
    await crowd.clock.advance(1);

    expect([probe.state, next.state]).toEqual(['dialling', 'dialling']);
  });

  it('probes that fail at once are no flood', async () => {
    const crowd = await inDoubt(() => undefined);
    const [probe, ...others] = crowd.join(1_000);
    for (const member of others) member.delay = 1_000_000;
    go([probe!, ...others]);
    crowd.answer = () => fails();
    probe!.leave();
    await crowd.clock.advance(2_000);

    expect(crowd.dialsOf(...others)).toHaveLength(999);
    expect(crowd.mostWithin(50)).toBeLessThanOrEqual(100);
  });

  it('nobody is but for what speaks of the origin: one bad token slows none of a thousand', async () => {
    const crowd = new Crowd();
    const members = crowd.join(1_000);
    crowd.answer = (member) => (member === members[300] ? fails(refusal(401)) : opens());
    go(members);
    await crowd.clock.advance(0);

    expect(crowd.open).toBe(999);
    expect(crowd.clock.now()).toBe(0);
  });
});

describe('A ramp', () => {
  /** So many wait in backoff, for long, for an origin in doubt; the next attempt opens a session. */
  async function crowdOf(count: number): Promise<{ crowd: Crowd; waiting: Member[] }> {
    const crowd = await inDoubt(() => fails());
    const waiting = crowd.join(count);
    for (const member of waiting) {
      member.delay = 1_000_000;
      member.go();
      await crowd.clock.advance(1);
    }
    crowd.dials.length = 0;
    crowd.answer = () => opens();
    return { crowd, waiting };
  }

  it('lets in those in backoff, longest waiting first, 50 in its first second', async () => {
    const { crowd, waiting } = await crowdOf(60);
    const [probe] = crowd.join(1);
    probe!.go();
    await crowd.clock.advance(999);
    // Who has brought the doubt about is the first of them.
    expect(crowd.dials.slice(2).map(({ member }) => member)).toEqual(waiting.slice(0, 49));
    await crowd.clock.advance(200);

    expect(waiting.every(({ state }) => state === 'open')).toBe(true);
    // All is calm: no timer is left.
    expect(crowd.clock.pending).toEqual([]);
  });

  it('lets in those whose backoff is over before those who are in it', async () => {
    const { crowd, waiting } = await crowdOf(3);
    crowd.answer = () => opens(5);
    const [probe, second, third] = crowd.join(3) as [Member, Member, Member];
    go([probe, second, third]);
    await crowd.clock.advance(1_000);

    expect(crowd.dials.map(({ member }) => member).slice(0, 3)).toEqual([probe, second, third]);
    expect(waiting.every(({ state }) => state === 'open')).toBe(true);
  });

  it('does not call who is held by its own Retry-After', async () => {
    const { crowd } = await crowdOf(0);
    const [held, free, probe] = crowd.join(3) as [Member, Member, Member];
    free.delay = 50_000;
    held.delay = 50_000;
    crowd.answer = (member) => fails(refusal(503, member === held ? 40_000 : 1_000));
    go([held, free]);
    await crowd.clock.advance(2_000);
    crowd.answer = () => opens();
    probe.go();
    await crowd.clock.advance(5_000);

    expect([held.state, free.state]).toEqual(['backoff', 'open']);
    await crowd.clock.advance(50_000);
    expect(held.state).toBe('open');
  });

  it('calls nobody twice: who loses its session again waits as long as its policy says', async () => {
    const { crowd, waiting } = await crowdOf(5);
    const [probe] = crowd.join(1);
    probe!.go();
    await crowd.clock.advance(500);
    const { length } = crowd.dials;
    for (const member of waiting) member.lose();
    await crowd.clock.advance(20_000);

    expect(crowd.dials).toHaveLength(length);
  });

  it('is over with a failure, and begins anew with the next session', async () => {
    const { crowd, waiting } = await crowdOf(100);
    let dials = 0;
    crowd.answer = () => (++dials === 20 ? fails() : opens());
    const [probe] = crowd.join(1);
    probe!.go();
    await crowd.clock.advance(5_000);
    // The twentieth failed; nobody is called while there is doubt.
    expect(crowd.dials).toHaveLength(20);
    const [next] = crowd.join(1);
    next!.go();
    await crowd.clock.advance(5_000);

    expect(waiting.filter(({ state }) => state === 'open')).toHaveLength(100);
    expect(crowd.dials).toHaveLength(104);
  });

  it('is not ended by what was dialled before it', async () => {
    const crowd = new Crowd({}, () => undefined);
    const old = crowd.join(10);
    go(old);
    old[0]!.attempt!.settle({ type: 'failed', error: refusal(503) });
    const [probe] = crowd.join(1);
    probe!.go();
    probe!.attempt!.settle({ type: 'opened' });
    for (const member of old.slice(1)) settle(member, 503);
    crowd.answer = () => opens();
    const late = crowd.join(40);
    go(late);
    await crowd.clock.advance(1_000);

    expect(late.every(({ state }) => state === 'open')).toBe(true);
  });

  it('loses no place by who leaves while it waits, or was called', async () => {
    const { crowd, waiting } = await crowdOf(40);
    const [probe] = crowd.join(1);
    probe!.go();
    for (let step = 0; step < 10; step++) {
      await crowd.clock.advance(30);
      for (const member of waiting) {
        if (member.state === 'backoff') {
          member.leave();
          break;
        }
      }
    }
    await crowd.clock.advance(1_000);

    expect(waiting.filter(({ state }) => state !== 'open' && state !== 'over')).toEqual([]);
    for (const member of crowd.members) if (member.state !== 'over') member.leave();
    expect([crowd.budget.inside, crowd.budget.origins, crowd.clock.pending]).toEqual([0, 0, []]);
  });

  it('holds up nobody at its end, when it is at its top', async () => {
    const { crowd } = await crowdOf(1);
    const [probe] = crowd.join(1);
    probe!.go();
    await crowd.clock.advance(6_000);
    const since = crowd.clock.now();
    const late = crowd.join(2_000);
    go(late);
    await crowd.clock.advance(0);

    expect(late.every(({ state }) => state === 'open')).toBe(true);
    expect(crowd.clock.now()).toBe(since);
  });
});

describe('A healthy origin', () => {
  it('takes first attempts as fast as they come', async () => {
    const crowd = new Crowd();
    go(crowd.join(5_000));
    await crowd.clock.advance(0);

    expect(crowd.open).toBe(5_000);
    expect(crowd.clock.now()).toBe(0);
  });

  it('takes those that come back evenly, however many have lost their session at once', async () => {
    const crowd = new Crowd();
    const members = crowd.join(1_000);
    go(members);
    await crowd.clock.advance(10_000);
    crowd.dials.length = 0;
    for (const member of members) {
      member.delay = 10;
      member.lose();
    }
    await crowd.clock.advance(1_000);

    expect(crowd.open).toBe(1_000);
    expect(crowd.mostWithin(50)).toBeLessThanOrEqual(100);
  });
});

describe('perSecond', () => {
  it('is kept by each origin for itself, by first attempts too', async () => {
    const crowd = new Crowd({ budget: { perSecond: 2 } });
    const one = crowd.join(5, 'ws://one/');
    const two = crowd.join(3, 'ws://two/');
    go([...one, ...two]);
    await crowd.clock.advance(3_000);

    expect(crowd.dialsOf(...one)).toEqual([0, 0, 1_000, 1_000, 2_000]);
    expect(crowd.dialsOf(...two)).toEqual([0, 0, 1_000]);
  });
});

describe('perSecond, where clients come and go', () => {
  it('counts those that have gone, and forgets their origin when they count no more', async () => {
    const crowd = new Crowd({ budget: { perSecond: 1 } });
    for (let round = 0; round < 3; round++) {
      const [member] = crowd.join(1);
      member!.go();
      await crowd.clock.advance(0);
      if (member!.state !== 'open') await crowd.clock.advance(1_000);
      member!.leave();
    }
    expect(crowd.dials.map(({ at }) => at)).toEqual([0, 1_000, 2_000]);
    expect(crowd.clock.pending).toEqual([]);

    for (let port = 1; port <= 50; port++) {
      const [member] = crowd.join(1, `ws://one:${port}/`);
      member!.go();
      await crowd.clock.advance(0);
      member!.leave();
    }
    expect(crowd.budget.origins).toBe(51);
    await crowd.clock.advance(1_000);
    const [late] = crowd.join(1, 'ws://other/');
    late!.go();
    expect(crowd.budget.origins).toBe(1);
  });
});

function settle(member: Member, status: number): void {
  member.attempt!.settle({ type: 'failed', error: refusal(status) });
}
