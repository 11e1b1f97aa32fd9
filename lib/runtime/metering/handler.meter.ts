import { setImmediate, setTimeout } from 'node:timers';

import type { Clock } from '../clock/clock.port.js';
import { LogHistogram } from './log.histogram.js';

/** So many calls of a handler are timed in a turn of the event loop. */
const TIMED = 8;

/** A turn that brings no more calls is none of a feed. */
const FEW = 64;

/** Milliseconds for which a feed is left alone: to look at it every turn costs it as much as all else that is measured. */
const WHILE = 10;

/** While no call is to be timed, they are counted, so many at a time. */
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
    this.#turn = new Waiting(
      (call) => void setImmediate(call),
      (one) => one.turnOver(),
    );
    this.#feeds = new Waiting(afterWhile, (one) => one.whileOver());
  }

  /** It was called for the first time in this turn. */
  join(handler: HandlerMeter): void {
    this.#turn.add(handler);
  }

  /** It is called by a feed: it is told that the while is over. */
  follow(handler: HandlerMeter): void {
    this.#feeds.add(handler);
  }
}

/** Handlers that are told together. */
class Waiting {
  #handlers: HandlerMeter[] | undefined;

  constructor(
    private readonly later: Later,
    private readonly tell: (handler: HandlerMeter) => void,
  ) {}

  add(handler: HandlerMeter): void {
    if (this.#handlers !== undefined) {
      this.#handlers.push(handler);
      return;
    }
    this.#handlers = [handler];
    this.later(() => {
      const handlers = this.#handlers ?? [];
      this.#handlers = undefined;
      for (const one of handlers) this.tell(one);
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

/** What has its calls looked at by whoever makes them. */
export interface Metered {
  meter?: HandlerMeter | undefined;
}

/**
 * Times calls of one handler, some of them: to look at the clock twice costs as much as a short handler does. Of a slow feed
 * all are timed, and of one turn of the event loop eight. After a turn of more than 64 it is one in ten milliseconds, any of
 * a turn, until a turn brings no more than 64. While nobody wants durations, none is. Calls are counted where somebody
 * wants that: else a feed of which none is to be timed has nothing done for a call.
 */
export class HandlerMeter {
  /** Calls until the next that is looked at: the caller counts them down, and asks no more of most. */
  left = COUNTED;
  /** Whether no call is to be looked at, or counted: the caller does not even count down. */
  #rests = false;
  /** Those that know of this meter while it does not rest: to ask it whether it does costs a feed 3 ns a frame. */
  #attached: WeakRef<Metered>[] = [];
  /** What {@link left} was at first. */
  #period = COUNTED;
  #isTimed = false;
  #isCounted = false;
  /** Calls before them. */
  #before = 0;
  /** How many there had been when this turn of the event loop began. */
  #atTurn = 0;
  /** How many a turn of the feed has had that it is called by; 0: there is none. */
  #ofTurn = 0;
  /** Whether the feed is left alone, until {@link whileOver}. */
  #isAlone = false;
  /** How many were timed in this turn. */
  #timed = 0;
  #isJoined = false;
  /** What calls have taken that have ended well, until that is told with the turn: to tell of one costs as much as to time it. */
  #ended: number[] = [];
  #durations: LogHistogram | undefined;

  constructor(
    readonly method: string,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly turns: MeterTurns,
    private readonly told: Timed,
    private readonly random: () => number = Math.random,
  ) {}

  /** Whether some calls are timed from now on. */
  set isTimed(isTimed: boolean) {
    this.#isTimed = isTimed;
    this.flush();
    this.#startOver();
  }

  /** Whether all calls are counted from now on. */
  set isCounted(isCounted: boolean) {
    this.#isCounted = isCounted;
    this.#startOver();
  }

  get rests(): boolean {
    return this.#rests;
  }

  /** From now on it is told of the calls of this, too, which has this meter as its own while there is something to tell. */
  attach(metered: Metered): void {
    // Weakly: which incarnation of a client is the last one, only the client knows, and nobody tells of its end.
    this.#attached = this.#attached.filter((one) => one.deref() !== undefined);
    this.#attached.push(new WeakRef(metered));
    metered.meter = this.#rests ? undefined : this;
  }

  /** How many calls there have been, where they are counted. */
  get calls(): number {
    return this.#before + this.#period - this.left;
  }

  /** The durations of those that were timed. */
  get durations(): LogHistogram {
    return (this.#durations ??= new LogHistogram());
  }

  /** A call begins that is looked at. @returns what {@link end} is to be given; `undefined`: it is not timed */
  begin(): number | undefined {
    if (!this.#isTimed) return this.#next(COUNTED);
    const isFirst = !this.#isJoined;
    if (isFirst) this.#join();
    if (this.#ofTurn > 0) {
      // What a feed sends first in a turn may be unlike the rest.
      const before = isFirst ? Math.floor(this.random() * this.#ofTurn) : 0;
      if (before > 0) return this.#next(before);
      this.#next(COUNTED);
    } else this.#next(++this.#timed < TIMED ? 1 : COUNTED);
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
    this.#ended.push(seconds);
    if (!this.#isJoined) this.#join();
  }

  /** The next calls are those of another turn. */
  turnOver(): void {
    this.flush();
    this.#isJoined = false;
    if (this.#isAlone) return;
    const ofTurn = this.calls - this.#atTurn;
    this.#startOver();
    if (ofTurn <= FEW || !this.#isTimed) return;
    this.#ofTurn = ofTurn;
    this.#isAlone = true;
    this.#rest(!this.#isCounted);
    this.#next(COUNTED);
    this.turns.follow(this);
  }

  /** A feed has been left alone for a while: the next call is looked at. */
  whileOver(): void {
    // Who has begun to ask for durations since has had it start over.
    if (!this.#isAlone) return;
    this.#isAlone = false;
    this.#rest(false);
    this.#next(1);
    this.#atTurn = this.calls;
  }

  #rest(rests: boolean): void {
    if (rests === this.#rests) return;
    this.#rests = rests;
    for (const one of this.#attached) {
      const metered = one.deref();
      if (metered !== undefined) metered.meter = rests ? undefined : this;
    }
  }

  #startOver(): void {
    this.#isAlone = false;
    this.#rest(!this.#isTimed && !this.#isCounted);
    this.#next(this.#isTimed ? 1 : COUNTED);
    this.#atTurn = this.calls;
    this.#ofTurn = 0;
    this.#timed = 0;
  }

  /** So many calls from now the next is looked at. */
  #next(left: number): undefined {
    this.#before = this.calls;
    this.left = this.#period = left;
  }

  /** Tells what waits to be told. */
  flush(): void {
    if (this.#ended.length === 0) return;
    const ended = this.#ended;
    this.#ended = [];
    for (const seconds of ended) this.durations.add(seconds);
    this.told(this, ended, undefined);
  }

  #join(): void {
    this.#isJoined = true;
    this.turns.join(this);
  }
}
