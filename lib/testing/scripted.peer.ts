import type { IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';

import type WebSocket from 'ws';

import type { Clock } from '../runtime/clock/clock.port.js';
import { ExpectationError } from './expectation.error.js';
import type { Link } from './link.js';
import { DEADLINE, Queue } from './queue.js';
import { describe, type Received } from './received.js';
import { readRecording, type RecordedFrame } from './recording.js';

/** How long an expectation waits. */
export interface ExpectOptions {
  /** Milliseconds of real time. @default 2000 */
  readonly timeout?: number;
}

/** How a recording is played back. */
export interface ReplayOptions {
  /** How many times as fast as it was. @default 1 */
  readonly speed?: number;
}

/** The code a close frame without one is told by. */
const NO_CODE = 1005;

/**
 * One session, seen from the peer, for a test to play. What arrives is kept until it is asked for,
 * in order; pings are answered as any server does.
 *
 * @publicApi
 */
export class ScriptedPeer {
  /** All that went over the connection, a line each: `-> text "tick"`, `<- close 1000 ""`. */
  readonly transcript: string[] = [];
  readonly #received = new Queue<Received>();

  /** @internal */
  constructor(
    /** The request of the opening handshake. */
    readonly request: IncomingMessage,
    private readonly socket: WebSocket,
    private readonly link: Link,
    private readonly clock: Clock,
    private readonly name: string,
  ) {
    socket.on('message', (data: Buffer, isBinary) => {
      this.#take(isBinary ? { type: 'binary', data } : { type: 'text', data: data.toString() });
    });
    socket.on('ping', (data) => this.#take({ type: 'ping', data }));
    socket.on('pong', (data) => this.#take({ type: 'pong', data }));
    socket.on('close', (code, reason) => this.#onClose(code, reason.toString()));
    socket.on('error', (error) => this.transcript.push(`!! ${error.message}`));
  }

  /** Sends a text frame. */
  send(text: string): void {
    this.#tell(`-> text ${JSON.stringify(text)}`);
    this.socket.send(text);
  }

  /** Sends a text frame with `value` as JSON. */
  sendJson(value: unknown): void {
    this.send(JSON.stringify(value));
  }

  /** Sends a binary frame. */
  sendBinary(data: Uint8Array): void {
    this.#tell(`-> binary ${data.length} bytes`);
    this.socket.send(data);
  }

  /** Sends a ping. */
  ping(data: string | Uint8Array = ''): void {
    this.#tell(`-> ping ${JSON.stringify(data.toString())}`);
    this.socket.ping(data);
  }

  /**
   * Plays back what a client received in a recording, on the net's clock, at the recorded pace.
   *
   * @throws TypeError for a file that is no recording
   */
  async replay(file: string, { speed = 1 }: ReplayOptions = {}): Promise<void> {
    const frames = readRecording(file).filter(({ direction }) => direction === 'in');
    const start = frames[0]?.time ?? 0;
    await Promise.all(
      frames.map(
        (frame) =>
          new Promise<void>((resolve) => {
            this.clock.setTimer((frame.time - start) / speed, () => {
              this.#replayFrame(frame);
              resolve();
            });
          }),
      ),
    );
  }

  /** Puts bytes before the client as they are: bad frames, halves, whatever a peer may send. */
  raw(bytes: Uint8Array): void {
    this.#tell(`-> ${bytes.length} raw bytes`);
    this.link.raw(bytes);
  }

  /** Closes with a closing handshake. */
  close(code?: number, reason?: string): void {
    this.#tell(`-> close ${code ?? '(no code)'} ${JSON.stringify(reason ?? '')}`);
    this.socket.close(code, reason);
  }

  /** Resets the connection, without a close frame. */
  drop(): void {
    this.#tell('-> reset');
    this.link.drop();
  }

  /** From now on nothing arrives anywhere, and nobody is told: a half-open connection. */
  silence(): void {
    this.#tell('-> silence');
    this.link.silence();
  }

  /** Reads no more: what the client sends piles up on its side. */
  stall(): void {
    this.#tell('-> stall');
    this.link.stall();
  }

  /** Reads on after {@link stall}. */
  unstall(): void {
    this.#tell('-> unstall');
    this.link.unstall();
  }

  /** From now on what this peer sends arrives at so many bytes a second, by the net's clock. */
  slowly(bytesPerSecond: number): void {
    this.#tell(`-> slowly, ${bytesPerSecond} bytes/s`);
    this.link.slowly(bytesPerSecond);
  }

  /**
   * What arrived next, whatever it is.
   *
   * @throws ExpectationError when nothing does in time
   */
  next({ timeout = DEADLINE }: ExpectOptions = {}): Promise<Received> {
    return this.#received.next(timeout, () =>
      this.#failure(`${this.name}: nothing arrived within ${timeout} ms`),
    );
  }

  /**
   * The next thing that arrives must be a text frame: this one, or one a `RegExp` finds something
   * in.
   *
   * @throws ExpectationError for anything else
   */
  async expectText(expected?: string | RegExp, options?: ExpectOptions): Promise<string> {
    const { data } = await this.#expect('text', options);
    const fits =
      expected === undefined ||
      (typeof expected === 'string' ? data === expected : expected.test(data));
    if (fits) return data;
    throw this.#failure(`${this.name}: expected the text ${String(expected)}, got ${data}`);
  }

  /**
   * The next thing that arrives must be a text frame of JSON, equal to `expected` where it is given.
   *
   * @throws ExpectationError for anything else
   */
  async expectJson(expected?: unknown, options?: ExpectOptions): Promise<unknown> {
    const { data } = await this.#expect('text', options);
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      throw this.#failure(`${this.name}: expected JSON, got ${data}`);
    }
    if (expected === undefined || isDeepStrictEqual(value, expected)) return value;
    throw this.#failure(`${this.name}: expected ${JSON.stringify(expected)}, got ${data}`);
  }

  /** The next thing that arrives must be a binary frame. @throws ExpectationError */
  async expectBinary(options?: ExpectOptions): Promise<Buffer> {
    return (await this.#expect('binary', options)).data;
  }

  /**
   * The next thing that arrives must be a close frame, with this code where it is given.
   *
   * @throws ExpectationError for anything else
   */
  async expectClose(
    code?: number,
    options?: ExpectOptions,
  ): Promise<{ code: number | undefined; reason: string }> {
    const close = await this.#expect('close', options);
    if (code === undefined || close.code === code) return close;
    throw this.#failure(`${this.name}: expected a close with ${code}, got ${close.code}`);
  }

  #replayFrame({ type, data }: RecordedFrame): void {
    const bytes = Buffer.from(data, 'base64');
    if (type === 'text') this.send(data);
    else if (type === 'binary') this.sendBinary(bytes);
    else if (type === 'ping') this.ping(bytes);
    else if (type === 'pong') this.socket.pong(bytes);
  }

  async #expect<T extends Received['type']>(
    type: T,
    options?: ExpectOptions,
  ): Promise<Extract<Received, { type: T }>> {
    const received = await this.next(options);
    if (received.type === type) return received as Extract<Received, { type: T }>;
    throw this.#failure(`${this.name}: expected a ${type} frame, got ${describe(received)}`);
  }

  #onClose(code: number, reason: string): void {
    const clean = code !== 1006;
    if (clean) this.#take({ type: 'close', code: code === NO_CODE ? undefined : code, reason });
    this.#take({ type: 'end', clean });
  }

  #take(received: Received): void {
    this.#tell(`<- ${describe(received)}`);
    this.#received.push(received);
  }

  #tell(line: string): void {
    this.transcript.push(line);
  }

  #failure(what: string): ExpectationError {
    return new ExpectationError(what, this.transcript);
  }
}
