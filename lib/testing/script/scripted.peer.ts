import type { IncomingMessage } from 'node:http';

import { inspectShort } from '../../runtime/errors/websockex.error.js';
import type { Session } from './peer.session.js';
import { readRecording, type RecordedFrame } from './recording.js';
import type { RequestAnswers } from './request.answers.js';
import { Script } from './script.js';

/** How a recording is played back. */
export interface ReplayOptions {
  /** How many times as fast as it was. @default 1 */
  readonly speed?: number;
}

/**
 * One session, seen from the peer, for a test to play.
 *
 * @example
 * const peer = await net.server(FeedClient).accept();
 * await peer.expectJson({ op: 'subscribe' });
 * peer.send('tick');
 *
 * @publicApi
 */
export class ScriptedPeer extends Script {
  /** @internal */
  protected readonly session: Session;

  /** @internal */
  constructor(session: Session) {
    super();
    this.session = session;
  }

  /** @internal */
  protected get requestAnswers(): RequestAnswers {
    return this.session.messages.answers;
  }

  /** @internal */
  protected get sessions(): readonly Session[] {
    return [this.session];
  }

  /** All that went over the connection, a line each: `-> text "tick"`, `<- close 1000 ""`. */
  get transcript(): readonly string[] {
    return this.session.transcript;
  }

  /** The request of the opening handshake. */
  get request(): IncomingMessage {
    return this.session.request;
  }

  /** Bytes that were sent and that the client's side has not taken: it grows while a client does not read. */
  get bufferedAmount(): number {
    return this.session.socket.bufferedAmount;
  }

  /** Whether neither end has closed, reset or left the session. */
  get isOpen(): boolean {
    return this.session.isOpen;
  }

  /** Resets the connection, without a close frame. */
  drop(): void {
    this.session.reset();
  }

  /**
   * Plays back what a client received in a recording, on the net's clock, at the recorded pace. The
   * closes of the recording are left to the test. Resolves when the last frame is sent, or when the
   * session is over before: what is left is not played then.
   *
   * @throws (rejects) TypeError for a file that is no recording, and for a speed that is not above 0
   */
  async replay(file: string, { speed = 1 }: ReplayOptions = {}): Promise<void> {
    const { name, clock, socket } = this.session;
    if (!(speed > 0)) {
      throw new TypeError(`${name}: replay() takes a speed above 0, not ${inspectShort(speed)}`);
    }
    const frames = readRecording(file).filter(({ direction }) => direction === 'in');
    const start = frames[0]?.time ?? 0;
    // The order counts: the clock of the machine may have been set back while it was recorded.
    let latest = start;
    if (!this.isOpen || frames.length === 0) return;
    await new Promise<void>((resolve) => {
      const stop = (): void => {
        socket.off('close', stop);
        for (const timer of timers) timer.cancel();
        resolve();
      };
      let left = frames.length;
      const timers = frames.map((frame) =>
        clock.setTimer(((latest = Math.max(latest, frame.time)) - start) / speed, () => {
          this.#replayFrame(frame);
          if (--left === 0) stop();
        }),
      );
      socket.on('close', stop);
    });
  }

  #replayFrame({ type, data }: RecordedFrame): void {
    const bytes = Buffer.from(data, 'base64');
    if (type === 'text') this.send(data);
    else if (type === 'binary') this.sendBinary(bytes);
    else if (type === 'ping') this.ping(bytes);
    else if (type === 'pong') this.session.link.call(() => this.session.socket.pong(bytes));
  }
}
