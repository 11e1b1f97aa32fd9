import type { Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import { ConnectionError, ProtocolError } from '../errors/connection.errors.js';
import type { SendFailure } from '../errors/sending.errors.js';
import { Redactor } from '../errors/redactor.js';
import { SendTimeoutError } from '../errors/timeout.errors.js';
import { toError, WebSockexError } from '../errors/websockex.error.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { WireMeter } from '../metering/wire.meter.js';
import type {
  TransportEvents,
  TransportInfo,
  TransportRequest,
  TransportSocket,
} from '../transport/transport.port.js';
import { FrameWriter, type FrameWriterOwner, tellSent } from './frame.writer.js';
import { SendDeadline, type SendDeadlineOwner } from './send.deadline.js';
import { observedEnd, type PeerClose, UnansweredError, type WireEnd } from './wire.end.js';
import type { FrameInbox, WireOwner, WireSettings, WireTools } from './wire.port.js';

/** Milliseconds a peer has to end TCP once nothing is left to be said. */
const LINGER = 1000;

/**
 * One socket, from the moment it is dialled to its end: an attempt, and the session it becomes.
 * It tells its owner nothing after `onEnd`, {@link crash} or {@link destroy}.
 */
export class Wire implements TransportEvents, FrameWriterOwner, SendDeadlineOwner {
  #phase: 'dialling' | 'open' | 'closing' | 'ended' = 'dialling';
  #socket: TransportSocket | undefined;
  #deadline: Timer | undefined;
  #handshakeDeadline: Timer | undefined;
  #ourEnd: Omit<WireEnd, 'opened'> | undefined;
  #peerClose: PeerClose | undefined;
  /** Told when the socket of a wire that has crashed is gone. */
  #onGone: (() => void) | undefined;
  /** What was asked for last: a redirect asks elsewhere. */
  #request: TransportRequest;
  // Made for the first frame that is sent: of ten thousand sessions most are silent.
  #writer: FrameWriter | undefined;
  #sendDeadline: SendDeadline | undefined;
  #meter: WireMeter | undefined;

  constructor(
    private readonly settings: WireSettings,
    private readonly tools: WireTools,
    private owner: WireOwner,
    private inbox: FrameInbox,
  ) {
    this.#request = settings.request;
  }

  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  /** The socket, as far as one may look at it. */
  get socket(): Pick<TransportSocket, 'bytesRead' | 'bytesWritten' | 'bufferedAmount'> | undefined {
    return this.#socket;
  }

  /** What the next frame may join. */
  get batch(): object | undefined {
    return this.#socket?.batch;
  }

  /** What is asked for now. */
  get request(): TransportRequest {
    return this.#request;
  }

  dial(): void {
    this.#meter = this.tools.meter?.dials(() => {
      const { url, redactor = new Redactor() } = this.#request;
      return { url, shownUrl: redactor.url(url) };
    });
    this.#deadline = this.#attemptDeadline(
      this.settings.limits.connectTimeout,
      'the connection was not open',
      'connectTimeout',
    );
    this.#open(this.#request);
  }

  #open(request: TransportRequest): void {
    this.#request = request;
    const { network } = this.tools;
    network?.created(this, (request.redactor ?? new Redactor()).url(request.url));
    try {
      this.#socket = this.tools.transport.open(request, this);
    } catch (thrown) {
      network?.closed(this);
      this.#failAttempt(toError(thrown));
    }
  }

  /**
   * Sends frames, all of them or none.
   *
   * @param isAnswer whether they answer what the peer sent: too many of them hold up reading
   * @throws InvalidFrameError, FrameEncodeError
   */
  send(
    values: readonly unknown[],
    done?: (error?: SendFailure | null) => void,
    isAnswer = false,
  ): void {
    const socket = this.#socket as TransportSocket;
    (this.#writer ?? this.#makeWriter()).send(socket, values, isAnswer, done);
    if (socket.batch === undefined) this.#watch(socket);
  }

  /**
   * The same of one.
   *
   * @returns what it goes out with, where others may join it
   * @throws InvalidFrameError, FrameEncodeError
   */
  sendOne(
    value: unknown,
    isAnswer: boolean,
    done?: (error?: SendFailure | null) => void,
  ): object | undefined {
    const socket = this.#socket as TransportSocket;
    (this.#writer ?? this.#makeWriter()).sendOne(socket, value, isAnswer, done);
    const { batch } = socket;
    // What joins a batch is told of once some of it waits.
    if (batch === undefined) this.#watch(socket);
    return batch;
  }

  pause(): void {
    if (this.#phase === 'open') this.#socket?.pause();
  }

  resume(): void {
    if (this.#phase === 'open') this.#socket?.resume();
  }

  /** Another wire has taken the place of this one, which ends for that alone. */
  replaced(): void {
    this.#meter?.replaced();
  }

  /** From now on its frames go elsewhere. */
  divert(inbox: FrameInbox): void {
    this.inbox = inbox;
  }

  /** From now on another is told what happens on it, and its frames go there. */
  passTo(owner: WireOwner, inbox: FrameInbox): void {
    this.owner = owner;
    this.inbox = inbox;
  }

  /** Begins the closing handshake because we want to. Code and reason have been checked. */
  close(code?: number, message = ''): void {
    const reason = { by: 'local', message, ...(code !== undefined && { code }) } as const;
    this.#close({ reason, voluntary: true }, code, message);
  }

  /** Closes for an error that is ours, by default with 1011; the session ends with it as its reason. */
  fail(error: unknown, code: number = CloseCode.internalError): void {
    const ourEnd = { reason: { by: 'error', error }, error, voluntary: false } as const;
    this.#close(ourEnd, code);
  }

  /** Answers the peer's close frame, once all that came before it has been handled. */
  answerClose(): void {
    if (this.#phase !== 'open' || this.#peerClose === undefined) return;
    const { reason } = observedEnd(this.#peerClose, undefined);
    this.tools.trace.tell?.({ event: 'closing', reason });
    this.#startClosing(this.#peerClose.code, this.#peerClose.message, false);
  }

  /** Closes with 1011 and ends the socket, without waiting for the peer; `gone`: it is closed. */
  crash(gone: () => void = () => undefined): void {
    if (this.#phase !== 'open' && this.#phase !== 'closing') {
      this.destroy();
      return gone();
    }
    this.#onGone = gone;
    this.#meter?.crashed();
    if (this.#phase === 'open') this.#startClosing(CloseCode.internalError, '', false);
    else this.#allow(false);
    this.#phase = 'ended';
    this.#socket?.end();
  }

  /** Destroys the socket; what it was ended by stays its reason, and `onEnd` follows. */
  cut(isLate: boolean): void {
    if (isLate && this.#phase === 'closing' && this.#peerClose === undefined) {
      this.tools.telemetry.emit('close:timeout', {});
    }
    this.#socket?.terminate();
  }

  /** The session is over by this error: the socket is destroyed, and nobody waits for it. */
  lose(error: Error): void {
    this.#abort({ reason: { by: 'error', error }, error, voluntary: false });
  }

  /** The same because we want to. */
  abort(code: number, message: string): void {
    this.#abort({ reason: { by: 'local', code, message }, voluntary: true });
  }

  #abort(ourEnd: Omit<WireEnd, 'opened'>): void {
    if (this.#phase !== 'open') return;
    this.tools.trace.tell?.({ event: 'closing', reason: ourEnd.reason });
    this.#end({ opened: true, ...ourEnd });
    this.#socket?.terminate();
  }

  /** Gives up the attempt, or destroys the socket: also one that lingers after {@link crash}. */
  destroy(): void {
    this.#phase = 'ended';
    this.#meter?.leftBehind();
    this.#cancelTimers();
    this.#socket?.terminate();
  }

  onDialled(): void {
    if (this.#phase !== 'dialling') return;
    // A redirect dials again.
    this.#handshakeDeadline?.cancel();
    this.#handshakeDeadline = this.#attemptDeadline(
      this.settings.limits.handshakeTimeout,
      'the handshake was not answered',
      'handshakeTimeout',
    );
  }

  onRedirect(request: TransportRequest): void {
    if (this.#phase === 'dialling') this.#open(request);
  }

  onWarning(message: string): void {
    this.tools.telemetry.emit('warning', { message });
  }

  onRefused(): void {
    // It is the refusal that the attempt fails with, however near its deadline was.
    this.#cancelTimers();
  }

  onOpen(info: TransportInfo): void {
    if (this.#phase !== 'dialling') return;
    this.#cancelTimers();
    this.#phase = 'open';
    this.#meter?.opened();
    this.tools.network?.opened(this, info.headers);
    this.owner.onOpen(info, this.#request);
  }

  onText(data: string): void {
    if (this.#phase === 'open') this.inbox.post({ type: 'text', data });
  }

  onBinary(data: Buffer): void {
    if (this.#phase === 'open') this.inbox.post({ type: 'binary', data });
  }

  onPing(data: Buffer): void {
    if (this.#phase === 'open') this.owner.onPing({ type: 'ping', data });
  }

  onPong(data: Buffer): void {
    if (this.#phase === 'open') this.owner.onPong({ type: 'pong', data });
  }

  onWaiting(): void {
    this.#watch(this.#socket as TransportSocket);
  }

  onBackpressure(hasBackpressure: boolean): void {
    this.owner.onBackpressure(hasBackpressure);
  }

  onWritable(): void {
    if (this.#phase === 'open') this.owner.onWritable();
  }

  onStuck(): void {
    const bytes = this.#socket?.bufferedAmount ?? 0;
    this.lose(new SendTimeoutError(this.#request.client, this.settings.limits.sendTimeout, bytes));
  }

  onPeerClose(code: number | undefined, message: string): void {
    this.#peerClose ??= { code, message };
    const { reason } = observedEnd(this.#peerClose, undefined);
    if (this.#phase === 'open') this.owner.onPeerClose(reason);
    else if (this.#phase === 'closing') this.#allow(false);
  }

  onPeerEnd(): void {
    this.#closeByPeer(observedEnd(this.#peerClose, undefined).reason);
  }

  onProtocolError(error: ProtocolError): void {
    if (this.#phase !== 'open') return;
    const { reason } = observedEnd(undefined, error);
    this.tools.trace.tell?.({ event: 'closing', reason });
    this.#closeByPeer(reason);
    tellSent(this.tools.telemetry, { type: 'close', code: error.closeCode, reason: '' });
  }

  onFailure(error: WebSockexError): void {
    const voluntary = this.#ourEnd?.voluntary ?? false;
    this.#ourEnd = { reason: { by: 'error', error }, error, voluntary };
    this.#closeByPeer(this.#ourEnd.reason);
  }

  onEnd(error?: WebSockexError): void {
    this.#cancelTimers();
    this.#socket = undefined;
    this.tools.network?.closed(this);
    if (this.#phase === 'ended') return this.#onGone?.();
    if (this.#phase === 'dialling') {
      this.#failAttempt(error ?? new UnansweredError('the connection ended during the handshake'));
      return;
    }
    this.#end({ opened: true, ...(this.#ourEnd ?? observedEnd(this.#peerClose, error)) });
  }

  /** Nothing can be sent any more; a peer that does not let go of its side is not waited for. */
  #closeByPeer(reason: CloseReason): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'closing';
    this.#allow(true);
    this.owner.onClosing(reason);
  }

  #close(ourEnd: Omit<WireEnd, 'opened'>, code?: number, message = ''): void {
    if (this.#phase !== 'open') return;
    this.#ourEnd = ourEnd;
    this.tools.trace.tell?.({ event: 'closing', reason: ourEnd.reason });
    this.#startClosing(code, message, this.#peerClose === undefined);
  }

  #startClosing(code: number | undefined, reason: string, isAwaited: boolean): void {
    this.#phase = 'closing';
    // What is still to be read is dropped, but the peer's close frame is behind it.
    this.#socket?.resume();
    this.#socket?.close(code, code === undefined ? undefined : reason);
    tellSent(this.tools.telemetry, { type: 'close', reason, ...(code !== undefined && { code }) });
    this.#allow(isAwaited);
  }

  /**
   * Gives the peer a time to end the connection; `isAwaited`: it has something to say before that, and
   * that it did not is told.
   */
  #allow(isAwaited: boolean): void {
    this.#sendDeadline?.over();
    this.#deadline?.cancel();
    const patience = isAwaited ? this.settings.limits.closeTimeout : LINGER;
    this.#deadline = setDeadline(this.tools.clock, patience, () => {
      if (isAwaited) this.tools.telemetry.emit('close:timeout', {});
      this.#socket?.terminate();
    });
  }

  #makeWriter(): FrameWriter {
    const { mailbox, sendHighWaterMark } = this.settings.limits;
    const marks = { maxAnswerBytes: mailbox.maxBytes, sendHighWaterMark };
    this.#writer = new FrameWriter(this.#request.client, this.tools.telemetry, marks, this);
    return this.#writer;
  }

  /** Something was handed to the socket, and must not be stuck there. In a close another deadline counts. */
  #watch(socket: TransportSocket): void {
    if (this.#phase !== 'open') return;
    const { sendTimeout } = this.settings.limits;
    this.#sendDeadline ??= new SendDeadline(this.tools.clock, sendTimeout, this);
    this.#sendDeadline.sent(socket);
  }

  #attemptDeadline(timeout: number, what: string, option: string): Timer | undefined {
    if (timeout <= 0 || timeout === Infinity) return undefined;
    return setDeadline(this.tools.clock, timeout, () => {
      this.#failAttempt(new UnansweredError(`${what} within ${timeout} ms (${option})`));
      this.#socket?.terminate();
    });
  }

  #failAttempt(cause: Error): void {
    const error =
      cause instanceof WebSockexError
        ? cause
        : new ConnectionError(this.#request.client, cause.message, { cause });
    this.#end({ opened: false, reason: { by: 'error', error }, error, voluntary: false });
  }

  #end(end: WireEnd): void {
    this.#phase = 'ended';
    this.#writer?.over();
    this.#sendDeadline?.over();
    this.#cancelTimers();
    this.#meter?.ended(end.reason, end.error);
    this.owner.onEnd(end);
  }

  /** They are let go of as well: a session may last for days. */
  #cancelTimers(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
    this.#handshakeDeadline?.cancel();
    this.#handshakeDeadline = undefined;
  }
}
