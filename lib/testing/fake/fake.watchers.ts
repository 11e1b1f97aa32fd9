import type { Subscription } from 'rxjs';

import type { ClientHandle } from '../../runtime/client/client-handle.js';
import { Observers } from '../../runtime/observers/observers.js';
import type { ClientStatus } from '../../runtime/errors/connection.errors.js';

/** Those who watch a fake handle: they outlive the client behind it, where the test begins with another. */
export class FakeWatchers {
  readonly observers = new Observers({
    telemetry: { error: (error, where) => this.report(error, where) },
  });
  #following: Subscription[] = [];
  /** Whether the test moves the client: what it passes on its way is told nobody. */
  #isMoving = false;
  /** What was thrown while the test did something. */
  readonly #thrown: unknown[] = [];

  /** @param told told what one of them has thrown */
  constructor(private readonly told: (error: unknown, where: string) => void) {}

  /** From now on they see what this handle shows, and no other. */
  follow({
    frames$,
    events$,
    status$,
  }: Pick<ClientHandle, 'frames$' | 'events$' | 'status$'>): void {
    for (const subscription of this.#following) subscription.unsubscribe();
    this.#following = [
      frames$.subscribe((frame) => this.observers.frame(frame)),
      events$.subscribe((event) => {
        if (!this.#isMoving) this.observers.next(event);
      }),
      status$.subscribe((status) => {
        if (!this.#isMoving) this.observers.status(status);
      }),
    ];
  }

  /** What the test does: it is told what those who watch throw. */
  act(work: () => void): void {
    this.#thrown.length = 0;
    work();
    if (this.#thrown.length > 0) throw this.#thrown[0];
  }

  /** The same, of which the state it leads to is told, and nothing that it passes on its way. */
  move(work: () => ClientStatus | undefined): void {
    this.act(() => {
      let status: ClientStatus | undefined;
      this.#isMoving = true;
      try {
        status = work();
      } finally {
        this.#isMoving = false;
      }
      if (status !== undefined) this.observers.status(status);
    });
  }

  /** One of them has thrown. */
  report(error: unknown, where: string): void {
    this.#thrown.push(error);
    this.told(error, where);
  }
}
