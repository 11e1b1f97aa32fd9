import type { Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import { SilenceTimeoutError } from '../errors/timeout.errors.js';
import type { FeatureContext, SessionFeature } from './session.feature.js';

/**
 * Ends a session that brings no data frame for `silenceTimeout`: a feed that hangs behind a proxy
 * answers pings. While reading is paused it stands still, and begins anew when it goes on. It keeps
 * nothing over a session.
 */
export class Silence implements SessionFeature {
  #timeout = 0;
  #deadline: Timer | undefined;
  /** When the last data frame was read, or the session, or reading, began. */
  #since = 0;
  #isPaused = false;

  constructor(private readonly context: FeatureContext) {}

  /** Only where it is wanted: every frame is looked at. */
  get arrived(): SessionFeature['arrived'] {
    const { clock, settings } = this.context;
    if (settings.silenceTimeout === 0) return undefined;
    return () => {
      this.#since = clock.now();
      return false;
    };
  }

  open(): void {
    this.#timeout = this.context.settings.silenceTimeout;
    if (!this.#isPaused) this.#begin();
  }

  paused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) this.#deadline?.cancel();
    else this.#begin();
  }

  end(): void {
    this.#stop();
  }

  over(): void {
    this.#stop();
  }

  #stop(): void {
    this.#timeout = 0;
    this.#deadline?.cancel();
  }

  #begin(): void {
    if (this.#timeout === 0) return;
    this.#since = this.context.clock.now();
    this.#wait(this.#timeout);
  }

  #wait(delay: number): void {
    this.#deadline?.cancel();
    this.#deadline = setDeadline(this.context.clock, delay, () => this.#judge());
  }

  #judge(): void {
    const { client, clock } = this.context;
    const left = this.#since + this.#timeout - clock.now();
    if (left > 0) return this.#wait(left);
    const timeout = this.#timeout;
    this.#stop();
    this.context.cut(new SilenceTimeoutError(client, timeout));
  }
}
