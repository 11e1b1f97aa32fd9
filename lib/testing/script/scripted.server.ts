import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

import { WebSocketServer } from 'ws';

import type { Clock } from '../../runtime/clock/clock.port.js';
import { json } from '../../runtime/codec/json.protocol.js';
import type { Protocol } from '../../runtime/codec/protocol.port.js';
import { ExpectationError } from './expectation.error.js';
import type { FrameLedger } from './frame.ledger.js';
import type { NetLink } from './net.link.js';
import { type Dialect, PeerProtocol } from './peer.protocol.js';
import { Session } from './peer.session.js';
import { DEADLINE, Queue } from './queue.js';
import { RequestAnswers } from './request.answers.js';
import { type ExpectOptions, Script } from './script.js';
import { type ReplayOptions, ScriptedPeer } from './scripted.peer.js';

/** A client that waits for the answer to its handshake. */
export interface Knock {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly link: NetLink;
  /** Keeps the books of what the peers of this client send. */
  readonly ledger?: FrameLedger | undefined;
  /** How this client talks, where that is known. */
  readonly dialect?: Dialect;
}

/** What a server is told of its clients. */
export interface ServerOptions {
  /**
   * How they talk, for `onRequest`, `expectMessage` and the other words of messages. Where an answer of theirs is none
   * of `{ id, result }`, its `reply` says how one looks. @default that of the client, where that is known; else `json()`
   */
  readonly protocol?: Protocol;
}

/** How a handshake is agreed to. */
export interface AcceptOptions extends ExpectOptions {
  /** The subprotocol to choose. @default the first the client offers */
  readonly protocol?: string;
  /** More headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What the peer says in one segment with the answer, before the client can have said anything. */
  readonly greet?: (peer: ScriptedPeer) => void;
}

/**
 * The peer of one client, for a test to play. Every attempt of the client waits for
 * {@link accept} or {@link reject}; what is scripted before it comes waits for it. The words of a
 * session (`send`, `expectJson`, `close`, …) speak to the session accepted last, {@link peer}.
 *
 * @example
 * const server = net.server(FeedClient);
 * await server.reject(503);
 * await net.clock.advance('30s');
 * await server.accept();
 * await server.expectJson({ op: 'subscribe' });
 * server.send('tick');
 * await server.drop();
 *
 * @publicApi
 */
export class ScriptedServer extends Script {
  /** The sessions so far, the oldest first. */
  readonly peers: ScriptedPeer[] = [];
  readonly #sessions: Session[] = [];
  readonly #knocks = new Queue<Knock>();
  readonly #ws = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  /** The first session, for expectations that wait for it. */
  readonly #openings = new Queue<Session>();
  /** @internal */
  protected readonly requestAnswers = new RequestAnswers();
  /** How its clients talk, where the test says so. */
  #protocol: Protocol | undefined;
  /** What is known of a client of which its handshake tells nothing. @internal */
  protected dialect: Dialect | undefined;
  #attempts = 0;
  #standing: ((knock: Knock) => void) | undefined;

  /** @internal */
  constructor(
    private readonly name: string,
    private readonly clock: Clock,
    /** Why no attempt comes, where that is known. */
    private readonly explain: () => string = () => '',
  ) {
    super();
  }

  /** @internal */
  protected get session(): Session {
    return this.#last(this.#sessions);
  }

  /** @internal */
  protected get sessions(): readonly Session[] {
    return this.#sessions;
  }

  /** The session that was accepted last; where there has been none, the first. @internal */
  protected override opened({ timeout = DEADLINE }: ExpectOptions = {}):
    Session | Promise<Session> {
    if (this.#sessions.length > 0) return this.session;
    return this.#openings.next(timeout, () => this.#noSession(` within ${timeout} ms`));
  }

  /** How many attempts have come so far, answered or not. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The session that was accepted last. Throws when there has been none. */
  get peer(): ScriptedPeer {
    return this.#last(this.peers);
  }

  /**
   * Agrees to the next attempt, now or when it comes.
   *
   * @throws ExpectationError when none comes in time
   */
  async accept(options: AcceptOptions = {}): Promise<ScriptedPeer> {
    return this.#accept(await this.#next(options), options);
  }

  /**
   * Agrees to every attempt from now on, those that wait too; `onPeer` plays each session.
   */
  acceptAll(
    onPeer: (peer: ScriptedPeer) => void = () => undefined,
    options: AcceptOptions = {},
  ): void {
    this.#always((knock) => void this.#accept(knock, options).then(onPeer));
  }

  /**
   * Refuses the next attempt, now or when it comes.
   *
   * @throws ExpectationError when none comes in time
   */
  async reject(
    status: number,
    headers: Readonly<Record<string, string>> = {},
    options: ExpectOptions = {},
  ): Promise<IncomingMessage> {
    const knock = await this.#next(options);
    this.#reject(knock, status, headers);
    return knock.request;
  }

  /** Refuses every attempt from now on, those that wait too. */
  rejectAll(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.#always((knock) => this.#reject(knock, status, headers));
  }

  /** Takes back {@link acceptAll} or {@link rejectAll}: attempts wait for a script again. */
  waitAgain(): void {
    this.#standing = undefined;
  }

  /**
   * Resets the session that was accepted last, where it is open still; else the next attempt,
   * instead of answering it.
   *
   * @throws ExpectationError when there is no session, and no attempt comes in time
   */
  async drop(options: ExpectOptions = {}): Promise<void> {
    const session = this.#sessions.at(-1);
    if (session?.isOpen === true) session.reset();
    else (await this.#next(options)).link.drop();
  }

  /**
   * Agrees to the next attempt, now or when it comes, and plays back to it what a client received in
   * a recording: on the net's clock, at the recorded pace. Resolves when the last frame is sent.
   *
   * @example
   * const played = net.server(FeedClient).replay('session.jsonl', { speed: 10 });
   * await net.clock.advance('1m');
   * await played;
   *
   * @throws (rejects) TypeError for a file that is no recording; ExpectationError when no attempt comes
   * in time
   */
  async replay(file: string, options: ReplayOptions & AcceptOptions = {}): Promise<void> {
    const peer = await this.accept(options);
    await peer.replay(file, options);
  }

  /**
   * Leaves the next attempt without an answer.
   *
   * @throws ExpectationError when none comes in time
   */
  async ignore(options: ExpectOptions = {}): Promise<IncomingMessage> {
    return (await this.#next(options)).request;
  }

  /** What a peer could not do, and nobody has been told. @internal */
  get untoldFault(): Error | undefined {
    return this.#sessions.find(({ untoldFault }) => untoldFault !== undefined)?.untoldFault;
  }

  /** @internal */
  set({ protocol }: ServerOptions): void {
    this.#protocol = protocol ?? this.#protocol;
  }

  /** @internal */
  knock(knock: Knock): void {
    this.#attempts++;
    if (this.#standing) this.#standing(knock);
    else this.#knocks.push(knock);
  }

  /**
   * Nothing comes any more: every expectation that waits rejects, and so does every later one.
   *
   * @param where what was disposed of
   * @internal
   */
  endExpectations(where: string): void {
    const toError = (transcript: readonly string[]) => (): ExpectationError =>
      new ExpectationError(
        `${this.name}: ${where} was disposed of, and an expectation waits for what will not come. Await every accept() and expect…() before.`,
        transcript,
      );
    this.#knocks.end(toError(this.peers.flatMap(({ transcript }) => transcript)));
    this.#openings.end(toError([]));
    for (const { received, transcript } of this.#sessions) received.end(toError(transcript));
  }

  /** The next attempt that its client has not given up. */
  async #next({ timeout = DEADLINE }: ExpectOptions): Promise<Knock> {
    for (;;) {
      const knock = await this.#knocks.next(timeout, () => this.#noAttempt(timeout));
      if (!knock.link.isOver) return knock;
    }
  }

  #always(answer: (knock: Knock) => void): void {
    this.#standing = answer;
    for (const knock of this.#knocks.clear()) if (!knock.link.isOver) answer(knock);
  }

  // Async: what fails here rejects.
  async #accept(knock: Knock, options: AcceptOptions): Promise<ScriptedPeer> {
    const { request, socket, head, link, ledger } = knock;
    const { protocol, headers = {}, greet } = options;
    const upgrade = protocol === undefined ? request : offering(request, protocol);
    const addHeaders = (lines: string[]): void => {
      for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    };
    const dialect = (): Dialect | undefined => knock.dialect ?? this.dialect;
    let opened: ScriptedPeer | undefined;
    this.#ws.on('headers', addHeaders);
    link.hold();
    try {
      this.#ws.handleUpgrade(upgrade, socket, head, (ws) => {
        const session = new Session(request, ws, link, {
          name: this.name,
          clock: this.clock,
          ledger,
          answers: this.requestAnswers,
          protocol: () =>
            new PeerProtocol(this.name, this.#protocol ?? dialect()?.protocol() ?? JSON_ALONE),
          dialect,
        });
        opened = new ScriptedPeer(session);
        this.#sessions.push(session);
        this.peers.push(opened);
        while (this.#openings.isAwaited) this.#openings.push(session);
        greet?.(opened);
      });
    } finally {
      this.#ws.off('headers', addHeaders);
      link.release();
    }
    if (opened !== undefined) return opened;
    throw new ExpectationError(
      `${this.name}: the attempt cannot be agreed to: it is no opening handshake, or its client has left`,
      [],
    );
  }

  #reject({ socket }: Knock, status: number, headers: Readonly<Record<string, string>>): void {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const reason = STATUS_CODES[status] ?? 'Refused';
    socket.end(`HTTP/1.1 ${status} ${reason}\r\nContent-Length: 0\r\n${lines.join('')}\r\n`);
  }

  #last<T>(items: readonly T[]): T {
    const item = items.at(-1);
    if (item === undefined) throw this.#noSession('');
    return item;
  }

  #noSession(since: string): ExpectationError {
    return new ExpectationError(
      `${this.name}: no session yet${since} (attempts so far: ${this.#attempts}). accept() or acceptAll() begins one. ${this.explain()}`.trimEnd(),
      [],
    );
  }

  #noAttempt(timeout: number): ExpectationError {
    const seen = `${this.#attempts} so far`;
    return new ExpectationError(
      `${this.name}: no attempt to connect within ${timeout} ms (${seen}). ${this.explain()}`.trimEnd(),
      this.peers.flatMap(({ transcript }) => transcript),
    );
  }
}

/** How a client talks of which nothing is known. */
const JSON_ALONE: Protocol = json();

/** The request, as one that offers this subprotocol alone: what a client offers is left as it is. */
function offering(request: IncomingMessage, protocol: string): IncomingMessage {
  const headers = { ...request.headers, 'sec-websocket-protocol': protocol };
  return Object.create(request, { headers: { value: headers } }) as IncomingMessage;
}
