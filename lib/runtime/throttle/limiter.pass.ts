import { isThenable, limited } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import type { Attempt } from '../connection/attempt.js';
import { inspectShort } from '../errors/websockex.error.js';
import type { BudgetClient, ConnectLimiter } from './budget.port.js';

/** Milliseconds a limiter may take: every wait ends, and an answer that was lost never comes. */
const PATIENCE = 300_000;

/**
 * Asks a limiter to let an attempt in. Whatever it does, the promise settles: with `false` when the
 * attempt was given up meanwhile. Who was let in leaves when the attempt is over, at once where it is.
 */
export function passLimiter(
  limiter: ConnectLimiter,
  origin: string,
  attempt: Attempt,
  client: BudgetClient,
  clock: Clock,
): Promise<boolean> {
  const controller = new AbortController();
  const passed = limited<boolean>(
    clock,
    { timeout: PATIENCE },
    (timeout) => new Error(`it did not let the attempt in within ${timeout} ms`),
  );
  let isAsked = true;
  const entered = (leave: unknown): void => {
    isAsked = false;
    if (typeof leave !== 'function') {
      const what = `enter() gave ${inspectShort(leave)}; it must give a function to leave by`;
      return passed.reject(new TypeError(what));
    }
    passed.resolve(true);
    attempt.whenSettled(() => leaveBy(leave as () => unknown, client));
  };
  const failed = (thrown: unknown): void => {
    isAsked = false;
    passed.reject(thrown);
    if (controller.signal.aborted && !isAbort(thrown, controller.signal)) {
      client.failed(thrown, 'the limiter of an attempt that was over');
    }
  };
  new Promise((resolve) => resolve(limiter.enter(origin, controller.signal))).then(entered, failed);
  attempt.whenSettled(() => {
    passed.resolve(false);
    if (isAsked) controller.abort();
  });
  return passed.promise;
}

function leaveBy(leave: () => unknown, client: BudgetClient): void {
  const failed = (thrown: unknown): void => client.failed(thrown, 'leave() of the limiter');
  try {
    const left = leave();
    if (isThenable(left)) Promise.resolve(left).catch(failed);
  } catch (thrown) {
    failed(thrown);
  }
}

function isAbort(thrown: unknown, { reason }: AbortSignal): boolean {
  return thrown === reason || (thrown instanceof Error && thrown.name === 'AbortError');
}
