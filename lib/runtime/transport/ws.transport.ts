import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type * as net from 'node:net';
import type { Duplex } from 'node:stream';
import { createDeflateRaw, createInflateRaw } from 'node:zlib';

import type WebSocket from 'ws';

import type { Clock } from '../clock/clock.port.js';
import { SystemClock } from '../clock/system.clock.js';
import { ConfigurationError } from '../errors/client.errors.js';
import { HandshakeError, ProtocolError } from '../errors/connection.errors.js';
import type { SendFailure } from '../errors/sending.errors.js';
import { toError, WebSockexError, withoutStacks } from '../errors/websockex.error.js';
import { type Frame, payloadOf } from '../frame/frame.js';
import type { CountedType } from '../metering/traffic.js';
import { tuneSocket } from './address.race.js';
import { callbackError } from './callback.guard.js';
import { type Create, type Dial, Dialler, type DiallerOwner, type Made } from './dialler.js';
import { payloadLimit } from './payload.limit.js';
import { parseProxy } from './proxy.env.js';
import { importPeer, loadAgent, missingPeer, type PeerLoader } from './proxy.tunnel.js';
import { redirect } from './redirect.js';
import { readRefusal } from './refusal.body.js';
import { redactorOf } from './request.secrets.js';
import { SocketBytes } from './socket.bytes.js';
import { subprotocolFault, toConnectionError, toHandshakeError } from './transport.errors.js';
import type { TransportOptions } from './transport.options.js';
import type {
  Transport,
  TransportEvents,
  TransportRequest,
  TransportSocket,
} from './transport.port.js';
import {
  missingBytes,
  refusalCode,
  UnansweringWebSocket,
  whenArrived,
  whenTold,
} from './ws.internals.js';

type Done = (error?: SendFailure | null) => void;

/** What `ws` tells as the code of a close without a close frame, and of a close frame without a code. */
const NO_FRAME = 1006;
const NO_CODE = 1005;

const TOO_BIG = 1009;

/** Bytes of the code in a close frame. */
const CODE_LENGTH = 2;

const SUBPROTOCOL = 'sec-websocket-protocol';

/** The longest delay a Node timer takes: the closing handshake is timed above, not in `ws`. */
const NEVER = 2 ** 31 - 1;

/** The transport that ships: the `ws` package. */
export class WsTransport implements Transport {
  /**
   * @param connect makes the socket instead of `net.connect` and `tls.connect`; it is given the
   * URL's host as they would be, and speaks the protocol above TLS
   * @param clock bounds the wait for the body of a refusal
   * @param load loads what speaks to proxies
   */
  constructor(
    private readonly connect?: (request: TransportRequest) => Duplex,
    private readonly clock: Clock = new SystemClock(),
    private readonly load: PeerLoader = importPeer,
  ) {}

  /** By what was warned of: each once for all clients. */
  // No `#` names: an application may have a proxy put before each of its providers.
  private readonly warned = new Set<string>();

  private get tools(): SocketTools {
    const { connect, clock, load } = this;
    return {
      clock,
      load,
      ...(connect !== undefined && { connect }),
      isNews: (what) => !this.warned.has(what) && this.warned.add(what) !== undefined,
    };
  }

  check(client: string, options: TransportOptions): Promise<void> | undefined {
    const { agent, proxy = 'env', ws } = options;
    const goesPast =
      this.connect !== undefined || Boolean(agent) || 'createConnection' in (ws ?? {});
    if (proxy === 'env' || proxy === false || goesPast) return undefined;
    return this.#checkProxy(client, proxy);
  }

  async #checkProxy(client: string, proxy: string | URL): Promise<void> {
    const found = parseProxy(proxy);
    if (found === undefined) return;
    if ((await loadAgent(found.peer, this.load)) !== undefined) return;
    throw new ConfigurationError(missingPeer(client, { ...found, source: 'the option proxy' }));
  }

  open(request: TransportRequest, events: TransportEvents): TransportSocket {
    try {
      return new WsSocket(request, events, this.tools);
    } catch (thrown) {
      if (thrown instanceof WebSockexError) throw thrown;
      throw toConnectionError(request.client, toError(thrown), request);
    }
  }
}

/** What a socket is made with. */
interface SocketTools {
  readonly connect?: (request: TransportRequest) => Duplex;
  readonly clock: Clock;
  readonly load: PeerLoader;
  /** Whether nobody was warned of it yet. */
  isNews(what: string): boolean;
}

class WsSocket implements TransportSocket, DiallerOwner {
  readonly #ws: UnansweringWebSocket;
  readonly #client: string;
  readonly #events: TransportEvents;
  readonly #request: TransportRequest;
  readonly #tools: SocketTools;
  /** Calls off the wait for the body of a refusal. */
  #stopReading: (() => void) | undefined;
  readonly #dialler: Dialler;
  #stream: Duplex | undefined;
  #bytes: SocketBytes | undefined;
  #answer: IncomingMessage | undefined;
  /** Of the 101, as they came. */
  #headers: IncomingHttpHeaders | undefined;
  #opened = false;
  #isPeerClosed = false;
  #isOver = false;
  #error: WebSockexError | undefined;
  /** Who waits until what they sent is taken. */
  readonly #untaken = new Set<Done>();
  /** Whether what is sent is compressed first, which takes its time. */
  #isDeflating = false;
  /** Frames of a session that compresses, handed over and not written yet. */
  #unwritten = 0;
  #isEnding = false;
  /** What instruments HTTP has a span around the request, in which no session is to run. */
  readonly #outside: <R>(work: () => R) => R = AsyncLocalStorage.snapshot();

  constructor(request: TransportRequest, events: TransportEvents, tools: SocketTools) {
    const { connect } = tools;
    this.#client = request.client;
    this.#events = events;
    this.#request = request;
    this.#tools = tools;
    checkDeflate(request.options.perMessageDeflate);
    this.#dialler = new Dialler(request, this, tools.load);
    const given = this.#dialler.options();
    const create = given['createConnection'] as Create | undefined;
    const options: object = {
      perMessageDeflate: false,
      ...given,
      // They are followed from here: `ws` takes all along.
      followRedirects: false,
      maxPayload: payloadLimit(given['maxPayload'] as number | undefined),
      // `false` means no pool to Node, which is what no agent means to `ws`.
      agent: (!connect && given['agent']) || undefined,
      createConnection: (dial: Dial, made: Made) =>
        this.#outside(() =>
          this.#dialler.create(dial, made, connect ? () => connect(request) : create),
        ),
      rejectUnauthorized: request.options.tls?.rejectUnauthorized ?? true,
      headers: request.headers as Record<string, string>,
      autoPong: false,
      allowSynchronousEvents: true,
      closeTimeout: NEVER,
      finishRequest: (clientRequest: ClientRequest, ws: WebSocket) =>
        this.#onRequest(clientRequest, ws, given['finishRequest']),
    };
    this.#ws = new UnansweringWebSocket(request.url, [...request.protocols], options);
    this.#listen();
    // A callback of the user's failed while there was nothing to end yet.
    if (this.#error !== undefined) this.#ws.terminate();
  }

  get bufferedAmount(): number {
    return this.#ws.bufferedAmount;
  }

  get bytesRead(): number {
    return this.#bytes?.read ?? 0;
  }

  get bytesWritten(): number | undefined {
    return this.#bytes === undefined ? 0 : this.#bytes.taken;
  }

  send(frame: Frame, done?: Done): void {
    const ws = this.#ws;
    this.#count('sent', frame.type, frame.data);
    const taken = this.#isDeflating ? this.#whenWritten(done) : done && this.#whenTaken(done);
    switch (frame.type) {
      case 'ping':
        return ws.ping(frame.data, true, taken);
      case 'pong':
        return ws.pong(frame.data, true, taken);
      default:
        if (frame.fin === false) ws.send(frame.data, { fin: false }, taken);
        else ws.send(payloadOf(frame), { binary: frame.type === 'binary' }, taken);
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
    this.#countClose('sent', code, reason);
  }

  /** Before it is told, or handed over. */
  #count(way: 'received' | 'sent', type: CountedType, data: string | Uint8Array): void {
    this.#request.traffic?.[way][type].add(1, Buffer.byteLength(data));
  }

  #countClose(way: 'received' | 'sent', code: number | undefined, reason = ''): void {
    const bytes = code === undefined ? 0 : CODE_LENGTH + Buffer.byteLength(reason);
    this.#request.traffic?.[way].close.add(1, bytes);
  }

  end(): void {
    // What is compressed still would come behind the end of the stream, and be lost.
    if (this.#unwritten > 0) this.#isEnding = true;
    else this.#stream?.end();
  }

  terminate(): void {
    this.#dialler.cancel(this.#opened);
    this.#stopReading?.();
    this.#ws.terminate();
  }

  /**
   * Calls `done` once. Node calls back without an error for what a socket has not written when it is
   * destroyed, and `ws` not at all for some of what it has not compressed by then.
   */
  #whenTaken(done: Done): Done {
    // Compressed it has another length, and waits elsewhere.
    const first = this.#isDeflating ? undefined : this.#bytes?.next;
    const taken: Done = (error) => {
      if (!this.#untaken.delete(taken)) return;
      const isGone = this.#isOver || this.#stream?.destroyed === true;
      if (!error && !isGone) return done();
      const { given } = this.#bytes ?? {};
      const isUnsent = first !== undefined && given !== undefined && given <= first;
      const gone = new Error('the socket was gone before it took all', { cause: error });
      done(isUnsent ? Object.assign(gone, { isUnsent }) : (error ?? gone));
    };
    this.#untaken.add(taken);
    return taken;
  }

  #whenWritten(done: Done | undefined): Done {
    const taken = done && this.#whenTaken(done);
    this.#unwritten++;
    return (error) => {
      this.#unwritten--;
      taken?.(error);
      // The close frame is not counted: it goes out with the last of those before it.
      if (this.#isEnding && this.#unwritten === 0) this.#stream?.end();
    };
  }

  /** A callback of the user's failed: nobody knows what it has left undone. */
  onCallbackFailure(callback: string, thrown: unknown): void {
    if (this.#isOver) return;
    if (this.#error === undefined) {
      this.#error = callbackError(this.#client, callback, thrown);
      if (this.#opened) this.#events.onFailure?.(this.#error);
    }
    // There is none yet where it failed in the constructor of `ws`.
    (this.#ws as UnansweringWebSocket | undefined)?.terminate();
  }

  /** `allowUrl` has refused it: nothing is dialled. */
  onRefusedUrl(error: WebSockexError): void {
    if (this.#isOver) return;
    this.#error ??= error;
    this.#ws.terminate();
  }

  /** Whether nothing is to be dialled any more. */
  get isGivenUp(): boolean {
    return this.#isOver || this.#ws.readyState !== this.#ws.CONNECTING;
  }

  onWarning(source: string, message: string): void {
    if (this.#tools.isNews(source)) this.#events.onWarning?.(message);
  }

  #listen(): void {
    const ws = this.#ws;
    ws.on('upgrade', (answer) => this.#onUpgrade(answer));
    ws.on('unexpected-response', (request, answer) => this.#onRefusal(request, answer));
    ws.on('open', () => this.#onOpen());
    ws.on('message', (data, isBinary) => {
      this.#request.traffic?.read();
      if (isBinary) {
        this.#count('received', 'binary', data as Buffer);
        return this.#events.onBinary(data as Buffer);
      }
      let text: string;
      try {
        text = (data as Buffer).toString();
      } catch (cause) {
        // Longer than a string may be, which is less than `maxPayload` can be.
        this.#refuse(TOO_BIG, toError(cause));
        return this.end();
      }
      this.#count('received', 'text', data as Buffer);
      this.#events.onText(text);
    });
    ws.on('ping', (data) => {
      this.#onControl('ping', data);
      this.#events.onPing(data);
    });
    ws.on('pong', (data) => {
      this.#onControl('pong', data);
      this.#events.onPong(data);
    });
    ws.peerClosed = (code, reason) => this.#onPeerClose(code, reason);
    ws.on('error', (error) => this.#onError(error));
    ws.on('close', (code, reason) => this.#onClose(code, reason.toString()));
  }

  #onControl(type: 'ping' | 'pong', data: Buffer): void {
    this.#request.traffic?.read();
    this.#count('received', type, data);
  }

  #onRequest(request: ClientRequest, ws: WebSocket, finish: unknown): void {
    request.once('socket', (socket: net.Socket & { readonly secureConnecting?: boolean }) => {
      const dialled = (): void => {
        tuneSocket(socket, this.#request.options.socket);
        this.#events.onDialled();
      };
      if (socket.secureConnecting) socket.once('secureConnect', dialled);
      else if (socket.connecting) socket.once('connect', dialled);
      else dialled();
    });
    const send = (): void => {
      if (typeof finish === 'function') finish(request, ws);
      else request.end();
    };
    const { agent } = this.#request.options;
    const guard = agent ? this.#dialler.guard : undefined;
    if (guard === undefined || !agent) return send();
    request.once('socket', (socket: net.Socket) => guard.enterPooled(agent, socket, send));
  }

  #onUpgrade(answer: IncomingMessage): void {
    this.#answer = answer;
    this.#headers = answer.headers;
    this.#stream = answer.socket;
    // RFC 6455 section 4.1 wants HTTP/1.1; `ws` takes any version.
    if (answer.httpVersion !== '1.1') {
      this.#error = this.#handshakeError(answer, `the answer is in HTTP/${answer.httpVersion}`);
      this.#ws.terminate();
      return;
    }
    const { protocols, options } = this.#request;
    if (options.requireProtocol === false && answer.headers[SUBPROTOCOL] === undefined) {
      // `ws` takes no answer without one: it is shown one that was offered.
      answer.headers = { ...answer.headers, [SUBPROTOCOL]: protocols[0] };
    }
    answer.socket.once('end', () => {
      if (!this.#opened) return;
      whenTold(this.#ws, () => {
        if (!this.#isOver) this.#events.onPeerEnd();
      });
    });
    // `ws` destroys a socket that errs without telling why.
    answer.socket.once('error', (error: Error) => {
      if (this.#opened) this.#error ??= toConnectionError(this.#client, error, this.#request);
    });
  }

  #onRefusal(request: ClientRequest, answer: IncomingMessage): void {
    request.on('error', () => undefined);
    const redactor = redactorOf(this.#request);
    const redirection = this.#events.onRedirect && redirect(this.#request, answer, redactor);
    if (redirection?.kind === 'followed') return this.#onRedirect(redirection.request);
    const fail = (body?: string): void => {
      const refusal = { redactor, body, redirect: redirection?.why };
      this.#error = toHandshakeError(this.#client, answer, refusal);
    };
    // Whatever becomes of its body, it is for the refusal that the attempt fails.
    withoutStacks(fail);
    this.#events.onRefused?.();
    this.#stopReading = readRefusal(answer, this.#tools.clock, (body) => {
      withoutStacks(() => {
        fail(body);
        this.#ws.terminate();
      });
    });
  }

  #onRedirect(next: TransportRequest): void {
    this.#isOver = true;
    this.#ws.removeAllListeners();
    this.#ws.on('error', () => undefined);
    this.#ws.terminate();
    this.#events.onRedirect?.(next);
  }

  #onOpen(): void {
    this.#opened = true;
    tuneSocket(this.#stream, this.#request.options.socket);
    // It may listen: before `ws` does, it would take from that what came right behind the answer.
    this.#bytes = new SocketBytes(this.#stream as Duplex);
    const { extensions } = this.#ws;
    const headers = this.#headers ?? {};
    const protocol = headers[SUBPROTOCOL] === undefined ? '' : this.#ws.protocol;
    this.#answer = undefined;
    this.#headers = undefined;
    this.#isDeflating = extensions !== '';
    this.#events.onOpen({ headers, protocol, extensions, transport: 'ws' });
  }

  #onPeerClose(code: number | undefined, reason: string): void {
    this.#isPeerClosed = true;
    this.#countClose('received', code, reason);
    this.#events.onPeerClose(code, reason);
  }

  #onError(error: Error): void {
    if (this.#error !== undefined) return;
    const code = this.#ws.refusedWith ?? refusalCode(error);
    if (code !== undefined) this.#onRefusedFrame(code, error);
    else if (!this.#opened && this.#answer !== undefined) {
      const isSubprotocol = error.message.includes('subprotocol');
      const what = isSubprotocol
        ? subprotocolFault(this.#answer.headers, this.#request)
        : error.message;
      this.#error = this.#handshakeError(this.#answer, what, error);
    } else if (error instanceof WebSockexError) {
      this.#error = error;
    } else {
      this.#error = toConnectionError(this.#client, error, this.#request);
    }
  }

  #onClose(code: number, reason: string): void {
    this.#isOver = true;
    this.#dialler.cancel(this.#opened);
    const isRefused = this.#error instanceof ProtocolError;
    if (code !== NO_FRAME && !this.#isPeerClosed && !isRefused) {
      this.#onPeerClose(code === NO_CODE ? undefined : code, reason);
    }
    for (const taken of this.#untaken) taken();
    this.#events.onEnd(this.#error);
  }

  #handshakeError(answer: IncomingMessage, what: string, cause?: Error): HandshakeError {
    const { statusCode: status = 101 } = answer;
    const headers = this.#headers ?? answer.headers;
    return new HandshakeError(this.#client, what, { status, headers }, { cause });
  }

  #onRefusedFrame(code: number, cause: Error): void {
    const missing = missingBytes(this.#ws, cause);
    if (missing === 0 || this.#stream === undefined) this.#refuse(code, cause);
    else whenArrived(this.#stream, missing, () => this.#refuse(code, cause));
  }

  /** Closes for something that the peer must not send; nothing of what it still sends is told. */
  #refuse(code: number, cause: Error): void {
    const error = new ProtocolError(this.#client, code, cause.message, { cause });
    this.#error = error;
    for (const event of ['message', 'ping', 'pong']) this.#ws.removeAllListeners(event);
    this.#ws.peerClosed = undefined;
    this.#ws.answer(code, undefined);
    this.#events.onProtocolError(error);
  }
}

/** What zlib refuses would be thrown with the first frame that is compressed, and at nobody. */
function checkDeflate(deflate: TransportRequest['options']['perMessageDeflate']): void {
  if (typeof deflate !== 'object') return;
  const { zlibDeflateOptions, zlibInflateOptions } = deflate;
  if (zlibDeflateOptions) createDeflateRaw(zlibDeflateOptions).close();
  if (zlibInflateOptions) createInflateRaw(zlibInflateOptions).close();
}
