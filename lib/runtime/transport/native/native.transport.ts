import type { IncomingMessage } from 'node:http';
import type * as net from 'node:net';
import type { Duplex } from 'node:stream';

import type { Clock } from '../../clock/clock.port.js';
import { nextTick } from '../../clock/next.tick.js';
import {
  HandshakeError,
  ProtocolError,
  type ResponseHeaders,
} from '../../errors/connection.errors.js';
import type { SendFailure } from '../../errors/sending.errors.js';
import { toError, WebSockexError, withoutStacks } from '../../errors/websockex.error.js';
import { type DataFrame, type Frame, payloadOf } from '../../frame/frame.js';
import { tuneSocket } from '../address.race.js';
import { callbackError } from '../callback.guard.js';
import { type Dial, Dialler, type DiallerOwner } from '../dialler.js';
import { payloadLimit } from '../payload.limit.js';
import { importPeer } from '../proxy.tunnel.js';
import { redirect } from '../redirect.js';
import { readRefusal } from '../refusal.body.js';
import { redactorOf } from '../request.secrets.js';
import { SocketBytes } from '../socket.bytes.js';
import { subprotocolFault, toConnectionError, toHandshakeError } from '../transport.errors.js';
import type {
  Transport,
  TransportEvents,
  TransportRequest,
  TransportSocket,
} from '../transport.port.js';
import { agreementOf, DEFLATE, type Deflate, deflateOptions } from './deflate.js';
import { FrameReader, type FrameSink } from './frame.reader.js';
import { FrameWriter, notOpen, payloadOfFrame, WriterMemory } from './frame.writer.js';
import { acceptOf, Keys, readUpgrade, requestText, Destinations } from './handshake.js';
import { type AnswerOwner, OddAnswer } from './odd.answer.js';
import { PayloadMemory } from './payload.memory.js';

/** What is taken where the options say nothing; as `ws` has it. */
const MAX_FRAGMENTS = 16 * 1024;

/** Bytes that are read while it is paused: a socket that is not read does not tell that it was reset. */
const READ_AHEAD = 64 * 1024;

/** As much of a chunk that its next reader is still awake when it is done. */
const READ_SIZE = 64 * 1024;

/** How Node reads: into which memory, and whom it tells. It calls that as a method of the socket. */
interface OnRead {
  readonly buffer: Buffer;
  callback(this: Owned, count: number, buffer: Buffer): boolean;
}

function readingInto(buffer: Buffer): OnRead {
  return { buffer, callback: onRead };
}

/** Memory that the sockets of an application share. */
class SharedMemory {
  /** All read into it, one after the other: what is in it is told, or copied, before the next one does. */
  readonly #reading = readingInto(Buffer.allocUnsafeSlow(READ_SIZE));
  readonly payloads = new PayloadMemory();
  readonly writers = new WriterMemory();
  readonly keys = new Keys();
  readonly destinations = new Destinations();

  get reading(): OnRead {
    // There a read is begun before there is something to be read, by all sockets at once.
    const isBegunBefore = process.platform === 'win32';
    return isBegunBefore ? readingInto(Buffer.allocUnsafeSlow(READ_SIZE)) : this.#reading;
  }
}

const FIRST = { continuation: 0x80, text: 0x81, binary: 0x82, close: 0x88, ping: 0x89, pong: 0x8a };
const FIN = 0x80;
const RSV1 = 0x40;

/** What makes a socket in place of Node. */
type Connect = (request: TransportRequest) => Duplex;

/**
 * WebSockets over sockets of Node, without `ws` and without an HTTP client: a reader and a writer made for
 * many short frames. It has no proxies, agents or redirects.
 */
export class NativeTransport implements Transport {
  readonly #memory = new SharedMemory();

  constructor(
    private readonly clock: Clock,
    private readonly connect?: Connect,
  ) {}

  open(request: TransportRequest, events: TransportEvents): TransportSocket {
    const socket = new NativeSocket(request, events, this.clock, this.#memory);
    try {
      socket.dial(this.connect);
    } catch (thrown) {
      if (thrown instanceof WebSockexError) throw thrown;
      throw toConnectionError(request.client, toError(thrown), request);
    }
    return socket;
  }
}

class NativeSocket implements TransportSocket, FrameSink, DiallerOwner, AnswerOwner {
  /** `judging`: the HTTP client of Node reads the answer. */
  #phase: 'dialling' | 'asking' | 'judging' | 'open' | 'over' = 'dialling';
  readonly #request: TransportRequest;
  readonly #events: TransportEvents;
  readonly #clock: Clock;
  readonly #memory: SharedMemory;
  /** There is none once the session is open. */
  #dialler: Dialler | undefined;
  #socket: Duplex | undefined;
  /** Whether Node has made it. */
  #isOurs = true;
  #bytes: SocketBytes | undefined;
  /** Of the request that was sent. */
  #key = '';
  /** What has arrived of the head of the answer. */
  #head: Buffer | undefined;
  #odd: OddAnswer | undefined;
  /** Calls off the wait for the body of a refusal. */
  #stopReading: (() => void) | undefined;
  #reader: FrameReader | undefined;
  #writer: FrameWriter | undefined;
  /** Where compression was agreed on. */
  #deflate: Deflate | undefined;
  #error: WebSockexError | undefined;
  #isGivenUp = false;
  #isPaused = false;
  /** Whether the socket is not read: enough is kept. */
  #isStopped = false;
  /** Whether what is kept will be told in this tick. */
  #willGoOn = false;
  #isCloseSent = false;
  #isCloseRead = false;
  #hasPeerEnded = false;
  #isClosed = false;

  constructor(
    request: TransportRequest,
    events: TransportEvents,
    clock: Clock,
    memory: SharedMemory,
  ) {
    this.#request = request;
    this.#events = events;
    this.#clock = clock;
    this.#memory = memory;
    this.#dialler = new Dialler(request, this, importPeer);
  }

  dial(connect: Connect | undefined): void {
    const dialler = this.#dialler as Dialler;
    const { host, port } = this.#memory.destinations.of(this.#request.url);
    const { tls } = this.#request.options;
    const dial = {
      ...dialler.options(),
      host,
      port,
      rejectUnauthorized: tls?.rejectUnauthorized ?? true,
      // When our side ends is for us to say: what was read may not have been told yet.
      allowHalfOpen: true,
      onread: this.#memory.reading,
    } as unknown as Dial;
    const made = (error: Error | null, socket?: Duplex): void => this.#onMade(error, socket);
    const own = connect && ((): Duplex => connect(this.#request));
    this.#isOurs = own === undefined;
    const socket = own === undefined ? dialler.direct(dial, made) : dialler.create(dial, made, own);
    if (socket !== undefined) this.#onSocket(socket);
  }

  get isGivenUp(): boolean {
    return this.#isGivenUp || this.#phase === 'over';
  }

  get bufferedAmount(): number {
    // Before that it is the request which waits.
    if (this.#phase !== 'open') return this.#socket?.writableLength ?? 0;
    return this.#writer === undefined ? 0 : this.#writer.buffered;
  }

  get bytesRead(): number {
    return this.#phase === 'open' ? (this.#bytes?.read ?? 0) : 0;
  }

  get bytesWritten(): number | undefined {
    return this.#bytes === undefined ? 0 : this.#bytes.taken;
  }

  get batch(): object | undefined {
    return this.#writer?.batch;
  }

  send(frame: Frame, done?: (error?: SendFailure | null) => void): void {
    if (this.#phase !== 'open' || this.#isCloseSent) {
      if (done !== undefined) nextTick(() => done(notOpen()));
      return;
    }
    const { type } = frame;
    const first = type === 'text' ? FIRST.text : FIRST[type];
    const isFinal = (frame as DataFrame).fin !== false;
    const writer = this.#writer ?? this.#makeWriter();
    const data = payloadOf(frame);
    const isMessage = isFinal && (type === 'text' || type === 'binary');
    const deflated = isMessage ? this.#deflate?.deflate(data) : undefined;
    const bytes =
      deflated === undefined
        ? writer.send(isFinal ? first : first - FIN, data, done)
        : writer.send(first + RSV1, deflated, done);
    const { traffic } = this.#request;
    if (traffic === undefined) return;
    const payload = deflated === undefined ? payloadOfFrame(bytes) : Buffer.byteLength(data);
    traffic.sent[type].add(1, payload);
  }

  pause(): void {
    this.#isPaused = true;
    this.#reader?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#reader?.resume();
    if (this.#isStopped || this.#hasPeerEnded || this.#reader?.kept) this.#goOnSoon();
  }

  close(code?: number, reason = ''): void {
    if (this.#isCloseSent) return;
    this.#isCloseSent = true;
    const payload = code === undefined ? Buffer.alloc(0) : Buffer.from(`  ${reason}`);
    if (code !== undefined) payload.writeUInt16BE(code);
    if (this.#socket !== undefined) {
      (this.#writer ?? this.#makeWriter()).send(FIRST.close, payload);
      this.#request.traffic?.sent.close.add(1, payload.length);
    }
    this.#writer?.flush();
    if (this.#isCloseRead || this.#error instanceof ProtocolError) this.end();
  }

  end(): void {
    this.#writer?.flush();
    this.#socket?.end();
  }

  terminate(): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    this.#dialler?.cancel(this.#phase === 'open');
    this.#stopReading?.();
    this.#odd?.destroy();
    // What was sent in this tick is with the system, as far as it takes it.
    this.#writer?.flush();
    if (this.#socket !== undefined && !this.#isClosed) this.#socket.destroy();
    else nextTick(() => this.#over());
  }

  onRefusedUrl(error: WebSockexError): void {
    if (this.isGivenUp) return;
    this.#error ??= error;
    this.terminate();
  }

  onCallbackFailure(callback: string, thrown: unknown): void {
    if (this.#phase === 'over') return;
    if (this.#error === undefined) {
      this.#error = callbackError(this.#request.client, callback, thrown);
      if (this.#phase === 'open') this.#events.onFailure?.(this.#error);
    }
    this.terminate();
  }

  onWarning(_source: string, message: string): void {
    this.#events.onWarning?.(message);
  }

  onText(data: string): void {
    this.#events.onText(data);
    this.#writer?.pass();
  }

  onBinary(data: Buffer): void {
    this.#events.onBinary(data);
    this.#writer?.pass();
  }

  onPing(data: Buffer): void {
    this.#events.onPing(data);
  }

  onPong(data: Buffer): void {
    this.#events.onPong(data);
  }

  onPeerClose(code: number | undefined, reason: string): void {
    this.#isCloseRead = true;
    this.#events.onPeerClose(code, reason);
    if (this.#isCloseSent) this.end();
    this.#readOn();
  }

  onRefused(code: number, cause: Error): void {
    const error = new ProtocolError(this.#request.client, code, cause.message, { cause });
    this.#error = error;
    if (this.#isCloseSent) this.end();
    else this.close(code);
    this.#readOn();
    this.#events.onProtocolError(error);
  }

  onUpgrade(answer: IncomingMessage, rest: Buffer): void {
    if (answer.httpVersion !== '1.1') {
      return this.#failHandshake(`the answer is in HTTP/${answer.httpVersion}`, answer.headers);
    }
    this.#onAnswer(answer.headers, rest);
  }

  onResponse(answer: IncomingMessage): void {
    this.#events.onRefused?.();
    const redactor = redactorOf(this.#request);
    const redirection = redirect(this.#request, answer, redactor);
    const why = redirection?.kind === 'refused' ? redirection.why : undefined;
    this.#stopReading = readRefusal(answer, this.#clock, (body) => {
      withoutStacks(() => {
        const refusal = { redactor, body, redirect: why };
        this.#error = toHandshakeError(this.#request.client, answer, refusal);
        this.terminate();
      });
    });
  }

  onBadAnswer(error: Error): void {
    if (this.#phase !== 'judging' || this.isGivenUp) return;
    this.#error ??= toConnectionError(this.#request.client, error, this.#request);
    this.terminate();
  }

  #onMade(error: Error | null, socket: Duplex | undefined): void {
    if (this.isGivenUp) {
      socket?.destroy();
      return;
    }
    if (socket !== undefined) return this.#onSocket(socket);
    this.#error ??= this.#toError(error ?? new Error('no socket was made'));
    this.terminate();
  }

  #onSocket(socket: Duplex): void {
    this.#socket = socket;
    this.#bytes = new SocketBytes(socket);
    // Named functions, which know whose socket it is: closures would be four a connection.
    (socket as Owned)[OWNER] = this;
    socket.on('error', onError);
    socket.on('data', onData);
    socket.on('end', onPeerEnd);
    socket.on('close', onClose);
    const { connecting, secureConnecting } = socket as Partial<Connecting>;
    if (secureConnecting) socket.once('secureConnect', onDialled);
    else if (connecting) socket.once('connect', onDialled);
    else nextTick(() => this.onDialled());
  }

  /** It is connected. */
  onDialled(): void {
    const socket = this.#socket as Duplex & Partial<Pick<net.Socket, 'setNoDelay'>>;
    if (this.#phase !== 'dialling' || this.isGivenUp || socket.destroyed) return;
    // A frame shall not wait for others: the writer is who lets it wait.
    socket.setNoDelay?.(true);
    tuneSocket(socket, this.#request.options.socket);
    this.#phase = 'asking';
    this.#events.onDialled();
    if (this.isGivenUp) return;
    const { keys, destinations } = this.#memory;
    this.#key = keys.next();
    const destination = destinations.of(this.#request.url);
    socket.write(requestText(this.#request, this.#key, destination), 'latin1');
  }

  #onBytes(bytes: Buffer, isShared: boolean): void {
    if (this.#phase === 'open') this.#onFrames(bytes, isShared);
    else if (this.#phase === 'judging') this.#odd?.push(isShared ? Buffer.from(bytes) : bytes);
    else if (this.#phase === 'asking') this.#onHead(isShared ? Buffer.from(bytes) : bytes);
  }

  #onHead(bytes: Buffer): void {
    const head = this.#head === undefined ? bytes : Buffer.concat([this.#head, bytes]);
    const upgrade = readUpgrade(head, this.#head?.length);
    if (upgrade === undefined) {
      this.#head = head;
      return;
    }
    if (upgrade === 'odd') return this.#judge(head);
    this.#head = undefined;
    this.#onAnswer(upgrade.headers, head.subarray(upgrade.end));
  }

  #judge(head: Buffer): void {
    this.#head = undefined;
    this.#phase = 'judging';
    this.#odd = new OddAnswer(this);
    this.#odd.push(head);
  }

  /** The peer has upgraded the connection; whether as RFC 6455 section 4.1 has it is looked at here. */
  #onAnswer(headers: ResponseHeaders, rest: Buffer): void {
    if (this.isGivenUp) return;
    const fault = this.#faultOf(headers);
    if (fault !== undefined) return this.#failHandshake(fault, headers);
    this.#phase = 'open';
    this.#odd = undefined;
    this.#dialler = undefined;
    this.#key = '';
    if (rest.length > 0) this.#makeReader().keep(rest);
    const protocol = (headers['sec-websocket-protocol'] as string | undefined) ?? '';
    const extensions = this.#deflate === undefined ? '' : DEFLATE;
    this.#events.onOpen({ headers, protocol, extensions, transport: 'native' });
    if (rest.length > 0) this.#goOnSoon();
  }

  /** Made for the first bytes: a client whose peer says nothing needs none. */
  #makeReader(): FrameReader {
    const { maxPayload, ws } = this.#request.options;
    const limits = {
      maxPayload: payloadLimit(maxPayload),
      maxFragments: (ws?.maxFragments ?? MAX_FRAGMENTS) || Infinity,
    };
    const { traffic } = this.#request;
    const reader = new FrameReader(this, limits, this.#memory.payloads, this.#deflate, traffic);
    if (this.#isPaused) reader.pause();
    this.#reader = reader;
    return reader;
  }

  /** What writes frames, made for the first. There is a socket. */
  #makeWriter(): FrameWriter {
    const socket = this.#socket as Duplex;
    const bytes = this.#bytes as SocketBytes;
    const onWaiting = (): void => this.#events.onWaiting?.();
    const { writers } = this.#memory;
    this.#writer = new FrameWriter(socket, bytes, this.#isOurs, writers, onWaiting);
    return this.#writer;
  }

  #faultOf(headers: ResponseHeaders): string | undefined {
    const { protocols, options } = this.#request;
    const protocol = headers['sec-websocket-protocol'] as string | undefined;
    if (String(headers['upgrade']).toLowerCase() !== 'websocket') return 'Invalid Upgrade header';
    const accept = acceptOf(this.#key);
    if (headers['sec-websocket-accept'] !== accept) return 'Invalid Sec-WebSocket-Accept header';
    // A part of the answer would keep all of that in memory.
    (headers as Record<string, string>)['sec-websocket-accept'] = accept;
    const isChosen = protocol === undefined ? protocols.length === 0 : protocols.includes(protocol);
    const isFree = protocol === undefined && options.requireProtocol === false;
    if (!isChosen && !isFree) return subprotocolFault(headers, this.#request);
    return this.#faultOfExtensions(headers['sec-websocket-extensions'] as string | undefined);
  }

  #faultOfExtensions(header: string | undefined): string | undefined {
    const offered = deflateOptions(this.#request.options);
    if (header === undefined) return undefined;
    if (offered === undefined) {
      return 'Server sent a Sec-WebSocket-Extensions header but no extension was requested';
    }
    const agreement = agreementOf(header, offered);
    if (typeof agreement === 'string') return agreement;
    this.#deflate = agreement;
    return undefined;
  }

  #failHandshake(what: string, headers: ResponseHeaders): void {
    const answer = { status: 101, headers };
    this.#error ??= new HandshakeError(this.#request.client, what, answer);
    this.terminate();
  }

  #onFrames(bytes: Buffer, isShared: boolean): void {
    const reader = this.#reader ?? this.#makeReader();
    this.#request.traffic?.read();
    try {
      reader.read(bytes, isShared);
    } finally {
      if (reader.kept > 0) this.#onKept();
    }
  }

  /** Something was read, and waits: because of a pause, or since who was told something has thrown. */
  #onKept(): void {
    if (!this.#isPaused) return this.#goOnSoon();
    if (this.#isStopped || (this.#reader as FrameReader).kept < READ_AHEAD) return;
    this.#isStopped = true;
    this.#socket?.pause();
  }

  /** Not in this call: who resumes may be in the middle of a message. */
  #goOnSoon(): void {
    if (this.#willGoOn || this.#phase !== 'open') return;
    this.#willGoOn = true;
    nextTick(() => {
      this.#willGoOn = false;
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.#phase !== 'open') return;
    let isTold = false;
    try {
      this.#tellRest(this.#reader);
      isTold = true;
    } finally {
      // Who was told has thrown: what is behind it is told all the same.
      if (!isTold) this.#goOnSoon();
    }
  }

  /** @param reader absent where nothing has been read */
  #tellRest(reader: FrameReader | undefined): void {
    if (reader !== undefined) this.#tellWhatIsKept(reader);
    if ((reader?.kept ?? 0) > 0 || (this.#isPaused && !this.#isClosed)) return;
    this.#readOn();
    if (this.#hasPeerEnded) this.#tellPeerEnd();
    if (this.#isClosed) this.#over();
  }

  #tellWhatIsKept(reader: FrameReader): void {
    // What was read before the socket was gone is told, paused or not: nobody could do so later.
    if (this.#isClosed) while (reader.kept > 0) this.#tellKept(reader);
    else if (!this.#isPaused) this.#tellKept(reader);
  }

  #tellKept(reader: FrameReader): void {
    try {
      if (this.#isClosed) reader.resume();
      reader.more();
    } finally {
      if (reader.kept > 0) this.#onKept();
    }
  }

  #readOn(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#socket?.resume();
  }

  onError(error: Error): void {
    this.#error ??= this.#toError(error);
  }

  /** Bytes in the memory that all sockets share. */
  onShared(bytes: Buffer): void {
    this.#onBytes(bytes, true);
  }

  /** Bytes of a stream that has no `onread`. */
  onData(bytes: Buffer): void {
    this.#onBytes(bytes, false);
  }

  onSocketEnd(): void {
    this.#hasPeerEnded = true;
    if (this.#phase === 'open') return this.#goOn();
    // What was taken for the beginning of an answer may be none.
    if (this.#head !== undefined) this.#judge(this.#head);
    if (this.#phase === 'judging') return this.#odd?.end();
    this.#error ??= this.#toError(hungUp());
    this.terminate();
  }

  /** All that it has sent has been told. */
  #tellPeerEnd(): void {
    this.#hasPeerEnded = false;
    try {
      this.#events.onPeerEnd();
    } finally {
      this.end();
    }
  }

  /** There is no socket any more. */
  onSocketClose(): void {
    this.#isClosed = true;
    if (this.#phase === 'open') return this.#goOn();
    // What has arrived of the answer is judged still.
    if (this.#phase === 'judging' && !this.#isGivenUp) return this.#odd?.end();
    if (!this.#isGivenUp) this.#error ??= this.#toError(hungUp());
    this.#over();
  }

  #over(): void {
    if (this.#phase === 'over') return;
    if (this.#phase !== 'open') this.#error ??= this.#toError(new Error(GIVEN_UP));
    this.#phase = 'over';
    this.#writer?.over();
    this.#events.onEnd(this.#error);
  }

  #toError(error: Error): WebSockexError {
    if (error instanceof WebSockexError) return error;
    return toConnectionError(this.#request.client, error, this.#request);
  }
}

/** A socket that may be one of TLS. */
interface Connecting {
  readonly connecting: boolean;
  readonly secureConnecting: boolean;
}

const OWNER = Symbol('the connection of a socket');

/** A socket that knows whose it is. */
interface Owned extends Duplex {
  [OWNER]?: NativeSocket;
}

function onDialled(this: Owned): void {
  this[OWNER]?.onDialled();
}

function onRead(this: Owned, count: number, buffer: Buffer): boolean {
  this[OWNER]?.onShared(buffer.subarray(0, count));
  return true;
}

function onError(this: Owned, error: Error): void {
  this[OWNER]?.onError(error);
}

function onData(this: Owned, bytes: Buffer): void {
  this[OWNER]?.onData(bytes);
}

function onPeerEnd(this: Owned): void {
  this[OWNER]?.onSocketEnd();
}

function onClose(this: Owned): void {
  this[OWNER]?.onSocketClose();
}

const GIVEN_UP = 'the attempt was given up before the connection was open';

/** As the HTTP client of Node says it. */
function hungUp(): Error {
  return Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
}
