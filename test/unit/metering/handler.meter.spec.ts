import { afterEach, describe, expect, it } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import {
  type Failure,
  HandlerMeter,
  MeterTurns,
} from '../../../lib/runtime/metering/handler.meter.js';
import { LogHistogram } from '../../../lib/runtime/metering/log.histogram.js';
import { settle } from '../../fixtures/virtual-clock.js';

const told: { readonly seconds: number; readonly failure: Failure | undefined }[] = [];
let now = 0;

/** What waits for a while of real time to be over. */
let whiles: (() => void)[] = [];

function make(): HandlerMeter {
  const note = (_: HandlerMeter, all: readonly number[], failure: Failure | undefined): void =>
    void told.push(...all.map((seconds) => ({ seconds, failure })));
  const meter = new HandlerMeter(
    'tick',
    { now: () => now },
    new MeterTurns((over) => void whiles.push(over)),
    note,
  );
  meter.isTimed = true;
  return meter;
}

/** Calls it so often, as who stands around a handler does. */
function call(meter: HandlerMeter, times: number, takes = 0): void {
  for (let index = 0; index < times; index++) {
    if (--meter.left > 0) continue;
    const since = meter.begin();
    now += takes;
    meter.end(since);
  }
}

/** As the meter sees it: what it waits for comes first. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A while is over. */
function nextWhile(): void {
  const over = whiles;
  whiles = [];
  for (const one of over) one();
}

afterEach(() => {
  whiles = [];
  told.length = 0;
});

describe('The meter of a handler', () => {
  it('counts all calls, and times the first eight of a turn and one of 2,048 after those', async () => {
    const meter = make();
    call(meter, 8);
    call(meter, 511);
    expect(meter.calls).toBe(519);
    await settle();
    expect(told.length).toBe(8);
  });

  it('times one of 2,048 of a feed from one turn to the next, until a while brings little', async () => {
    const meter = make();
    call(meter, 8 + 2_048 * 2);
    await nextTurn();
    expect(told.length).toBe(10);
    call(meter, 2_048 * 3);
    await nextTurn();
    expect(told.length, 'in this while').toBe(10);
    nextWhile();
    expect(told.length).toBe(13);
    call(meter, 65);
    nextWhile();
    call(meter, 64);
    expect([meter.calls, told.length]).toEqual([8 + 2_048 * 5 + 129, 13]);
    nextWhile();
    expect(whiles, 'waits for').toEqual([]);
    call(meter, 3);
    await nextTurn();
    expect([meter.calls, told.length]).toEqual([8 + 2_048 * 5 + 132, 16]);
  });

  it('looks again after a while of real time by itself', async () => {
    const said: number[] = [];
    const heard = new Deferred<void>();
    const note = (_: HandlerMeter, all: readonly number[]): void => {
      said.push(...all);
      if (said.length === 9) heard.resolve();
    };
    const meter = new HandlerMeter('tick', { now: () => now }, new MeterTurns(), note);
    meter.isTimed = true;
    call(meter, 8 + 65);
    await nextTurn();
    call(meter, 2_048);
    await heard.promise;
    expect(meter.calls).toBe(8 + 65 + 2_048);
  });

  it('tells of many as they come, and of one that has ended later with the while', async () => {
    const meter = make();
    call(meter, 8 + 2_048 * 247);
    expect(told.length).toBe(0);
    call(meter, 2_048);
    expect(told.length).toBe(256);
    --meter.left;
    const since = meter.begin();
    await settle();
    meter.end(since);
    nextWhile();
    expect(told.length).toBe(257);
  });

  it('tells seconds, and what the call has failed with', async () => {
    const meter = make();
    call(meter, 1, 250);
    const failure = { thrown: new Error('no') };
    --meter.left;
    meter.end(meter.begin(), failure);
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
    for (const part of [0.05, 0.5, 0.95, 1]) {
      const quantile = histogram.quantile(part) as number;
      expect(quantile / part).toBeGreaterThan(0.99);
      expect(quantile / part).toBeLessThan(1.2);
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
