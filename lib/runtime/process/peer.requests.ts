import { atOnce, type Awaitable } from '../async/deferred.js';
import { toMessageFrame } from '../codec/encode.js';
import { answerOf, refusalOf, requestOf } from '../codec/message.reader.js';
import type { PeerRequest, RequestId, RequestResult } from '../codec/protocol.port.js';
import { NoHandlerError } from '../errors/client.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import type { DataFrame } from '../frame/frame.js';
import type { ClientSettings } from '../options/client-settings.js';
import { isMilestone } from '../telemetry/milestone.js';
import type { Handler } from './client.definition.js';
import type { HandlerInvoker } from './handler.invoker.js';
import type { Lifetime } from './lifetime.js';
import type { AnswerBatch, MessageOrigin } from './message.js';
import type { ProcessTools } from './process.port.js';

/** The parts of a process that requests of the peer's pass. */
export interface PeerRequestParts {
  readonly lifetime: Lifetime;
  readonly invoker: HandlerInvoker;
  readonly settings: ClientSettings;
}

/** So much in one frame that is no request is answered: an answer is many times as long. */
const MOST_REFUSED = 100;

/** Who answers a request that no handler is for. */
const NOBODY: Handler = Object.freeze({
  method: 'no @OnRequest',
  answersPeer: true,
  invoke: () => undefined,
});

/**
 * Answers each request of the peer's: as its `@OnRequest` says, or with an error. Answers to the requests of one
 * frame go together, once all of them are there, where the protocol can join them.
 */
export class PeerRequests {
  /** How many no handler was for. */
  #refused = 0;

  constructor(
    private readonly client: string,
    private readonly tools: ProcessTools,
    private readonly parts: PeerRequestParts,
  ) {}

  /** Where the answers to what these messages ask are gathered; `undefined` where each goes alone. */
  batchOf(values: readonly unknown[]): AnswerBatch | undefined {
    const { protocol } = this.parts.settings;
    if (protocol.join === undefined || this.parts.lifetime.incarnation.requests === undefined) {
      return undefined;
    }
    let left = 0;
    for (const value of values) {
      try {
        // What answers asks nothing, though it may look as if it did.
        if (answerOf(protocol, value) !== undefined) continue;
        const asks = refusalOf(protocol, value) ?? requestOf(protocol, value);
        if (asks !== undefined) left++;
      } catch {
        // It is told when its turn has come.
      }
    }
    return { left, answers: [], refused: 0 };
  }

  /** Answers what is no request; of many in one frame the first. */
  refuse(message: unknown, { batch }: MessageOrigin): void {
    if (batch !== undefined && ++batch.refused > MOST_REFUSED) {
      return this.#give(NOBODY, batch, undefined);
    }
    const frame = this.#written(() => message);
    this.#give(NOBODY, batch, frame && { message, frame });
  }

  /** Calls the `@OnRequest` it is for. */
  handle({ id, name, value }: PeerRequest, origin: MessageOrigin): Awaitable {
    const { invoker, lifetime } = this.parts;
    const handler = lifetime.incarnation.requests?.get(name);
    if (handler !== undefined) {
      return invoker.respond(handler, value, origin.frame, (result) =>
        this.#answer(handler, origin, id, result),
      );
    }
    this.#warn(name);
    const what = `it has no @OnRequest for "${name}"`;
    const error = new NoHandlerError(this.client, what, 'The request is refused.');
    return this.#answer(NOBODY, origin, id, { error });
  }

  /** A peer may ask for the same again and again. */
  #warn(name: string): void {
    if (!isMilestone(++this.#refused)) return;
    const times = this.#refused === 1 ? '' : ` (${this.#refused} such requests so far)`;
    const message =
      `${this.client}: the peer asks for ${inspectShort(name)}, and no @OnRequest is for that: it is told so${times}. ` +
      'Write one to answer it';
    this.tools.telemetry.emit('warning', { message });
  }

  /** @param result `undefined`: the handler has answered itself */
  #answer(
    handler: Handler,
    { batch }: MessageOrigin,
    id: RequestId,
    result: RequestResult | undefined,
  ): void {
    this.#give(handler, batch, result && this.#answerOf(handler, id, result));
  }

  #give(handler: Handler, batch: AnswerBatch | undefined, answer: Answer | undefined): void {
    if (batch === undefined) {
      if (answer !== undefined) this.parts.invoker.reply(handler, [answer.frame]);
      return undefined;
    }
    if (answer !== undefined) batch.answers.push(answer.message);
    if (--batch.left > 0 || batch.answers.length === 0) return undefined;
    const { protocol } = this.parts.settings;
    const joined = this.#written(() => atOnce('protocol.join', protocol.join?.(batch.answers)));
    if (joined !== undefined) this.parts.invoker.reply(handler, [joined]);
  }

  /** What goes to the peer; `undefined` where the protocol has no answers, or cannot write even the error. */
  #answerOf(
    handler: Handler,
    id: RequestId,
    result: RequestResult,
    isLast = false,
  ): Answer | undefined {
    const { protocol } = this.parts.settings;
    if (protocol.reply === undefined) return undefined;
    try {
      const message = atOnce('protocol.reply', protocol.reply(id, result));
      return { message, frame: this.#toFrame(message) };
    } catch (error) {
      this.tools.telemetry.error(error, `the answer of ${handler.method}`);
      if (isLast) return undefined;
      // What it has given cannot be written; a plain error says less.
      const plain = new Error('the answer cannot be written');
      return this.#answerOf(handler, id, { error: plain }, true);
    }
  }

  #written(message: () => unknown): DataFrame | undefined {
    try {
      return this.#toFrame(message());
    } catch (error) {
      this.tools.telemetry.error(error, 'the answer to requests');
      return undefined;
    }
  }

  #toFrame(message: unknown): DataFrame {
    return toMessageFrame(`${this.client}: the answer`, this.parts.settings.protocol, message);
  }
}

interface Answer {
  readonly message: unknown;
  readonly frame: DataFrame;
}
