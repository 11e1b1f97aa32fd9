import type { NamedMessage } from '../../runtime/codec/message.pattern.js';
import type { RequestId } from '../../runtime/codec/protocol.port.js';
import type { PeerMessages } from './peer.messages.js';

/**
 * A subscription that a client has asked for; the test confirms or refuses it, where its `ack` waits for that.
 *
 * @publicApi
 */
export class ScriptedSubscription {
  readonly #messages: PeerMessages;
  readonly #named: NamedMessage;
  readonly #id: RequestId | undefined;

  /** @internal */
  constructor(messages: PeerMessages, named: NamedMessage, id: RequestId | undefined) {
    this.#messages = messages;
    this.#named = named;
    this.#id = id;
  }

  /** The message that subscribes, whole. */
  get message(): unknown {
    return this.#named.value;
  }

  /**
   * Confirms it: with `ack: 'answer'` by the answer, which has this value; with a function by this message.
   *
   * @throws Error where the protocol does not say how an answer looks; FrameEncodeError for what it cannot write
   */
  confirm(answer?: unknown): void {
    const id = this.#id;
    if (id !== undefined) this.#messages.reply('confirm()', this.#named, id, { value: answer });
    else if (answer !== undefined) this.#messages.send('confirm()', answer);
  }

  /**
   * Refuses it: with `ack: 'answer'` by an answer that is an error; with a function by this message.
   *
   * @throws as {@link confirm}; TypeError for an error where a message is wanted
   */
  refuse(error: unknown): void {
    const id = this.#id;
    const told = typeof error === 'string' ? new Error(error) : error;
    if (id !== undefined) this.#messages.reply('refuse()', this.#named, id, { error: told });
    else if (told instanceof Error) {
      throw new TypeError('refuse(): its ack is a function: give the message that refuses');
    } else this.#messages.send('refuse()', error);
  }

  /** Gives items: messages of the peer's, as the protocol writes them. */
  send(...messages: unknown[]): void {
    for (const message of messages) this.#messages.send('send()', message);
  }
}
