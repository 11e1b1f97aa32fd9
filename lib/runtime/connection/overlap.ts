import type { Clock, Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import type { PingFrame } from '../frame/frame.js';
import type { BesideLogin, Farewell, RotationHost } from './rotation.port.js';
import type { FrameInbox, WireOwner } from './wire.port.js';
import type { Wire } from './wire.js';

/** Whom the old session tells, after the switch. */
export interface OverlapOwner {
  /** It is about to end, and not by us. */
  onBeforeEnds(before: Overlap): void;
  onBeforeEnd(before: Overlap): void;
  /** It has been read for long enough. */
  overlapIsOver(before: Overlap): void;
}

/** The old session, from the switch to its end. */
export class Overlap implements WireOwner {
  /** Frames it has brought since the switch. */
  overlapped = 0;
  #timer: Timer | undefined;
  #since = 0;

  constructor(
    private readonly owner: OverlapOwner,
    private readonly host: Pick<
      RotationHost<BesideLogin>,
      'behindFeatures' | 'pause' | 'takesPing'
    >,
    /** Milliseconds that it is read still; the time in which we do not read does not count. */
    private left: number,
    private readonly clock: Clock,
    readonly wire: Wire,
    /** The number of the session. */
    readonly session: number,
  ) {}

  /** From now on what happens on the wire is told here. */
  begin(inbox: FrameInbox): void {
    const counted: FrameInbox = {
      post: (frame) => {
        this.overlapped++;
        inbox.post(frame);
      },
    };
    this.wire.replaced();
    this.wire.passTo(this, this.host.behindFeatures(counted));
    this.#wait();
  }

  setPaused(isPaused: boolean): void {
    if (this.#timer === undefined) return;
    if (isPaused) {
      this.wire.pause();
      this.#timer.cancel();
      this.left = Math.max(0, this.left - (this.clock.now() - this.#since));
    } else {
      this.wire.resume();
      this.#wait();
    }
  }

  /** Nothing more of it is heard. */
  close({ code, message }: Farewell): void {
    this.#over();
    this.wire.close(code, message);
  }

  /** What came before the close of the peer has been handled. */
  answerClose(): void {
    this.#over();
    this.wire.answerClose();
  }

  onOpen(): void {}

  onPing(frame: PingFrame): void {
    if (this.host.takesPing(frame)) return;
    const { data } = frame;
    if (this.wire.isOpen) this.wire.send([{ type: 'pong', data }], undefined, true);
  }

  /** What was asked of the peer in the session before is over with it. */
  onPong(): void {}

  onPeerClose(): void {
    this.owner.onBeforeEnds(this);
  }

  onClosing(): void {
    this.owner.onBeforeEnds(this);
  }

  onBackpressure(hasBackpressure: boolean): void {
    if (this.#timer !== undefined) this.host.pause(this, hasBackpressure);
  }

  onWritable(): void {}

  onEnd(): void {
    this.#over();
    this.owner.onBeforeEnd(this);
  }

  #wait(): void {
    this.#since = this.clock.now();
    this.#timer = setDeadline(this.clock, this.left, () => this.owner.overlapIsOver(this));
  }

  #over(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    // The new one is not to wait for a peer that is left.
    this.host.pause(this, false);
  }
}
