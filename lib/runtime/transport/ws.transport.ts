import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import WebSocket from 'ws';

import { HandshakeError, ProtocolError } from '../errors/connection.errors.js';
import type { WebSockexError } from '../errors/websockex.error.js';
import { withoutStacks } from '../errors/without-stacks.js';
import type { Frame } from '../frame/frame.js';
import { toConnectionError } from './connection-error.js';
import { toHandshakeError } from './handshake-answer.js';
import { missingBytes, whenArrived } from './refused-frame.js';
import { tuneSocket } from './socket.tuning.js';
import type { WsOptions } from './transport.options.js';
import type {
  Transport,
  TransportEvents,
  TransportRequest,
  TransportSocket,
} from './transport.port.js';

const MIB = 1024 * 1024;

/** The longest delay a Node timer takes: the closing handshake is timed above, not in `ws`. */
const NEVER = 2 ** 31 - 1;

/** The transport that ships: the `ws` package. */
export class WsTransport implements Transport {
  /**
   * @param connect makes the socket instead of `net.connect` and `tls.connect`; it is given the
   * URL's host as they would be, and speaks the protocol above TLS
   */
  constructor(private readonly connect?: (request: TransportRequest) => Duplex) {}

  open(request: TransportRequest, events: TransportEvents): TransportSocket {
    return new WsSocket(request, events, this.connect);
  }
}

/**
 * A `ws` socket that leaves the answer to the peer's close frame to us. `ws` answers by calling
 * its own `close(code, reason)` the moment it has read one, ahead of the messages that still wait
 * in the mailbox; and calls `close(code)`, with an `error` event behind it, when it refuses a frame.
 */
class UnansweringWebSocket extends WebSocket {
  peerClosed: ((code: number | undefined, reason: string) => void) | undefined;
  refusedWith: number | undefined;

  override close(code?: number, reason?: string | Buffer): void {
    const isAnswered = this.readyState !== WebSocket.OPEN;
    if (isAnswered) super.close(code, reason);
    if (code === undefined || reason !== undefined) {
      this.peerClosed?.(code, reason?.toString() ?? '');
    } else if (!isAnswered) {
      this.refusedWith = code;
    }
  }

  answer(code: number | undefined, reason: string | undefined): void {
    super.close(code, reason);
  }
}

class WsSocket implements TransportSocket {
  readonly #ws: UnansweringWebSocket;
  readonly #client: string;
  readonly #events: TransportEvents;
  readonly #options: TransportRequest['options'];
  #stream: Duplex | undefined;
  #answer: IncomingMessage | undefined;
  #opened = false;
  #error: WebSockexError | undefined;

  constructor(
    request: TransportRequest,
    events: TransportEvents,
    connect: ((request: TransportRequest) => Duplex) | undefined,
  ) {
    this.#client = request.client;
    this.#events = events;
    this.#options = request.options;
    this.#ws = new UnansweringWebSocket(request.url, [...request.protocols], {
      maxPayload: 16 * MIB,
      perMessageDeflate: false,
      followRedirects: false,
      ...request.options.ws,
      ...request.options.socket,
      ...request.options.tls,
      ...named(request.options),
      rejectUnauthorized: request.options.tls?.rejectUnauthorized ?? true,
      headers: request.headers as Record<string, string>,
      ...(connect && { createConnection: () => connect(request) }),
      autoPong: false,
      allowSynchronousEvents: true,
      closeTimeout: NEVER,
      finishRequest: (clientRequest: ClientRequest) =>
        this.#onRequest(clientRequest, request.options.ws),
    } as WebSocket.ClientOptions);
    this.#listen();
  }

  get bufferedAmount(): number {
    return this.#ws.bufferedAmount;
  }

  send(frame: Frame, done?: (error?: Error | null) => void): void {
    const ws = this.#ws;
    const taken = done && this.#whenTaken(done);
    switch (frame.type) {
      case 'ping':
        return ws.ping(frame.data, true, taken);
      case 'pong':
        return ws.pong(frame.data, true, taken);
      default:
        if (frame.fin === false) ws.send(frame.data, { fin: false }, taken);
        else ws.send(frame.data, taken);
    }
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  close(code?: number, reason?: string): void {
    this.#ws.answer(code, reason);
  }

  end(): void {
    this.#stream?.end();
  }

  terminate(): void {
    this.#ws.terminate();
  }

  /** Node calls back without an error for what a socket has not written when it is destroyed. */
  #whenTaken(done: (error?: Error | null) => void): (error?: Error) => void {
    return (error) => {
      const isGone = this.#stream?.destroyed === true;
      done(error ?? (isGone ? new Error('the socket was gone before it took all') : undefined));
    };
  }

  #listen(): void {
    const ws = this.#ws;
    ws.on('upgrade', (answer) => this.#onUpgrade(answer));
    ws.on('unexpected-response', (request, answer) => this.#onRefusal(request, answer));
    ws.on('open', () => this.#onOpen());
    ws.on('message', (data, isBinary) => {
      if (isBinary) this.#events.onBinary(data as Buffer);
      else this.#events.onText((data as Buffer).toString());
    });
    ws.on('ping', (data) => this.#events.onPing(data));
    ws.on('pong', (data) => this.#events.onPong(data));
    ws.peerClosed = (code, reason) => this.#events.onPeerClose(code, reason);
    ws.on('error', (error) => this.#onError(error));
    ws.on('close', () => this.#events.onEnd(this.#error));
  }

  #onRequest(request: ClientRequest, options: WsOptions | undefined): void {
    request.once('socket', (socket) => {
      const dialled = (): void => {
        tuneSocket(socket, this.#options.socket);
        this.#events.onDialled();
      };
      if (!socket.connecting) dialled();
      else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', dialled);
    });
    if (options?.finishRequest !== undefined) options.finishRequest(request, this.#ws);
    else request.end();
  }

  #onUpgrade(answer: IncomingMessage): void {
    this.#answer = answer;
    this.#stream = answer.socket;
    // RFC 6455 section 4.1 wants HTTP/1.1; `ws` takes any version.
    if (answer.httpVersion !== '1.1') {
      this.#error = this.#handshakeError(answer, `the answer is in HTTP/${answer.httpVersion}`);
      this.#ws.terminate();
      return;
    }
    answer.socket.once('end', () => {
      if (this.#opened) this.#events.onPeerEnd();
    });
    // `ws` destroys a socket that errs without telling why.
    answer.socket.once('error', (error: Error) => {
      if (this.#opened) this.#error ??= toConnectionError(this.#client, error);
    });
  }

  #onRefusal(request: ClientRequest, answer: IncomingMessage): void {
    answer.resume();
    request.on('error', () => undefined);
    withoutStacks(() => {
      this.#error = toHandshakeError(this.#client, answer);
      this.#ws.terminate();
    });
  }

  #onOpen(): void {
    this.#opened = true;
    tuneSocket(this.#stream, this.#options.socket);
    const { protocol, extensions } = this.#ws;
    const headers = this.#answer?.headers ?? {};
    this.#answer = undefined;
    this.#events.onOpen({ headers, protocol, extensions });
  }

  #onError(error: Error): void {
    if (this.#error !== undefined) return;
    const { refusedWith } = this.#ws;
    if (refusedWith !== undefined) this.#onRefusedFrame(refusedWith, error);
    else if (!this.#opened && this.#answer !== undefined) {
      this.#error = this.#handshakeError(this.#answer, error.message, error);
    } else {
      this.#error = toConnectionError(this.#client, error);
    }
  }

  #handshakeError(answer: IncomingMessage, what: string, cause?: Error): HandshakeError {
    const { statusCode: status = 101, headers } = answer;
    return new HandshakeError(this.#client, what, { status, headers }, { cause });
  }

  #onRefusedFrame(code: number, cause: Error): void {
    const refuse = (): void => {
      const error = new ProtocolError(this.#client, code, cause.message, { cause });
      this.#error = error;
      this.#ws.answer(code, undefined);
      this.#events.onProtocolError(error);
    };
    const missing = missingBytes(this.#ws, cause);
    if (missing === 0 || this.#stream === undefined) refuse();
    else whenArrived(this.#stream, missing, refuse);
  }
}

/** The options whose names are the same in `ws`; the origin is among the headers already. */
function named({
  origin: _origin,
  socket: _socket,
  tls: _tls,
  ws: _ws,
  ...same
}: TransportRequest['options']): object {
  return same;
}
