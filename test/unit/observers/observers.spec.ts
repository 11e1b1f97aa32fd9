import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Observers } from '../../../lib/runtime/observers/observers.js';

/** Observers of a client in which nothing fails. */
function observersOf(): Observers {
  const error = (thrown: unknown): void => {
    throw thrown;
  };
  return new Observers({ telemetry: { error } });
}

describe('Those who watch a client', () => {
  it.each(['frames$', 'status$', 'events$'] as const)(
    'and come when it has ended are told so by %s, whether anybody came before or not',
    (name) => {
      const follow = (values$: Observable<unknown>): string[] => {
        const told: string[] = [];
        values$.subscribe({
          next: (value) => told.push(String(value)),
          complete: () => told.push('over'),
        });
        return told;
      };
      const [asked, unasked] = [observersOf(), observersOf()];
      const early = follow(asked[name]);
      for (const observers of [asked, unasked]) {
        observers.status('terminated');
        observers.complete();
      }
      const all = name === 'status$' ? ['terminated', 'over'] : ['over'];
      expect(early).toEqual(name === 'status$' ? ['idle', ...all] : all);
      expect([follow(asked[name]), follow(unasked[name])]).toEqual([all, all]);
    },
  );

  it('are given the same observable each time', () => {
    const observers = observersOf();
    expect(observers.frames$).toBe(observers.frames$);
    expect(observers.status$).toBe(observers.status$);
    expect(observers.events$).toBe(observers.events$);
  });
});
