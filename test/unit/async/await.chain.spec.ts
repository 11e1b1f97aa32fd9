// Real time: a timer of Node's is one of the ways on which a chain may be lost.
import { setTimeout as wait } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { AwaitChain } from '../../../lib/runtime/async/await.chain.js';

type Ask = () => void;

/** Ways to be awaited by whoever calls it, and in which the stack knows that. */
const FOUND: Readonly<Record<string, (ask: Ask) => Promise<unknown>>> = {
  'after an await': async (ask) => {
    await Promise.resolve();
    ask();
  },
  'after a timer': async (ask) => {
    await wait(0);
    ask();
  },
  'in a function that is awaited': async (ask) => {
    const helper = async (): Promise<void> => {
      await wait(0);
      ask();
    };
    await helper();
  },
  'in one that is returned': async (ask) => {
    const helper = async (): Promise<void> => {
      await wait(0);
      ask();
    };
    return helper();
  },
  'with others': async (ask) => {
    const helper = async (): Promise<void> => {
      await Promise.resolve();
      ask();
    };
    await Promise.all([helper(), wait(1)]);
  },
  'with others, settled': async (ask) => {
    const helper = async (): Promise<void> => {
      await Promise.resolve();
      ask();
    };
    await Promise.allSettled([helper(), wait(1)]);
  },
  'in a generator': async (ask) => {
    async function* items(): AsyncGenerator<number> {
      await wait(0);
      ask();
      yield 1;
    }
    for await (const item of items()) expect(item).toBe(1);
  },
  'after a failure': async (ask) => {
    try {
      await Promise.reject(new Error('no'));
    } catch {
      await wait(0);
      ask();
    }
  },
  'in a then': (ask) => wait(0).then(() => ask()),
};

/** Who is not awaited, or by a way that no stack knows. */
const MISSED: typeof FOUND = {
  'in work that is left to itself': async (ask) => {
    const background = async (): Promise<void> => {
      await Promise.resolve();
      ask();
    };
    void background();
    await wait(1);
  },
  'in a callback': (ask) =>
    new Promise((resolve) =>
      // Real time: a timer of Node's is a callback that nobody awaits.
      setTimeout(() => {
        ask();
        resolve(undefined);
      }, 0),
    ),
};

/** Runs it at the end of a chain, and beside another that waits, too. */
async function askedIn(way: (ask: Ask) => Promise<unknown>): Promise<(boolean | undefined)[]> {
  let mine: AwaitChain | undefined;
  let other: AwaitChain | undefined;
  let answers: boolean[] = [];
  const ofError = (): unknown[] => [Reflect.get(Error, 'prepareStackTrace'), Error.stackTraceLimit];
  const before = ofError();
  const pending = way(() => {
    answers = [mine!.isHere, other!.isHere, mine!.isHere];
  });
  // As a mailbox waits for its handler.
  mine = new AwaitChain(pending.then(() => undefined));
  other = new AwaitChain(wait(5));
  await wait(2);
  while (answers.length === 0) await wait(1);
  expect(ofError()).toEqual(before);
  return answers;
}

describe('The end of a chain of those who await each other', () => {
  it.each(Object.entries(FOUND))('waits for who asks %s', async (_, way) => {
    expect(await askedIn(way)).toEqual([true, false, true]);
  });

  it.each(Object.entries(MISSED))(
    'does not wait, as far as is known, for who asks %s',
    async (_, way) => {
      expect(await askedIn(way)).toEqual([false, false, false]);
    },
  );

  it('is in no stack of anybody by its name', async () => {
    const stacks: (string | undefined)[] = [];
    let chain: AwaitChain | undefined;
    const pending = (async () => {
      await wait(0);
      expect(chain?.isHere).toBe(true);
      stacks.push(new Error('a stack').stack);
    })();
    chain = new AwaitChain(pending.then(() => undefined));
    await wait(5);
    expect(stacks).toEqual([expect.not.stringContaining('nestjs-websockex: whoever')]);
  });

  it('is not known where stacks are switched off for good', async () => {
    const { stackTraceLimit } = Error;
    const told: (boolean | undefined)[] = [];
    let chain: AwaitChain | undefined;
    const pending = (async () => {
      await wait(0);
      Object.defineProperty(Error, 'stackTraceLimit', { value: 0, writable: false });
      told.push(chain?.isHere);
      Object.defineProperty(Error, 'stackTraceLimit', { value: stackTraceLimit, writable: true });
    })();
    chain = new AwaitChain(pending.then(() => undefined));
    await wait(5);
    expect(told).toEqual([false]);
  });
});
