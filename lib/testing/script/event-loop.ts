// By name, from the module: the fake timers of vitest and jest replace the globals, not these, even
// where this file loads after them.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';

/** One turn of the event loop: microtasks, ticks and what they queue have run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A timer in real time. It keeps the process alive: what it limits must fail, not end unheard. */
export function realTimer(milliseconds: number, fire: () => void): () => void {
  const timer = setTimeout(fire, milliseconds);
  return () => clearTimeout(timer);
}

/**
 * Jest's fake timers hold `process.nextTick` as well, by which `ws` tells of a handshake that
 * failed. What they hold is run, soon; their time stands.
 */
export function releaseTicks(released: () => void): void {
  const { nextTick } = process as { nextTick: { clock?: { runMicrotasks(): void } } };
  const { clock } = nextTick;
  if (clock === undefined) return;
  setImmediate(() => {
    clock.runMicrotasks();
    released();
  });
}
