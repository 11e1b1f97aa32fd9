import { channel, type Channel } from 'node:diagnostics_channel';

import type { MessageError } from '../errors/message.errors.js';
import type { EventFields, EventName, WebSockexEvent } from './events.js';

/**
 * The `node:diagnostics_channel` channels, one an event. Nothing is built when nobody listens.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('websockex:disconnected', (message) => console.log(message));
 *
 * @publicApi
 */
export const CHANNELS: Readonly<Record<EventName, Channel>> = Object.freeze({
  connecting: channel('websockex:connecting'),
  connected: channel('websockex:connected'),
  disconnected: channel('websockex:disconnected'),
  lost: channel('websockex:lost'),
  restored: channel('websockex:restored'),
  rotated: channel('websockex:rotated'),
  backoff: channel('websockex:backoff'),
  'frame:received': channel('websockex:frame:received'),
  'frame:sent': channel('websockex:frame:sent'),
  'frame:dropped': channel('websockex:frame:dropped'),
  'frame:unhandled': channel('websockex:frame:unhandled'),
  'message:rejected': channel('websockex:message:rejected'),
  'answer:unmatched': channel('websockex:answer:unmatched'),
  'channel:failed': channel('websockex:channel:failed'),
  'gap:lost': channel('websockex:gap:lost'),
  'message:duplicate': channel('websockex:message:duplicate'),
  'handler:slow': channel('websockex:handler:slow'),
  heartbeat: channel('websockex:heartbeat'),
  'mailbox:dropped': channel('websockex:mailbox:dropped'),
  pause: channel('websockex:pause'),
  resume: channel('websockex:resume'),
  'close:timeout': channel('websockex:close:timeout'),
  'restart:planned': channel('websockex:restart:planned'),
  restart: channel('websockex:restart'),
  terminate: channel('websockex:terminate'),
  warning: channel('websockex:warning'),
  error: channel('websockex:error'),
});

const { 'frame:sent': FRAME_SENT, 'frame:received': FRAME_RECEIVED } = CHANNELS;

/** Somebody who sees events: a client's `events$`, the manager's, a log. */
export interface EventSink {
  /** Whether it would see an event of a frame now: a field, since it is read for every frame. Without it: none, ever. */
  readonly seesFrames?: boolean;
  /** Whether anybody would see an event of this name now. */
  wants(event: EventName): boolean;
  next(event: WebSockexEvent): void;
}

/** Who the events of one client are about. */
export interface EventSource {
  readonly client: string;
  /** The client class now. */
  readonly module: string;
  /** Its number now. */
  readonly session: () => number;
}

/** Tells the events of one client: to its channels, then to its sinks. */
export class Telemetry {
  readonly #frameSinks: readonly EventSink[];
  #isTellingError = false;
  #rejected = 0;

  constructor(
    private readonly source: EventSource,
    private readonly clock: { epoch(): number },
    private readonly sinks: readonly EventSink[],
  ) {
    // The copy is as long as it must be, where a list that has grown is longer.
    this.#frameSinks = sinks.filter(({ seesFrames }) => seesFrames !== undefined).slice();
  }

  /** Whether an event of this name would be seen; ask before building what it carries. */
  wants(event: EventName): boolean {
    if (CHANNELS[event].hasSubscribers) return true;
    for (const sink of this.sinks) if (sink.wants(event)) return true;
    return false;
  }

  /** The same of a frame, quickly: it is asked for every one. */
  wantsFrame(event: 'frame:received' | 'frame:sent'): boolean {
    // Not by its name: to look one of many up in an object costs more than the rest.
    if ((event === 'frame:sent' ? FRAME_SENT : FRAME_RECEIVED).hasSubscribers) return true;
    // By the index: the iterator of a `for … of` took 3 ns a frame.
    const sinks = this.#frameSinks;
    for (let index = 0; index < sinks.length; index++) {
      if ((sinks[index] as EventSink).seesFrames === true) return true;
    }
    return false;
  }

  emit<N extends EventName>(event: N, fields: EventFields<N>): void {
    if (!this.wants(event)) return;
    const { client, module } = this.source;
    const message = {
      event,
      time: this.clock.epoch(),
      client,
      module,
      session: this.source.session(),
      ...fields,
    } as unknown as WebSockexEvent;
    CHANNELS[event].publish(message);
    for (const sink of this.sinks) if (sink.wants(event)) sink.next(message);
  }

  /** A message was a bad one. */
  rejected(error: MessageError, isHandled: boolean): void {
    this.emit('message:rejected', { error, count: ++this.#rejected, isHandled });
  }

  /** Something failed that has no other place to go. */
  error(error: unknown, where: string): void {
    // An observer of errors that throws would be told of its own error for ever.
    if (this.#isTellingError) return;
    this.#isTellingError = true;
    this.emit('error', { error, where });
    this.#isTellingError = false;
  }
}
