import { setImmediate } from 'node:timers';

/** Does some work when the code that runs now is done, before anything else is read or written. */
export type NextTick = (work: () => void) => void;

const { nextTick: found } = process as { nextTick: { readonly clock?: unknown } };
const ofProcess: NextTick = process.nextTick.bind(process);

/**
 * Node's own, whatever the fake timers of a test runner put in its place later. Those that stood there when
 * this was loaded have a clock, which nobody moves for us: then a turn of the event loop stands for a tick.
 */
export const nextTick: NextTick =
  found.clock === undefined ? ofProcess : (work) => void setImmediate(work);
