import { afterEach, describe, expect, it } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import {
  type Failure,
  HandlerMeter,
  type Metered,
  MeterTurns,
} from '../../../lib/runtime/metering/handler.meter.js';
import { LogHistogram } from '../../../lib/runtime/metering/log.histogram.js';
import { settle } from '../../fixtures/virtual-clock.js';

const told: { readonly seconds: number; readonly failure: Failure | undefined }[] = [];
let now = 0;

/** What waits for a while of real time to be over. */
let whiles: (() => void)[] = [];

/** Which call of a turn is timed, as a part of the turn before. */
let part = 0;

function make(options: { readonly isCounted?: boolean } = {}): HandlerMeter {
  const note = (_: HandlerMeter, all: readonly number[], failure: Failure | undefined): void =>
    void told.push(...all.map((seconds) => ({ seconds, failure })));
  const meter = new HandlerMeter(
    'tick',
    { now: () => now },
    new MeterTurns((over) => void whiles.push(over)),
    note,
    () => part,
  );
  meter.isTimed = true;
  meter.isCounted = options.isCounted ?? true;
  return meter;
}

/** Calls it so often, as who stands around a handler does. @returns which of the calls were timed */
function call(meter: HandlerMeter, times: number, takes = 0): number[] {
  const timed: number[] = [];
  for (let index = 0; index < times; index++) {
    if (meter.rests || --meter.left > 0) continue;
    const since = meter.begin();
    if (since === undefined) continue;
    now += takes;
    meter.end(since);
    timed.push(index);
  }
  return timed;
}

/** As the meter sees it: what it waits for comes first. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A while is over. */
function nextWhile(): void {
  const over = whiles;
  whiles = [];
  for (const one of over) one();
}

afterEach(async () => {
  await nextTurn();
  whiles = [];
  part = 0;
  told.length = 0;
});

describe('The meter of a handler', () => {
  it('times all calls of a slow feed', async () => {
    const meter = make();
    for (let turn = 1; turn <= 20; turn++) {
      expect(call(meter, 3)).toEqual([0, 1, 2]);
      await nextTurn();
      expect(told.length).toBe(turn * 3);
    }
    expect([meter.calls, meter.rests, whiles]).toEqual([60, false, []]);
  });

  it('times the first eight of a turn, and counts the others', async () => {
    const meter = make();
    expect(call(meter, 64)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await nextTurn();
    expect([meter.calls, told.length, whiles]).toEqual([64, 8, []]);
    expect(call(meter, 64)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('leaves a feed alone for a while, then times one call of a turn', async () => {
    const meter = make();
    call(meter, 65);
    await nextTurn();
    for (const at of [0, 0.5, 0.999]) {
      part = at;
      expect(call(meter, 10_000), 'while it is left alone').toEqual([]);
      nextWhile();
      expect(call(meter, 10_000)).toEqual([Math.floor(at * (at === 0 ? 65 : 10_000))]);
      await nextTurn();
    }
    expect([meter.calls, told.length]).toEqual([65 + 6 * 10_000, 8 + 3]);
  });

  it('times one call of a turn though it has fewer than the one before, where it gets so far', async () => {
    const meter = make();
    call(meter, 1_000);
    await nextTurn();
    part = 0.1;
    nextWhile();
    expect(call(meter, 200)).toEqual([100]);
    await nextTurn();
    nextWhile();
    part = 0.9;
    expect(call(meter, 150), 'though the 180th was to be').toEqual([]);
    await nextTurn();
    expect(whiles).toHaveLength(1);
  });

  it('is that of a slow feed again when a turn has brought little', async () => {
    const meter = make();
    call(meter, 1_000);
    await nextTurn();
    part = 0.9;
    nextWhile();
    expect(call(meter, 64)).toEqual([]);
    await nextTurn();
    expect(whiles, 'waits for').toEqual([]);
    expect(call(meter, 3)).toEqual([0, 1, 2]);
  });

  it('waits for nothing while a feed is silent', async () => {
    const meter = make();
    call(meter, 1_000);
    await nextTurn();
    nextWhile();
    await nextTurn();
    expect(whiles).toEqual([]);
    expect(call(meter, 1)).toEqual([0]);
  });

  it('has nothing done for the calls of a feed while nobody wants them counted', async () => {
    const meter = make({ isCounted: false });
    call(meter, 65);
    await nextTurn();
    expect(meter.rests).toBe(true);
    const { left } = meter;
    call(meter, 100);
    expect([meter.left, meter.calls]).toEqual([left, 65]);
    nextWhile();
    expect([meter.rests, call(meter, 100)]).toEqual([false, [0]]);
    await nextTurn();
    expect(meter.rests).toBe(true);
    meter.isTimed = false;
    expect(meter.rests, 'where nobody wants durations').toBe(true);
    meter.isCounted = true;
    expect(meter.rests, 'where somebody wants calls').toBe(false);
  });

  it('is known to what it is attached to while it does not rest', async () => {
    const meter = make({ isCounted: false });
    const some: Metered[] = [{}, {}];
    const known = (): unknown[] => some.map((one) => one.meter);
    for (const one of some) meter.attach(one);
    expect(known()).toEqual([meter, meter]);
    call(meter, 65);
    await nextTurn();
    expect(known(), 'of a feed').toEqual([undefined, undefined]);
    const late: Metered = {};
    meter.attach(late);
    expect(late.meter, 'while it rests').toBeUndefined();
    nextWhile();
    expect([...known(), late.meter], 'after a while').toEqual([meter, meter, meter]);
  });

  it('starts over where somebody begins to ask while it is left alone', async () => {
    const meter = make();
    call(meter, 65);
    await nextTurn();
    meter.isTimed = false;
    meter.isTimed = true;
    expect(call(meter, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    nextWhile();
    expect(call(meter, 10), 'in the same turn').toEqual([]);
    await nextTurn();
    expect(call(meter, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('looks again after a while of real time by itself', async () => {
    const said: number[] = [];
    const heard = new Deferred<void>();
    const note = (_: HandlerMeter, all: readonly number[]): void => {
      said.push(...all);
      if (said.length === 9) heard.resolve();
    };
    const meter = new HandlerMeter('tick', { now: () => now }, new MeterTurns(), note, () => 0);
    meter.isTimed = true;
    call(meter, 8 + 65);
    await nextTurn();
    expect(meter.rests).toBe(true);
    while (meter.rests) await nextTurn();
    call(meter, 100);
    await heard.promise;
    expect(said).toHaveLength(9);
  });

  it('tells of those that have ended later with the turn in which they have', async () => {
    const meter = make();
    const begun = Array.from({ length: 5 }, () => {
      --meter.left;
      return meter.begin() as number;
    });
    await nextTurn();
    told.length = 0;
    for (const since of begun) meter.end(since);
    expect(told.length).toBe(0);
    await nextTurn();
    expect(told.length).toBe(5);
  });

  it('leaves a feed alone, too, where a call ends meanwhile', async () => {
    const meter = make();
    --meter.left;
    const since = meter.begin() as number;
    call(meter, 65);
    await nextTurn();
    meter.end(since);
    await nextTurn();
    expect(told.length).toBe(8);
    expect(call(meter, 100)).toEqual([]);
    nextWhile();
    expect(call(meter, 100)).toEqual([0]);
  });

  it('tells seconds, and what the call has failed with', async () => {
    const meter = make();
    call(meter, 1, 250);
    const failure = { thrown: new Error('no') };
    --meter.left;
    meter.end(meter.begin() as number, failure);
    await settle();
    expect(told).toEqual([
      { seconds: 0, failure },
      { seconds: 0.25, failure: undefined },
    ]);
    expect(meter.durations.count).toBe(2);
  });
});

describe('A histogram with logarithmic buckets', () => {
  it('has no quantile while it is empty', () => {
    expect(new LogHistogram().quantile(0.5)).toBeUndefined();
  });

  it('tells quantiles that are off by less than a fifth', () => {
    const histogram = new LogHistogram();
    for (let index = 1; index <= 1_000; index++) histogram.add(index / 1_000);
    for (const share of [0.05, 0.5, 0.95, 1]) {
      const quantile = histogram.quantile(share) as number;
      expect(quantile / share).toBeGreaterThan(0.99);
      expect(quantile / share).toBeLessThan(1.2);
    }
  });

  it('takes what is very short, and very long', () => {
    const histogram = new LogHistogram();
    for (const seconds of [0, 1e-9, 1e9]) histogram.add(seconds);
    expect(histogram.quantile(0.5)).toBe(1e-6);
    expect(histogram.quantile(1)).toBeGreaterThan(900);
  });
});

it('counts calls, and times none, while nobody wants durations', () => {
  told.length = 0;
  const meter = make();
  meter.isTimed = false;
  call(meter, 100);
  expect([meter.calls, told.length]).toEqual([100, 0]);
  meter.isTimed = true;
  call(meter, 8);
  meter.flush();
  expect([meter.calls, told.length]).toEqual([108, 8]);
  meter.isTimed = false;
  call(meter, 100);
  expect([meter.calls, told.length]).toEqual([208, 8]);
  told.length = 0;
});
