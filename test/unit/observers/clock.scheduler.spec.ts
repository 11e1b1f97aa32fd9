import { toScheduler } from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { debounceTime, interval, map, Subject, take, timeInterval, timeout, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';

function onClock() {
  const clock = new VirtualClock(1_000);
  return { clock, scheduler: toScheduler(clock) };
}

describe('A scheduler on a clock', () => {
  it('is what interval and timer wait for', async () => {
    const { clock, scheduler } = onClock();
    const seen: [string, number, number][] = [];
    interval(10, scheduler)
      .pipe(take(3), timeInterval(scheduler))
      .subscribe((one) => seen.push(['interval', one.interval, clock.now()]));
    timer(5, 12, scheduler)
      .pipe(take(2))
      .subscribe(() => seen.push(['timer', 0, clock.now()]));
    await clock.advance(100);

    expect(seen).toEqual([
      ['timer', 0, 5],
      ['interval', 10, 10],
      ['timer', 0, 17],
      ['interval', 10, 20],
      ['interval', 10, 30],
    ]);
    expect(clock.pending).toEqual([]);
    expect(scheduler.now()).toBe(1_100);
  });

  it('is what operators wait for that begin to wait again', async () => {
    const { clock, scheduler } = onClock();
    const typed = new Subject<string>();
    const seen: unknown[] = [];
    typed.pipe(debounceTime(10, scheduler)).subscribe((text) => seen.push([text, clock.now()]));
    typed
      .pipe(
        map((text) => text.length),
        timeout({ each: 50, scheduler }),
      )
      .subscribe({ error: ({ name }: Error) => seen.push([name, clock.now()]) });
    for (const text of ['a', 'ab', 'abc']) {
      typed.next(text);
      await clock.advance(6);
    }
    await clock.advance(100);

    expect(seen).toEqual([
      ['abc', 22],
      ['TimeoutError', 62],
    ]);
    expect(clock.pending).toEqual([]);
  });

  it('leaves no timer to one who has unsubscribed', () => {
    const { clock, scheduler } = onClock();
    const beating = interval(10, scheduler).subscribe();
    expect(clock.pending).toEqual([{ at: 10, delay: 10 }]);
    beating.unsubscribe();
    expect(clock.pending).toEqual([]);
  });

  it('tells whoever runs the clock what work throws, and does it no more', async () => {
    const { clock, scheduler } = onClock();
    const boom = new Error('boom');
    scheduler.schedule(function () {
      this.schedule(undefined, 10);
      throw boom;
    }, 10);
    await expect(clock.advance(10)).rejects.toBe(boom);
    expect(clock.pending).toEqual([]);
  });
});
