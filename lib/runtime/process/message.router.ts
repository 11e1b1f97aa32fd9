import { type Awaitable, isThenable } from '../async/deferred.js';
import {
  answerOf,
  type MessageList,
  nameOf,
  type Reading,
  readMessages,
  refusalOf,
  requestOf,
} from '../codec/message.reader.js';
import type { Answer, PeerRequest, Refusal } from '../codec/protocol.port.js';
import type { Connection } from '../connection/connection.js';
import { MessageError, MessageFault, type MessageFaultKind } from '../errors/message.errors.js';
import { toError } from '../errors/websockex.error.js';
import { CloseCode } from '../frame/close-code.js';
import type { DataFrame } from '../frame/frame.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { Gaps } from '../session/gaps.js';
import type { FrameRank, Handler } from './client.definition.js';
import type { HandlerCalls } from './handler.calls.js';
import type { HandlerInvoker } from './handler.invoker.js';
import type { Lifetime } from './lifetime.js';
import type { FurtherMessages, Message, MessageOrigin } from './message.js';
import { PeerRequests } from './peer.requests.js';
import type { ProcessTools } from './process.port.js';

/** The parts of a process that its messages pass. */
export interface MessageRouterParts {
  readonly connection: Connection;
  readonly calls: HandlerCalls;
  readonly lifetime: Lifetime;
  readonly mailbox: Mailbox<Message>;
  readonly invoker: HandlerInvoker;
  readonly settings: ClientSettings;
  /** Of a class with an `@OnGap`. */
  readonly gaps: Gaps | undefined;
}

/** Where frames go that no `@OnMessage` takes. */
export interface FrameRouter {
  /** Gives it to the `@OnFrame` that takes it, or to nobody. */
  route(frame: DataFrame): Awaitable;
}

/**
 * Makes messages of frames, in their turn, and gives each to the `@OnMessage` it is for. A frame of several
 * messages gives each a turn of its own. What is left goes to `@OnFrame`, as the frame it came in. A message
 * that is not as it must be goes to `@OnError`, and the feed goes on.
 */
export class MessageRouter {
  /** Of what a handler gets, for errors. */
  #origin: MessageOrigin | undefined;
  #value: unknown;
  #isRequest = false;
  #peerRequests: PeerRequests | undefined;

  constructor(
    private readonly client: string,
    private readonly tools: ProcessTools,
    private readonly parts: MessageRouterParts,
    private readonly frames: FrameRouter,
  ) {}

  /** Made for the first frame of a class that answers requests. */
  get #requests(): PeerRequests {
    return (this.#peerRequests ??= new PeerRequests(this.client, this.tools, this.parts));
  }

  /** A frame has its turn. */
  frame(frame: DataFrame): Awaitable {
    const { protocol } = this.parts.settings;
    const early = this.tools.requests?.earlyReading(frame);
    let list: MessageList;
    try {
      list = early === undefined ? readMessages(protocol, frame.data) : listOf(early);
    } catch (thrown) {
      return this.#undecoded(frame, thrown);
    }
    const { values, isBatch } = list;
    if (values.length === 0) return undefined;
    const batch = isBatch ? this.#requests.batchOf(values) : undefined;
    const share = frame.data.length / values.length;
    const origin: MessageOrigin = { frame, share, isOffered: false, batch };
    if (values.length > 1) this.#putFirst({ type: 'further', origin, values, next: 1 });
    return this.message(origin, values[0]);
  }

  /** The next message of a frame has its turn. */
  further(all: FurtherMessages): Awaitable {
    const value = all.values[all.next++];
    if (all.next < all.values.length) this.#putFirst(all);
    return this.message(all.origin, value);
  }

  /** They wait as one: a frame may hold millions, which all at once would take many times its memory. */
  #putFirst(all: FurtherMessages): void {
    this.parts.mailbox.putFirst([all]);
  }

  /**
   * A message has its turn.
   *
   * @param as of one that was held, or missing
   */
  message(origin: MessageOrigin, value: unknown, as?: 'filled' | 'snapshot' | 'held'): Awaitable {
    this.#origin = origin;
    this.#value = value;
    this.#isRequest = false;
    if (as !== undefined) return this.#admitted(origin, value, as);
    const { protocol } = this.parts.settings;
    if (protocol.answer !== undefined) {
      let answer: Answer | undefined;
      try {
        answer = answerOf(protocol, value);
      } catch (thrown) {
        const why = `could not be looked at by protocol.answer: ${toError(thrown).message}`;
        return this.#bad('decode', `a message ${why}`, thrown);
      }
      if (answer !== undefined) return this.#unmatched(answer);
    }
    if (this.parts.lifetime.incarnation.requests !== undefined && protocol.call !== undefined) {
      let refusal: Refusal | undefined;
      let request: PeerRequest | undefined;
      try {
        refusal = refusalOf(protocol, value);
        if (refusal === undefined) request = requestOf(protocol, value);
      } catch (thrown) {
        const why = `could not be looked at by protocol.call: ${toError(thrown).message}`;
        return this.#bad('decode', `a message ${why}`, thrown);
      }
      if (refusal !== undefined) {
        const { answer, error } = refusal;
        this.#bad('invalid', `a message is no request: ${error.message}`, error);
        return this.#requests.refuse(answer, origin);
      }
      if (request !== undefined) {
        this.#isRequest = true;
        return this.#requests.handle(request, origin);
      }
    }
    return this.#admitted(origin, value);
  }

  /** What was admitted has been handled. */
  handled(): void {
    if (!this.parts.lifetime.isOver) this.parts.gaps?.handled();
  }

  #admitted(origin: MessageOrigin, value: unknown, as?: 'filled' | 'snapshot' | 'held'): Awaitable {
    const { gaps } = this.parts;
    if (gaps === undefined) return this.#passed(origin, value);
    try {
      if (!gaps.admit(value, origin, origin.share, as)) return undefined;
    } catch (thrown) {
      const why = `could not be looked at by protocol.position: ${toError(thrown).message}`;
      return this.#bad('decode', `a message ${why}`, thrown);
    }
    const handled = this.#passed(origin, value);
    if (!isThenable(handled)) this.handled();
    return handled;
  }

  /** To those who watch or subscribe, and to its handler. */
  #passed(origin: MessageOrigin, value: unknown): Awaitable {
    const { protocol } = this.parts.settings;
    const name = (): string | undefined => nameOf(protocol, value);
    const { observers } = this.tools;
    if (observers.seesMessages)
      observers.message({ value, name, data: origin.frame.data, bytes: origin.share });
    const { channels } = this.tools;
    const delivered = channels?.message(value);
    if (delivered === undefined) return this.#handle(origin, value, name);
    const method = `item of ${channels?.making ?? 'a channel'}`;
    const made = this.parts.calls.waits({ method, invoke: () => delivered }, delivered);
    return made.then(() =>
      this.parts.lifetime.isOver ? undefined : this.#handle(origin, value, name),
    );
  }

  #handle(origin: MessageOrigin, value: unknown, name: () => string | undefined): Awaitable {
    let handler: Handler | undefined;
    try {
      handler = this.parts.lifetime.incarnation.messages?.find(value, name);
    } catch (thrown) {
      const why = 'could not be looked at by a pattern of @OnMessage, or by protocol.name';
      return this.#bad('decode', `a message ${why}: ${toError(thrown).message}`, thrown);
    }
    if (handler !== undefined) return this.parts.invoker.run(handler, value, origin.frame);
    if (origin.isOffered) return undefined;
    // Once a frame, however many of its messages nobody takes.
    origin.isOffered = true;
    return this.frames.route(origin.frame);
  }

  /** An answer that nobody waits for; or an error that is none to a request, which is told. */
  #unmatched(answer: Answer): void {
    if (answer.id !== undefined) {
      return this.tools.telemetry.emit('answer:unmatched', { id: answer.id });
    }
    const { error } = answer;
    this.#bad('refused', `the peer tells of an error: ${toError(error).message}`, error);
  }

  /** A handler could not have the message that is handled now. */
  rejected({ method }: Handler, fault: MessageFault): MessageError {
    const about = fault.about ?? {
      noun: this.#isRequest ? 'a request' : 'a message',
      data: (this.#origin as MessageOrigin).frame.data,
      value: this.#value,
      isOfPeer: true,
    };
    const error = fault.toError(this.client, method, about);
    this.#tell(fault.kind, error, about.isOfPeer);
    return error;
  }

  /** A message is not an item as a channel has them, or could not be looked at by it. */
  badForChannel(thrown: unknown, value: unknown): void {
    // The frame of one that a channel has kept is gone.
    const data = value === this.#value ? (this.#origin?.frame.data ?? '') : '';
    if (!(thrown instanceof MessageFault)) {
      const what = `a message could not be looked at by a channel: ${toError(thrown).message}`;
      const about = { data, value, cause: thrown };
      return this.#tell('decode', new MessageError(this.client, 'decode', what, about), true);
    }
    const { kind, what, issues, cause } = thrown;
    const text = `a message for a channel ${what}`;
    const about = { data, value, issues, cause };
    this.#tell(kind, new MessageError(this.client, kind, text, about), true);
  }

  /** What is none of the codec's may be meant as it is: such as a `ping` between messages in JSON. */
  #undecoded(frame: DataFrame, thrown: unknown): Awaitable {
    const { invoker, lifetime, settings } = this.parts;
    const isOfCodec = (frame.type === 'binary') === settings.protocol.codec.binary;
    const rank: FrameRank = isOfCodec ? 'pattern' : 'type';
    let handler: Handler | undefined;
    try {
      handler = lifetime.incarnation.frames.find(frame, rank);
    } catch (error) {
      return lifetime.crash(error);
    }
    if (handler !== undefined) return invoker.run(handler, frame);
    this.#origin = { frame, share: 0, isOffered: true };
    this.#value = undefined;
    const what = `a ${frame.type} frame of ${frame.data.length} does not decode`;
    return this.#bad('decode', `${what}: ${toError(thrown).message}`, thrown);
  }

  #bad(kind: MessageFaultKind, what: string, cause: unknown): void {
    const data = this.#origin?.frame.data ?? '';
    const value = this.#value;
    this.#tell(kind, new MessageError(this.client, kind, what, { data, value, cause }), true);
  }

  /** @param isOfPeer what is not is told, and has no consequences for the session */
  #tell(kind: MessageFaultKind, error: MessageError, isOfPeer: boolean): void {
    const { connection, invoker, lifetime, mailbox, settings } = this.parts;
    const onBadMessage = isOfPeer ? settings.onBadMessage : 'report';
    if (lifetime.isOver) return this.tools.telemetry.rejected(error, false);
    const handler = lifetime.incarnation.error;
    this.tools.telemetry.rejected(error, handler !== undefined || onBadMessage !== 'report');
    // Each in a turn of its own, before all that waits. `@OnError` may want something else than the option.
    if (handler !== undefined) mailbox.interject(() => invoker.run(handler, error), ignore);
    if (onBadMessage === 'crash') mailbox.interject(() => lifetime.crash(error), ignore);
    if (onBadMessage === 'close') {
      const code = kind === 'refused' ? CloseCode.policyViolation : CloseCode.invalidPayload;
      mailbox.interject(() => connection.fail(error, code), ignore);
    }
  }
}

function ignore(): void {}

function listOf(reading: Reading): MessageList {
  if (reading.values === undefined) throw reading.thrown;
  return reading;
}
