import type { RotateOptions } from '../connection/rotation.port.js';
import { ConfigurationError } from '../errors/client.errors.js';
import { InvalidFrameError } from '../errors/frame.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import { checkClose, CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import { toFrame, type Frame, type FrameLike } from '../frame/frame.js';
import { checkHeaders, checkUrl } from '../transport/request.checker.js';

/** Survives a second copy of the package in one program. */
const DIRECTIVE = Symbol.for('websockex:directive');

/** A class only to the compiler. A symbol as a key could not be named in a user's declarations. */
declare abstract class Branded {
  private readonly isDirective: true;
}

type Fields<D extends Branded> = { readonly [K in keyof D]: D[K] } & { readonly [DIRECTIVE]: true };

function branded<D extends Branded>(fields: Fields<D>): D {
  return Object.freeze(fields) as D;
}

/** Send these frames. Made with {@link reply}. */
export interface ReplyDirective extends Branded {
  readonly kind: 'reply';
  readonly frames: readonly Frame[];
}

/** Not frozen as the others are: that costs more than all else of a directive that is made for each frame. */
class Reply implements Fields<ReplyDirective> {
  readonly [DIRECTIVE] = true;
  readonly kind = 'reply';

  constructor(readonly frames: readonly Frame[]) {}
}

/** Close the session. Made with {@link close}. */
export interface CloseDirective extends Branded {
  readonly kind: 'close';
  readonly code: number | undefined;
  readonly reason: string;
}

/** Connect again. Made with {@link reconnect}. */
export interface ReconnectDirective extends Branded {
  readonly kind: 'reconnect';
  readonly changes: ReconnectChanges;
}

/** End the client. Made with {@link terminate}. */
export interface TerminateDirective extends Branded {
  readonly kind: 'terminate';
  readonly reason: string | Error | undefined;
}

/** The peer has taken this session in. Made with {@link accepted}. */
export interface AcceptedDirective extends Branded {
  readonly kind: 'accepted';
}

/** Put a new session in the place of this one. Made with {@link rotate}. */
export interface RotateDirective extends Branded {
  readonly kind: 'rotate';
  readonly options: RotateOptions;
}

/** The new session of a rotation is good. Made with {@link ready}. */
export interface ReadyDirective extends Branded {
  readonly kind: 'ready';
}

/** What a handler returns to act. */
export type Directive =
  | AcceptedDirective
  | ReplyDirective
  | CloseDirective
  | ReadyDirective
  | ReconnectDirective
  | RotateDirective
  | TerminateDirective;

/** How the session that is open ends, where a reconnect ends it. */
export interface LeaveOptions {
  /**
   * The code of the close frame. Some peers keep what can be resumed by it: Discord ends a session at
   * 1000 and 1001, and keeps it at others. @default 1000
   */
  readonly code?: number;
  /** The reason in the close frame, at most 123 bytes. @default none */
  readonly reason?: string;
  /**
   * Cuts the socket at once, without a closing handshake, and gives up an attempt that is under way: for
   * one that is known to be dead. @default false
   */
  readonly force?: boolean;
}

/** What {@link reconnect} may change. */
export interface ReconnectChanges extends LeaveOptions {
  /** Connect there, in this attempt and every later one of the incarnation. */
  readonly url?: string | URL;
  /** Set these headers over the configured ones, whatever their case, in this attempt and every later one. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Milliseconds to wait first, this once. @default what the reconnect policy says after a session or
   * a failed attempt, from `@OnDisconnect` as if that had passed; without either, none
   */
  readonly delay?: number;
}

/**
 * Sends frames as the answer of a handler; a string is a text frame, a `Buffer` a binary one. When
 * the session is over by then they are dropped, and telemetry tells so (`frame:dropped`).
 *
 * @example
 * @OnFrame('text', 'marco') polo() { return reply('polo'); }
 *
 * @throws InvalidFrameError for what is no frame. One that cannot be encoded ends the session with
 * 1011 and goes to `@OnDisconnect`.
 * @publicApi
 */
export function reply(...frames: FrameLike[]): ReplyDirective {
  // Most have one: a closure for its check costs as much as all else.
  const checked = frames.length === 1 ? [checkedFrame(frames[0])] : frames.map(checkedFrame);
  return new Reply(checked) as unknown as ReplyDirective;
}

function checkedFrame(value: unknown): Frame {
  const frame = toFrame(value);
  if (frame === undefined) throw new InvalidFrameError(value, 'reply()');
  return frame;
}

/**
 * Closes the session with a close frame: an empty one, or with a code and a reason of at most 123
 * bytes. Frames that arrive after it are dropped. Unless `@OnDisconnect` says otherwise, the
 * client ends then: after our own close there is no reconnect. While the session is closing already
 * it speaks against a reconnect; without a session (`connecting`, `backoff`) the client ends at once.
 *
 * @throws FrameEncodeError for a code or reason that may not be sent (RFC 6455 section 7.4)
 * @publicApi
 */
export function close(code?: number, reason = ''): CloseDirective {
  checkClose('close()', code, reason);
  return branded<CloseDirective>({ [DIRECTIVE]: true, kind: 'close', code, reason });
}

/**
 * Connects again. From `@OnDisconnect`: whatever the reconnect policy says. From any other handler, as
 * the client is by then:
 *
 * - `open`: the session is closed first, with 1000 or `code`; with `force` it is cut.
 * - `closing`: it is noted for what follows; the last word counts, this or a `close()`. With `force` the
 *   peer is not waited for.
 * - `backoff`: the attempt is made at once; with a `delay` the wait begins anew.
 * - `connecting`: the attempt that is under way is given up for one with what has changed, at once, or
 *   after `delay`. Where nothing changes it is left alone, but with `force`.
 *
 * @example
 * @OnDisconnect() lost() { return reconnect({ url: this.resumeUrl }); }
 *
 * @throws UrlError, ConfigurationError for a URL, headers or a delay that cannot be; FrameEncodeError for a
 * code or reason that may not be sent
 * @publicApi
 */
export function reconnect(changes: ReconnectChanges = {}): ReconnectDirective {
  const { url, headers, delay } = changes;
  checkLeave('reconnect()', changes);
  if (url !== undefined) checkUrl('reconnect()', url);
  if (headers !== undefined) checkHeaders('reconnect()', headers);
  if (delay !== undefined && !(typeof delay === 'number' && delay >= 0)) {
    throw new ConfigurationError(
      `reconnect(): delay is ${inspectShort(delay)}; it must be a number of milliseconds, 0 or more`,
    );
  }
  return branded<ReconnectDirective>({ [DIRECTIVE]: true, kind: 'reconnect', changes });
}

/**
 * Says that the peer has taken this session in: its end will be the first of a row, so that the delays
 * and `maxAttempts` begin anew, however short it was. For a protocol that refuses a client after the
 * session is open. Without it that is so after `reconnect.stableAfter`. Between sessions it does nothing.
 *
 * @example
 * @OnFrame('text', '{"op":"ready"}') welcome() { return accepted(); }
 *
 * @publicApi
 */
export function accepted(): AcceptedDirective {
  return branded<AcceptedDirective>({ [DIRECTIVE]: true, kind: 'accepted' });
}

/**
 * Puts a new session in the place of the one that is open, without a gap: see `handle.rotate()`. For a peer
 * that says it is about to close. While one is under way it joins that. Without a session that is ready it
 * does nothing; what it fails with, the log tells. With `code` and `reason` it says how the old session is
 * closed, for a peer that keeps what can be resumed.
 *
 * @example
 * @OnFrame('text', 'going-away') moved() { return rotate({ within: 30_000 }); }
 *
 * @throws UrlError, ConfigurationError for a URL or a time that cannot be; FrameEncodeError for a code or
 * reason that may not be sent
 * @publicApi
 */
export function rotate(options: RotateOptions = {}): RotateDirective {
  checkRotate('rotate()', options);
  return branded<RotateDirective>({ [DIRECTIVE]: true, kind: 'rotate', options });
}

/**
 * Says that the new session of a rotation is good: it takes over as soon as its `@OnConnect` is done. Without
 * it that is so with its first data frame, or after 5 seconds. Where nothing is rotated it does nothing.
 *
 * @example
 * @OnConnect() async login(_: ConnectionInfo, dialogue: Dialogue) {
 *   await dialogue.send('subscribe');
 *   await dialogue.next(({ data }) => data === 'subscribed');
 *   return ready();
 * }
 *
 * @publicApi
 */
export function ready(): ReadyDirective {
  return branded<ReadyDirective>({ [DIRECTIVE]: true, kind: 'ready' });
}

/**
 * Refuses what cannot be rotated by.
 *
 * @throws UrlError for a URL, ConfigurationError for a time, FrameEncodeError for a code or reason
 */
export function checkRotate(where: string, options: RotateOptions): void {
  const { url, within, code, reason } = options;
  checkClose(where, code ?? CloseCode.normal, reason);
  if (url !== undefined) checkUrl(where, url);
  if (within !== undefined && !(typeof within === 'number' && within > 0)) {
    throw new ConfigurationError(
      `${where}: within is ${inspectShort(within)}; it must be a number of milliseconds above 0`,
    );
  }
}

/**
 * Ends the client for good. From `@OnDisconnect`, and of a session that is closing already, it ends
 * with `reason`, or else with the reason of the disconnect; an open session is closed with 1000 first,
 * or with 1011 when `reason` is an `Error`. An attempt or a wait for one is given up.
 *
 * @publicApi
 */
export function terminate(reason?: string | Error): TerminateDirective {
  return branded<TerminateDirective>({ [DIRECTIVE]: true, kind: 'terminate', reason });
}

/**
 * Refuses what cannot end a session.
 *
 * @throws FrameEncodeError for a code or reason that may not be sent; ConfigurationError for `force`
 */
export function checkLeave(where: string, { code, reason, force }: LeaveOptions): void {
  checkClose(where, code ?? CloseCode.normal, reason);
  if (force !== undefined && typeof force !== 'boolean') {
    throw new ConfigurationError(
      `${where}: force is ${inspectShort(force)}; it must be true or false`,
    );
  }
}

/** Whether a handler returned a directive. */
export function isDirective(value: unknown): value is Directive {
  return typeof value === 'object' && value !== null && DIRECTIVE in value;
}

/** What a `terminate()` gives as the reason of an end. */
export function toCloseReason(reason: string | Error, code?: number): CloseReason {
  if (reason instanceof Error) return { by: 'error', error: reason };
  return { by: 'local', message: reason, ...(code !== undefined && { code }) };
}
