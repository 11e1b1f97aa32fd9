// Taken when the module loads: a runner's fake timers do not stop the tests of this kit.
const {
  clearTimeout: realClearTimeout,
  setImmediate: realSetImmediate,
  setTimeout: realSetTimeout,
} = globalThis;

/** One turn of the event loop: microtasks, ticks and what they queue have run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    realSetImmediate(resolve);
  });
}

/** A timer in real time that keeps no process alive. */
export function realTimer(milliseconds: number, fire: () => void): () => void {
  const timer = realSetTimeout(fire, milliseconds);
  timer.unref();
  return () => realClearTimeout(timer);
}
