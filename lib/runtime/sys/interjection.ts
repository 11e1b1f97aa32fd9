import type { Clock, Timer } from '../clock/clock.port.js';
import { Deferred } from '../clock/waiters.js';
import { CallTimeoutError } from '../errors/client.errors.js';
import type { Process } from '../process/process.js';

/** What is to be done between two messages. */
export interface Interjection<R> {
  /** What asks for it: "sys.getState()". */
  readonly call: string;
  readonly work: () => Promise<R>;
  /** Answers in its place once the process is over. */
  readonly over: (answer: Deferred<R>) => void;
}

/**
 * Has something done in a process between two messages. Where the handler under way does not return
 * within `callTimeout` it rejects, and is not done any more.
 */
export function interject<R>(
  client: string,
  process: Process,
  clock: Clock,
  { call, work, over }: Interjection<R>,
): Promise<R> {
  const answer = new Deferred<R>();
  let isWaiting = true;
  let timer: Timer | undefined;
  const stopWaiting = (): void => {
    isWaiting = false;
    timer?.cancel();
  };
  process.mailbox.interject(
    () => {
      if (!isWaiting) return undefined;
      stopWaiting();
      return work().then(answer.resolve, answer.reject);
    },
    () => {
      stopWaiting();
      over(answer);
    },
  );
  const { callTimeout } = process.settings;
  if (isWaiting && callTimeout !== Infinity) {
    timer = clock.setTimer(callTimeout, () => {
      isWaiting = false;
      const what = `${call} waits for ${process.runner.busy}, which did not return`;
      answer.reject(new CallTimeoutError(client, callTimeout, what));
    });
  }
  return answer.promise;
}
