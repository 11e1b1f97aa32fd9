import { Observable, Subject, type Subscription } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Broadcast } from '../../../lib/runtime/observers/observers.js';

/** A source of numbers to play on, and what others may subscribe to. */
interface Played {
  readonly source: Pick<Broadcast<number>, 'next' | 'complete' | 'observed'>;
  readonly values$: Observable<number>;
}

const SOURCES: Readonly<Record<string, () => Played>> = {
  // What it is to be like.
  'a Subject': () => {
    const source = new Subject<number>();
    return { source, values$: source };
  },
  'a Broadcast': () => {
    const source = new Broadcast<number>(() => undefined);
    return { source, values$: new Observable((subscriber) => source.add(subscriber)) };
  },
};

describe.each(Object.entries(SOURCES))('%s', (_, play) => {
  it('tells those who are subscribed, in order of subscription, until they leave', () => {
    const { source, values$ } = play();
    const seen: string[] = [];
    source.next(0);
    const first = values$.subscribe((value) => seen.push(`a${value}`));
    const second = values$.subscribe((value) => seen.push(`b${value}`));
    source.next(1);
    first.unsubscribe();
    source.next(2);
    expect(source.observed).toBe(true);
    second.unsubscribe();
    source.next(3);

    expect(seen).toEqual(['a1', 'b1', 'b2']);
    expect(source.observed).toBe(false);
  });

  it('tells no more to whom another sends away, and not yet to who comes in a round', () => {
    const { source, values$ } = play();
    const seen: string[] = [];
    let second: Subscription | undefined;
    values$.subscribe((value) => {
      seen.push(`a${value}`);
      second?.unsubscribe();
      if (value === 1) values$.subscribe((later) => seen.push(`c${later}`));
    });
    second = values$.subscribe((value) => seen.push(`b${value}`));
    source.next(1);
    source.next(2);

    expect(seen).toEqual(['a1', 'a2', 'c2']);
  });

  it('tells each round to all, where one of them begins the next', () => {
    const { source, values$ } = play();
    const seen: string[] = [];
    values$.subscribe((value) => {
      seen.push(`a${value}`);
      if (value === 1) source.next(2);
    });
    values$.subscribe((value) => seen.push(`b${value}`));
    source.next(1);

    expect(seen).toEqual(['a1', 'a2', 'b2', 'b1']);
  });

  it('completes those who are there and those who come later, and tells nothing any more', () => {
    const { source, values$ } = play();
    const seen: unknown[] = [];
    const observer = (name: string) => ({
      next: (value: number) => seen.push(`${name}${value}`),
      complete: () => seen.push(`${name} over`),
    });
    values$.subscribe(observer('a'));
    source.complete();
    values$.subscribe(observer('b'));
    source.next(1);
    source.complete();

    expect(seen).toEqual(['a over', 'b over']);
    expect(source.observed).toBe(false);
  });
});

describe('a Broadcast', () => {
  it('says whether anybody is subscribed, when that changes', () => {
    const told: boolean[] = [];
    const source = new Broadcast<number>(
      () => undefined,
      (isObserved) => told.push(isObserved),
    );
    const values$ = new Observable<number>((subscriber) => source.add(subscriber));
    const first = values$.subscribe();
    const second = values$.subscribe();
    expect(told).toEqual([true]);
    first.unsubscribe();
    expect(told).toEqual([true]);
    second.unsubscribe();
    expect(told).toEqual([true, false]);
    values$.subscribe();
    source.complete();
    values$.subscribe();
    expect(told).toEqual([true, false, true, false]);
  });
});
