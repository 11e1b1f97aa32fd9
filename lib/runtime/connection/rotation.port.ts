import type { SendFailure } from '../errors/sending.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame, Frame, PingFrame, PongFrame } from '../frame/frame.js';
import type { Attempt } from './attempt.js';
import type { Random } from './backoff.policy.js';
import type { SessionInfo } from './connection.port.js';
import type { WireEnd } from './wire.end.js';
import type { FrameInbox, WireTools } from './wire.port.js';

/** What a rotation is asked for. */
export interface RotateOptions {
  /** Connect there, this once: later attempts go where the options say. @default where they say */
  readonly url?: string | URL;
  /**
   * Milliseconds in which the new session must have taken over; past that the old one stays, and nothing
   * more is tried. @default none: it is tried as `reconnect` says
   */
  readonly within?: number;
  /**
   * The code of the close frame with which the old session is closed at the end of the overlap, and the new
   * one where that is open and nobody wants it any more. Some peers keep what can be resumed by it: Discord
   * ends a session at 1000 and 1001, and keeps it at others. @default 1000
   */
  readonly code?: number;
  /** The reason in that close frame, at most 123 bytes. @default none */
  readonly reason?: string;
}

/** With what a rotation closes a session. */
export interface Farewell {
  readonly by: 'local';
  readonly code: number;
  readonly message: string;
}

/** The options of a client that a rotation goes by. */
export interface RotationSettings {
  /** Milliseconds; `Infinity`: none. */
  readonly maxAge: number;
  /** Milliseconds that the old session is read after the switch. */
  readonly overlap: number;
  /** By what a frame is known that comes on both sessions. */
  readonly dedupe: ((frame: DataFrame) => unknown) | undefined;
}

/** What a rotation is made with. */
export interface RotationTools extends WireTools {
  readonly random: Random;
}

/** Told of the frames of a session before anybody else is. */
export interface Listener {
  /** @returns `true` to take it */
  arrived(frame: DataFrame): boolean;
  /** As much waits as may. */
  full(): void;
}

/** What waits of the new session, in order. */
export interface WaitingFrames {
  push(frame: DataFrame | PongFrame): void;
  /** Takes out the first of which that holds. */
  takeOut<S extends DataFrame>(isIt: (frame: DataFrame | PongFrame) => frame is S): S | undefined;
  clear(): (DataFrame | PongFrame)[];
  /** From now on it is told when as much waits as may, and their number does not count. */
  stretch(onFull: (() => void) | undefined): void;
}

/** Told when too much waits, and when little does again. */
export interface WaitingFramesOwner {
  onHighWater(): void;
  onLowWater(): void;
}

/** The session that is to be the next one, for whoever logs in to it. */
export interface BesideSession {
  readonly isOpen: boolean;
  /** Whether its frames wait, and are not in the mailbox. */
  readonly isHolding: boolean;
  /** Whether it is the client's by now. */
  readonly isPassedOn: boolean;
  fail(error: unknown, code?: number): void;
  lose(error: Error): void;
  /** @throws NotConnectedError, InvalidFrameError, FrameEncodeError */
  send(frames: readonly unknown[], done?: (error?: SendFailure | null) => void): void;
  /** Takes out the first frame that waits, and matches. */
  takeOut(match: (frame: DataFrame) => boolean): DataFrame | undefined;
  /** From now on somebody else has its frames first; `undefined`: nobody. */
  listen(listener: Listener | undefined): void;
}

/** The login of a session that is to be the next one. */
export interface BesideLogin {
  readonly isReady: boolean;
  /** Whether the code that runs now is part of it. */
  readonly isHere: boolean;
  /** What `@OnConnect` says of the peer: it stands over what the session ended by. */
  readonly refusal: Error | undefined;
  closedByPeer(reason: CloseReason): void;
  over(reason: CloseReason): void;
  end(reason: CloseReason): void;
}

/** What a rotation asks of the process it belongs to. */
export interface RotationHost<L extends BesideLogin> {
  readonly settings: RotationSettings;
  /** Whether a session is open, and ready. */
  readonly isReady: boolean;
  /** Makes room for what waits, within the marks of the mailbox. */
  hold(owner: WaitingFramesOwner): WaitingFrames;
  readonly mailbox: FrameInbox;
  /** These have their turn now, in order. */
  handle(frames: readonly (DataFrame | PongFrame)[]): void;
  /** A frame of the new session has arrived, which may hold answers to what its login has asked. */
  answered(frame: DataFrame): void;
  /** An inbox that the features of the session have looked at before. */
  behindFeatures(inbox: FrameInbox): FrameInbox;
  /** Prepares an attempt beside the mailbox, waits for its turn, and calls `dial` or `failAttempt`. */
  prepare(attempt: Attempt, url: string | URL | undefined): void;
  /**
   * An attempt has failed, so many with it.
   *
   * @returns milliseconds until the next one; `undefined`: there is to be none
   */
  failed(end: WireEnd, failures: number): number | undefined;
  /** A rotation begins or is over, as far as what it prepares is concerned. */
  begins(): void;
  leaves(): void;
  /** Makes the login of a session. */
  greet(info: SessionInfo, session: BesideSession): L;
  /** Begins it, in a turn of its own. */
  logIn(login: L): void;
  /** Nobody wants a login any more. */
  forget(login: L): void;
  /** Does something in a turn of the mailbox, after all that waits. */
  later(work: () => void): void;
  /** The session that is there is about to be that before, and will be closed so. */
  onSwitching(login: L, farewell: Farewell): void;
  /** The session is another one, and ready; `isOpened`: that it is open has been told. */
  onReady(login: L, info: SessionInfo, isOpened: boolean): void;
  /** What frames of the session before have brought about is over. */
  onOverlapOver(): void;
  /** The session is lost, and the attempt that is under way becomes the client's. */
  onTakingOver(): void;
  /** It is open by now. */
  onTakenOver(login: L, info: SessionInfo): void;
  /** The old session pings, after the switch; whether somebody answers that. */
  takesPing(frame: PingFrame): boolean;
  /** The old socket does not take its answers: nothing is read meanwhile. */
  pause(holder: object, isPaused: boolean): void;
  /** Has the user's code do something; what it throws crashes the client, and `undefined` is given. */
  noted<R>(work: () => R): R | undefined;
  dropped(frames: readonly Frame[], error: Error): void;
  /** So many frames have been read, and are not handled. */
  leftUndone(frames: number): void;
}
