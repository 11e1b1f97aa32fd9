import { describe, expect, it } from 'vitest';

import { SystemClock } from '../../../lib/runtime/clock/system.clock.js';
import { Observers } from '../../../lib/runtime/observers/observers.js';
import type { DebugOptions } from '../../../lib/runtime/options/client-options.js';
import { Debugger } from '../../../lib/runtime/sys/debugger.js';
import { TraceHook } from '../../../lib/runtime/telemetry/trace.hook.js';

/** A debugger, and whether anything of the client is told to it. */
function make() {
  const hook = new TraceHook();
  const error = (thrown: unknown): void => {
    throw thrown;
  };
  const observers = new Observers({ telemetry: { error } });
  let fail!: (error: unknown) => void;
  const failed = new Promise<unknown>((resolve) => (fail = resolve));
  const one = new Debugger('Feed', observers, hook, new SystemClock(), fail);
  return { one, hook, failed, isTold: () => [hook.tell !== undefined, observers.wants()] };
}

const ON: readonly DebugOptions[] = [
  { trace: true },
  { log: true },
  { log: 3 },
  { statistics: true },
  { logToFile: '/dev/null' },
];

describe('Debugger', () => {
  it.each(ON)('listens with %o, and no more when it is off, or at the end', async (options) => {
    const { one, isTold } = make();
    expect(isTold()).toEqual([false, false]);
    one.apply({});
    expect(isTold()).toEqual([false, false]);
    one.apply(options);
    expect(isTold()).toEqual([true, true]);
    one.trace(false);
    one.log(false);
    one.count(false);
    await one.writeTo(false);
    expect(isTold()).toEqual([false, false]);
    one.apply(options);
    await one.end('terminated');
    expect(isTold()).toEqual([false, false]);
    one.trace(true);
    one.log(1);
    one.count(true);
    expect(isTold()).toEqual([false, false]);
  });

  it('listens no more when its file fails, or is none', async () => {
    const { one, hook, failed, isTold } = make();
    await expect(one.writeTo('/missing/file')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(isTold()).toEqual([false, false]);
    await one.writeTo('/dev/full');
    hook.tell?.({ event: 'info', message: 'more than it takes' });
    expect(await failed).toMatchObject({ code: 'ENOSPC' });
    expect(isTold()).toEqual([false, false]);
  });

  it('has nothing to wait for at its end without a file', () => {
    const { one } = make();
    one.apply({ log: true, statistics: true });
    expect(one.end('terminated')).toBeUndefined();
  });
});
