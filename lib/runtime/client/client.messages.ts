import {
  catchError,
  concatMap,
  defer,
  EMPTY,
  filter,
  finalize,
  from,
  map,
  type Observable,
  of,
} from 'rxjs';

import { atOnce, Deferred, isThenable } from '../async/deferred.js';
import type { SignalWatchers } from '../async/signal.watchers.js';
import type { Clock } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import { toMessageFrame } from '../codec/encode.js';
import {
  type MessagePattern,
  type ReceivedMessage,
  notAPattern,
} from '../codec/message.pattern.js';
import type { Protocol, RequestId } from '../codec/protocol.port.js';
import { check, isSchema, type StandardSchemaV1 } from '../codec/standard.schema.js';
import { ConfigurationError } from '../errors/client.errors.js';
import type { ClientStatus, NotConnectedError } from '../errors/connection.errors.js';
import { FrameEncodeError } from '../errors/frame.errors.js';
import { MessageError, MessageFault } from '../errors/message.errors.js';
import { RequestTimeoutError } from '../errors/request.errors.js';
import { inspectShort, toError, WebSockexError } from '../errors/websockex.error.js';
import type { Observers } from '../observers/observers.js';
import { isBoolean, isDuration } from '../options/option.checks.js';
import type { Process } from '../process/process.js';
import type { RequestSender, SendingTold } from '../session/request.js';
import type { Requests } from '../session/requests.js';
import { isKeptMode } from '../session/waiting.sends.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import { type Admission, checkSending, type Unsent } from './admission.js';
import { type RequestOptions, type SendOptions, toSending } from './send.options.js';

/** The client behind, as far as its messages ask it. */
export interface MessageClient {
  readonly name: string;
  readonly clock: Clock;
  readonly status: ClientStatus;
  readonly admission: Pick<Admission, 'isClosed'>;
  readonly isEnding: boolean;
  readonly requests: Requests;
  readonly observers: Observers;
  readonly telemetry: Telemetry;
  readonly process: Process;
  send(frame: unknown, options?: SendOptions): Promise<void>;
  refuse(what: string, error: unknown): Promise<never>;
  notConnected(what: string, options?: Unsent): NotConnectedError;
}

type Sending = ReturnType<typeof toSending>;

/** Who waits for an answer, and for how long. */
interface AnswerLimits {
  /** Milliseconds from the call; `Infinity`: none. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** Sends one request, in one session or in several. */
export class MessageSender implements RequestSender {
  constructor(
    private readonly client: MessageClient,
    readonly message: unknown,
    private readonly sending: Sending & {
      readonly isReplay?: boolean;
      readonly sent?: (aside: () => void) => void;
      /** Whether a handler asks: it may wait for its turn, and is let in then as it was. */
      readonly isOfHandler?: boolean;
    },
    private readonly signals: SignalWatchers,
    /** Who sends it, for errors. */
    private readonly where = `${client.name}: request()`,
  ) {}

  send(id: RequestId, told: SendingTold): void {
    const { client, sending } = this;
    const { process } = client;
    const { isReplay = false, isOfHandler = false, sent, ...caller } = sending;
    checkSending(client, process, caller, isOfHandler);
    const { protocol } = process.settings;
    const { where } = this;
    const frame = toMessageFrame(where, protocol, tagged(where, protocol, this.message, id));
    const { connection, maySend } = process;
    // Of a rotation that has not switched: it belongs to the session that is to be.
    const next = process.rotatingHere;
    const session = connection.session + (next === undefined ? 0 : 1);
    let isKept = false;
    process.send([frame], {
      isAnswer: false,
      isGreeting: maySend && !process.isReady,
      isReplay,
      done: (error) => {
        if (error) told.failed(error);
      },
      caller: {
        ...caller,
        onKept: (withdraw) => {
          isKept = true;
          told.kept(withdraw);
        },
        onHanded: () => {
          told.handed(client.process.connection.session);
          sent?.(() => told.aside());
        },
        onReturned: () => told.returned(),
      },
    });
    if (!isKept) {
      told.handed(session);
      sent?.(() => told.aside());
    }
    // Of a session that never takes the place nobody else tells.
    if (next !== undefined) this.signals.add(next, (reason) => told.failed(reason as Error));
  }

  cancel(id: RequestId, session: number): void {
    const { client } = this;
    const { process } = client;
    const { protocol } = process.settings;
    try {
      const message = atOnce('protocol.cancel', protocol.cancel?.(id));
      const isThere = process.isReady && process.connection.session === session;
      if (message === undefined || !isThere) return;
      const frame = toMessageFrame(`${client.name}: protocol.cancel`, protocol, message);
      void client.send(frame).catch(() => undefined);
    } catch (error) {
      // Whoever has given up is told that, and others wait to be told as much.
      client.telemetry.error(error, 'protocol.cancel');
    }
  }
}

/** What may wait for the schema of one subscriber. */
const MOST_CHECKED = { messages: 1_024, bytes: 16 * 1024 * 1024 } as const;

/** The messages that a schema is at work on, or that wait for it. */
class SchemaBacklog {
  #messages = 0;
  #bytes = 0;

  get isFull(): boolean {
    return this.#messages >= MOST_CHECKED.messages || this.#bytes >= MOST_CHECKED.bytes;
  }

  /** @returns to be called once it is done */
  enter({ bytes }: ReceivedMessage): () => void {
    this.#messages++;
    this.#bytes += bytes;
    return () => {
      this.#messages--;
      this.#bytes -= bytes;
    };
  }
}

/** A request with its id. */
function tagged(where: string, protocol: Protocol, message: unknown, id: RequestId): unknown {
  try {
    return atOnce('protocol.request', protocol.request?.(message, id));
  } catch (thrown) {
    const why = `protocol.request cannot write it: ${toError(thrown).message}`;
    throw new FrameEncodeError(`${where}: ${why}`, { cause: thrown });
  }
}

/** What the holders of a handle say to the peer, and hear of it, in messages. */
export class ClientMessages {
  constructor(
    private readonly client: MessageClient,
    private readonly signals: SignalWatchers,
  ) {}

  /** Sends a message as the protocol writes it. */
  send(message: unknown, options?: SendOptions): Promise<void> {
    const { client } = this;
    try {
      const { protocol } = client.process.settings;
      return client.send(toMessageFrame(`${client.name}: send()`, protocol, message), options);
    } catch (error) {
      return client.refuse('send()', error);
    }
  }

  /** Sends a request, and waits for the answer. */
  request(message: unknown, options: RequestOptions = {}): Promise<unknown> {
    const { client } = this;
    const { process } = client;
    const { schema, signal, retry = false } = options;
    try {
      if (signal?.aborted) throw signal.reason;
      const sending = this.#checked(options);
      const { whenDisconnected } = sending;
      checkSending(client, process, sending);
      const isAwaited = process.calls.isHere;
      const settings = {
        timeout: options.timeout ?? process.settings.requestTimeout,
        signal,
        retry,
        isKept: isKeptMode(whenDisconnected),
        isOfHandler: isAwaited,
        isOfLogin: (process.maySend && !process.isReady) || process.rotatingHere !== undefined,
        isReplay: false,
      };
      const how = { ...sending, isOfHandler: isAwaited || process.calls.isInHandler };
      const sender = new MessageSender(client, message, how, this.signals);
      const answer = client.requests.request(sender, settings, this.signals);
      if (schema === undefined) return answer;
      return this.#checkedAnswer(schema, answer, settings, client.clock.now());
    } catch (error) {
      // Nothing of it has left.
      if (error instanceof WebSockexError) Object.assign(error, { sent: false });
      return client.refuse('request()', error);
    }
  }

  /** @throws ConfigurationError for options that cannot be */
  #checked(options: RequestOptions): Sending {
    const { client } = this;
    const { process } = client;
    const { schema, retry, timeout } = options;
    const refuse = (what: string): never => {
      throw new ConfigurationError(`${client.name}: request(): ${what}`);
    };
    if (process.settings.protocol.request === undefined) {
      refuse(
        'its protocol does not say how a request is written (protocol.request), and how an answer is known ' +
          '(protocol.answer). Give both: json({ request, answer }), or jsonRpc()',
      );
    }
    if (schema !== undefined && !isSchema(schema)) {
      refuse(`the schema is ${inspectShort(schema)}; it must be one that follows Standard Schema`);
    }
    const flag = retry === undefined ? undefined : isBoolean(retry);
    if (flag !== undefined) {
      refuse(`the option "retry" is ${inspectShort(retry)}; it must be ${flag}`);
    }
    const duration = timeout === undefined ? undefined : isDuration(timeout);
    if (duration !== undefined) {
      refuse(`the option "timeout" is ${inspectShort(timeout)}; it must be ${duration}`);
    }
    const sending = toSending(client.name, options, process.settings.whenDisconnected, 'request()');
    if (sending.whenDisconnected === 'drop') {
      refuse("whenDisconnected: 'drop' would leave it without an answer; give 'reject' or 'queue'");
    }
    return sending;
  }

  /** @param since when it was asked, by the client's clock: its time counts until its schema is done */
  async #checkedAnswer(
    schema: StandardSchemaV1,
    answer: Promise<unknown>,
    limits: AnswerLimits,
    since: number,
  ): Promise<unknown> {
    const value = await answer;
    try {
      const checked = check(schema, value);
      return isThenable(checked) ? await this.#inTime(checked, limits, since) : checked;
    } catch (thrown) {
      if (!(thrown instanceof MessageFault)) throw thrown;
      const { kind, what, issues, cause } = thrown;
      const bad = { data: '', value, issues, cause };
      const error = new MessageError(
        this.client.name,
        kind,
        `the answer to a request ${what}`,
        bad,
      );
      throw Object.assign(error, { sent: true });
    }
  }

  /** A schema that is never done leaves nobody waiting for ever. */
  async #inTime(
    checked: PromiseLike<unknown>,
    { timeout, signal }: AnswerLimits,
    since: number,
  ): Promise<unknown> {
    const { clock, name } = this.client;
    const done = new Deferred<unknown>();
    checked.then(done.resolve, done.reject);
    const deadline = setDeadline(clock, since + timeout - clock.now(), () =>
      done.reject(new RequestTimeoutError(name, timeout, true, true)),
    );
    const unwatch = signal && this.signals.add(signal, done.reject);
    try {
      return await done.promise;
    } finally {
      deadline.cancel();
      unwatch?.();
    }
  }

  /** @throws ConfigurationError for a pattern or a schema that is none */
  observe(pattern: MessagePattern | undefined, schema: unknown): Observable<unknown> {
    const { client } = this;
    const refuse = (what: string, given: unknown, wanted: string): never => {
      throw new ConfigurationError(
        `${client.name}: messages(): the ${what} is ${inspectShort(given)}; it must be ${wanted}`,
      );
    };
    const wanted = pattern === undefined ? undefined : notAPattern(pattern);
    if (wanted !== undefined) refuse('pattern', pattern, wanted);
    const messages = client.observers.messages(pattern);
    if (schema === undefined) return messages.pipe(map(({ value }) => value));
    if (!isSchema(schema)) return refuse('schema', schema, 'one that follows Standard Schema');
    return defer(() => {
      const backlog = new SchemaBacklog();
      return messages.pipe(
        filter((message) => !backlog.isFull || this.#leaveOut(message)),
        map((message) => ({ message, leave: backlog.enter(message) })),
        concatMap(({ message, leave }) => this.#accepted(schema, message).pipe(finalize(leave))),
      );
    });
  }

  /** Nobody waits for a subscriber: what its schema does not get done with must not fill the memory. */
  #leaveOut({ value, data }: ReceivedMessage): false {
    const what =
      `a message for a subscriber of messages() was left out: ${MOST_CHECKED.messages} messages, or ` +
      `${MOST_CHECKED.bytes} bytes of them, wait for its schema`;
    const error = new MessageError(this.client.name, 'refused', what, { data, value });
    this.client.telemetry.rejected(error, false);
    return false;
  }

  /** What a schema makes of a message; nothing, where it does not accept it: other messages follow. */
  #accepted(schema: StandardSchemaV1, { value, data }: ReceivedMessage): Observable<unknown> {
    const reject = (thrown: unknown): Observable<never> => {
      const { kind, what, issues, cause } = thrown as MessageFault;
      const text = `a message for a subscriber of messages() ${what}`;
      const error = new MessageError(this.client.name, kind, text, { data, value, issues, cause });
      this.client.telemetry.rejected(error, false);
      return EMPTY;
    };
    try {
      const checked = check(schema, value);
      return isThenable(checked) ? from(checked).pipe(catchError(reject)) : of(checked);
    } catch (thrown) {
      return reject(thrown);
    }
  }
}
