import type { Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import { NotConnectedError } from '../errors/connection.errors.js';
import { InvalidFrameError } from '../errors/frame.errors.js';
import { HeartbeatTimeoutError } from '../errors/timeout.errors.js';
import { type DataFrame, Frame, type PongFrame, toFrame } from '../frame/frame.js';
import type { HeartbeatSettings } from '../options/client-settings.js';
import type { FeatureContext, SessionFeature } from './session.feature.js';

/** So many heartbeats are remembered whose answer has not come: a peer may answer none of them, and the timeout be long. */
const REMEMBERED = 16;

/** One heartbeat that was handed to the socket. */
interface Beat {
  /** What the pong to it carries; a message of the user's has none. */
  readonly payload?: Buffer;
  /** When it was handed over, and then when the socket has taken it. */
  at: number;
  isTaken: boolean;
  /** Bytes that had been read by then. */
  readonly read: number | undefined;
  /** Its answer is not waited for any more: reading stood still meanwhile, and would be measured too. */
  isStale?: boolean;
  verdict?: Timer;
}

/**
 * Finds out that a peer is gone: TCP does not tell, for a quarter of an hour or ever.
 *
 *     off ──open, resumed──> waiting ──interval──> a ping is handed over ──> waiting …
 *                                                       │ the socket takes it
 *                                                       ▼
 *                               timeout, and not a byte was read: the session is cut
 *
 * Any byte read since the ping was handed over answers for it, of a frame that is not whole too. While
 * reading is paused nothing can be known: then everything stands still, and begins anew when it goes on.
 * It keeps nothing over a session.
 *
 * @see https://websockets.readthedocs.io/en/stable/topics/keepalive.html
 */
export class Heartbeat implements SessionFeature {
  #settings: HeartbeatSettings | undefined;
  /** The next one; there is none while nothing beats. */
  #next: Timer | undefined;
  /** Those that no pong, or expected message, has answered, the oldest first. */
  readonly #beats: Beat[] = [];
  #isPaused = false;
  /** Whether it beats, or would if reading went on. */
  #isOn = false;
  #count = 0;
  /** What had been read when that was looked at last, and since when that is so. */
  #read: number | undefined = 0;
  #readAt = 0;

  constructor(private readonly context: FeatureContext) {}

  /** Only where messages are expected: every frame would be looked at. */
  get arrived(): SessionFeature['arrived'] {
    const { heartbeat } = this.context.settings;
    if (heartbeat === false || heartbeat.expect === undefined) return undefined;
    const { expect } = heartbeat;
    return (frame: DataFrame) => {
      const [oldest] = this.#beats;
      if (oldest === undefined || !expect(frame)) return false;
      this.#answered(oldest);
      return true;
    };
  }

  open(): void {
    const { heartbeat } = this.context.settings;
    this.#settings = heartbeat === false ? undefined : heartbeat;
    this.#read = undefined;
    this.#look();
    if (this.#settings?.send === undefined) this.#begin();
  }

  /** Messages belong to a session that is ready. */
  ready(): void {
    if (this.#settings?.send !== undefined) this.#begin();
  }

  paused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (!this.#isOn || this.#settings === undefined) return;
    if (!isPaused) return this.#wait(this.#settings.interval);
    this.#next?.cancel();
    for (const beat of this.#beats) {
      beat.verdict?.cancel();
      beat.isStale = true;
    }
  }

  pong({ data }: PongFrame): boolean {
    const beat = this.#beats.find(({ payload }) => payload?.equals(data));
    if (beat === undefined) return false;
    this.#answered(beat);
    return true;
  }

  end(): void {
    this.#stop();
  }

  over(): void {
    this.#stop();
  }

  #begin(): void {
    if (this.#settings === undefined) return;
    this.#isOn = true;
    // Ten thousand clients that came back together shall not beat together.
    if (!this.#isPaused) this.#wait(Math.round(this.#settings.interval * this.context.random()));
  }

  #stop(): void {
    this.#settings = undefined;
    this.#isOn = false;
    this.#next?.cancel();
    this.#next = undefined;
    for (const { verdict } of this.#beats.splice(0)) verdict?.cancel();
  }

  #wait(delay: number): void {
    this.#next?.cancel();
    this.#next = this.context.clock.setTimer(delay, () => this.#beat());
  }

  #beat(): void {
    const { clock } = this.context;
    const settings = this.#settings as HeartbeatSettings;
    this.#wait(settings.interval);
    this.#look();
    // The socket takes nothing: another one would only wait behind it. `sendTimeout` sees to that.
    if (this.#beats.some(({ isTaken, isStale }) => !isTaken && !isStale)) return;
    const payload = settings.send === undefined ? this.#payload(settings) : undefined;
    const beat: Beat = {
      ...(payload !== undefined && { payload }),
      at: clock.now(),
      isTaken: false,
      read: this.#read,
    };
    this.#beats.push(beat);
    if (this.#beats.length > REMEMBERED) this.#forget();
    try {
      const frame = payload === undefined ? this.#message(settings) : Frame.ping(payload);
      this.context.send([frame], (error) => !error && this.#taken(beat, settings));
    } catch (error) {
      this.#stop();
      // The session is being closed, and what was wrong with it is told by its end.
      if (error instanceof NotConnectedError) return;
      this.context.schedule(() => {
        throw error;
      });
    }
  }

  /** One that decides nothing: something was read since, or the oldest is judged before it. */
  #forget(): void {
    const over = this.#beats.findIndex(
      ({ isStale, isTaken, read, verdict }) =>
        isStale || read !== this.#read || (isTaken && verdict === undefined),
    );
    const [beat] = this.#beats.splice(over === -1 ? -2 : over, 1);
    beat?.verdict?.cancel();
  }

  #payload({ payload }: HeartbeatSettings): Buffer {
    this.#count++;
    return Buffer.from(payload ?? `heartbeat ${this.#count}`);
  }

  #message({ send }: HeartbeatSettings): Frame {
    const value = send?.();
    const frame = toFrame(value);
    if (frame === undefined) throw new InvalidFrameError(value, this.context.client);
    return frame;
  }

  #taken(beat: Beat, settings: HeartbeatSettings): void {
    beat.isTaken = true;
    if (beat.isStale || !this.#beats.includes(beat)) return;
    const { clock } = this.context;
    beat.at = clock.now();
    beat.verdict = setDeadline(clock, settings.timeout, () => this.#judge(beat, settings));
  }

  #judge(beat: Beat, { interval, timeout, send, expect }: HeartbeatSettings): void {
    const { client, clock, bytesRead } = this.context;
    beat.verdict = undefined;
    this.#look();
    if (bytesRead !== beat.read) return;
    // What could tell of its answer is neither read nor counted.
    if (bytesRead === undefined && send !== undefined && expect === undefined) return;
    const ago = clock.now() - this.#readAt;
    this.#stop();
    this.context.cut(new HeartbeatTimeoutError(client, interval, timeout, ago));
  }

  #answered(beat: Beat): void {
    this.#beats.splice(this.#beats.indexOf(beat), 1);
    beat.verdict?.cancel();
    const now = this.context.clock.now();
    this.#readAt = now;
    if (!beat.isStale) this.context.measured(now - beat.at);
  }

  /** Notes since when nothing more has been read, as far as can be told. */
  #look(): void {
    const { bytesRead, clock } = this.context;
    if (bytesRead !== undefined && bytesRead === this.#read) return;
    this.#read = bytesRead;
    this.#readAt = clock.now();
  }
}
