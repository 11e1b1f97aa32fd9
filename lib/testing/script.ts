import { isDeepStrictEqual } from 'node:util';

import { DEADLINE } from './queue.js';
import { describe, type Received } from './received.js';
import type { Session } from './session.js';

/** How long an expectation waits. */
export interface ExpectOptions {
  /** Milliseconds of real time. @default 2000 */
  readonly timeout?: number;
}

/**
 * What a test may have a peer do, and expect of a client, in one session: that of a
 * {@link ScriptedPeer}, or the last one of a {@link ScriptedServer}. What arrives is kept until it
 * is asked for, in order; pings are answered as any server does.
 *
 * @publicApi
 */
export abstract class Script {
  /** @internal */
  protected abstract get session(): Session;

  /** Sends a text frame. */
  send(text: string): void {
    const { session } = this;
    session.tell(`-> text ${JSON.stringify(text)}`);
    session.socket.send(text);
  }

  /** Sends a text frame with `value` as JSON. */
  sendJson(value: unknown): void {
    this.send(JSON.stringify(value));
  }

  /** Sends a binary frame. */
  sendBinary(data: Uint8Array): void {
    const { session } = this;
    session.tell(`-> binary ${data.length} bytes`);
    session.socket.send(data);
  }

  /** Sends a ping. */
  ping(data: string | Uint8Array = ''): void {
    const { session } = this;
    session.tell(`-> ping ${JSON.stringify(data.toString())}`);
    session.socket.ping(data);
  }

  /** Puts bytes before the client as they are: bad frames, halves, whatever a peer may send. */
  raw(bytes: Uint8Array): void {
    const { session } = this;
    session.tell(`-> ${bytes.length} raw bytes`);
    session.link.raw(bytes);
  }

  /** Closes with a closing handshake. */
  close(code?: number, reason?: string): void {
    const { session } = this;
    session.tell(`-> close ${code ?? '(no code)'} ${JSON.stringify(reason ?? '')}`);
    session.socket.close(code, reason);
  }

  /** From now on nothing arrives anywhere, and nobody is told: a half-open connection. */
  silence(): void {
    const { session } = this;
    session.tell('-> silence');
    session.link.silence();
  }

  /** Reads no more: what the client sends piles up on its side. */
  stall(): void {
    const { session } = this;
    session.tell('-> stall');
    session.link.stall();
  }

  /** Reads on after {@link stall}. */
  unstall(): void {
    const { session } = this;
    session.tell('-> unstall');
    session.link.unstall();
  }

  /** From now on what this peer sends arrives at so many bytes a second, by the net's clock. */
  slowly(bytesPerSecond: number): void {
    const { session } = this;
    session.tell(`-> slowly, ${bytesPerSecond} bytes/s`);
    session.link.slowly(bytesPerSecond);
  }

  /**
   * What arrived next, whatever it is.
   *
   * @throws ExpectationError when nothing does in time
   */
  async next(options?: ExpectOptions): Promise<Received> {
    return next(this.session, options);
  }

  /**
   * The next thing that arrives must be a text frame: this one, or one a `RegExp` finds something
   * in.
   *
   * @throws ExpectationError for anything else
   */
  async expectText(expected?: string | RegExp, options?: ExpectOptions): Promise<string> {
    const { session } = this;
    const { data } = await nextOf(session, 'text', options);
    const fits =
      expected === undefined ||
      (typeof expected === 'string' ? data === expected : expected.test(data));
    if (fits) return data;
    throw session.failure(`expected the text ${String(expected)}, got ${data}`);
  }

  /**
   * The next thing that arrives must be a text frame of JSON, equal to `expected` where it is given.
   *
   * @throws ExpectationError for anything else
   */
  async expectJson(expected?: unknown, options?: ExpectOptions): Promise<unknown> {
    const { session } = this;
    const { data } = await nextOf(session, 'text', options);
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      throw session.failure(`expected JSON, got ${data}`);
    }
    if (expected === undefined || isDeepStrictEqual(value, expected)) return value;
    throw session.failure(`expected ${JSON.stringify(expected)}, got ${data}`);
  }

  /** The next thing that arrives must be a binary frame. @throws ExpectationError */
  async expectBinary(options?: ExpectOptions): Promise<Buffer> {
    return (await nextOf(this.session, 'binary', options)).data;
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
    const { session } = this;
    const close = await nextOf(session, 'close', options);
    if (code === undefined || close.code === code) return close;
    throw session.failure(`expected a close with ${code}, got ${close.code}`);
  }
}

function next(session: Session, { timeout = DEADLINE }: ExpectOptions = {}): Promise<Received> {
  return session.received.next(timeout, () =>
    session.failure(`nothing arrived within ${timeout} ms`),
  );
}

async function nextOf<T extends Received['type']>(
  session: Session,
  type: T,
  options?: ExpectOptions,
): Promise<Extract<Received, { type: T }>> {
  const received = await next(session, options);
  if (received.type === type) return received as Extract<Received, { type: T }>;
  throw session.failure(`expected a ${type} frame, got ${describe(received)}`);
}
