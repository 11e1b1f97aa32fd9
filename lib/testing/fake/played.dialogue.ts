import { rejected, type WaitOptions } from '../../runtime/async/deferred.js';
import { SystemClock } from '../../runtime/clock/system.clock.js';
import { InvalidFrameError } from '../../runtime/errors/frame.errors.js';
import type { CloseReason } from '../../runtime/frame/close-reason.js';
import { type DataFrame, type Frame, type FrameLike, toFrame } from '../../runtime/frame/frame.js';
import {
  type Dialogue,
  type FrameListener,
  SessionDialogue,
} from '../../runtime/process/dialogue.js';
import { type PlayedFrame, toDataFrame } from './played.js';

/**
 * The dialogue that `@OnConnect` is given by a test: the test plays the peer.
 *
 * @example
 * const login = client.connect();
 * client.dialogue.play('{"type":"connection_ack"}');
 * await login;
 * expect(client.dialogue.sent).toEqual([Frame.json({ type: 'connection_init' })]);
 *
 * @publicApi
 */
export class PlayedDialogue implements Dialogue {
  /** What was sent, in order. */
  readonly sent: Frame[] = [];
  readonly #name: string;
  readonly #dialogue: SessionDialogue;
  #listener: FrameListener | undefined;
  #waiting: DataFrame[] = [];

  /** @internal */
  constructor(name: string) {
    this.#name = name;
    this.#dialogue = new SessionDialogue({
      client: name,
      clock: new SystemClock(),
      send: (values, done) => {
        this.sent.push(...values.map((value) => checked(name, value)));
        done();
      },
      refuse: (_what, error) => rejected(error),
      takeOut: (match) => {
        const index = this.#waiting.findIndex((frame) => match(frame));
        return index < 0 ? undefined : this.#waiting.splice(index, 1)[0];
      },
      listen: (listener) => (this.#listener = listener),
      handOver: (frame) => frame,
    });
  }

  get signal(): AbortSignal {
    return this.#dialogue.signal;
  }

  /** Frames that were played, and that nobody has asked for: handlers would get them. */
  get waiting(): readonly DataFrame[] {
    return this.#waiting;
  }

  send(frame: FrameLike | readonly FrameLike[]): Promise<void> {
    return this.#dialogue.send(frame);
  }

  next<F extends DataFrame>(
    match: (frame: DataFrame) => frame is F,
    options?: WaitOptions,
  ): Promise<F>;
  next(match?: (frame: DataFrame) => boolean, options?: WaitOptions): Promise<DataFrame>;
  next(match?: (frame: DataFrame) => boolean, options?: WaitOptions): Promise<DataFrame> {
    return this.#dialogue.next(match, options);
  }

  /** Plays frames that the peer sends; a string is a text frame, bytes are a binary one. */
  play(...frames: PlayedFrame[]): void {
    const checkedFrames = frames.map((frame) => toDataFrame(`${this.#name}: play()`, frame));
    for (const frame of checkedFrames) {
      if (this.#listener?.arrived(frame) !== true) this.#waiting.push(frame);
    }
  }

  /** The session ends. */
  end(reason: CloseReason = { by: 'remote', code: 1006, message: '' }): void {
    this.#dialogue.over(reason);
  }
}

function checked(name: string, value: unknown): Frame {
  const frame = toFrame(value);
  if (frame === undefined) throw new InvalidFrameError(value, name);
  return frame;
}
