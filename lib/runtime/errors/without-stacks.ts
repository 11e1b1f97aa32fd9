/**
 * Does some work; the errors made in it have no stack frames, which cost more than the error. For
 * errors that only ever come from one place, in a turn of the event loop where no user's code is.
 */
export function withoutStacks(work: () => void): void {
  const { stackTraceLimit } = Error;
  // Not assigned: that throws where somebody has frozen `Error`.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    work();
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}
