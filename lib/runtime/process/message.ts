import type { Deferred, Pending } from '../async/deferred.js';
import type { Attempt } from '../connection/attempt.js';
import type { WireEnd } from '../connection/wire.end.js';
import type { DataFrame, PingFrame, PongFrame } from '../frame/frame.js';
import type { Release } from '../session/gaps.js';
import type { ConnectionInfo } from './handler.arguments.js';

/** A call that waits for its turn, or for its answer. */
export interface CallMessage {
  readonly type: 'call';
  readonly name: string;
  args: readonly unknown[];
  readonly answer: Deferred<unknown>;
  /** Its caller has given up: it is not run any more. */
  isWithdrawn?: boolean;
  /** Its caller has been told: the answer, or that there is none. */
  isAnswered?: boolean;
}

/** What others ask of a client. */
export type CallerMessage =
  | { readonly type: 'cast'; readonly name: string; readonly args: readonly unknown[] }
  | { readonly type: 'info'; readonly message: unknown }
  | CallMessage;

/** The answers to the requests of one frame. */
export interface AnswerBatch {
  /** How many requests have not been dealt with. */
  left: number;
  readonly answers: unknown[];
  /** How many were none. */
  refused: number;
}

/** The frame a message came in, with others maybe. */
export interface MessageOrigin {
  readonly frame: DataFrame;
  /** How many bytes of it are those of the message. */
  readonly share: number;
  /** Gathers the answers to what it asks; absent where each goes alone. */
  readonly batch?: AnswerBatch | undefined;
  /** Whether `@OnFrame` has had it, or will not have it. */
  isOffered: boolean;
}

/** The messages of a frame whose turns are still to come, one after the other. */
export interface FurtherMessages {
  readonly type: 'further';
  readonly origin: MessageOrigin;
  /** All of the frame. */
  readonly values: readonly unknown[];
  /** The first of them that has not had its turn. */
  next: number;
}

/** A message that was held, or missing; or what is to be done behind some of those. */
export interface ReleasedMessage {
  readonly type: 'released';
  readonly release: Release;
  /** Of all that were released together. */
  readonly group: ReleaseGroup;
}

/** Messages that were released together. */
export interface ReleaseGroup {
  /** Whether one of them was dropped: what follows is not handled as if that had been. */
  isBroken: boolean;
}

/** What a session ends by. */
export type LeaveMessage =
  | { readonly type: 'peer-close'; readonly session: number }
  | { readonly type: 'end'; readonly end: WireEnd }
  | { readonly type: 'stop'; readonly code: number };

/** A session whose turn has come. */
export interface OpenedSession {
  readonly info: ConnectionInfo;
  /** Runs `@OnConnect`. */
  begin(): Pending;
}

/** What waits in a client's mailbox. Frames are messages as they are. */
export type Message =
  | DataFrame
  | PingFrame
  | PongFrame
  | CallerMessage
  | FurtherMessages
  | ReleasedMessage
  | { readonly type: 'start'; readonly args: unknown; readonly attempt: Attempt }
  | { readonly type: 'attempt'; readonly attempt: Attempt }
  | { readonly type: 'open'; readonly login: OpenedSession }
  | LeaveMessage
  /** What goes on beside the mailbox begins in a turn of its own. */
  | { readonly type: 'beside'; readonly work: () => void }
  | { readonly type: 'conclude' }
  | { readonly type: 'crash'; readonly error: unknown };

/** Whether somebody still wants it. */
export function isWanted(message: Message): boolean {
  return message.type !== 'call' || message.isWithdrawn !== true;
}

/** Whether it is from a caller: these outlive a session. */
export function isFromCaller(message: Message): message is CallerMessage {
  return message.type === 'cast' || message.type === 'info' || message.type === 'call';
}

/** Whether it is a frame that a handler may be for. */
export function isData(message: Message): message is DataFrame {
  return message.type === 'text' || message.type === 'binary';
}

/** How many bytes a message holds on to. */
export function sizeOf(message: Message): number {
  switch (message.type) {
    case 'text':
    case 'binary':
    case 'ping':
    case 'pong':
      return message.data.length;
    case 'released':
      return 'done' in message.release ? 0 : (message.release.origin as MessageOrigin).share;
    case 'further':
      return message.origin.share * (message.values.length - message.next);
    default:
      return 0;
  }
}
