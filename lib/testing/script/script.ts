import type { MessagePattern, NamedMessage } from '../../runtime/codec/message.pattern.js';
import { inspectShort, toError } from '../../runtime/errors/websockex.error.js';
import { equalsPlainly, isAsymmetric, show } from './equality.js';
import { brief } from './expectation.error.js';
import { messageFits } from './message.fits.js';
import type { Session } from './peer.session.js';
import { DEADLINE } from './queue.js';
import { describe, isHeartbeat, type Received } from './received.js';
import type { RequestAnswer, RequestAnswers } from './request.answers.js';
import { ScriptedRequest } from './scripted.request.js';
import { ScriptedSubscription } from './scripted.subscription.js';
import { stateless, withoutMemory } from './stateless.js';

/** How long an expectation waits. */
export interface ExpectOptions {
  /** Milliseconds of real time. @default 2000 */
  readonly timeout?: number;
}

/**
 * What a test may have a peer do, and expect of a client, in one session: that of a
 * {@link ScriptedPeer}, or the last one of a {@link ScriptedServer}. What arrives is kept until it
 * is asked for, in order; pings are answered as any server does, and passed over by every expectation
 * but {@link expectPing} and {@link next}.
 *
 * @publicApi
 */
export abstract class Script {
  /** @internal */
  protected abstract get session(): Session;

  /** What requests are answered with. @internal */
  protected abstract get requestAnswers(): RequestAnswers;

  /** Those sessions whose requests are answered so. @internal */
  protected abstract get sessions(): readonly Session[];

  /** The session that an expectation is about. @internal */
  protected opened(_options?: ExpectOptions): Session | Promise<Session> {
    return this.session;
  }

  /** Sends a text frame. */
  send(text: string): void {
    const { session } = this;
    if (typeof text !== 'string') {
      throw new TypeError(
        `${session.name}: send() takes a string, not ${inspectShort(text)}; there are sendJson() and sendBinary() too`,
      );
    }
    session.send({ type: 'text', data: text });
  }

  /** Sends a text frame with `value` as JSON. */
  sendJson(value: unknown): void {
    this.send(JSON.stringify(value));
  }

  /** Sends a binary frame. */
  sendBinary(data: Uint8Array): void {
    // A copy: it may wait to be written, and is the caller's to change.
    this.session.send({ type: 'binary', data: Buffer.from(data) });
  }

  /**
   * Sends a message, as the protocol of the client writes it: the text of its JSON, unless that says otherwise.
   *
   * @throws FrameEncodeError for what the protocol cannot write
   */
  sendMessage(message: unknown): void {
    this.session.messages.send('sendMessage()', message);
  }

  /**
   * Answers the requests that the pattern takes from now on, and those that wait: with a value, or with what a function
   * makes of one, now or later. An `Error`, given, returned or thrown, is the error that the peer answers. Of several
   * patterns that take a request, the last one said counts, those of a peer before those of its server. What is answered
   * so no expectation gets. The pattern is that of `@OnMessage`; a name is that of the call, or of the message.
   *
   * @example
   * net.server(FeedClient).onRequest({ op: 'order' }, ({ side }) => ({ orderId: `${side} 1` }));
   *
   * @throws TypeError for what is no pattern
   */
  onRequest<M = Record<string, unknown>>(pattern: MessagePattern, answer: RequestAnswer<M>): this {
    this.requestAnswers.add('onRequest()', pattern, answer);
    for (const session of this.sessions) session.answerWaiting();
    return this;
  }

  /**
   * {@link onRequest} for several names.
   *
   * @example
   * net.server(NodeClient).answers({ eth_chainId: '0x1', eth_call: ({ params }) => call(params) });
   */
  answers(answers: Readonly<Record<string, RequestAnswer>>): this {
    for (const [name, answer] of Object.entries(answers)) {
      this.requestAnswers.add('answers()', name, answer);
    }
    for (const session of this.sessions) session.answerWaiting();
    return this;
  }

  /** Sends a ping. */
  ping(data: string | Uint8Array = ''): void {
    const { session } = this;
    session.tellSent(`ping ${JSON.stringify(data.toString())}`);
    session.link.call(() => session.socket.ping(Buffer.from(data)));
  }

  /** Puts bytes before the client as they are: bad frames, halves, whatever a peer may send. */
  raw(bytes: Uint8Array): void {
    const { session } = this;
    session.tellSent(`${bytes.length} raw bytes`);
    session.link.raw(bytes);
  }

  /** Closes with a closing handshake. */
  close(code?: number, reason?: string): void {
    const { session } = this;
    session.tellSent(`close ${code ?? '(no code)'} ${JSON.stringify(reason ?? '')}`);
    session.link.call(() => session.socket.close(code, reason));
  }

  /**
   * From now on nothing arrives anywhere, and nobody is told: a half-open connection. The client's
   * heartbeat notices it.
   */
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

  /**
   * From now on what this peer sends arrives at so many bytes a second, by the net's clock;
   * `Infinity`: at once again.
   *
   * @throws TypeError for what is not above 0
   */
  slowly(bytesPerSecond: number): void {
    const { session } = this;
    if (!(bytesPerSecond > 0)) {
      throw new TypeError(
        `${session.name}: slowly() takes bytes per second above 0, not ${inspectShort(bytesPerSecond)}; silence() lets nothing arrive`,
      );
    }
    session.tell(`-> slowly, ${bytesPerSecond} bytes/s`);
    session.link.slowly(bytesPerSecond);
  }

  /**
   * What arrived next, whatever it is, but for the pings of a heartbeat, which come at random moments;
   * those of a heartbeat with a `payload` of its own are told like any ping.
   *
   * @throws ExpectationError when nothing does in time
   */
  async next(options?: ExpectOptions): Promise<Received> {
    const session = await this.opened(options);
    let received = await next(session, options);
    while (received.type === 'ping' && isHeartbeat(received.data)) {
      received = await next(session, options);
    }
    return received;
  }

  /**
   * The next thing that arrives must be a text frame: this one, or one a `RegExp` finds something
   * in, from its beginning on, whatever the expression has matched before.
   *
   * @throws ExpectationError for anything else
   */
  async expectText(expected?: string | RegExp, options?: ExpectOptions): Promise<string> {
    const session = await this.opened(options);
    const { data } = await nextOf(session, ['text'], options);
    if (expected === undefined || isText(data, expected)) return data;
    throw session.failure(
      `expected the text ${show(expected)}, got ${brief(JSON.stringify(data))}`,
    );
  }

  /**
   * The next thing that arrives must be a text frame of JSON, equal to `expected` where it is given:
   * as `toEqual` has it, with asymmetric matchers (`expect.any(Number)`) anywhere in it.
   *
   * @throws ExpectationError for anything else
   */
  async expectJson(expected?: unknown, options?: ExpectOptions): Promise<unknown> {
    const session = await this.opened(options);
    const { data } = await nextOf(session, ['text'], options);
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      throw session.failure(`expected JSON, got the text ${brief(JSON.stringify(data))}`);
    }
    if (expected === undefined || equalsPlainly(value, withoutMemory(expected))) return value;
    throw session.failure(`expected ${showJson(expected)}, got ${brief(data)}`);
  }

  /**
   * The next thing that arrives must be a message that the pattern takes, as the protocol of the client reads it. The
   * pattern is that of `@OnMessage`, with asymmetric matchers (`expect.any(Number)`) anywhere in a shape.
   *
   * @throws ExpectationError for anything else; TypeError for what is no pattern
   */
  async expectMessage<M = Record<string, unknown>>(
    pattern?: MessagePattern,
    options?: ExpectOptions,
  ): Promise<M> {
    return (await this.#nextMessage('message', pattern, options)).message.value as M;
  }

  /**
   * The next thing that arrives must be a request that the pattern takes; the test answers it.
   *
   * @example
   * const request = await peer.expectRequest({ op: 'order' });
   * request.reply({ orderId: 'x' });
   *
   * @throws ExpectationError for anything else; TypeError for what is no pattern
   */
  async expectRequest<M = Record<string, unknown>>(
    pattern?: MessagePattern,
    options?: ExpectOptions,
  ): Promise<ScriptedRequest<M>> {
    const { session, message } = await this.#nextMessage('request', pattern, options);
    const id = session.messages.idOf(message);
    if (id !== undefined) return new ScriptedRequest(session.messages, message, id);
    throw session.failure(
      `expected a request, got a message that is none: ${inspectShort(message.value)}`,
    );
  }

  /**
   * The next thing that arrives must be what the client sends to subscribe to a channel: what its `@OnSubscribe` of this
   * name has returned for these arguments.
   *
   * @example
   * const trades = await server.expectSubscribe('trades', 'BTC');
   * trades.confirm();
   * trades.send({ type: 'trade', symbol: 'BTC', price: 1 });
   *
   * @throws ExpectationError for anything else, and where it is not known which client it is: a server on a real port has
   * to be told, by its `know(handle)`
   */
  async expectSubscribe(name: string, ...args: unknown[]): Promise<ScriptedSubscription> {
    const { session, message } = await this.#nextMessage('message', undefined, undefined);
    const { messages } = session;
    const what = `${name}(${args.map(inspectShort).join(', ')})`;
    const dialect = session.dialect();
    if (dialect === undefined) {
      throw session.failure(
        'expectSubscribe() has to know the client: server.know(handle) says which it is',
      );
    }
    const source = dialect.channel(name, args);
    if (source !== undefined && messages.subscribes(message, source)) {
      const id = source.ack === 'answer' ? messages.idOf(message) : undefined;
      return new ScriptedSubscription(messages, message, id);
    }
    const wanted =
      source === undefined
        ? 'but the client subscribes to no such channel'
        : `by ${inspectShort(source.subscribe)}`;
    const got = inspectShort(message.value);
    throw session.failure(`expected a subscription to ${what}, ${wanted}; got ${got}`);
  }

  async #nextMessage(
    what: string,
    pattern: MessagePattern | undefined,
    options: ExpectOptions | undefined,
  ): Promise<{ readonly session: Session; readonly message: NamedMessage }> {
    const fits = messageFits(`expect${what === 'request' ? 'Request' : 'Message'}()`, pattern);
    const session = await this.opened(options);
    const { data } = await nextOf(session, ['text', 'binary'], options);
    let message: NamedMessage;
    try {
      message = session.messages.read(data);
    } catch (thrown) {
      const why = `got a frame that is none: ${toError(thrown).message}`;
      throw session.failure(`expected a ${what}, ${why}`);
    }
    if (fits(message)) return { session, message };
    const shown = typeof pattern === 'function' ? 'that the predicate takes' : show(pattern);
    throw session.failure(
      `expected a ${what} ${shown}, got ${brief(JSON.stringify(message.value))}`,
    );
  }

  /** The next thing that arrives must be a binary frame. @throws ExpectationError */
  async expectBinary(options?: ExpectOptions): Promise<Buffer> {
    return (await nextOf(await this.opened(options), ['binary'], options)).data;
  }

  /**
   * The next thing that arrives must be a ping: of a heartbeat, or one that the client was told to send.
   * It has been answered.
   *
   * @example
   * await net.clock.advance('20s');
   * await server.expectPing();
   *
   * @throws ExpectationError for anything else
   */
  async expectPing(options?: ExpectOptions): Promise<Buffer> {
    return (await nextOf(await this.opened(options), ['ping'], options)).data;
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
    const session = await this.opened(options);
    const close = await nextOf(session, ['close'], options);
    if (code === undefined || close.code === code) {
      return { code: close.code, reason: close.reason };
    }
    throw session.failure(`expected a close with ${code}, got ${close.code}`);
  }
}

function isText(data: string, expected: string | RegExp): boolean {
  if (typeof expected === 'string') return data === expected;
  // `expect.stringContaining(…)` and its like are typed as `any`: they compile here.
  if (isAsymmetric(expected)) return equalsPlainly(data, withoutMemory(expected));
  return stateless(expected).test(data);
}

/** As JSON, which is what it is compared with; what that cannot show, as it is. */
function showJson(expected: unknown): string {
  const shown = JSON.stringify(expected, (_, value: unknown) =>
    typeof value === 'bigint' || isAsymmetric(value) ? show(value) : value,
  );
  return isAsymmetric(expected) ? show(expected) : shown;
}

function next(session: Session, { timeout = DEADLINE }: ExpectOptions = {}): Promise<Received> {
  return session.received.next(timeout, () =>
    session.failure(`nothing arrived within ${timeout} ms`),
  );
}

async function nextOf<T extends Received['type']>(
  session: Session,
  types: readonly T[],
  options?: ExpectOptions,
): Promise<Extract<Received, { type: T }>> {
  const received = await next(session, options);
  const isWanted = (types as readonly string[]).includes(received.type);
  if (isWanted) return received as Extract<Received, { type: T }>;
  // Those of a heartbeat come in between, at a random moment.
  if (received.type === 'ping') return nextOf(session, types, options);
  throw session.failure(`expected a ${types.join(' or ')} frame, got ${brief(describe(received))}`);
}
