import type { Clock } from '../clock/clock.port.js';
import { HandshakeError } from '../errors/connection.errors.js';
import {
  HeartbeatTimeoutError,
  SendTimeoutError,
  SilenceTimeoutError,
} from '../errors/timeout.errors.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';

/** How a session ended, in a word. */
export type SessionEnd =
  'local' | 'remote' | 'lost' | 'heartbeat' | 'silence' | 'rotated' | 'crash';

/** Something that took its time. */
export interface Span {
  /** When it began: milliseconds since the epoch. */
  readonly began: number;
  readonly seconds: number;
}

/** Where a socket leads. */
export interface Destination {
  /** The host and port; none for a socket in the file system. */
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** Its URL without secrets. */
  readonly shownUrl: string;
}

/** An attempt that has led to a session, or failed. */
export interface AttemptMade extends Span, Destination {
  /** What it failed with. */
  readonly error?: unknown;
  /** The status of the answer, where there was one: 101 where it has led to a session. */
  readonly status?: number | undefined;
}

/** A session that is over. */
export interface SessionOver extends Span {
  readonly end: SessionEnd;
  readonly code?: number | undefined;
  /** What broke, where something did. */
  readonly error?: unknown;
}

/** Told what has become of one socket. */
export interface WireMeterOwner {
  readonly clock: Pick<Clock, 'now' | 'epoch'>;
  opened(wire: WireMeter): void;
  attempted(wire: WireMeter, attempt: AttemptMade): void;
  ended(wire: WireMeter, session: SessionOver): void;
  /** There is no socket any more, whatever was told of it. */
  over(wire: WireMeter): void;
}

/** Times one socket: the attempt, and the session that it becomes. What is told last is told once. */
export class WireMeter {
  /** When the session was opened, by the clock. */
  openedAt: number | undefined;
  #since: number;
  #began: number;
  #isReplaced = false;
  #isOver = false;

  constructor(
    private readonly owner: WireMeterOwner,
    /** Where it leads now: redirects may lead elsewhere. */
    private readonly destination: () => Destination,
  ) {
    this.#since = owner.clock.now();
    this.#began = owner.clock.epoch();
  }

  opened(): void {
    const { owner } = this;
    owner.attempted(this, { ...this.#span(), ...this.destination(), status: 101 });
    this.openedAt = this.#since = owner.clock.now();
    this.#began = owner.clock.epoch();
    owner.opened(this);
  }

  /** Another session has taken the place of this one: however it ends now, that is why. */
  replaced(): void {
    this.#isReplaced = true;
  }

  /** The attempt has failed, or the session is over. */
  ended(reason: CloseReason, error: unknown): void {
    if (this.openedAt === undefined) {
      const failure = error ?? (reason.by === 'error' ? reason.error : undefined);
      const status = failure instanceof HandshakeError ? failure.status : undefined;
      this.#over(() =>
        this.owner.attempted(this, {
          ...this.#span(),
          ...this.destination(),
          error: failure,
          status,
        }),
      );
    } else
      this.#ended(endOf(reason, error), reason.by === 'error' ? undefined : reason.code, error);
  }

  /** A handler has failed, and the session is closed for it. */
  crashed(): void {
    this.#ended('crash', CloseCode.internalError, undefined);
  }

  /** Nobody wants it any more: an attempt that was given up is none that failed. */
  leftBehind(): void {
    if (this.openedAt === undefined) this.#over(() => undefined);
    else this.#ended('local', undefined, undefined);
  }

  #ended(end: SessionEnd, code: number | undefined, error: unknown): void {
    const told = this.#isReplaced ? 'rotated' : end;
    this.#over(() => this.owner.ended(this, { ...this.#span(), end: told, code, error }));
  }

  #over(tell: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    tell();
    this.owner.over(this);
  }

  #span(): Span {
    return { began: this.#began, seconds: (this.owner.clock.now() - this.#since) / 1_000 };
  }
}

function endOf(reason: CloseReason, error: unknown): SessionEnd {
  if (error instanceof HeartbeatTimeoutError) return 'heartbeat';
  if (error instanceof SilenceTimeoutError) return 'silence';
  // It was not taken any more: the peer, or the way to it, is gone.
  if (error instanceof SendTimeoutError) return 'lost';
  if (reason.by !== 'remote') return 'local';
  return reason.code === CloseCode.abnormal ? 'lost' : 'remote';
}
