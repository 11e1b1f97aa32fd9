import {
  catchError,
  concatMap,
  EMPTY,
  filter,
  firstValueFrom,
  lastValueFrom,
  map,
  of,
  share,
  Subject,
  take,
  tap,
  type Observable,
} from 'rxjs';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { SafeObservable } from '../../../lib/runtime/observers/safe-observable.js';
import { settle } from '../../fixtures/virtual-clock.js';

const boom = new Error('boom');
const explode = (): never => {
  throw boom;
};

describe('SafeObservable', () => {
  let source: Subject<number>;
  let safe: Observable<number>;
  let reported: unknown[];
  let teardowns: number;

  beforeEach(() => {
    source = new Subject();
    reported = [];
    teardowns = 0;
    safe = new SafeObservable<number>(
      (error) => reported.push(error),
      (subscriber) => {
        const subscription = source.subscribe(subscriber);
        return () => {
          teardowns++;
          subscription.unsubscribe();
        };
      },
    );
  });

  it('passes on values and the end, to functions and to observers', () => {
    const story: unknown[] = [];
    safe.subscribe((value) => story.push(value));
    safe.subscribe({ next: (value) => story.push(-value), complete: () => story.push('end') });
    safe.subscribe(null, null, () => story.push('end too'));
    safe.subscribe();
    for (const value of [1, 2]) source.next(value);
    source.complete();
    expect(story).toEqual([1, -1, 2, -2, 'end', 'end too']);
    expect([teardowns, source.observed]).toEqual([4, false]);
  });

  it('reports what an async subscriber rejects with', async () => {
    const rejecting: () => unknown = () => Promise.reject(boom);
    safe.subscribe(rejecting);
    source.next(1);
    await settle();
    expect(reported).toEqual([boom]);
  });

  it('calls an observer as a method of its own', () => {
    class Counter {
      count = 0;
      next(value: number): void {
        this.count += value;
      }
    }
    const counter = new Counter();
    safe.subscribe(counter);
    source.next(3);
    expect(counter.count).toBe(3);
  });

  it('reports a subscriber that throws, and goes on with it and the others', () => {
    const seen: number[] = [];
    let thrown = 0;
    safe.subscribe(() => {
      thrown++;
      explode();
    });
    safe.subscribe({ next: explode });
    safe.subscribe((value) => seen.push(value));
    for (const value of [1, 2]) source.next(value);
    expect([seen, thrown, reported]).toEqual([[1, 2], 2, [boom, boom, boom, boom]]);
  });

  it('reports handlers of the end and of errors that throw', () => {
    safe.subscribe({ complete: explode });
    source.complete();
    expect(reported).toEqual([boom]);
    const failing = safe.pipe(
      () =>
        new SafeObservable<number>(
          (error) => reported.push(error),
          (s) => s.error(new Error('source')),
        ),
    );
    failing.subscribe({ error: explode });
    expect(reported).toEqual([boom, boom]);
  });

  it('reports an operator that throws, where the subscriber has no handler for errors', () => {
    const seen: number[] = [];
    safe.pipe(map(explode)).subscribe((value) => seen.push(value));
    safe.subscribe((value) => seen.push(value));
    source.next(1);
    source.next(2);
    expect([seen, reported]).toEqual([[1, 2], [boom]]);
    expect(teardowns).toBe(1);
  });

  it('gives what an operator throws to the handler for errors, and does not report it', () => {
    const errors: unknown[] = [];
    safe.pipe(map(explode)).subscribe({ error: (error) => errors.push(error) });
    source.next(1);
    expect([errors, reported]).toEqual([[boom], []]);
  });

  it('keeps what is piped from it safe, however long the pipe', async () => {
    const piped = safe.pipe(
      filter((value) => value > 1),
      tap(() => undefined),
      map((value) => value * 10),
      concatMap((value) => of(value, value + 1)),
      share(),
    );
    const seen: number[] = [];
    piped.subscribe(explode);
    piped.subscribe((value) => seen.push(value));
    for (const value of [1, 2, 3]) source.next(value);
    await settle();
    expect(seen).toEqual([20, 21, 30, 31]);
    expect(reported).toEqual([boom, boom, boom, boom]);
  });

  it('lets an operator catch what another throws', () => {
    let ended = false;
    safe
      .pipe(
        map(explode),
        catchError(() => EMPTY),
      )
      .subscribe({ complete: () => (ended = true) });
    source.next(1);
    expect([ended, reported]).toEqual([true, []]);
  });

  it('ends and lets go with take(1), also when the subscriber throws', () => {
    const story: unknown[] = [];
    safe.pipe(take(1)).subscribe({ next: explode, complete: () => story.push('end') });
    source.next(1);
    source.next(2);
    expect([story, reported, teardowns, source.observed]).toEqual([['end'], [boom], 1, false]);
  });

  it('works with firstValueFrom and lastValueFrom, whose rejections are the caller’s', async () => {
    const first = firstValueFrom(safe);
    const last = lastValueFrom(safe);
    const failed = firstValueFrom(safe.pipe(map(explode)));
    const empty = firstValueFrom(safe.pipe(filter((value) => value > 5)));
    for (const value of [1, 2]) source.next(value);
    source.complete();
    await expect(first).resolves.toBe(1);
    await expect(last).resolves.toBe(2);
    await expect(failed).rejects.toBe(boom);
    await expect(empty).rejects.toThrow('no elements');
    expect([reported, source.observed]).toEqual([[], false]);
  });

  it('works with forEach', async () => {
    const seen: number[] = [];
    const all = safe.forEach((value) => seen.push(value));
    const failed = safe.forEach(explode);
    source.next(1);
    source.complete();
    await all;
    await expect(failed).rejects.toBe(boom);
    expect([seen, reported]).toEqual([[1], []]);
  });

  it('stops when it is unsubscribed, in the middle of a value too', () => {
    const seen: number[] = [];
    const subscription = safe.subscribe((value) => {
      seen.push(value);
      subscription.unsubscribe();
      explode();
    });
    source.next(1);
    source.next(2);
    expect([seen, reported, teardowns]).toEqual([[1], [boom], 1]);
  });

  it('reports a source that throws while it is subscribed to', () => {
    new SafeObservable<number>((error) => reported.push(error), explode).subscribe();
    expect(reported).toEqual([boom]);
  });

  it('lets nothing reach the process', () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    safe.subscribe(explode);
    safe.pipe(map(explode)).subscribe();
    safe.pipe(map((value) => value)).subscribe({ next: explode, complete: explode });
    source.next(1);
    source.complete();
    // RxJS throws what nobody handles from a timer.
    expect(vi.getTimerCount()).toBe(0);
    expect(reported).toHaveLength(4);
  });
});
