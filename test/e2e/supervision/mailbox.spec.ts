import fc from 'fast-check';
import { NotConnectedError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { boom, member, type Member, type MemberHandle } from '../../fixtures/supervision/member.js';
import { reach } from '../../fixtures/supervision/states.js';
import { World } from '../../fixtures/supervision/world.js';

const KINDS = ['cast', 'info', 'call'] as const;
type Kind = (typeof KINDS)[number];

function post(handle: MemberHandle, kind: Kind, text: string): Promise<unknown> | undefined {
  if (kind === 'cast') handle.cast('say', text);
  else if (kind === 'info') handle.info(text);
  else return handle.call('ask', text);
  return undefined;
}

/** What an instance was told by callers, without its number. */
function asked(one: Member, instance: number): string[] {
  return one.ran
    .map((line) => line.split(' '))
    .filter(([kind, number]) => KINDS.some((any) => any === kind) && number === String(instance))
    .map(([kind, , text]) => `${kind} ${text}`);
}

describe("mailboxOnRestart: 'keep'", () => {
  it('hands over what waits, in order, and then what came meanwhile', async () => {
    const kinds = fc.array(fc.constantFrom(...KINDS), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(kinds, kinds, kinds, async (waiting, dying, gone) => {
        const one = member('One', { mailboxOnRestart: 'keep' });
        await using world = await World.boot([one]);
        const handle = world.handle(one);
        one.deeds.call = (text) => `${text}!`;
        const posted: string[] = [];
        const answers: Promise<unknown>[] = [];
        const all = (batch: readonly Kind[]): void => {
          for (const kind of batch) {
            const text = String(posted.length);
            posted.push(`${kind} ${text}`);
            answers.push(post(handle, kind, text) ?? Promise.resolve(`${text}!`));
          }
        };
        handle.cast('say', 'crash');
        all(waiting);
        const release = await reach('in @OnTerminate', one, world);
        all(dying);
        release();
        await world.net.settle();
        expect(handle.status).toBe('backoff');
        all(gone);
        await world.net.clock.advance(0);

        // Calls are answered in every state, casts and infos in a session: each in their order.
        const isCall = (line: string): boolean => line.startsWith('call');
        const seen = asked(one, 2);
        expect(seen).toEqual([...posted.filter(isCall), ...posted.filter((line) => !isCall(line))]);
        expect(await Promise.all(answers)).toEqual(posted.map((_, text) => `${text}!`));
        expect(world.all('restart:planned')).toMatchObject([{ dropped: 0 }]);
      }),
      runs(30),
    );
  });

  it('more than once, where the next incarnation crashes as well', async () => {
    const one = member('One', { mailboxOnRestart: 'keep', maxRestarts: Infinity });
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    for (const text of ['crash', '1', 'crash', '2', 'crash', '3']) handle.cast('say', text);
    await world.net.clock.advance('10s');
    expect([2, 3, 4].map((instance) => asked(one, instance))).toEqual([
      ['cast 1', 'cast crash'],
      ['cast 2', 'cast crash'],
      ['cast 3'],
    ]);
  });

  it('in a group: of those that are taken down, too', async () => {
    const a = member('A');
    const b = member('B', { mailboxOnRestart: 'keep' });
    await using world = await World.boot([a, b], { group: { strategy: 'one_for_all' } });
    world.peer(b).drop();
    await world.net.settle();
    world.handle(b).cast('say', 'waits for a session');
    await world.crash(a);
    world.handle(b).cast('say', 'waits for a restart');
    await world.net.clock.advance(0);
    expect(b.ran.slice(-2)).toEqual(['cast 2 waits for a session', 'cast 2 waits for a restart']);
  });

  it('in a group: what waited before it is taken down comes first', async () => {
    const a = member('A');
    const b = member('B', { mailboxOnRestart: 'keep' });
    await using world = await World.boot([a, b], { group: { strategy: 'one_for_all' } });
    const release = await reach('running a handler', b, world);
    world.handle(b).cast('say', '1');
    await world.crash(a);
    world.handle(b).cast('say', '2');
    // The handler that hangs is left behind, and what waited behind it is not handled.
    await world.net.clock.advance('5s');
    expect(asked(b, 2)).toEqual(['cast 1', 'cast 2']);
    release();
  });

  it('what is kept counts against maxPostponed', async () => {
    const one = member('One', { mailboxOnRestart: 'keep', mailbox: { maxPostponed: 3 } });
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    for (const text of ['crash', '1', '2']) handle.cast('say', text);
    await world.net.settle();
    handle.cast('say', '3');
    expect(() => handle.cast('say', '4')).toThrow(NotConnectedError);
    await world.net.clock.advance(0);
    expect(asked(one, 2)).toEqual(['cast 1', 'cast 2', 'cast 3']);
  });

  it('what is kept counts once, while @OnTerminate still runs', async () => {
    const one = member('One', { mailboxOnRestart: 'keep', mailbox: { maxPostponed: 3 } });
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    for (const text of ['crash', '1', '2']) handle.cast('say', text);
    const release = await reach('in @OnTerminate', one, world);
    handle.cast('say', '3');
    expect(() => handle.cast('say', '4')).toThrow(NotConnectedError);
    release();
    await world.net.clock.advance(0);
    expect(asked(one, 2)).toEqual(['cast 1', 'cast 2', 'cast 3']);
  });

  it('when the client ends for good, whoever waits is told', async () => {
    const one = member('One', { mailboxOnRestart: 'keep', maxRestarts: 0 });
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    handle.cast('say', 'crash');
    const answer = handle.call('ask', 'x');
    await expect(answer).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_NOT_CONNECTED',
      cause: { code: 'ERR_WEBSOCKEX_RESTART_LIMIT', cause: boom },
    });
    expect(handle.status).toBe('failed');
  });
});

describe("mailboxOnRestart: 'drop'", () => {
  it('drops what waits and counts it; what comes later is handled', async () => {
    const kinds = fc.array(fc.constantFrom(...KINDS), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(kinds, kinds, async (waiting, gone) => {
        const one = member('One');
        await using world = await World.boot([one]);
        const handle = world.handle(one);
        handle.cast('say', 'crash');
        const answers = waiting
          .map((kind) => post(handle, kind, 'early'))
          .filter((answer) => answer !== undefined);
        await world.net.settle();
        const dropped = waiting.filter((kind) => kind !== 'call').length;
        expect(world.all('restart:planned')).toMatchObject([{ dropped }]);
        for (const answer of await Promise.allSettled(answers)) {
          expect(answer).toMatchObject({ status: 'rejected', reason: { cause: boom } });
        }
        for (const kind of gone) void post(handle, kind, 'late');
        await world.net.clock.advance(0);
        expect(asked(one, 2).toSorted()).toEqual(gone.map((kind) => `${kind} late`).toSorted());
      }),
      runs(30),
    );
  });

  it('does not count again what an earlier restart dropped', async () => {
    const one = member('One', { maxRestarts: Infinity });
    await using world = await World.boot([one]);
    for (const late of [['1', '2'], [], ['3']]) {
      for (const text of ['crash', ...late]) world.handle(one).cast('say', text);
      await world.net.clock.advance('1s');
    }
    expect(world.all('restart:planned').map(({ dropped }) => dropped)).toEqual([2, 0, 1]);
  });
});
