import { setImmediate, setTimeout } from 'node:timers';

import type { Clock } from '../clock/clock.port.js';
import { LogHistogram } from './log.histogram.js';

/** So many calls of a handler are timed before it is a feed, and then one of so many. */
const TIMED = 8;
const EVERY = 2_048;

/** A turn of the event loop, or such a while, that brings no more calls is none of a feed. */
const FEW = 64;

/** Milliseconds after which a feed is looked at again: to do so every turn costs it as much as all else that is measured. */
const WHILE = 10;

/** While nobody wants durations, calls are counted, so many at a time. */
const COUNTED = 2 ** 30 - 1;

/** Has something called later. */
type Later = (call: () => void) => void;

/** Tells the handlers that were called in a turn of the event loop that it is over: one for an application. */
export class MeterTurns {
  /** Those of this turn. */
  readonly #turn: Waiting;
  /** Those that are called by a feed. */
  readonly #feeds: Waiting;

  /** @param afterWhile has something called after ten milliseconds of real time, which keeps no process alive */
  constructor(afterWhile: Later = (call) => void setTimeout(call, WHILE).unref()) {
    this.#turn = new Waiting((call) => void setImmediate(call));
    this.#feeds = new Waiting(afterWhile);
  }

  /** It was called for the first time in this turn. */
  join(handler: HandlerMeter): void {
    this.#turn.add(handler);
  }

  /** It is called by a feed. */
  follow(handler: HandlerMeter): void {
    this.#feeds.add(handler);
  }
}

/** Handlers that are told together. */
class Waiting {
  #handlers: HandlerMeter[] | undefined;

  constructor(private readonly later: Later) {}

  add(handler: HandlerMeter): void {
    if (this.#handlers !== undefined) {
      this.#handlers.push(handler);
      return;
    }
    this.#handlers = [handler];
    this.later(() => {
      const handlers = this.#handlers ?? [];
      this.#handlers = undefined;
      for (const one of handlers) one.turnOver();
    });
  }
}

/** What a handler has thrown, or rejected with. */
export interface Failure {
  readonly thrown: unknown;
}

/** Told of calls that were timed, in seconds, which have all ended so. */
export type Timed = (
  handler: HandlerMeter,
  seconds: readonly number[],
  failure: Failure | undefined,
) => void;

/** So many are told at a time: to tell of one costs as much as to time it. */
const TOGETHER = 256;

/**
 * Counts the calls of one handler, and times some: to look at the clock twice costs as much as a short handler does. Of a
 * slow feed all are timed. From eight calls in one turn of the event loop on it is one of 2,048. After a turn of more than 64
 * it stays so until ten milliseconds have brought no more than that. While nobody wants durations, none is.
 */
export class HandlerMeter {
  /** Calls until the next that is timed: the caller counts them down, and asks no more of most. */
  left = COUNTED;
  /** How many that were at first. */
  #period = COUNTED;
  #isTimed = false;
  /** Calls before them. */
  #before = 0;
  /** How many there had been when this turn of the event loop, or this while of a feed, began. */
  #atTurn = 0;
  /** How many were timed since it is no feed. */
  #timed = 0;
  #isJoined = false;
  /** What calls have taken that have ended well, until that is told: with the turn, or the while, at the latest. */
  #ended: number[] = [];
  #durations: LogHistogram | undefined;

  constructor(
    readonly method: string,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly turns: MeterTurns,
    private readonly told: Timed,
  ) {}

  /** Whether some calls are timed from now on. */
  set isTimed(isTimed: boolean) {
    this.#isTimed = isTimed;
    this.flush();
    this.#startOver();
  }

  /** How many calls there have been. */
  get calls(): number {
    return this.#before + this.#period - this.left;
  }

  /** The durations of those that were timed. */
  get durations(): LogHistogram {
    return (this.#durations ??= new LogHistogram());
  }

  /** A call that is timed begins. @returns what {@link end} is to be given */
  begin(): number {
    this.#before += this.#period;
    this.#timed++;
    this.left = this.#period = this.#isTimed ? (this.#timed < TIMED ? 1 : EVERY) : COUNTED;
    if (!this.#isJoined) this.#join();
    return this.clock.now();
  }

  /** What it returned has settled, or it has thrown. */
  end(since: number, failure?: Failure): void {
    const seconds = (this.clock.now() - since) / 1_000;
    if (failure !== undefined) {
      this.durations.add(seconds);
      this.told(this, [seconds], failure);
      return;
    }
    if (this.#ended.push(seconds) >= TOGETHER) this.#tell();
    if (!this.#isJoined) this.#join();
  }

  /** The next calls are those of another turn. */
  turnOver(): void {
    this.flush();
    const { calls } = this;
    const isFast = calls - this.#atTurn > FEW;
    this.#atTurn = calls;
    // Eight more of each turn would cost a feed as much as all others do: it is one until a while has brought little.
    if (isFast && this.#isTimed) return this.turns.follow(this);
    this.#isJoined = false;
    this.#startOver();
  }

  #startOver(): void {
    this.#before = this.calls;
    this.left = this.#period = this.#isTimed ? 1 : COUNTED;
    this.#timed = 0;
  }

  /** Tells what waits to be told. */
  flush(): void {
    if (this.#ended.length > 0) this.#tell();
  }

  #join(): void {
    this.#isJoined = true;
    this.turns.join(this);
  }

  #tell(): void {
    const ended = this.#ended;
    this.#ended = [];
    for (const seconds of ended) this.durations.add(seconds);
    this.told(this, ended, undefined);
  }
}
