import { isThenable } from '../async/deferred.js';
import type { Failure, HandlerMeter } from '../metering/handler.meter.js';
import type { Handler } from './client.definition.js';

/** Calls a handler, and counts that where it is measured. */
export function counted(handler: Handler, args: readonly unknown[]): unknown {
  const { meter } = handler;
  return meter === undefined || --meter.left > 0
    ? handler.invoke(...(args as never[]))
    : timed(handler, meter, args);
}

/** Calls a handler that is measured, and may have that timed. */
export function timed(handler: Handler, meter: HandlerMeter, args: readonly unknown[]): unknown {
  const since = meter.begin();
  const call = (): unknown => handler.invoke(...(args as never[]));
  return since === undefined ? call() : followed(call, (failure) => meter.end(since, failure));
}

/** Calls, and tells when what was returned has settled; gives that, or what it comes to. */
export function followed(call: () => unknown, over: (failure?: Failure) => void): unknown {
  let value: unknown;
  try {
    value = call();
  } catch (thrown) {
    over({ thrown });
    throw thrown;
  }
  if (isThenable(value)) return settled(value, over);
  over();
  return value;
}

/** Tells when it has settled; gives what it comes to. */
function settled(
  promise: PromiseLike<unknown>,
  over: (failure?: Failure) => void,
): Promise<unknown> {
  // What is passed on in its place: of a promise that two await, the stack does not tell who awaits whom.
  return Promise.resolve(promise).then(
    (late) => {
      over();
      return late;
    },
    (thrown: unknown) => {
      over({ thrown });
      throw thrown;
    },
  );
}
