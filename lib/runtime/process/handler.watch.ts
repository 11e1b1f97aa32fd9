import type { Clock, Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { TurnBudget } from '../mailbox/turn.budget.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { CallWatch, HandlerCalls, RunningCall } from './handler.calls.js';
import type { Message } from './message.js';

/** A handler is told again when it has been running for so many times as long. */
const AGAIN = 10;

const NONE: Timer = { cancel: () => undefined };

/**
 * Tells the same of something that is no handler in its turn: an options factory, a handler of a rotation.
 *
 * @param waiting how many messages wait for it
 * @returns what is to be cancelled when it has returned, or nobody wants it any more
 */
export function watchBeside(
  { clock, telemetry }: { readonly clock: Clock; readonly telemetry: Telemetry },
  method: string,
  slowHandler: number,
  waiting: () => number,
): Timer {
  if (slowHandler === Infinity) return NONE;
  const since = clock.now();
  let timer = NONE;
  const wait = (due: number): void => {
    timer = setDeadline(clock, since + due - clock.now(), () => {
      const running = clock.now() - since;
      telemetry.emit('handler:slow', { method, running, waiting: waiting() });
      wait(due * AGAIN);
    });
  };
  wait(slowHandler);
  return { cancel: () => timer.cancel() };
}

/** The parts of a process that its handlers are watched with. */
export interface HandlerWatchParts {
  readonly calls: HandlerCalls;
  readonly mailbox: Mailbox<Message>;
  readonly settings: ClientSettings;
  /** A handler did not return within `handlerTimeout`. */
  onHandlerTimeout(running: RunningCall): void;
}

/**
 * Sees handlers that run for long: they keep the mailbox waiting, and nobody else would tell. One that
 * has returned before the turn of the event loop is over costs it a number and no more: it looks at the
 * clock at the end of a turn, and has a timer for one that outlasts it, and for all that wait in a row.
 */
export class HandlerWatch implements CallWatch {
  #timer: Timer | undefined;
  /** How many there were; the last of them is the one that runs. */
  #count = 0;
  /** The one that has outlasted a turn, and since when it has been seen. */
  #seen = 0;
  #since = 0;
  /** Whether the end of this turn is looked at. */
  #isDue = false;
  #hasEnded = false;
  /** The last one that was told, and how long it has to run to be told again. */
  #told: { readonly count: number; readonly again: number } | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly telemetry: Telemetry,
    private readonly parts: HandlerWatchParts,
    private readonly budget: Pick<TurnBudget, 'whenRenewed'>,
  ) {}

  suspended(): void {
    this.#count++;
    if (this.#isDue) return;
    this.#isDue = true;
    this.budget.whenRenewed(() => this.#outlasted());
  }

  settled(): void {
    // While others wait the next one is about to begin: a timer for each would cost more than they do.
    if (this.#timer !== undefined && this.parts.mailbox.length === 0) this.#cancel();
  }

  /** Nothing runs any more that anybody waits for: what hangs is not told. */
  end(): void {
    this.#hasEnded = true;
    this.#cancel();
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A turn is over, and there is one that has not returned, or none. */
  #outlasted(): void {
    this.#isDue = false;
    if (this.#hasEnded || this.parts.calls.running === undefined) return;
    this.#seen = this.#count;
    this.#since = this.clock.now();
    if (this.#timer === undefined) this.#wait(0);
  }

  #wait(elapsed: number): void {
    const { slowHandler, handlerTimeout } = this.parts.settings;
    const due = Math.min(this.#told?.again ?? slowHandler, handlerTimeout);
    if (due === Infinity) return;
    this.#timer = setDeadline(this.clock, due - elapsed, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    const { calls, mailbox, settings } = this.parts;
    const { running } = calls;
    // One that has begun in this turn is looked at when that is over.
    if (running === undefined || this.#seen !== this.#count) return;
    if (this.#told?.count !== this.#count) this.#told = undefined;
    const elapsed = this.clock.now() - this.#since;
    if (elapsed >= settings.handlerTimeout) return this.parts.onHandlerTimeout(running);
    const due = this.#told?.again ?? settings.slowHandler;
    if (elapsed >= due) {
      this.#told = { count: this.#count, again: due * AGAIN };
      calls.suspect();
      const { method } = running;
      this.telemetry.emit('handler:slow', { method, running: elapsed, waiting: mailbox.length });
    }
    this.#wait(elapsed);
  }
}
