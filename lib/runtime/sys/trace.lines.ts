import { inspectShort, oneLine } from '../errors/websockex.error.js';
import { type CloseReason, describeReason } from '../frame/close-reason.js';
import type { WebSockexEvent } from '../telemetry/events.js';
import type { TraceEvent } from '../telemetry/trace.hook.js';

/**
 * What a trace says of one client's events, in the words of WebSockex where it has some: most have
 * one line, a few have none. Never throws, whatever the values in an event do.
 */
export class TraceLines {
  /** Whether the session that ends was cut, because the peer took too long. */
  #wasCut = false;
  /** Whether it has been said why the session that ends is closed. */
  #isClosing = false;

  /** From here on it may not see all: what it knows of the session may not hold. */
  forget(): void {
    this.#wasCut = this.#isClosing = false;
  }

  of(event: Traced): string[] {
    try {
      return this.#describe(event).map(oneLine);
    } catch {
      return [`${event.event}: it cannot be shown`];
    }
  }

  #describe(event: Traced): string[] {
    switch (event.event) {
      case 'connecting':
        this.#isClosing = false;
        return [event.session === 0 ? 'attempting to connect' : 'attempting to reconnect'];
      case 'connected':
        this.forget();
        return [event.session === 1 ? 'successfully connected' : 'successfully reconnected'];
      case 'frame:received':
        return [`received frame: ${showFrame(event.frame)}`];
      case 'frame:sent':
        return [`sending ${kindOf(event.frame)}: ${showFrame(event.frame)}`];
      case 'frame:dropped':
        return [`dropped frame: ${showFrame(event.frame)}`];
      case 'frame:unhandled':
        return [`has no handler for frame: ${showFrame(event.frame)}`];
      case 'message:rejected':
        return [`bad message: ${event.error.message}`];
      case 'answer:unmatched':
        return [`nobody waits for the answer to ${event.id}`];
      case 'gap:lost':
        return [`gap lost: ${event.error.message}`];
      case 'message:duplicate':
        return [`dropped duplicate: ${event.position.stream} ${event.position.seq}`];
      case 'channel:failed':
        return [`channel failed: ${event.error.message}`];
      case 'cast':
      case 'call':
        return [`received ${event.event} msg: ${list([event.name, ...event.args])}`];
      case 'info':
        return [`received msg: ${inspectShort(event.message)}`];
      case 'reply':
        return event.frames.map((one) => `replying from ${event.method} with ${showFrame(one)}`);
      case 'closing':
        this.#isClosing = true;
        return [closing(event.reason)];
      case 'disconnected':
        return this.#ended(event.reason);
      case 'close:timeout':
        this.#wasCut = true;
        return ['forcefully closed the connection because the server was taking too long to close'];
      case 'lost':
        return ['lost: no session is ready'];
      case 'restored':
        return [`restored after ${event.lasted} ms`];
      case 'rotated':
        return [`rotated from session ${event.from} to ${event.to}`];
      case 'backoff':
        return [`waiting ${event.delay} ms before the next attempt`];
      case 'handler:slow':
        return [`${event.method} has been running for ${Math.round(event.running)} ms`];
      case 'heartbeat':
        return [`heartbeat answered in ${event.rtt.toFixed(1)} ms`];
      case 'mailbox:dropped':
        return [`dropped ${event.dropped} casts or infos that waited`];
      case 'restart:planned':
        return [`restarting in ${event.delay} ms`];
      case 'restart':
        return [`restarted, incarnation ${event.incarnation}`];
      case 'terminate':
        return [`terminating: ${cut(describeReason(event.reason))}`];
      case 'pause':
        return ['paused reading'];
      case 'resume':
        return ['resumed reading'];
      case 'warning':
        return [`warning: ${cut(event.message)}`];
      case 'error':
        return [
          `error in ${event.where}: ${cut(describeReason({ by: 'error', error: event.error }))}`,
        ];
    }
  }

  /** A session, or an attempt; of the one that was cut it has been said that it is closed. */
  #ended(reason: CloseReason): string[] {
    const why = this.#isClosing ? [] : [closing(reason)];
    const isVanished = reason.by === 'remote' && reason.code === 1006;
    // An attempt that failed, and a connection that vanished, have not been closed by anybody.
    const isClosed = this.#isClosing || (reason.by !== 'error' && !isVanished);
    return isClosed && !this.#wasCut ? [...why, 'closed the connection successfully'] : why;
  }
}

/** Why a session is, or was, closed. */
function closing(reason: CloseReason): string {
  if (reason.by === 'error') return `closing due to error: ${cut(describeReason(reason))}`;
  const { by, code, message } = reason;
  if (by === 'remote' && code === 1006) {
    return 'had the connection closed unexpectedly by the remote server';
  }
  const why = JSON.stringify({ code, message });
  return `closing with ${by === 'local' ? 'local' : 'the remote'} reason: ${why}`;
}

function kindOf(frame: { readonly type: string; readonly code?: number }): string {
  if (frame.type !== 'close') return 'frame';
  return frame.code === 1011 ? 'error close frame' : 'close frame';
}

function list(values: readonly unknown[]): string {
  return cut(`[${values.map(inspectShort).join(', ')}]`);
}

/** The most of a payload, or of anything else, that a line shows, in characters or bytes. */
const MAX_SHOWN = 1024;

/** What a frame that is shown may have; one of a user may have more, which is not shown. */
interface Shown {
  readonly type: string;
  readonly data?: string | Uint8Array;
  readonly fin?: boolean;
  readonly code?: number;
  readonly reason?: string;
}

/** A frame as JSON, its payload cut where it is long. */
export function showFrame({ type, data, fin, code, reason }: Shown): string {
  const shown = typeof data === 'string' ? cut(data) : data && hex(data);
  // An empty close frame has neither code nor reason.
  const why = code === undefined ? undefined : reason;
  return JSON.stringify({
    type,
    data: shown,
    fin: fin === false ? fin : undefined,
    code,
    reason: why,
  });
}

/** A text of at most so many characters, with its length where there were more. */
export function cut(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length})` : text;
}

function hex(data: Uint8Array): string {
  const shown = Buffer.from(data.subarray(0, MAX_SHOWN)).toString('hex');
  return data.length > MAX_SHOWN ? `<${shown}… ${data.length} bytes>` : `<${shown}>`;
}

/** Whatever a trace may show. */
export type Traced = TraceEvent | WebSockexEvent;
