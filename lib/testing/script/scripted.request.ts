import type { NamedMessage } from '../../runtime/codec/message.pattern.js';
import type { RequestId } from '../../runtime/codec/protocol.port.js';
import type { PeerMessages } from './peer.messages.js';

/**
 * A request that a client waits for the answer to; the test gives it, as often as it likes.
 *
 * @publicApi
 */
export class ScriptedRequest<M = Record<string, unknown>> {
  readonly #messages: PeerMessages;
  readonly #named: NamedMessage;

  /** @internal */
  constructor(
    messages: PeerMessages,
    named: NamedMessage,
    /** What the answer has to carry. */
    readonly id: RequestId,
  ) {
    this.#messages = messages;
    this.#named = named;
  }

  /** The request, whole. */
  get message(): M {
    return this.#named.value as M;
  }

  /**
   * Answers it with a value.
   *
   * @throws Error where the protocol does not say how an answer looks; FrameEncodeError for what it cannot write
   */
  reply(value?: unknown): void {
    this.#messages.reply('reply()', this.#named, this.id, { value });
  }

  /**
   * Answers it with an error.
   *
   * @example
   * request.fail(new JsonRpcError(-32602, 'no such symbol'));
   *
   * @throws as {@link reply}
   */
  fail(error: Error | string): void {
    const told = typeof error === 'string' ? new Error(error) : error;
    this.#messages.reply('fail()', this.#named, this.id, { error: told });
  }
}
