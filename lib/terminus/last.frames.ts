import type { Client } from '../runtime/client/client.js';
import type { Clock } from '../runtime/clock/clock.port.js';

/**
 * When a text or binary frame of a client had its turn last. It is noted from the first time that somebody asks: the
 * frames of other clients cost nothing.
 */
export class LastFrames {
  readonly #notes = new WeakMap<Client, { at: number }>();

  constructor(private readonly clock: Clock) {}

  /** On the scale of the clock. Where there has been none since, it is when the session opened, or was asked for first. */
  of(client: Client): number {
    const known = this.#notes.get(client);
    if (known !== undefined) return known.at;
    const note = { at: this.clock.now() };
    this.#notes.set(client, note);
    const seen = (): void => {
      note.at = this.clock.now();
    };
    // They complete when the client ends.
    const { frames$, status$ } = client.observers;
    frames$.subscribe(seen);
    status$.subscribe((status) => status === 'open' && seen());
    return note.at;
  }
}
