import type { Timer } from '../clock/clock.port.js';
import { ConnectionError, ProtocolError } from '../errors/connection.errors.js';
import { toError, WebSockexError } from '../errors/websockex.error.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import { FrameChecker } from '../frame/frame.checker.js';
import type { Frame } from '../frame/frame.js';
import type { CloseFrame } from '../telemetry/events.js';
import type {
  TransportEvents,
  TransportInfo,
  TransportSocket,
} from '../transport/transport.port.js';
import type { WireEnd, WireOwner, WireSettings, WireTools } from './wire.port.js';

/** Milliseconds a peer has to end TCP once nothing is left to be said. */
const LINGER = 1000;

/**
 * One socket, from the moment it is dialled to its end: an attempt, and the session it becomes.
 * It tells its owner nothing after `onEnd`, {@link crash} or {@link destroy}.
 */
export class Wire implements TransportEvents {
  #phase: 'dialling' | 'open' | 'closing' | 'ended' = 'dialling';
  #socket: TransportSocket | undefined;
  #deadline: Timer | undefined;
  #handshakeDeadline: Timer | undefined;
  #ourEnd: Omit<WireEnd, 'opened'> | undefined;
  #peerClose: { code: number | undefined; message: string } | undefined;
  readonly #client: string;
  readonly #checker: FrameChecker;

  constructor(
    private readonly settings: WireSettings,
    private readonly tools: WireTools,
    private readonly owner: WireOwner,
  ) {
    this.#client = settings.request.client;
    this.#checker = new FrameChecker(this.#client);
  }

  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  dial(): void {
    this.#deadline = this.#attemptDeadline(
      this.settings.connectTimeout,
      'the connection was not open',
      'connectTimeout',
    );
    try {
      this.#socket = this.tools.transport.open(this.settings.request, this);
    } catch (thrown) {
      this.#failAttempt(toError(thrown));
    }
  }

  /**
   * Sends frames, all of them or none.
   *
   * @throws InvalidFrameError, FrameEncodeError
   */
  send(values: readonly unknown[], done?: (error?: Error | null) => void): void {
    const frames = this.#checker.check(values);
    const last = frames.length - 1;
    if (last < 0) done?.();
    for (let i = 0; i <= last; i++) {
      const frame = frames[i] as Frame;
      this.#socket?.send(frame, i === last ? done : undefined);
      this.#tellSent(frame);
    }
  }

  pause(): void {
    if (this.#phase === 'open') this.#socket?.pause();
  }

  resume(): void {
    if (this.#phase === 'open') this.#socket?.resume();
  }

  /** Begins the closing handshake because we want to. Code and reason have been checked. */
  close(code?: number, message = ''): void {
    const reason = { by: 'local', message, ...(code !== undefined && { code }) } as const;
    this.#close({ reason, voluntary: true }, code, message);
  }

  /** Closes with 1011 for an error that is ours; the session ends with it as its reason. */
  fail(error: unknown): void {
    const ourEnd = { reason: { by: 'error', error }, error, voluntary: false } as const;
    this.#close(ourEnd, CloseCode.internalError);
  }

  /** Answers the peer's close frame, once all that came before it has been handled. */
  answerClose(): void {
    if (this.#phase !== 'open' || this.#peerClose === undefined) return;
    const { code, message } = this.#peerClose;
    this.#startClosing(code, message, LINGER);
  }

  /** Closes with 1011 and ends the socket at once, without waiting for the peer. */
  crash(): void {
    if (this.#phase !== 'open' && this.#phase !== 'closing') return this.destroy();
    if (this.#phase === 'open') this.#startClosing(CloseCode.internalError, '', LINGER);
    else this.#allow(LINGER);
    this.#phase = 'ended';
    this.#socket?.end();
  }

  /** Destroys the socket; what it was ended by stays its reason, and `onEnd` follows. */
  cut(): void {
    this.#socket?.terminate();
  }

  /** Gives up the attempt, or destroys the socket: also one that lingers after {@link crash}. */
  destroy(): void {
    this.#phase = 'ended';
    this.#cancelTimers();
    this.#socket?.terminate();
  }

  onDialled(): void {
    if (this.#phase !== 'dialling') return;
    this.#handshakeDeadline = this.#attemptDeadline(
      this.settings.handshakeTimeout,
      'the handshake was not answered',
      'handshakeTimeout',
    );
  }

  onOpen(info: TransportInfo): void {
    if (this.#phase !== 'dialling') return;
    this.#cancelTimers();
    this.#phase = 'open';
    this.owner.onOpen(this, info);
  }

  onText(data: string): void {
    if (this.#phase === 'open') this.owner.onData({ type: 'text', data });
  }

  onBinary(data: Buffer): void {
    if (this.#phase === 'open') this.owner.onData({ type: 'binary', data });
  }

  onPing(data: Buffer): void {
    if (this.#phase === 'open') this.owner.onPing({ type: 'ping', data });
  }

  onPong(data: Buffer): void {
    if (this.#phase === 'open') this.owner.onPong({ type: 'pong', data });
  }

  onPeerClose(code: number | undefined, message: string): void {
    this.#peerClose ??= { code, message };
    if (this.#phase === 'open') this.owner.onPeerClose();
    else if (this.#phase === 'closing') this.#allow(LINGER);
  }

  onProtocolError(error: ProtocolError): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'closing';
    this.#tellSent({ type: 'close', code: error.closeCode, reason: '' });
    this.#allow(this.settings.closeTimeout);
    this.owner.onClosing();
  }

  onEnd(error?: WebSockexError): void {
    this.#cancelTimers();
    this.#socket = undefined;
    if (this.#phase === 'ended') return;
    if (this.#phase === 'dialling') {
      this.#failAttempt(error ?? new Error('the connection ended during the handshake'));
      return;
    }
    this.#end({ opened: true, ...(this.#ourEnd ?? this.#foreignEnd(error)) });
  }

  /** What really happened, where it was not our doing; `ws` would say 1006 to all of it. */
  #foreignEnd(error: WebSockexError | undefined): Omit<WireEnd, 'opened'> {
    if (this.#peerClose !== undefined) {
      const { code, message } = this.#peerClose;
      const reason = { by: 'remote', message, ...(code !== undefined && { code }) } as const;
      return { reason, voluntary: false };
    }
    const reason: CloseReason =
      error instanceof ProtocolError
        ? { by: 'local', code: error.closeCode, message: error.detail }
        : { by: 'remote', code: CloseCode.abnormal, message: '' };
    return { reason, voluntary: false, ...(error !== undefined && { error }) };
  }

  #close(ourEnd: Omit<WireEnd, 'opened'>, code?: number, message = ''): void {
    if (this.#phase !== 'open') return;
    this.#ourEnd = ourEnd;
    this.#startClosing(code, message, this.settings.closeTimeout);
  }

  #startClosing(code: number | undefined, reason: string, patience: number): void {
    this.#phase = 'closing';
    // What is still to be read is dropped, but the peer's close frame is behind it.
    this.#socket?.resume();
    this.#socket?.close(code, code === undefined ? undefined : reason);
    this.#tellSent({ type: 'close', reason, ...(code !== undefined && { code }) });
    this.#allow(patience);
  }

  /** Gives the peer so many milliseconds to end the connection. */
  #allow(patience: number): void {
    this.#deadline?.cancel();
    this.#deadline = this.tools.clock.setTimer(patience, () => this.#socket?.terminate());
  }

  #attemptDeadline(timeout: number, what: string, option: string): Timer | undefined {
    if (timeout <= 0 || timeout === Infinity) return undefined;
    return this.tools.clock.setTimer(timeout, () => {
      this.#failAttempt(new Error(`${what} within ${timeout} ms (${option})`));
      this.#socket?.terminate();
    });
  }

  #failAttempt(cause: Error): void {
    const error =
      cause instanceof WebSockexError
        ? cause
        : new ConnectionError(this.#client, cause.message, { cause });
    this.#end({ opened: false, reason: { by: 'error', error }, error, voluntary: false });
  }

  #end(end: WireEnd): void {
    this.#phase = 'ended';
    this.#cancelTimers();
    this.owner.onEnd(end);
  }

  #cancelTimers(): void {
    this.#deadline?.cancel();
    this.#handshakeDeadline?.cancel();
  }

  #tellSent(frame: Frame | CloseFrame): void {
    const { telemetry } = this.tools;
    if (telemetry.wants('frame:sent')) telemetry.emit('frame:sent', { frame });
  }
}
