import { executionAsyncResource } from 'node:async_hooks';
import { versions } from 'node:process';

import { describe, expect, it } from 'vitest';

import { HandlerContext } from '../../../lib/runtime/process/handler.context.js';
import { settle } from '../../fixtures/virtual-clock.js';

class Call {
  isOver = false;

  constructor(private readonly context: HandlerContext) {}

  end(): void {
    this.isOver = true;
    this.context.left(this);
  }
}

/** Before Node 24 a storage that is in use has each promise known. */
const [major = 0] = versions.node.split('.').map(Number);

describe('The context of handlers', () => {
  it('is known after an await, and over with its call', async () => {
    const context = new HandlerContext();
    const call = new Call(context);
    const seen: unknown[] = [];
    const running = context.run(call, async () => {
      await settle();
      seen.push(context.current === call, context.isInCall);
      call.end();
      seen.push(context.isInCall);
    });
    expect([context.current, context.isInCall]).toEqual([undefined, false]);
    await running;
    expect(seen).toEqual([true, true, false]);
  });

  it('is entered in the middle, and left', async () => {
    const context = new HandlerContext();
    const call = new Call(context);
    const work = async (): Promise<boolean> => {
      await Promise.resolve();
      return context.current === call;
    };
    const leave = context.enter(call);
    const inside = work();
    leave();
    expect(context.current).toBeUndefined();
    expect([await inside, await work()]).toEqual([true, false]);
    call.end();
  });

  it('is kept while another call goes on that has begun before or after', async () => {
    const context = new HandlerContext();
    const [first, second] = [new Call(context), new Call(context)];
    const work = (call: Call) => async (): Promise<boolean> => {
      for (let turns = 0; turns < 5; turns++) await settle();
      return context.current === call;
    };
    const known = [context.run(first, work(first)), context.run(second, work(second))];
    const third = new Call(context);
    context.run(third, () => third.end());
    await settle();
    expect(await Promise.all(known)).toEqual([true, true]);
    first.end();
    await settle();
    await settle();
    expect(await context.run(second, work(second))).toBe(true);
    second.end();
  });

  it('is kept where a call begins in the turn in which the last one has ended', async () => {
    const context = new HandlerContext();
    const last = new Call(context);
    context.run(last, () => last.end());
    const next = new Call(context);
    const known = context.run(next, async () => {
      for (let turns = 0; turns < 5; turns++) await settle();
      return context.current === next;
    });
    expect(await known).toBe(true);
    next.end();
    // It is switched off in a turn of its own.
    await settle();
    await settle();
  });

  it.skipIf(major >= 24)('costs nobody anything once no call goes on', async ({ skip }) => {
    const context = new HandlerContext();
    const call = new Call(context);
    const isKnown = async (): Promise<boolean> => {
      const before = executionAsyncResource();
      await Promise.resolve();
      return executionAsyncResource() !== before;
    };
    // What ran before in this process may still go on.
    if (await isKnown()) skip('somebody else has each promise known');
    expect(await context.run(call, isKnown)).toBe(true);
    call.end();
    await settle();
    await settle();
    expect(await isKnown()).toBe(false);
  });
});
