import { inspectShort } from '../errors/websockex.error.js';
import type { CloseReason } from '../frame/close-reason.js';
import { describeReason } from '../frame/close-reason.js';
import type { TraceEvent } from '../process/trace.hook.js';
import type { CloseFrame, WebSockexEvent } from '../telemetry/events.js';

/** Whatever a trace may show. */
export type Traced = TraceEvent | WebSockexEvent;

/** The most of a payload that a line shows, in characters or bytes. */
const MAX_SHOWN = 1024;

/**
 * What a trace says of an event, in the words of WebSockex where it has some; most events have one
 * line, a few have none.
 */
export function describeEvent(event: Traced): string[] {
  switch (event.event) {
    case 'connecting':
      return [event.session === 0 ? 'attempting to connect' : 'attempting to reconnect'];
    case 'connected':
      return [event.session === 1 ? 'successfully connected' : 'successfully reconnected'];
    case 'frame:received':
      return [`received frame: ${show(event.frame)}`];
    case 'frame:sent':
      return [describeSent(event.frame)];
    case 'frame:dropped':
      return [`dropped frame: ${show(event.frame)}`];
    case 'cast':
    case 'call':
      return [`received ${event.event} msg: ${list([event.name, ...event.args])}`];
    case 'info':
      return [`received msg: ${inspectShort(event.message)}`];
    case 'reply':
      return event.frames.map((frame) => `replying from ${event.method} with ${show(frame)}`);
    case 'disconnected':
      return [describeEnd(event.reason), ...closed(event.reason)];
    case 'close:timeout':
      return ['forcefully closed the connection because the server was taking too long to close'];
    case 'backoff':
      return [`waiting ${event.delay} ms before the next attempt`];
    case 'restart:planned':
      return [`restarting in ${event.delay} ms`];
    case 'restart':
      return [`restarted, incarnation ${event.incarnation}`];
    case 'terminate':
      return [`terminating: ${describeReason(event.reason)}`];
    case 'pause':
      return ['paused reading'];
    case 'resume':
      return ['resumed reading'];
    default:
      return [];
  }
}

function describeSent(frame: Parameters<typeof show>[0]): string {
  if (frame.type !== 'close') return `sending frame: ${show(frame)}`;
  const isError = (frame as CloseFrame).code === 1011;
  return `sending ${isError ? 'error ' : ''}close frame: ${show(frame)}`;
}

function describeEnd(reason: CloseReason): string {
  if (reason.by === 'error') return `closing due to error: ${describeReason(reason)}`;
  if (reason.by === 'local') return `closing with local reason: ${showReason(reason)}`;
  return reason.code === 1006
    ? 'had the connection closed unexpectedly by the remote server'
    : `closing with the remote reason: ${showReason(reason)}`;
}

/** A closing handshake that was completed. */
function closed(reason: CloseReason): string[] {
  const isClean = reason.by !== 'error' && reason.code !== 1006;
  return isClean ? ['closed the connection successfully'] : [];
}

function showReason({ code, message }: Exclude<CloseReason, { by: 'error' }>): string {
  return JSON.stringify({ ...(code !== undefined && { code }), message });
}

/** A frame as JSON, its payload cut where it is long. */
function show(frame: { readonly type: string; readonly data?: string | Buffer }): string {
  const { data } = frame;
  if (data === undefined) return JSON.stringify(frame);
  return JSON.stringify({ ...frame, data: Buffer.isBuffer(data) ? hex(data) : cut(data) });
}

function hex(data: Buffer): string {
  const shown = data.subarray(0, MAX_SHOWN).toString('hex');
  return data.length > MAX_SHOWN ? `<${shown}… ${data.length} bytes>` : `<${shown}>`;
}

function cut(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length})` : text;
}

function list(values: readonly unknown[]): string {
  return `[${values.map(inspectShort).join(', ')}]`;
}
