import type { Timer } from '../clock/clock.port.js';
import { SessionOverError } from '../errors/sending.errors.js';
import type { Frame } from '../frame/frame.js';
import type { SendRate } from './send.rate.js';
import type { FeatureContext } from './session.feature.js';
import { countMessages, type WaitingSend, WaitingSends } from './waiting.sends.js';

/**
 * Answers to the session that a rotation has replaced, while that is still read: they pass its own limit,
 * whatever the new session may send. What has not gone when it is over is dropped, and told.
 */
export class FormerAnswers {
  readonly #waiting = new WaitingSends();
  #timer: Timer | undefined;

  constructor(
    private readonly context: Pick<FeatureContext, 'client' | 'clock' | 'dropped' | 'sendBefore'>,
    private readonly session: number,
    private readonly rate: SendRate | undefined,
    /** Told when more waits, or less. */
    private readonly onChanged: () => void,
  ) {}

  /** How much waits. */
  get size(): { readonly frames: number; readonly bytes: number } {
    return this.#waiting;
  }

  /** Whether these may go now; then they count. */
  mayGo(frames: readonly Frame[]): boolean {
    return this.#waiting.size === 0 && this.#delay(countMessages(frames)) === 0;
  }

  /** It goes after all that wait, as soon as it may. */
  keep(item: WaitingSend): void {
    this.#waiting.add(item);
    if (this.#waiting.size === 1) this.#pump();
    else this.onChanged();
  }

  /** The session is over. */
  over(): void {
    this.#timer?.cancel();
    const error = new SessionOverError(this.context.client, this.session);
    for (const item of this.#waiting) {
      this.#waiting.remove(item);
      this.#drop(item, error);
    }
    this.onChanged();
  }

  #pump(): void {
    const { clock } = this.context;
    for (let item = this.#waiting.first; item !== undefined; item = this.#waiting.first) {
      const delay = this.#delay(item.messages);
      if (delay > 0) {
        this.#timer = clock.setTimer(Math.ceil(delay), () => this.#pump());
        break;
      }
      this.#waiting.remove(item);
      try {
        this.context.sendBefore(item.frames, (error) => item.done?.(error ?? undefined));
      } catch (error) {
        this.#drop(item, error as Error);
      }
    }
    this.onChanged();
  }

  /** Milliseconds until so many messages may go; 0: now, and then they count. */
  #delay(messages: number): number {
    const now = this.context.clock.now();
    const delay = this.rate?.left(messages, now) ?? 0;
    if (delay === 0) this.rate?.take(messages, now);
    return delay;
  }

  /** Nobody waits for what a handler returned: telemetry tells of it. */
  #drop({ frames, done }: WaitingSend, error: Error): void {
    this.context.dropped(frames, error);
    done?.(error);
  }
}
