import { Injectable } from '@nestjs/common';

import { DEFAULT_RECONNECT } from '../runtime/connection/backoff.policy.js';
import { LinkError } from '../runtime/errors/client.errors.js';
import { inspectShort, WebSockexError } from '../runtime/errors/websockex.error.js';
import type {
  ConnectedEvent,
  DisconnectedEvent,
  EventName,
  LostEvent,
  MessageRejectedEvent,
  RestoredEvent,
  TerminateEvent,
  WebSockexEvent,
} from '../runtime/telemetry/events.js';
import type { CloseReason } from '../runtime/frame/close-reason.js';
import { isMilestone } from '../runtime/telemetry/milestone.js';
import type { EventSink } from '../runtime/telemetry/telemetry.js';
import { messages } from '../websockex.messages.js';
import { GuardedLogger } from './guarded.logger.js';

const LOGGED: ReadonlySet<EventName> = new Set<EventName>([
  'connected',
  'disconnected',
  'lost',
  'restored',
  'rotated',
  'backoff',
  'frame:unhandled',
  'message:rejected',
  'channel:failed',
  'gap:lost',
  'handler:slow',
  'mailbox:dropped',
  'pause',
  'restart:planned',
  'restart',
  'terminate',
  'warning',
  'error',
]);

/** A session that was open for so many milliseconds ends a row of failures. */
const STABLE = DEFAULT_RECONNECT.stableAfter;

/** Losses and failed attempts of one client, from one good session to the next. */
interface Outage {
  readonly failures: number;
  /** When the first of them was: of the epoch, in milliseconds. */
  readonly since: number;
  /** Since when a session is open, where one is. */
  readonly connectedAt: number | undefined;
  /** Why the last of them was. */
  readonly reason: CloseReason | undefined;
  /** Whether the last that happened was told for all to see. */
  readonly isTold: boolean;
  /** Whether one of the row was. */
  readonly isRowTold: boolean;
  /** Whether it has lasted for `lostAfter`, or follows a crash, which is told: what follows is seen by all. */
  readonly isSeen: 'lost' | 'restarted' | undefined;
}

const NONE: Omit<Outage, 'since'> = {
  failures: 0,
  connectedAt: undefined,
  reason: undefined,
  isTold: false,
  isRowTold: false,
  isSeen: undefined,
};

/**
 * Telemetry to Nest's logger: the life of clients, and what no caller is told. Never frames. A lost
 * session is told once it has been so for `lostAfter`: a quick reconnect is no news. Of a row of failed
 * attempts the first, the tenth, the hundredth, … and the recovery are told, and all at level `debug`: a
 * peer that is away for a day must not flood the log.
 */
@Injectable()
export class TelemetryLogger implements EventSink {
  private readonly logger = new GuardedLogger();
  /** What each client last told of a disconnect: it is not told again when the client ends by it. */
  private readonly lastReasons = new Map<string, CloseReason>();
  private readonly outages = new Map<string, Outage>();
  private isSummedUp = false;

  wants(event: EventName): boolean {
    // Ten thousand clients that start make as many of it.
    if (event === 'connecting') return !this.logger.drops('debug');
    return LOGGED.has(event);
  }

  next(event: WebSockexEvent): void {
    this.logger.attempt(() => this.tell(event));
  }

  private tell(event: WebSockexEvent): void {
    const { client } = event;
    switch (event.event) {
      case 'connecting':
        return this.logger.debug(messages.connecting(client, event.url));
      case 'connected':
        return this.connected(event);
      case 'disconnected':
        return this.disconnected(event);
      case 'lost':
        return this.lost(event);
      case 'restored':
        return this.restored(event);
      case 'rotated':
        return this.logger.debug(messages.rotated(client, event.from, event.to));
      case 'restart':
        return void this.outages.set(client, { ...NONE, since: event.time, isSeen: 'restarted' });
      case 'backoff':
        return this.backoff(client, event.delay);
      case 'pause':
        return this.logger.debug(messages.paused(client));
      case 'restart:planned':
        return this.logger.warn(messages.restart(client, event.delay, event.dropped));
      case 'frame:unhandled':
        return this.unhandled(client, event.frame.type, event.count);
      case 'message:rejected':
        return this.rejected(event);
      case 'gap:lost':
        return this.logger.warn(messages.gapLost(client, event.error.message));
      case 'channel:failed':
        return this.logger.warn(messages.channelFailed(client, event.error.message, event.delay));
      case 'handler:slow':
        return this.logger.warn(messages.slow(client, event.method, event.running, event.waiting));
      case 'mailbox:dropped':
        return this.isSummedUp
          ? undefined
          : this.logger.warn(messages.dropped(client, event.dropped));
      case 'terminate':
        return this.ended(event);
      case 'warning':
        return this.logger.warn(event.message);
      case 'error':
        return this.failed(client, event.where, event.error);
    }
  }

  /** Something failed that no caller is told of. */
  failed(client: string, where: string, error: unknown): void {
    this.logger.attempt(() =>
      this.logger.error(messages.failed(client, where, textOf(error)), stackOf(error)),
    );
  }

  /** A supervisor gave up; the crashes before that have shown their stacks. */
  gaveUp(message: string): void {
    this.logger.error(message);
  }

  /** The application ends: what its clients leave undone will be told in one line. */
  sumsUp(): void {
    this.isSummedUp = true;
  }

  warn(message: string): void {
    this.logger.warn(message);
  }

  private connected({ client, url, session, time }: ConnectedEvent): void {
    const before = this.outages.get(client);
    const { failures, since, connectedAt, isSeen, isRowTold } = before ?? { ...NONE, since: time };
    const isLost = isSeen === 'lost' ? isSeen : undefined;
    this.outages.set(client, {
      since,
      failures,
      connectedAt: time,
      reason: undefined,
      isTold: true,
      isRowTold,
      isSeen: isLost,
    });
    const isRecovery = failures > 0 && connectedAt === undefined;
    const outage = isRecovery ? { failures, lasted: time - since } : undefined;
    const isNews = before === undefined || session === 1 || isSeen !== undefined;
    const level = isNews ? 'log' : 'debug';
    if (this.logger.drops(level)) return;
    this.logger[level](messages.connected(client, url, session, outage));
  }

  /** What we wanted ourselves, or a link did, is no news: its end, or the next attempt, is told as well. */
  private disconnected(event: DisconnectedEvent): void {
    const { client, reason, error, time } = event;
    this.lastReasons.delete(client);
    if (isLinkEnd(reason) || (reason.by === 'local' && error === undefined)) {
      const row = rowAt(time, this.outages.get(client));
      this.outages.set(client, { ...row, connectedAt: undefined, reason, isTold: false });
      return this.logger.debug(messages.disconnected(client, reason));
    }
    const { failures, isTold } = this.failure(event);
    const line = messages.disconnected(client, reason, failures);
    if (!isTold) return this.logger.debug(line);
    this.lastReasons.set(client, reason);
    this.logger.warn(line);
  }

  /** Counts one more, in the row it belongs to. */
  private failure({ client, time, session, reason }: DisconnectedEvent): Outage {
    const row = rowAt(time, this.outages.get(client));
    const failures = row.failures + 1;
    const { isSeen } = row;
    // Before there was any session nothing has been lost: that none can be had is news at once.
    const mayBeTold = session === 0 || isSeen !== undefined;
    const isTold = mayBeTold && (isMilestone(failures) || !row.isRowTold);
    const outage: Outage = {
      failures,
      since: failures === 1 ? time : row.since,
      connectedAt: undefined,
      reason,
      isTold,
      isRowTold: row.isRowTold || isTold,
      isSeen,
    };
    this.outages.set(client, outage);
    return outage;
  }

  private lost({ client, time, since }: LostEvent): void {
    const before = this.outages.get(client) ?? { ...NONE, since };
    const { failures, connectedAt, reason, isTold, isRowTold } = before;
    const row: Outage = { ...before, isSeen: 'lost' };
    this.outages.set(client, row);
    if (connectedAt !== undefined) {
      // Where the end of its session has not had its turn yet, that is told then.
      if (connectedAt <= since) return;
      this.outages.set(client, { ...row, isTold: false });
      this.logger.warn(messages.lost(client, time - since));
      return;
    }
    if (reason === undefined || isTold || (isRowTold && !isMilestone(failures))) return;
    this.outages.set(client, { ...row, isTold: true, isRowTold: true });
    this.lastReasons.set(client, reason);
    this.logger.warn(messages.disconnected(client, reason, failures));
  }

  private restored({ client, session, time, lasted }: RestoredEvent): void {
    const before = this.outages.get(client) ?? { ...NONE, since: time };
    this.outages.set(client, { ...before, isSeen: undefined });
    const line = messages.restored(client, session, lasted);
    // That it is connected has been told, unless it was lost since.
    if (before.connectedAt !== undefined && before.isTold) this.logger.debug(line);
    else this.logger.log(line);
  }

  private backoff(client: string, delay: number): void {
    const line = messages.backoff(client, delay);
    if (this.outages.get(client)?.isTold === false) this.logger.debug(line);
    else this.logger.log(line);
  }

  private rejected({ client, error, count, isHandled }: MessageRejectedEvent): void {
    if (isHandled || !isMilestone(count)) return;
    this.logger.warn(messages.rejected(client, error.message, count));
  }

  private unhandled(client: string, type: string, count: number): void {
    if (isMilestone(count)) this.logger.warn(messages.unhandled(client, type, count));
  }

  private ended({ client, reason, duringStart, crashed }: TerminateEvent): void {
    const isTold =
      this.lastReasons.get(client) === reason && reason.by !== 'local' && !isLinkEnd(reason);
    this.lastReasons.delete(client);
    this.outages.delete(client);
    // Whoever waits for the start is told, and tells it himself.
    if (duringStart) return;
    if (isTold) {
      const line = messages.endedByThat(client);
      return reason.by === 'error' ? this.logger.error(line) : this.logger.log(line);
    }
    const line = messages.ended(client, reason);
    if (reason.by !== 'error') {
      return reason.by === 'remote' ? this.logger.warn(line) : this.logger.log(line);
    }
    const { error } = reason;
    // Its parent's end is told as what it is; that this one goes with it was wanted.
    if (isLinkEnd(reason)) return this.logger.warn(messages.ended(client, reason));
    // A connection that could not be made has no place in anybody's code; what a handler threw, or
    // ended the client with, has.
    if (crashed) this.logger.error(messages.crashed(client, textOf(error)), stackOf(error));
    else if (error instanceof WebSockexError) this.logger.error(messages.ended(client, reason));
    else this.logger.error(messages.endedByTerminate(client, textOf(error)), stackOf(error));
  }
}

/** The row that an end belongs to: a good session has ended the one before. */
function rowAt(time: number, before: Outage | undefined): Outage {
  const { connectedAt, isSeen } = before ?? NONE;
  const isGood = connectedAt !== undefined && time - connectedAt >= STABLE;
  return before === undefined || isGood ? { ...NONE, since: time, isSeen } : before;
}

function isLinkEnd(reason: CloseReason): boolean {
  return reason.by === 'error' && reason.error instanceof LinkError;
}

function textOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : inspectShort(error);
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
