import type { IncomingMessage } from 'node:http';

import type WebSocket from 'ws';

import type { DataFrame } from '../../runtime/frame/frame.js';
import type { Clock } from '../../runtime/clock/clock.port.js';
import { ExpectationError } from './expectation.error.js';
import type { FrameLedger } from './frame.ledger.js';
import type { NetLink } from './net.link.js';
import { PeerMessages } from './peer.messages.js';
import type { Dialect, PeerProtocol } from './peer.protocol.js';
import { Queue } from './queue.js';
import { describe, type Received } from './received.js';
import type { RequestAnswers } from './request.answers.js';

/** The code a close frame without one is told by. */
const NO_CODE = 1005;

/** What a session is part of. */
export interface SessionPlace {
  /** How errors name it. */
  readonly name: string;
  readonly clock: Clock;
  /** Keeps the books of what is sent, where somebody does. */
  readonly ledger: FrameLedger | undefined;
  /** The answers to requests of all sessions of a server. */
  readonly answers: RequestAnswers;
  /** How the client talks by now. */
  readonly protocol: () => PeerProtocol;
  /** What is known of the client by now. */
  readonly dialect: () => Dialect | undefined;
}

/** One session, seen from the peer: what a script works on. */
export class Session {
  /** All that went over the connection, a line each. */
  readonly transcript: string[] = [];
  /** What arrived, for whoever asks next. */
  readonly received = new Queue<Received>();
  readonly messages: PeerMessages;
  readonly name: string;
  readonly clock: Clock;
  readonly dialect: SessionPlace['dialect'];
  /** Why it cannot go on, where nobody has been told. */
  untoldFault: ExpectationError | undefined;
  #isReset = false;
  /** Told each frame that the peer sends, where somebody keeps the books. */
  readonly #onSent: ((frame: DataFrame) => void) | undefined;

  constructor(
    readonly request: IncomingMessage,
    readonly socket: WebSocket,
    readonly link: NetLink,
    { name, clock, ledger, answers, protocol, dialect }: SessionPlace,
  ) {
    this.name = name;
    this.clock = clock;
    this.dialect = dialect;
    this.messages = new PeerMessages(this, answers, protocol);
    this.#onSent = ledger?.open(this);
    socket.on('message', (data: Buffer, isBinary) => {
      this.#take(isBinary ? { type: 'binary', data } : { type: 'text', data: data.toString() });
    });
    socket.on('ping', (data) => this.#take({ type: 'ping', data }));
    socket.on('pong', (data) => this.#take({ type: 'pong', data }));
    socket.on('close', (code, reason) => this.#onClose(code, reason.toString()));
    socket.on('error', (error) => this.tell(`!! ${error.message}`));
  }

  /** Whether neither end has closed, reset or left it. */
  get isOpen(): boolean {
    const { OPEN, readyState } = this.socket;
    return readyState === OPEN && !this.#isReset && !this.link.isOver;
  }

  /** Adds a line to the transcript. */
  tell(line: string): void {
    this.transcript.push(line);
  }

  /** Adds what the peer was told to send; where the session is over, `ws` leaves it out unheard. */
  tellSent(what: string): void {
    this.tell(this.isOpen ? `-> ${what}` : `-> ${what} (not sent: the session is over)`);
  }

  /** Sends a frame, as a test has told the peer to. */
  send(frame: DataFrame): void {
    const { type, data } = frame;
    this.tellSent(type === 'text' ? `text ${JSON.stringify(data)}` : `binary ${data.length} bytes`);
    if (this.isOpen) this.#onSent?.(frame);
    this.link.call(() => this.socket.send(data));
  }

  /** Resets the connection, without a close frame. */
  reset(): void {
    this.#isReset = true;
    this.tell('-> reset');
    this.link.drop();
  }

  /** Answers those requests that have come, and that nobody has asked for yet, to which there is an answer now. */
  answerWaiting(): void {
    this.received.sift((received) => this.#isAnswered(received));
  }

  /**
   * The test has a fault: the session is closed, and whoever expects something of it is told why, or who disposes of
   * the net.
   */
  fail(error: Error): void {
    this.tell(`!! ${error.message}`);
    this.untoldFault ??= this.failure(error.message);
    this.received.end(() => {
      this.untoldFault = undefined;
      return this.failure(error.message);
    });
    this.link.call(() => this.socket.close(1011, 'the test kit cannot go on: see the transcript'));
  }

  failure(what: string): ExpectationError {
    return new ExpectationError(`${this.name}: ${what}`, this.transcript);
  }

  #onClose(code: number, reason: string): void {
    const clean = code !== 1006;
    if (clean) this.#take({ type: 'close', code: code === NO_CODE ? undefined : code, reason });
    this.#take({ type: 'end', clean });
  }

  #take(received: Received): void {
    this.tell(`<- ${describe(received)}`);
    if (!this.#isAnswered(received)) this.received.push(received);
  }

  #isAnswered(received: Received): boolean {
    const isData = received.type === 'text' || received.type === 'binary';
    return isData && this.messages.take(received.data);
  }
}
