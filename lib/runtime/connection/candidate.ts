import { NotConnectedError } from '../errors/connection.errors.js';
import type { SendFailure } from '../errors/sending.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame, PingFrame, PongFrame } from '../frame/frame.js';
import type { Attempt } from './attempt.js';
import type {
  BesideLogin,
  BesideSession,
  Listener,
  WaitingFrames,
  WaitingFramesOwner,
} from './rotation.port.js';
import type { WireEnd } from './wire.end.js';
import type { FrameInbox, WireOpening, WireOwner, WireSettings, WireTools } from './wire.port.js';
import { Wire } from './wire.js';

/** Whom a candidate tells. */
export interface CandidateOwner<L extends BesideLogin> {
  onOpen(next: Candidate<L>, opening: WireOpening): void;
  /** A frame of the new session is there: its login may wait for an answer in it. */
  onArrived(frame: DataFrame): void;
  /** A frame of the new session waits, and it is not the client's yet. */
  onFrame(next: Candidate<L>): void;
  onEnd(next: Candidate<L>, end: WireEnd): void;
}

/**
 * The new session until it is the client's, and what waits of it until the old one has been handled.
 */
export class Candidate<L extends BesideLogin>
  implements WireOwner, FrameInbox, BesideSession, WaitingFramesOwner
{
  readonly wire: Wire;
  opening: WireOpening | undefined;
  login: L | undefined;
  /** Whether it has shown that it is good. */
  isConfirmed = false;
  /** Whether it is the client's by now. */
  isPassedOn = false;
  isHolding = true;
  readonly #frames: WaitingFrames;
  #isFull = false;
  #listener: Listener | undefined;

  constructor(
    readonly attempt: Attempt,
    settings: WireSettings,
    tools: WireTools,
    private readonly owner: CandidateOwner<L>,
    hold: (owner: WaitingFramesOwner) => WaitingFrames,
  ) {
    this.#frames = hold(this);
    this.wire = new Wire(settings, tools, this, this);
  }

  get isOpen(): boolean {
    return this.wire.isOpen;
  }

  post(frame: DataFrame): void {
    if (!this.isPassedOn) this.owner.onArrived(frame);
    if (this.#listener?.arrived(frame) === true) return;
    this.keep(frame);
    if (!this.isPassedOn) this.owner.onFrame(this);
  }

  keep(frame: DataFrame | PongFrame): void {
    this.#frames.push(frame);
  }

  fail(error: unknown, code?: number): void {
    this.wire.fail(error, code);
  }

  lose(error: Error): void {
    this.wire.lose(error);
  }

  send(frames: readonly unknown[], done?: (error?: SendFailure | null) => void): void {
    if (!this.wire.isOpen) {
      const { client } = this.wire.request;
      throw new NotConnectedError(client, 'closing', 'cannot send on the new session');
    }
    this.wire.send(frames, done);
  }

  takeOut(match: (frame: DataFrame) => boolean): DataFrame | undefined {
    return this.#frames.takeOut((one): one is DataFrame => one.type !== 'pong' && match(one));
  }

  listen(listener: Listener | undefined): void {
    this.#listener = listener;
    this.#frames.stretch(listener && (() => listener.full()));
  }

  /** What waits is looked at by the features, now that it is theirs. */
  sift(behind: (inbox: FrameInbox) => FrameInbox): void {
    const kept: (DataFrame | PongFrame)[] = [];
    const inbox = behind({ post: (frame) => void kept.push(frame) });
    for (const frame of this.#frames.clear()) {
      if (frame.type === 'pong') kept.push(frame);
      else inbox.post(frame);
    }
    for (const frame of kept) this.#frames.push(frame);
  }

  /** Gives all that waits, in order: nothing more does. */
  release(): (DataFrame | PongFrame)[] {
    const frames = this.#frames.clear();
    this.isHolding = false;
    this.#isFull = false;
    return frames;
  }

  /** Reading goes on or not by more than what waits here. */
  settle(): void {
    if (this.#isFull) this.wire.pause();
  }

  onHighWater(): void {
    this.#isFull = true;
    this.wire.pause();
  }

  onLowWater(): void {
    this.#isFull = false;
    this.wire.resume();
  }

  onOpen(info: WireOpening['info'], request: WireOpening['request']): void {
    this.owner.onOpen(this, { info, request });
  }

  onPing({ data }: PingFrame): void {
    if (this.wire.isOpen) this.wire.send([{ type: 'pong', data }], undefined, true);
  }

  /** It has pinged nobody yet. */
  onPong(): void {}

  onPeerClose(reason: CloseReason): void {
    this.login?.closedByPeer(reason);
    this.wire.answerClose();
  }

  onClosing(reason: CloseReason): void {
    this.login?.over(reason);
  }

  onBackpressure(hasBackpressure: boolean): void {
    if (hasBackpressure || this.#isFull) this.wire.pause();
    else this.wire.resume();
  }

  onWritable(): void {}

  onEnd(end: WireEnd): void {
    this.owner.onEnd(this, end);
  }
}
