import type { WebSockexError } from '../errors/websockex.error.js';
import type { ProtocolError, ResponseHeaders } from '../errors/connection.errors.js';
import type { Redactor } from '../errors/redactor.js';
import type { SendFailure } from '../errors/sending.errors.js';
import type { Frame } from '../frame/frame.js';
import type { Traffic } from '../metering/traffic.js';
import type { TransportOptions } from './transport.options.js';

/** Everything a transport needs to open one connection. All of it has been checked. */
export interface TransportRequest {
  /** The client's name, for errors. */
  readonly client: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly protocols: readonly string[];
  readonly options: TransportOptions;
  /** Milliseconds the attempt may take; 0 or absent: no limit. Whoever listens keeps it. */
  readonly timeout?: number;
  /**
   * Counts the frames of the client. Whoever makes a transport of his own adds to it each message, ping, pong and close
   * frame that is told, or handed over, with the bytes of its payload, and tells it when something is read.
   */
  readonly traffic?: Traffic | undefined;
  /** Hides secrets in what errors say. @default what is hidden anyway */
  readonly redactor?: Redactor;
  /** Where redirects have led here from. */
  readonly redirected?: { readonly from: TransportRequest; readonly count: number };
}

/** What the peer agreed to. */
export interface TransportInfo {
  readonly headers: ResponseHeaders;
  readonly protocol: string;
  readonly extensions: string;
  /** What speaks to the peer: `native` or `ws`. Absent: a transport of another make. */
  readonly transport?: string;
}

/**
 * What a transport tells.
 *
 * - In the order in which things arrived: what came before a close frame, or before the end of the
 *   peer's side, is told before it, however long the transport takes to read it (to decompress it, say).
 * - Never before `open()` has returned; frames never before `onOpen`; `onEnd` exactly once, last.
 * - Nothing is lost: what the peer had sent before it ended its side is told.
 * - None of the user's code that a transport calls (callbacks among the options) reaches the process:
 *   what it throws, or rejects with, is the error of `onFailure` and `onEnd`.
 */
export interface TransportEvents {
  /** The socket is connected, TLS done where there is any; the request of the handshake goes out. */
  onDialled(): void;
  /**
   * The peer redirects, and the options allow it: the socket is over and tells nothing more, and who
   * listens opens this request in its place. Without this none is followed.
   */
  onRedirect?(request: TransportRequest): void;
  /** Something is not as the options or the environment have it, and the attempt goes on; told once of each. */
  onWarning?(message: string): void;
  /** The peer has refused the handshake; `onEnd` follows, with why, as soon as that has been read. */
  onRefused?(): void;
  onOpen(info: TransportInfo): void;
  onText(data: string): void;
  onBinary(data: Buffer): void;
  onPing(data: Buffer): void;
  /**
   * Of a batch that was written ({@link TransportSocket.batch}) the system has not taken all at once: some
   * of it waits. Who sends frames that join no batch looks for that himself.
   */
  onWaiting?(): void;
  onPong(data: Buffer): void;
  /**
   * The peer's close frame was read. The transport does not answer it: `close()` does, when its
   * turn has come. After a `close()` of ours it is the peer's answer.
   */
  onPeerClose(code: number | undefined, reason: string): void;
  /**
   * The peer ended its side of the socket. `onEnd` follows once ours is ended too, which a peer that
   * does not read can hold up.
   */
  onPeerEnd(): void;
  /**
   * The peer broke the protocol, or sent too much: a close frame with `error.closeCode` has been
   * sent, and nothing more is told but the end.
   */
  onProtocolError(error: ProtocolError): void;
  /**
   * What is ours broke in an open session, such as a callback among the options: the socket is
   * destroyed, and `onEnd` follows with the same error. Without this the session ends as one that
   * vanished, with that error beside the reason.
   */
  onFailure?(error: WebSockexError): void;
  /**
   * There is no socket any more. `error`: what broke, where something did. The peer's close frame has
   * been told, if one was read, and every `done` of `send` has been called.
   */
  onEnd(error?: WebSockexError): void;
}

/** One socket, from the moment it is dialled. */
export interface TransportSocket {
  /**
   * Hands a frame to the socket now. `done` is called exactly once: when the socket has taken it, or
   * with the error for which it never will, at the end of the socket at the latest. Frames, pings,
   * pongs and the close frame go out in the order in which they were handed over.
   */
  send(frame: Frame, done?: (error?: SendFailure | null) => void): void;
  /**
   * What the frame goes out with that was sent last, while others may still join it: the same for those
   * that are written, taken and lost together. Absent where each is written for itself. A transport that has it
   * tells `onWaiting`.
   */
  readonly batch?: object | undefined;
  /**
   * Stops and goes on reading: what was not read meanwhile is told after it, in order, and nothing is
   * lost. What is read already may still be told after `pause()`.
   */
  pause(): void;
  resume(): void;
  /** Sends a close frame: the beginning of a closing handshake, or the answer to the peer's. */
  close(code?: number, reason?: string): void;
  /**
   * Ends our side of the socket after all that was handed over, the close frame too, without waiting
   * for the peer's.
   */
  end(): void;
  /** Destroys the socket, or gives up the attempt. */
  terminate(): void;
  /** Bytes handed to `send` that the system has not taken yet; 0 when it has taken all. */
  readonly bufferedAmount: number;
  /**
   * Bytes read in the life of the socket, of frames that are not whole too: any of them answers a
   * heartbeat. Absent where the transport counts none; then only a pong does.
   */
  readonly bytesRead?: number | undefined;
  /**
   * Bytes of those handed over that the system has taken: what waits and does not change meanwhile is
   * stuck. Absent where the transport counts none; then `bufferedAmount` tells.
   */
  readonly bytesWritten?: number | undefined;
}

/**
 * A way to reach a peer that speaks WebSocket frames. `ws` is the one that ships; a test net or a
 * faster path fits in here without a change above it.
 */
export interface Transport {
  /**
   * Looks, at boot, whether it could dial with these options: rejects with a `ConfigurationError` where
   * it could not, for want of a package, say. `undefined`: there is nothing to wait for.
   */
  check?(client: string, options: TransportOptions): Promise<void> | undefined;
  /** Dials. May throw a `WebSockexError` for a request it cannot make; then no event follows. */
  open(request: TransportRequest, events: TransportEvents): TransportSocket;
}
