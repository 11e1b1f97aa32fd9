import { FrameEncodeError, InvalidFrameError } from '../errors/frame.errors.js';
import { MAX_CONTROL_PAYLOAD } from './close-code.js';
import { toFrame, type Frame } from './frame.js';

/**
 * Knows what may be sent next on one connection: which fragments are open, and how big a control
 * frame may be. A message in fragments must be finished before another begins (RFC 6455 section 5.4);
 * control frames may stand between its fragments.
 */
export class FrameChecker {
  #inFragments = false;

  constructor(private readonly client: string) {}

  /**
   * Checks frames as a whole, before any of them is sent.
   *
   * @throws InvalidFrameError, FrameEncodeError
   */
  check(values: readonly unknown[]): readonly Frame[] {
    let inFragments = this.#inFragments;
    const frames = values.map((value) => {
      const frame = toFrame(value);
      if (frame === undefined) throw new InvalidFrameError(value, this.client);
      inFragments = this.#next(frame, inFragments);
      return frame;
    });
    this.#inFragments = inFragments;
    return frames;
  }

  /**
   * The same of one.
   *
   * @throws InvalidFrameError, FrameEncodeError
   */
  checkOne(value: unknown): Frame {
    if (typeof value === 'string' && !this.#inFragments) return { type: 'text', data: value };
    const frame = toFrame(value);
    if (frame === undefined) throw new InvalidFrameError(value, this.client);
    this.#inFragments = this.#next(frame, this.#inFragments);
    return frame;
  }

  #next(frame: Frame, inFragments: boolean): boolean {
    switch (frame.type) {
      case 'ping':
      case 'pong':
        if (frame.data.length > MAX_CONTROL_PAYLOAD) {
          throw new FrameEncodeError(
            `${this.client}: a ${frame.type} carries at most ${MAX_CONTROL_PAYLOAD} bytes, this one has ${frame.data.length}`,
          );
        }
        return inFragments;
      case 'continuation':
        if (!inFragments) {
          throw new FrameEncodeError(
            `${this.client}: a continuation needs a message begun with { fin: false }`,
          );
        }
        return frame.fin === false;
      default:
        if (inFragments) {
          throw new FrameEncodeError(
            `${this.client}: a message in fragments is not finished; send Frame.continuation(…) first`,
          );
        }
        return frame.fin === false;
    }
  }
}
