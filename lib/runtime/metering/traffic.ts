import type { Clock } from '../clock/clock.port.js';

/** Frames of one type that went one way. */
export class FrameCount {
  frames = 0;
  /** Of their payloads, as handlers see them: without heads and masks, and not compressed. */
  bytes = 0;

  add(frames: number, bytes: number): void {
    this.frames += frames;
    this.bytes += bytes;
  }
}

/** What went one way. A message that has come in several frames counts as one. */
class FrameCounts {
  readonly text = new FrameCount();
  readonly binary = new FrameCount();
  readonly continuation = new FrameCount();
  readonly ping = new FrameCount();
  readonly pong = new FrameCount();
  readonly close = new FrameCount();
}

/** A type of frame as it is counted. */
export type CountedType = keyof FrameCounts;

/**
 * The frames and bytes of one client, over all its sessions. Transports add to it, where a request has one: a window of
 * frames at a time where they read so, so that it costs a frame next to nothing.
 */
export class Traffic {
  readonly received = new FrameCounts();
  readonly sent = new FrameCounts();
  /** When something was read last, by the client's clock. */
  readAt = -Infinity;

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  /** Something has been read. */
  read(): void {
    this.readAt = this.clock.now();
  }
}
