import { Injectable, Logger } from '@nestjs/common';

import {
  ConnectionError,
  HandshakeError,
  ProtocolError,
  UrlError,
} from '../runtime/errors/connection.errors.js';
import { LinkError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import type {
  DisconnectedEvent,
  EventName,
  TerminateEvent,
  WebSockexEvent,
} from '../runtime/telemetry/events.js';
import type { CloseReason } from '../runtime/frame/close-reason.js';
import type { EventSink } from '../runtime/telemetry/telemetry.js';
import { LOG_CONTEXT } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';

const LOGGED: ReadonlySet<EventName> = new Set<EventName>([
  'connecting',
  'connected',
  'disconnected',
  'backoff',
  'frame:unhandled',
  'mailbox:dropped',
  'pause',
  'restart:planned',
  'terminate',
  'error',
]);

/** Telemetry to Nest's logger: the life of clients, and what no caller is told. Never frames. */
@Injectable()
export class TelemetryLogger implements EventSink {
  readonly skipsFrames = true;
  private readonly logger = new Logger(LOG_CONTEXT);
  /** What each client last told of a disconnect: it is not told again when the client ends by it. */
  private readonly lastReasons = new Map<string, CloseReason>();

  wants(event: EventName): boolean {
    return LOGGED.has(event);
  }

  next(event: WebSockexEvent): void {
    const { client } = event;
    switch (event.event) {
      case 'connecting':
        return this.logger.debug(messages.connecting(client, event.url));
      case 'connected':
        return this.logger.log(messages.connected(client, event.url, event.session));
      case 'disconnected':
        return this.disconnected(event);
      case 'backoff':
        return this.logger.log(messages.backoff(client, event.delay));
      case 'pause':
        return this.logger.debug(messages.paused(client));
      case 'restart:planned':
        return this.logger.warn(messages.restart(client, event.delay, event.dropped));
      case 'frame:unhandled':
        return this.unhandled(client, event.frame.type, event.count);
      case 'mailbox:dropped':
        return this.logger.warn(messages.dropped(client, event.dropped));
      case 'terminate':
        return this.ended(event);
      case 'error':
        return this.failed(client, event.where, event.error);
    }
  }

  /** Something failed that no caller is told of. */
  failed(client: string, where: string, error: unknown): void {
    this.logger.error(messages.failed(client, where, textOf(error)), stackOf(error));
  }

  /** A supervisor gave up; the crashes before that have shown their stacks. */
  gaveUp(message: string): void {
    this.logger.error(message);
  }

  warn(message: string): void {
    this.logger.warn(message);
  }

  /** What we wanted ourselves, or a link did, is no news: its end, or the next attempt, is told as well. */
  private disconnected({ client, reason, error }: DisconnectedEvent): void {
    this.lastReasons.set(client, reason);
    const line = messages.disconnected(client, reason);
    if (isLinkEnd(reason) || (reason.by === 'local' && error === undefined))
      this.logger.debug(line);
    else this.logger.warn(line);
  }

  /** The first, the tenth, the hundredth, …: a feed must not flood the log. */
  private unhandled(client: string, type: string, count: number): void {
    if (Number.isInteger(Math.log10(count))) {
      this.logger.warn(messages.unhandled(client, type, count));
    }
  }

  private tell(reason: CloseReason, line: string): void {
    if (reason.by === 'error') this.logger.error(line);
    else this.logger.log(line);
  }

  private ended({ client, reason, duringStart }: TerminateEvent): void {
    const isTold =
      this.lastReasons.get(client) === reason && reason.by !== 'local' && !isLinkEnd(reason);
    this.lastReasons.delete(client);
    // Whoever waits for the start is told, and tells it himself.
    if (duringStart) return;
    if (isTold) return this.tell(reason, messages.endedByThat(client));
    if (reason.by !== 'error') return this.logger.log(messages.ended(client, reason));
    const { error } = reason;
    // Its parent's end is told as what it is; that this one goes with it was wanted.
    if (isLinkEnd(reason)) return this.logger.warn(messages.ended(client, reason));
    // A connection that could not be made has no place in anybody's code; a crash has.
    if (isAboutConnection(error)) this.logger.error(messages.ended(client, reason));
    else this.logger.error(messages.crashed(client, textOf(error)), stackOf(error));
  }
}

function isLinkEnd(reason: CloseReason): boolean {
  return reason.by === 'error' && reason.error instanceof LinkError;
}

function isAboutConnection(error: unknown): boolean {
  return [ConnectionError, HandshakeError, ProtocolError, UrlError].some(
    (type) => error instanceof type,
  );
}

function textOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : inspectShort(error);
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
