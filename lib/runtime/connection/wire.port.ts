import type { Clock } from '../clock/clock.port.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame, PingFrame, PongFrame } from '../frame/frame.js';
import type { DevToolsNetwork } from '../telemetry/devtools.network.js';
import type { ClientMeter } from '../metering/client.meter.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { TraceHook } from '../telemetry/trace.hook.js';
import type { Transport, TransportInfo, TransportRequest } from '../transport/transport.port.js';
import type { WireEnd } from './wire.end.js';

/** Where the data frames of a wire go: straight, since this is the way of each of them. */
export interface FrameInbox {
  post(frame: DataFrame): void;
}

/** What a wire was opened with. */
export interface WireOpening {
  readonly info: TransportInfo;
  /** What was asked for last: redirects may have led there. */
  readonly request: TransportRequest;
}

/** Who a wire tells what else happens on it. */
export interface WireOwner {
  /** @param request what was asked for last: redirects may have led there */
  onOpen(info: TransportInfo, request: TransportRequest): void;
  onPing(frame: PingFrame): void;
  onPong(frame: PongFrame): void;
  /** The peer's close frame was read; `answerClose` of the wire answers it. */
  onPeerClose(reason: CloseReason): void;
  /** The session is being closed, and not by us. */
  onClosing(reason: CloseReason): void;
  /** More answers wait to be sent than should (`true`), or all that waited then have gone (`false`). */
  onBackpressure(hasBackpressure: boolean): void;
  /** The socket has taken some of what waited above `sendHighWaterMark`. */
  onWritable(): void;
  onEnd(end: WireEnd): void;
}

/** What one attempt is made with. */
export interface WireSettings {
  readonly request: TransportRequest;
  /** Those of the client, which are not copied: there may be ten thousand of them. */
  readonly limits: WireLimits;
}

/** What of the settings of a client a wire heeds. */
export interface WireLimits {
  /** Milliseconds; one deadline over DNS, TCP, TLS and the answer. 0: none. */
  readonly connectTimeout: number;
  /** Milliseconds from the connected socket to the answer. 0: none. */
  readonly handshakeTimeout: number;
  /** Milliseconds to wait for the peer's close frame. */
  readonly closeTimeout: number;
  /** Milliseconds in which some of what waits to be sent must be taken. `Infinity`: no limit. */
  readonly sendTimeout: number;
  /** `maxBytes`: bytes of answers to the peer waiting to be sent at which nothing more should be read. */
  readonly mailbox: { readonly maxBytes: number };
  /** Bytes waiting to be sent from which on it is told when the socket has taken some. */
  readonly sendHighWaterMark: number;
}

/** What a wire works with. */
export interface WireTools {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Told of every step while somebody debugs the client. */
  readonly trace: TraceHook;
  /** Shows sockets to DevTools, where these are there. */
  readonly network?: DevToolsNetwork | undefined;
  /** Measures the client, where somebody wants that. */
  readonly meter?: ClientMeter | undefined;
}
