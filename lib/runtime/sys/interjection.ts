import type { Clock, Timer } from '../clock/clock.port.js';
import { Deferred } from '../clock/waiters.js';
import { CallTimeoutError } from '../errors/client.errors.js';
import type { Process } from '../process/process.js';

/** What is to be done between two messages. */
export interface Interjection<R> {
  /** What asks for it: "sys.getState()". */
  readonly call: string;
  readonly work: () => Promise<R>;
  /** Whether it answers only once the mailbox has gone on. */
  readonly answersLater?: boolean;
  /** Answers in its place once the process is over. */
  readonly over: (answer: Deferred<R>) => void;
}

/** What has been asked for. */
export interface Interjected<R> {
  readonly answer: Promise<R>;
  /** It is not done any more. */
  readonly giveUp: (error: Error) => void;
}

/**
 * Has something done in a process between two messages. Where the handler under way does not return
 * within `callTimeout` it rejects, and is not done any more.
 */
export function interject<R>(
  client: string,
  process: Process,
  clock: Clock,
  { call, work, over, answersLater = false }: Interjection<R>,
): Interjected<R> {
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
      const done = work();
      const settled = done.then(
        () => undefined,
        () => undefined,
      );
      // Some turns of the queue later than the mailbox, which waits for the same.
      const answered = answersLater ? settled.then(() => done) : done;
      answered.then(answer.resolve, answer.reject);
      return settled;
    },
    () => {
      stopWaiting();
      over(answer);
    },
  );
  const giveUp = (error: Error): void => {
    stopWaiting();
    answer.reject(error);
  };
  const { callTimeout } = process.settings;
  if (isWaiting && callTimeout !== Infinity) {
    timer = clock.setTimer(callTimeout, () => {
      const what = `${call} waits for ${process.calls.busy}, which did not return`;
      giveUp(new CallTimeoutError(client, callTimeout, what));
    });
  }
  return { answer: answer.promise, giveUp };
}
